#include "tools/weixin-sim/conf.h"

#include "common/base/conf.h"
#include "common/base/log.h"
#include "common/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define PREFIX     "WEIXIN_SIM_"
#define VARIABLE   64
#define LIFE_MAX_S 31536000

#define CONF_STRUCT struct sim_conf
static const struct conf_item items[] = {
	CONF_LISTEN(PREFIX "LISTEN", listen, "127.0.0.1:0", "the API port (port 0: any free one)"),
	CONF_LISTEN(PREFIX "ADMIN_LISTEN", admin_listen, "127.0.0.1:0", "the admin port"),
	CONF_INT(PREFIX "API_THREADS", api_threads, "128", 1, 4096, "API calls answered at once"),
	CONF_INT(PREFIX "ADMIN_THREADS", admin_threads, "256", 1, 4096,
		"admin requests answered at once, so pushes under way at once"),
	CONF_INT(PREFIX "TICKET_INTERVAL_S", ticket_interval_s, "0", 0, 86400,
		"push a ticket to every platform this often (s); 0: only on request"),
	CONF_INT(PREFIX "TICKET_KEEP_S", ticket_keep_s, "0", 0, LIFE_MAX_S,
		"how long the tickets pushed on schedule keep their value (s)"),
	CONF_INT(PREFIX "TOKEN_LIFE_S", token_life_s, "7200", 1, LIFE_MAX_S,
		"life of component and authorizer tokens (s)"),
	CONF_INT(PREFIX "TOKEN_OVERLAP_S", token_overlap_s, "300", 0, LIFE_MAX_S,
		"how long the old token works after a refresh (s)"),
	CONF_INT(PREFIX "CODE_LIFE_S", code_life_s, "3600", 1, LIFE_MAX_S,
		"life of an authorization code (s)"),
	CONF_BOOL(PREFIX "CODE_REUSABLE", code_reusable, "false",
		"an authorization code can be exchanged more than once"),
	CONF_BOOL(PREFIX "REFRESH_TOKEN_ROTATES", refresh_token_rotates, "false",
		"a refresh returns another refresh token"),
	CONF_INT(PREFIX "PREAUTH_LIFE_S", preauth_life_s, "600", 1, LIFE_MAX_S,
		"expires_in of a pre-auth code (s)"),
	CONF_INT(PREFIX "TICKET_LIFE_S", ticket_life_s, "43200", 1, LIFE_MAX_S, "life of a ticket (s)"),
	CONF_INT(PREFIX "MEDIA_LIFE_S", media_life_s, "259200", 1, LIFE_MAX_S,
		"how long uploaded media are kept (s)"),
	CONF_INT(PREFIX "PUSH_TIMEOUT_MS", push_timeout_ms, "5000", 1, 60000,
		"how long an answer to a push may take (ms)"),
	CONF_INT(PREFIX "PUSH_RETRIES", push_retries, "0", 0, 100,
		"how often a push that failed is repeated (Weixin: 3), unless its call says otherwise"),
	CONF_INT(PREFIX "MARK_FAIL_AFTER", mark_fail_after, "0", 0, 1000000,
		"failures in a row after which a URL is shielded; 0: never"),
	CONF_INT(PREFIX "MARK_FAIL_S", mark_fail_s, "60", 0, 86400, "how long it is shielded (s)"),
	CONF_STR(PREFIX "UNREPEATED", unrepeated, "VIEW,view_miniprogram,LOCATION",
		"kinds that are never repeated", "VIEW,LOCATION"),
	CONF_INT(PREFIX "MESSAGE_ALLOWANCE", message_allowance, "5", 0, 1000000,
		"customer-service messages after a fan's message"),
	CONF_INT(PREFIX "MESSAGE_WINDOW_S", message_window_s, "172800", 0, LIFE_MAX_S,
		"how long they may be sent (s)"),
	CONF_INT(PREFIX "ACTION_ALLOWANCE", action_allowance, "3", 0, 1000000,
		"customer-service messages after a follow, scan or menu click"),
	CONF_INT(PREFIX "ACTION_WINDOW_S", action_window_s, "60", 0, LIFE_MAX_S,
		"how long they may be sent (s)"),
	CONF_INT(PREFIX "SESSION_ALLOWANCE", session_allowance, "2", 0, 1000000,
		"customer-service messages after a mini program's session was entered"),
	CONF_INT(PREFIX "RECORD_MAX", record_max, "100000", 1, 10000000, "entries kept in the record"),
	CONF_ENUM(PREFIX "LOG_LEVEL", log_level, "info", "debug|info|warn|error",
		"the least level that is logged"),
	CONF_ENUM(PREFIX "LOG_FORMAT", log_format, "text", "text|json",
		"form of the log lines on standard error"),
};
#define N_ITEMS (sizeof(items) / sizeof(items[0]))

static void print_help(void)
{
	printf("Usage: weixin-sim [--check | --help | --version] [--x-y VALUE ...]\n"
	       "       weixin-sim run [--set NAME=VALUE ...] [--stay] FILE\n"
	       "       weixin-sim load --help\n"
	       "       weixin-sim answer --help\n\n"
	       "Plays Weixin towards a third-party platform: pushes, APIs, faults, and a record of it all.\n"
	       "Each setting %sX_Y below may be given as --x-y VALUE too.\n\n"
	       "  --check    validate the settings, print them, and exit\n"
	       "  --help     this text\n"
	       "  --version  the version\n\n",
		PREFIX);
	conf_help(items, N_ITEMS, stdout);
}

/* "--ticket-interval-s" is WEIXIN_SIM_TICKET_INTERVAL_S. -1: no such setting. */
static int variable_of(const char *option, size_t len, char out[VARIABLE])
{
	size_t n = strlen(PREFIX);

	if (len + n >= VARIABLE)
		return -1;
	memcpy(out, PREFIX, n);
	for (size_t i = 0; i < len; i++)
		out[n + i] = option[i] == '-' ? '_' : (char)toupper((unsigned char)option[i]);
	out[n + len] = '\0';
	for (size_t i = 0; i < N_ITEMS; i++)
		if (strcmp(items[i].name, out) == 0)
			return 0;
	return -1;
}

/* One option with its value, in one word or two; *i is the last word that it took. */
static int take_option(int argc, char **argv, int *i, struct err *err)
{
	const char *word = argv[*i] + 2, *equals = strchr(word, '='), *value;
	char variable[VARIABLE];

	if (variable_of(word, equals ? (size_t)(equals - word) : strlen(word), variable) < 0)
		return err_set(err, ERR_REJECT, EINVAL, "unknown option %s; see --help", argv[*i]);
	if (!equals && *i + 1 == argc)
		return err_set(err, ERR_REJECT, EINVAL, "%s lacks its value; see --help", argv[*i]);
	value = equals ? equals + 1 : argv[++*i];
	setenv(variable, value, 1); /* the table then judges it like any other */
	return 0;
}

static int load(struct sim_conf *c, struct err *err)
{
	enum log_level level = LOG_LEVEL_INFO;
	enum log_format format = LOG_FORMAT_TEXT;
	int rc;

	if ((rc = conf_load(items, N_ITEMS, c, err)) < 0)
		return rc;
	if (strlen(c->unrepeated) >= sizeof(((struct delivery_rules *)NULL)->unrepeated))
		return err_set(err, ERR_REJECT, EINVAL, "WEIXIN_SIM_UNREPEATED is too long");
	log_level_parse(c->log_level, &level);
	log_format_parse(c->log_format, &format);
	log_init("weixin-sim", format, level);
	return 0;
}

int sim_conf_load(struct sim_conf *c, int argc, char **argv, struct err *err)
{
	bool check = false;
	int rc;

	memset(c, 0, sizeof(*c));
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			print_help();
			return SIM_CONF_DONE;
		}
		if (strcmp(argv[i], "--version") == 0) {
			printf("weixin-sim %s\n", WXBUS_VERSION);
			return SIM_CONF_DONE;
		}
		if (strcmp(argv[i], "--check") == 0)
			check = true;
		else if (!str_starts_with(argv[i], "--"))
			return err_set(
				err, ERR_REJECT, EINVAL, "unexpected argument %s; see --help", argv[i]);
		else if ((rc = take_option(argc, argv, &i, err)) < 0)
			return rc;
	}
	if ((rc = load(c, err)) < 0)
		return rc;
	if (check)
		conf_print(items, N_ITEMS, c, stdout);
	return check ? SIM_CONF_DONE : 0;
}

void sim_conf_release(struct sim_conf *c)
{
	conf_release(items, N_ITEMS, c);
}

void sim_conf_rules(const struct sim_conf *c, struct rules *out)
{
	*out = (struct rules){
		.token_life_ms = c->token_life_s * 1000,
		.token_overlap_ms = c->token_overlap_s * 1000,
		.code_life_ms = c->code_life_s * 1000,
		.ticket_life_ms = c->ticket_life_s * 1000,
		.preauth_life_ms = c->preauth_life_s * 1000,
		.media_life_ms = c->media_life_s * 1000,
		.code_reusable = c->code_reusable,
		.refresh_token_rotates = c->refresh_token_rotates,
		.allowance =
			{
				.message_count = (int)c->message_allowance,
				.message_ms = c->message_window_s * 1000,
				.action_count = (int)c->action_allowance,
				.session_count = (int)c->session_allowance,
				.action_ms = c->action_window_s * 1000,
			},
	};
}

void sim_conf_delivery(const struct sim_conf *c, struct delivery_rules *out)
{
	*out = (struct delivery_rules){
		.retries = c->push_retries,
		.mark_fail_after = c->mark_fail_after,
		.mark_fail_ms = c->mark_fail_s * 1000,
	};
	/* A longer list is judged at the start (load()). */
	(void)str_copy(out->unrepeated, sizeof(out->unrepeated), c->unrepeated);
}
