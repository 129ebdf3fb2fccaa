#ifndef WEIXIN_SIM_SCENARIO_PLAY_H
#define WEIXIN_SIM_SCENARIO_PLAY_H

#include "tools/weixin-sim/scenario/scenario.h"
#include "tools/weixin-sim/sim.h"

/* Called as each step ends, with {"step","name","ok","ms","why"}. */
typedef void (*play_told)(const struct json *step, void *arg);

/* Plays the steps in their order, up to the first that fails; `told` may be NULL. No variable lacks its
 * value. True: all went well. *report_out: {"ok","steps":[as above],"variables":{...}}; the caller frees. */
bool play(struct sim *sim, const struct scenario *s, play_told told, void *arg, struct json **report_out);

#endif
