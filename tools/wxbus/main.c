/* wxbus: the operator's command. */
#include "tools/wxbus/command.h"

#include "common/base/banned.h"

static const struct command commands[] = {
	{"migrate", NULL, "create and bring up to date topics, schemas and roles", migrate_main},
	{"accounts", "list", "list accounts by platform, state, channel or mark", accounts_list_main},
	{"accounts", "sync", "compare our accounts with Weixin's own list", accounts_sync_main},
	{"accounts", "options", "show or set an account's options at Weixin", accounts_options_main},
	{"accounts", "repliers", "say which groups may answer an account's messages", accounts_repliers_main},
	{"accounts", "channel", "send an account's messages to the released or to the tested businesses",
		accounts_channel_main},
	{"accounts", "show", "tell what is known of an account and how its token stands", accounts_show_main},
	{"accounts", "oauth", "say to which sites an account's visitors may be sent back",
		accounts_oauth_main},
	{"callers", "add", "add a caller to api-proxy and print its key", callers_add_main},
	{"callers", "list", "list a platform's callers, without keys", callers_list_main},
	{"callers", "revoke", "end a caller's key for good", callers_revoke_main},
	{"callers", "rotate", "give a caller a new key and print it", callers_rotate_main},
	{"release-check", NULL, "play Weixin's check before a network-wide release", release_check_main},
	{"quota", "show", "show how often an API of Weixin's may still be called today", quota_show_main},
	{"quota", "clear", "set the counts of calls to Weixin back to zero", quota_clear_main},
	{"rid", NULL, "show what Weixin knows of a failed call", rid_main},
	{"platforms", "new", "make a platform's keys and print what to enter in Weixin's console",
		platforms_new_main},
	{"platforms", "show", "print what stands in Weixin's console, without secrets", platforms_show_main},
	{"users", "forget", "have everybody forget a fan", users_forget_main},
	{"keys", "show", "tell which keys are still needed, and when one may be removed", keys_show_main},
	{"keys", "rotate", "seal anew what older master keys have sealed", keys_rotate_main},
	{"audit", NULL, "tell who authorized, refreshed and changed what", audit_main},
	{"events", "tail", "follow what comes in", events_tail_main},
	{"events", "search", "look up what came in", events_search_main},
	{"events", "count", "count what came in, by type, account or hour", events_count_main},
	{"dead-letters", "list", "list what a group of businesses gave up, and why", dead_letters_list_main},
	{"dead-letters", "show", "show one dead letter", dead_letters_show_main},
	{"dead-letters", "redrive", "have dead letters handled once more", dead_letters_redrive_main},
	{"dead-letters", "drop", "note that dead letters need no more handling", dead_letters_drop_main},
	{"replay", "plan", "tell how many events a replay would be of, of whom and how long",
		replay_plan_main},
	{"replay", "run", "have a group handle events once more, or those that it has missed",
		replay_run_main},
	{"replay", "status", "tell which replays there were and are, and how far", replay_status_main},
	{"replay", "pause", "have a replay wait", replay_pause_main},
	{"replay", "resume", "go on with a replay that was paused or interrupted", replay_resume_main},
	{"replay", "cancel", "end a replay for good", replay_cancel_main},
	{"rules", NULL, "what accounts answer by themselves: list, set, import, export, test", rules_main},
};

const char *argp_program_version = "wxbus " WXBUS_VERSION;

int main(int argc, char **argv)
{
	return commands_main("wxbus", "The operator's command of wxbus.", commands,
		sizeof(commands) / sizeof(commands[0]), argc, argv);
}
