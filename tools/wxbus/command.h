#ifndef TOOLS_WXBUS_COMMAND_H
#define TOOLS_WXBUS_COMMAND_H

#include "common/base/command.h"

/* Each command's run() of the table in main.c. */
int migrate_main(int argc, char **argv);
int callers_add_main(int argc, char **argv);
int callers_list_main(int argc, char **argv);
int callers_revoke_main(int argc, char **argv);
int callers_rotate_main(int argc, char **argv);
int accounts_repliers_main(int argc, char **argv);
int accounts_channel_main(int argc, char **argv);
int accounts_show_main(int argc, char **argv);
int accounts_oauth_main(int argc, char **argv);

#endif
