#ifndef TOOLS_WXBUS_OPERATOR_H
#define TOOLS_WXBUS_OPERATOR_H

#include "proto/platforms.h"
#include "tools/wxbus/command.h"
#include "tools/wxbus/v1_call.h"

/* What the commands share that speak to token-service. */
struct operator_settings {
	char *internal_keys_file;
	char *token_service_url;
};

/* Such a command: parse its command line into `o` as `argp` says, and have `run` do it. The exit status,
 * which is that of run's answer unless it is below zero: then `err` is printed. */
int operator_main(const struct argp *argp, int argc, char **argv, void *o,
	int (*run)(const struct operator_settings *s, void *o, struct err *err));

/* v1_call() of token-service. */
int operator_call(const struct operator_settings *s, const char *method, const char *path,
	const struct json *body, struct json **answer_out, struct err *err);

/* argp_error(), which exits, unless it is an appid. */
void operator_check_appid(struct argp_state *state, const char *appid);
/* Of a command line that begins with COMPONENT APPID: true if `word` is one of them, which it then is put
 * down as. */
bool operator_take_account(
	struct argp_state *state, const char *word, const char **component, const char **appid);

/* The platforms that token-service serves: {"platforms":[{"component_appid"},...]}. */
int operator_platforms(const struct operator_settings *s, struct json **answer_out, struct err *err);
/* `named` unless NULL; else the only platform there is. ERR_REJECT: there are several. */
int operator_platform(
	const struct operator_settings *s, const char *named, char out[APPID_MAX + 1], struct err *err);

/* Who decides, for the record: `by` unless NULL, else who called sudo, else the user; `room` may hold it. */
const char *operator_name(const char *by, char *room, size_t size);

/* One compact line on standard output. */
void operator_print(const struct json *j);

/* For a terminal: `text` with a '?' for each control character (names come from outside). */
void operator_print_text(const char *text);

#endif
