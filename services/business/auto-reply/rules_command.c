#include "services/business/auto-reply/rules_command.h"

#include "common/base/alloc.h"
#include "proto/platforms.h"
#include "services/business/auto-reply/rules_command_internal.h"
#include "services/business/auto-reply/store.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define CONNECT_WAIT_MS 5000
#define EXPORT_PAGE     200
#define LINE_MAX_BYTES  (RULES_DOC_MAX + 1024)
#define DEPTH           16

#define CONF_STRUCT struct rules_settings
const struct conf_item rules_items[] = {
	CONF_SECRET("WXBUS_DATABASE_URL", database_url, "",
		"PostgreSQL as one who may use the schema auto_reply, as a libpq connection URI; not needed "
		"with files alone",
		"postgresql://wxbus_auto_reply@127.0.0.1/wxbus"),
	CONF_ENUM("WXBUS_CHANNEL", channel, "live", "live|test|both",
		"whose rules: those of the release under test, or the others'"),
};
const size_t n_rules_items = sizeof(rules_items) / sizeof(rules_items[0]);

/* --- shared
 * --------------------------------------------------------------------------------------------------
 */

int rules_parse(const struct argp *argp, int argc, char **argv, void *input, struct rules_settings *settings)
{
	return command_parse(
		argp, argc, argv, input, rules_items, n_rules_items, settings, sizeof(*settings));
}

void rules_settings_release(struct rules_settings *settings)
{
	conf_release(rules_items, n_rules_items, settings);
}

static int run_body(
	struct pg *pg, int (*body)(struct pg *pg, void *arg, struct err *err), void *arg, struct err *err)
{
	if (pg_begin(pg, err) < 0)
		return -1;
	if (body(pg, arg, err) < 0) {
		pg_rollback(pg);
		return -1;
	}
	return pg_commit(pg, err);
}

int rules_transaction(const struct rules_settings *settings,
	int (*body)(struct pg *pg, void *arg, struct err *err), void *arg, struct err *err)
{
	struct pg_pool *pool = NULL;
	struct pg *pg = NULL;
	int rc;

	if (!settings->database_url[0])
		return err_set(err, ERR_REJECT, 0, "WXBUS_DATABASE_URL must be set");
	if ((rc = pg_pool_new(&pool, settings->database_url, 1, "wxbus rules", err)) < 0)
		return err_prefix(err, "WXBUS_DATABASE_URL");
	pg_pool_use_schema(pool, strcmp(settings->channel, "test") == 0 ? "auto_reply_test" : "auto_reply");
	rc = pg_take(pool, CONNECT_WAIT_MS, &pg, err);
	if (rc == 0)
		rc = run_body(pg, body, arg, err);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
	return rc;
}

const char *rules_appid(struct argp_state *state, const char *text)
{
	if (!appid_ok(text, strlen(text)))
		argp_error(state, "'%s' is no appid", text);
	return text;
}

/* An error has room for one line: the place must not be lost behind a long path. */
static int rules_in_file(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');

	return err_prefix(err, "%.40s", slash ? slash + 1 : path);
}

static const char *real_path(const char *path)
{
	return strcmp(path, "-") == 0 ? "/dev/stdin" : path;
}

int rules_read_file(
	const char *path, struct rule_set **set_out, char **text_out, size_t *len_out, struct err *err)
{
	char *text = NULL;
	size_t len = 0;

	if (conf_read_file(real_path(path), RULES_DOC_MAX, &text, &len, err) < 0)
		return -1;
	if (rule_set_read(text, len, set_out, err) < 0) {
		free(text);
		return rules_in_file(path, err);
	}
	*text_out = text;
	*len_out = len;
	return 0;
}

/* For the record of who changed what. */
static const char *operator_name(char *out, size_t size)
{
	const char *sudo = getenv("SUDO_USER");
	struct passwd entry, *found = NULL;
	char room[1024];

	if (!sudo && getpwuid_r(getuid(), &entry, room, sizeof(room), &found) == 0 && found)
		(void)snprintf(out, size, "%s", found->pw_name);
	else if (sudo)
		(void)snprintf(out, size, "%s", sudo);
	else
		(void)snprintf(out, size, "uid %ld", (long)getuid());
	return out;
}

/* As it is kept: compact, whatever the file looked like. */
static int put(struct pg *pg, const char *component_appid, const char *appid, const struct json *doc,
	const struct rule_set *set, struct err *err)
{
	struct buf text = BUF_INIT(RULES_DOC_MAX);
	char who[64];
	int rc;

	json_write(doc, &text);
	if (text.overflow)
		rc = err_set(err, ERR_REJECT, 0, "more than %zu bytes", RULES_DOC_MAX);
	else
		rc = store_put(pg, component_appid, appid, buf_cstr(&text), rule_set_len(set),
			operator_name(who, sizeof(who)), err);
	buf_release(&text);
	return rc;
}

/* --- set
 * -----------------------------------------------------------------------------------------------------
 */

struct set_options {
	const char *component, *appid, *file;
	struct json *doc; /* NULL: the account is to have none */
	struct rule_set *set;
};

static error_t parse_set(int key, char *arg, struct argp_state *state)
{
	struct set_options *o = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			o->component = rules_appid(state, arg);
		else if (state->arg_num == 1)
			o->appid = rules_appid(state, arg);
		else if (state->arg_num == 2)
			o->file = arg;
		else
			argp_error(state, "'%s' is one word too many", arg);
		return 0;
	case ARGP_KEY_END:
		if (!o->file)
			argp_error(state, "a component appid, an appid and a file (`-`, `none`) are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp set_argp = {
	.parser = parse_set,
	.args_doc = "COMPONENT APPID FILE|-|none",
	.doc = "Replace an account's rules by those of a file (`-`: standard input), or take them away "
	       "(`none`). A file "
	       "with a mistake is refused with its line, column and path, and nothing is changed. Every "
	       "replica acts on "
	       "the change within a second.",
};

static int set_body(struct pg *pg, void *arg, struct err *err)
{
	struct set_options *o = arg;
	char who[64];
	int rc;

	if (store_lock(pg, err) < 0)
		return -1;
	if (o->doc)
		rc = put(pg, o->component, o->appid, o->doc, o->set, err);
	else
		rc = store_put(pg, o->component, o->appid, NULL, 0, operator_name(who, sizeof(who)), err);
	return rc < 0 ? rc : store_announce(pg, err);
}

static int read_set(struct set_options *o, struct err *err)
{
	static const struct json_limits limits = {.max_bytes = RULES_DOC_MAX, .max_depth = DEPTH};
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (strcmp(o->file, "none") == 0)
		return 0;
	if ((rc = rules_read_file(o->file, &o->set, &text, &len, err)) == 0)
		rc = json_parse(text, len, &limits, &o->doc, err);
	free(text);
	return rc;
}

static int set_main(int argc, char **argv)
{
	struct set_options o = {.file = NULL};
	struct rules_settings settings;
	struct err err;
	int rc;

	if ((rc = rules_parse(&set_argp, argc, argv, &o, &settings)) != 0)
		return rc;
	rc = read_set(&o, &err);
	if (rc == 0)
		rc = rules_transaction(&settings, set_body, &o, &err);
	if (rc == 0)
		(void)printf("%s  %zu rules\n", o.appid, o.set ? rule_set_len(o.set) : 0);
	rule_set_free(&o.set);
	json_free(&o.doc);
	rules_settings_release(&settings);
	return rc < 0 ? command_failed(&err) : 0;
}

/* --- list, export
 * --------------------------------------------------------------------------------------------
 */

struct list_options {
	const char *component, *appid;
	bool json;
	int64_t n;
	int (*print)(const struct list_options *o, struct pg_result *res, int row, struct err *err);
	bool with_rules;
};

enum { OPT_COMPONENT = 'c', OPT_ACCOUNT = 'a', OPT_JSON = 256, OPT_CHECK };

static const struct argp_option which_options[] = {
	{"component", OPT_COMPONENT, "APPID", 0, "Of this platform's accounts only", 0},
	{"account", OPT_ACCOUNT, "APPID", 0, "Of this account only", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp_option list_argp_options[] = {
	{"component", OPT_COMPONENT, "APPID", 0, "Of this platform's accounts only", 0},
	{"account", OPT_ACCOUNT, "APPID", 0, "Of this account only", 0},
	{"json", OPT_JSON, NULL, 0, "One JSON object a line", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
	struct list_options *o = state->input;

	switch (key) {
	case OPT_COMPONENT:
		o->component = rules_appid(state, arg);
		return 0;
	case OPT_ACCOUNT:
		o->appid = rules_appid(state, arg);
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp list_argp = {
	.options = list_argp_options,
	.parser = parse_list,
	.doc = "List the accounts that have rules: how many, and who changed them when.",
};

static const struct argp export_argp = {
	.options = which_options,
	.parser = parse_list,
	.doc = "Write rules to standard output, one account a line, as `wxbus rules import` takes them: "
	       "{\"component_appid\":...,\"appid\":...,\"set\":{\"rules\":[...]}}.",
};

static int print_listed(const struct list_options *o, struct pg_result *res, int row, struct err *err)
{
	const char *component = pg_value(res, row, COL_COMPONENT), *appid = pg_value(res, row, COL_APPID);
	struct buf line = BUF_INIT(4096);
	struct json *j;

	(void)err;
	if (!o->json) {
		(void)printf("%-20s %-20s %5s %9s  %-20s  %s\n", component, appid,
			pg_value(res, row, COL_COUNT), pg_value(res, row, COL_VERSION),
			pg_value(res, row, COL_CHANGED_AT), pg_value(res, row, COL_CHANGED_BY));
		return 0;
	}
	j = json_new_object();
	json_set_str(j, "component_appid", component);
	json_set_str(j, "appid", appid);
	json_set_int(j, "rules", pg_value_int(res, row, COL_COUNT));
	json_set_int(j, "version", pg_value_int(res, row, COL_VERSION));
	json_set_str(j, "changed_at", pg_value(res, row, COL_CHANGED_AT));
	json_set_str(j, "changed_by", pg_value(res, row, COL_CHANGED_BY));
	json_write(j, &line);
	(void)printf("%s\n", buf_cstr(&line));
	json_free(&j);
	buf_release(&line);
	return 0;
}

static int print_exported(const struct list_options *o, struct pg_result *res, int row, struct err *err)
{
	(void)o;
	(void)err;
	/* Appids need no escapes, and the set is JSON of one line. */
	(void)printf("{\"component_appid\":\"%s\",\"appid\":\"%s\",\"set\":%s}\n",
		pg_value(res, row, COL_COMPONENT), pg_value(res, row, COL_APPID),
		pg_value(res, row, COL_RULES));
	return 0;
}

static int list_page(struct pg *pg, struct list_options *o, char after_component[APPID_MAX + 1],
	char after_appid[APPID_MAX + 1], struct err *err)
{
	struct pg_result *res = NULL;
	int n, rc = 0;

	if (store_list(pg, o->component, o->appid, after_component, after_appid, o->with_rules, EXPORT_PAGE,
		    &res, err) < 0)
		return -1;
	n = pg_rows(res);
	for (int i = 0; rc == 0 && i < n; i++)
		rc = o->print(o, res, i, err);
	if (n > 0) {
		(void)snprintf(after_component, APPID_MAX + 1, "%s", pg_value(res, n - 1, COL_COMPONENT));
		(void)snprintf(after_appid, APPID_MAX + 1, "%s", pg_value(res, n - 1, COL_APPID));
	}
	o->n += n;
	pg_result_free(&res);
	return rc < 0 ? rc : n;
}

static int list_body(struct pg *pg, void *arg, struct err *err)
{
	char after_component[APPID_MAX + 1] = "", after_appid[APPID_MAX + 1] = "";
	int n;

	do {
		n = list_page(pg, arg, after_component, after_appid, err);
	} while (n == EXPORT_PAGE);
	return n < 0 ? n : 0;
}

static int list_or_export(const struct argp *argp, struct list_options *o, int argc, char **argv)
{
	struct rules_settings settings;
	struct err err;
	int rc;

	if ((rc = rules_parse(argp, argc, argv, o, &settings)) != 0)
		return rc;
	if (!o->json && !o->with_rules)
		(void)printf("%-20s %-20s %5s %9s  %-20s  %s\n", "COMPONENT", "APPID", "RULES", "VERSION",
			"CHANGED", "BY");
	rc = rules_transaction(&settings, list_body, o, &err);
	rules_settings_release(&settings);
	return rc < 0 ? command_failed(&err) : 0;
}

static int list_main(int argc, char **argv)
{
	struct list_options o = {.print = print_listed};

	return list_or_export(&list_argp, &o, argc, argv);
}

static int export_main(int argc, char **argv)
{
	struct list_options o = {.print = print_exported, .with_rules = true};

	return list_or_export(&export_argp, &o, argc, argv);
}

/* --- import
 * --------------------------------------------------------------------------------------------------
 */

struct import_options {
	const char *path;
	bool check_only;
	FILE *file;
	struct pg *pg; /* NULL: nothing is written */
	size_t line, accounts, rules;
};

static const struct argp_option import_options[] = {
	{"check", OPT_CHECK, NULL, 0, "Only look for mistakes; change nothing", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse_import(int key, char *arg, struct argp_state *state)
{
	struct import_options *o = state->input;

	switch (key) {
	case OPT_CHECK:
		o->check_only = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			argp_error(state, "'%s' is one word too many", arg);
		o->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!o->path)
			argp_error(state, "a file (`-`: standard input) is needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp import_argp = {
	.options = import_options,
	.parser = parse_import,
	.args_doc = "FILE|-",
	.doc = "Replace the rules of many accounts, one a line, as `wxbus rules export` writes them. All of "
	       "them at once, "
	       "or, if one has a mistake, none.",
};

static int check_account(const struct place *at, const struct json *line, const char *key, struct err *err)
{
	const char *appid = json_get_str(line, key);

	if (appid && appid_ok(appid, strlen(appid)))
		return 0;
	return place_refuse(at, err, "needs a %s", key);
}

static int import_account(
	struct import_options *o, struct place *at, const struct json *line, struct err *err)
{
	struct rule_set *set = NULL;
	int rc;

	if (json_len(line) != 3 || !json_get(line, "set"))
		return place_refuse(at, err, "must have component_appid, appid and set");
	if (check_account(at, line, "component_appid", err) < 0 || check_account(at, line, "appid", err) < 0)
		return -1;
	place_enter(at, "set");
	if (rule_set_read_at(json_get(line, "set"), at, &set, err) < 0)
		return -1;
	o->accounts++;
	o->rules += rule_set_len(set);
	rc = !o->pg ? 0
		    : put(o->pg, json_get_str(line, "component_appid"), json_get_str(line, "appid"),
			      json_get(line, "set"), set, err);
	rule_set_free(&set);
	return rc;
}

static int import_line(struct import_options *o, const char *text, size_t len, struct err *err)
{
	static const struct json_limits limits = {.max_bytes = LINE_MAX_BYTES, .max_depth = DEPTH + 1};
	struct place at = {.text = text, .len = len, .first_line = o->line};
	struct json *line = NULL;
	int rc;

	if (len == 0)
		return 0;
	if (json_parse(text, len, &limits, &line, err) < 0)
		return place_refuse_syntax(&at, err);
	rc = import_account(o, &at, line, err);
	json_free(&line);
	return rc;
}

static int import_lines(struct import_options *o, struct err *err)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	int rc = 0;

	while (rc == 0 && (len = getline(&text, &room, o->file)) >= 0) {
		o->line++;
		if (len > 0 && text[len - 1] == '\n')
			text[--len] = '\0';
		rc = import_line(o, text, (size_t)len, err);
	}
	free(text);
	return rc < 0 ? rules_in_file(o->path, err) : 0;
}

static int import_body(struct pg *pg, void *arg, struct err *err)
{
	struct import_options *o = arg;

	o->pg = pg;
	if (store_lock(pg, err) < 0 || import_lines(o, err) < 0)
		return -1;
	return store_announce(pg, err);
}

static int import_main(int argc, char **argv)
{
	struct import_options o = {.path = NULL};
	struct rules_settings settings;
	struct err err;
	int rc;

	if ((rc = rules_parse(&import_argp, argc, argv, &o, &settings)) != 0)
		return rc;
	o.file = strcmp(o.path, "-") == 0 ? stdin : fopen(o.path, "re");
	if (!o.file)
		rc = err_set(&err, ERR_REJECT, 0, "cannot open %s", o.path);
	else if (o.check_only)
		rc = import_lines(&o, &err);
	else
		rc = rules_transaction(&settings, import_body, &o, &err);
	if (rc == 0)
		(void)printf("%zu accounts, %zu rules%s\n", o.accounts, o.rules,
			o.check_only ? ", nothing changed" : "");
	if (o.file && o.file != stdin)
		(void)fclose(o.file);
	rules_settings_release(&settings);
	return rc < 0 ? command_failed(&err) : 0;
}

/* --- the table
 * -----------------------------------------------------------------------------------------------
 */

int rules_command_main(int argc, char **argv)
{
	static const struct command commands[] = {
		{"rules", "list", "list the accounts that have rules", list_main},
		{"rules", "set", "replace an account's rules by those of a file", set_main},
		{"rules", "import", "replace the rules of many accounts", import_main},
		{"rules", "export", "write rules out, as import takes them", export_main},
		{"rules", "test", "tell which rule something would hit, and why", rules_test_main},
	};

	return commands_main("wxbus", "What every account answers by itself.", commands,
		sizeof(commands) / sizeof(commands[0]), argc, argv);
}
