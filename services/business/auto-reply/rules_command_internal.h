#ifndef SERVICES_BUSINESS_AUTO_REPLY_RULES_COMMAND_INTERNAL_H
#define SERVICES_BUSINESS_AUTO_REPLY_RULES_COMMAND_INTERNAL_H

#include "common/base/command.h"
#include "common/json/json.h"
#include "common/pg/pg.h"
#include "services/business/auto-reply/rules.h"

/* What the commands share. */

struct rules_settings {
	char *database_url;
	char *channel;
};
extern const struct conf_item rules_items[];
extern const size_t n_rules_items;

/* command_parse() with these settings. */
int rules_parse(const struct argp *argp, int argc, char **argv, void *input, struct rules_settings *settings);
void rules_settings_release(struct rules_settings *settings);

/* Run `body` on a connection in the channel's schema, in a transaction that is committed if it returns 0. */
int rules_transaction(const struct rules_settings *settings,
	int (*body)(struct pg *pg, void *arg, struct err *err), void *arg, struct err *err);

/* Positional arguments, checked: an appid; otherwise argp_error(), which exits. */
const char *rules_appid(struct argp_state *state, const char *text);

/* A file ("-": standard input) with an account's rules, read and checked. *text_out is the caller's. The
 * error begins with the file's name. */
int rules_read_file(
	const char *path, struct rule_set **set_out, char **text_out, size_t *len_out, struct err *err);

int rules_test_main(int argc, char **argv);

#endif
