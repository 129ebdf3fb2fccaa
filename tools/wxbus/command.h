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
int accounts_list_main(int argc, char **argv);
int accounts_sync_main(int argc, char **argv);
int accounts_options_main(int argc, char **argv);
int quota_show_main(int argc, char **argv);
int quota_clear_main(int argc, char **argv);
int rid_main(int argc, char **argv);
int release_check_main(int argc, char **argv);
int audit_main(int argc, char **argv);
int keys_show_main(int argc, char **argv);
int keys_rotate_main(int argc, char **argv);
int platforms_new_main(int argc, char **argv);
int platforms_show_main(int argc, char **argv);
int users_forget_main(int argc, char **argv);
int rules_main(int argc, char **argv);
int events_tail_main(int argc, char **argv);
int events_search_main(int argc, char **argv);
int events_count_main(int argc, char **argv);
int dead_letters_list_main(int argc, char **argv);
int dead_letters_show_main(int argc, char **argv);
int dead_letters_redrive_main(int argc, char **argv);
int dead_letters_drop_main(int argc, char **argv);
int replay_plan_main(int argc, char **argv);
int replay_run_main(int argc, char **argv);
int replay_status_main(int argc, char **argv);
int replay_pause_main(int argc, char **argv);
int replay_resume_main(int argc, char **argv);
int replay_cancel_main(int argc, char **argv);

#endif
