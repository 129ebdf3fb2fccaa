#ifndef SERVICES_BUSINESS_AUTO_REPLY_RULES_COMMAND_H
#define SERVICES_BUSINESS_AUTO_REPLY_RULES_COMMAND_H

/* `wxbus rules list|set|import|export|test`, which runs `wxbus-auto-reply rules ...`. argv[0] is the program,
 * argv[1] "rules". The exit status. */
int rules_command_main(int argc, char **argv);

#endif
