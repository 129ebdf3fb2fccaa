#ifndef WEIXIN_SIM_SCENARIO_RUN_H
#define WEIXIN_SIM_SCENARIO_RUN_H

/* The command `weixin-sim run`: starts a simulator and plays a scenario file on it. Exit status 0 all went
 * well, 1 a step failed, 2 the file, a variable or a setting is wrong. */
int run_main(int argc, char **argv);

#endif
