#include "tools/weixin-sim/scenario/scenario.h"

#include "common/base/str.h"
#include "tools/weixin-sim/scenario/match.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define FILE_MAX      ((size_t)1 << 20)
#define STEPS_MAX     1000
#define TIMES_MAX     100000
#define AT_ONCE_MAX   200
#define COUNT_MAX     100000
#define WAIT_MAX_MS   600000
#define WAIT_MS       5000
#define PATH_MAX_SIZE 200

/* A member of a step: of which kinds of steps, and what it has to be. */
enum {
	OF_POST = 1 << STEP_POST,
	OF_GET = 1 << STEP_GET,
	OF_RECORD = 1 << STEP_RECORD,
	OF_PAUSE = 1 << STEP_PAUSE
};
enum value { TEXT, NUMBER, OBJECT, ANYTHING };

static const struct member {
	const char *name;
	unsigned of;
	enum value value;
	int64_t preset, min, max; /* NUMBER */
} members[] = {
	{"name", OF_POST | OF_GET | OF_RECORD | OF_PAUSE, TEXT, 0, 0, 0},
	{"post", OF_POST, TEXT, 0, 0, 0},
	{"get", OF_GET, TEXT, 0, 0, 0},
	{"record", OF_RECORD, OBJECT, 0, 0, 0},
	{"pause_ms", OF_PAUSE, NUMBER, 0, 0, WAIT_MAX_MS},
	{"with", OF_POST, OBJECT, 0, 0, 0},
	{"status", OF_POST | OF_GET, NUMBER, 200, 100, 599},
	{"expect", OF_POST | OF_GET, ANYTHING, 0, 0, 0},
	{"save", OF_POST | OF_GET | OF_RECORD, OBJECT, 0, 0, 0},
	{"times", OF_POST | OF_GET, NUMBER, 1, 1, TIMES_MAX},
	{"at_once", OF_POST | OF_GET, NUMBER, 1, 1, AT_ONCE_MAX},
	{"count", OF_RECORD, NUMBER, 1, 0, COUNT_MAX},
	{"within_ms", OF_RECORD, NUMBER, WAIT_MS, 0, WAIT_MAX_MS},
};
static const char *const kinds[] = {
	[STEP_POST] = "post", [STEP_GET] = "get", [STEP_RECORD] = "record", [STEP_PAUSE] = "pause_ms"};
static const char *const values[] = {[TEXT] = "text", [NUMBER] = "whole number", [OBJECT] = "object"};

int scenario_parse(const void *bytes, size_t len, struct json **root_out, struct err *err)
{
	const struct json_limits limits = {.max_bytes = FILE_MAX, .max_depth = 32};
	size_t line = 1, column = 1;
	struct err why = {0};

	if (json_parse(bytes, len, &limits, root_out, &why) == 0)
		return 0;
	for (size_t i = 0; i < len && i < (size_t)why.code; i++, column++) {
		if (((const char *)bytes)[i] == '\n') {
			line++;
			column = 0;
		}
	}
	return err_set(err, ERR_REJECT, EINVAL, "line %zu, column %zu: %s", line, column, why.text);
}

/* Where in the scenario, and what is wrong there. */
__attribute__((format(printf, 3, 4))) static int wrong(
	struct err *err, const char *place, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(err, ERR_REJECT, EINVAL, "%s: %s", place, text);
}

static const struct member *find_member(const char *name)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

static int64_t number_of(const struct json *step, const char *name)
{
	int64_t number = find_member(name)->preset;

	(void)json_get_int(step, name, &number);
	return number;
}

/* --- checking
 * ----------------------------------------------------------------------------------------------- */

/* What is known while the steps are looked at one by one. */
struct check {
	char place[64];
	struct json *names; /* of variables that have a value by then, as members */
	scenario_knows knows;
	struct err *err;
};

static int find_kind(const struct json *step, struct check *c, enum step_kind *out)
{
	size_t found = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!json_get(step, kinds[i]))
			continue;
		*out = (enum step_kind)i;
		found++;
	}
	return found == 1 ? 0
			  : wrong(c->err, c->place, "needs exactly one of post, get, record and pause_ms");
}

static int check_value(const struct member *m, const struct json *value, struct check *c)
{
	enum json_kind kind = json_kind(value);
	int64_t number;

	if ((m->value == TEXT && kind != JSON_STRING) || (m->value == OBJECT && kind != JSON_OBJECT) ||
		(m->value == NUMBER && json_int(value, &number) < 0))
		return wrong(c->err, c->place, "is no %s", values[m->value]);
	if (m->value == NUMBER && (number < m->min || number > m->max))
		return wrong(
			c->err, c->place, "is not from %lld to %lld", (long long)m->min, (long long)m->max);
	return 0;
}

static int check_name(const char *name, void *arg)
{
	struct check *c = arg;

	return json_get(c->names, name)
		       ? 0
		       : wrong(c->err, c->place, "nothing has given ${%s} a value by then", name);
}

static int check_path(enum step_kind kind, const char *path, struct check *c)
{
	const char *method = kind == STEP_POST ? "POST" : "GET";
	char whole[PATH_MAX_SIZE];
	int len = snprintf(whole, sizeof(whole), "/admin/%.*s", (int)strcspn(path, "?"), path);

	if (len >= (int)sizeof(whole) || !c->knows(method, whole))
		return wrong(c->err, c->place, "the admin port has no %s %.60s", method, path);
	return 0;
}

static int check_expected(const struct json *expected, struct check *c)
{
	const char *flaw = match_flaw(expected);

	return flaw ? wrong(c->err, c->place, "%.60s is no operator, has another value, or is not alone",
			      flaw)
		    : 0;
}

static int check_save(const struct json *save, struct check *c)
{
	const struct json *path;
	const char *name;
	size_t it = 0;

	while (json_next(save, &it, &name, &path)) {
		if (strcmp(name, SCENARIO_INDEX) == 0)
			return wrong(
				c->err, c->place, "save: " SCENARIO_INDEX " is the number of a repetition");
		if (!json_str(path))
			return wrong(c->err, c->place, "%.60s is no text, but the path of a value", name);
		json_set_bool(c->names, name, true);
	}
	return 0;
}

static int check_member(enum step_kind kind, const char *name, const struct json *value, struct check *c)
{
	const struct member *m = find_member(name);
	size_t len = strlen(c->place);
	int rc;

	snprintf(c->place + len, sizeof(c->place) - len, ".%.20s", name);
	if (!m)
		return wrong(c->err, c->place, "there is no such member of a step");
	if (!(m->of & (1u << kind)))
		return wrong(c->err, c->place, "does not go with %s", kinds[kind]);
	if ((rc = check_value(m, value, c)) < 0 || match_names(value, check_name, c) < 0)
		return -1;
	if (strcmp(name, "post") == 0 || strcmp(name, "get") == 0)
		rc = check_path(kind, json_str(value), c);
	else if (strcmp(name, "record") == 0 || strcmp(name, "expect") == 0)
		rc = check_expected(value, c);
	c->place[len] = '\0';
	return rc;
}

static int check_step(const struct json *step, struct check *c)
{
	const struct json *value;
	enum step_kind kind = STEP_PAUSE;
	const char *name;
	size_t it = 0;

	if (json_kind(step) != JSON_OBJECT)
		return wrong(c->err, c->place, "is no object");
	if (find_kind(step, c, &kind) < 0)
		return -1;
	if (kind == STEP_POST || kind == STEP_GET)
		json_set_bool(c->names, SCENARIO_INDEX, true);
	while (json_next(step, &it, &name, &value))
		if (check_member(kind, name, value, c) < 0)
			return -1;
	json_del(c->names, SCENARIO_INDEX);
	return check_save(json_get(step, "save"), c);
}

static int check_steps(const struct json *steps, struct check *c)
{
	if (json_kind(steps) != JSON_ARRAY || json_len(steps) == 0 || json_len(steps) > STEPS_MAX)
		return wrong(c->err, "steps", "is no list of 1 to %d steps", STEPS_MAX);
	for (size_t i = 0; i < json_len(steps); i++) {
		snprintf(c->place, sizeof(c->place), "steps[%zu]", i);
		if (check_step(json_at(steps, i), c) < 0)
			return -1;
	}
	return 0;
}

static int check_root(const struct json *root, struct err *err)
{
	const struct json *value;
	const char *name;
	size_t it = 0;

	if (json_kind(root) != JSON_OBJECT)
		return wrong(err, "the scenario", "is no object");
	while (json_next(root, &it, &name, &value))
		if (strcmp(name, "about") != 0 && strcmp(name, "variables") != 0 &&
			strcmp(name, "steps") != 0)
			return wrong(
				err, "the scenario", "%.60s is none of about, variables and steps", name);
	if (json_get(root, "about") && !json_get_str(root, "about"))
		return wrong(err, "about", "is no text");
	if (json_get(root, "variables") && json_kind(json_get(root, "variables")) != JSON_OBJECT)
		return wrong(err, "variables", "is no object");
	if (json_get(json_get(root, "variables"), SCENARIO_INDEX))
		return wrong(err, "variables", SCENARIO_INDEX " is the number of a repetition");
	return 0;
}

int scenario_init(struct scenario *s, struct json *root, scenario_knows knows, struct err *err)
{
	struct check c = {.knows = knows, .err = err};
	int rc = check_root(root, err);

	*s = (struct scenario){.root = root};
	if (rc == 0) {
		s->variables = json_get(root, "variables") ? json_copy(json_get(root, "variables"))
							   : json_new_object();
		c.names = json_copy(s->variables);
		rc = check_steps(json_get(root, "steps"), &c);
		json_free(&c.names);
	}
	if (rc < 0)
		scenario_release(s);
	return rc;
}

void scenario_release(struct scenario *s)
{
	json_free(&s->root);
	json_free(&s->variables);
}

/* --- variables and steps
 * ------------------------------------------------------------------------------------ */

int scenario_set(struct scenario *s, const char *name, const char *value, struct err *err)
{
	if (!json_get(s->variables, name))
		return err_set(err, ERR_REJECT, EINVAL, "the scenario has no variable %.60s", name);
	json_set_str(s->variables, name, value);
	return 0;
}

const char *scenario_missing(const struct scenario *s)
{
	const struct json *value;
	const char *name;
	size_t it = 0;

	while (json_next(s->variables, &it, &name, &value))
		if (json_kind(value) == JSON_NULL)
			return name;
	return NULL;
}

size_t scenario_steps(const struct scenario *s)
{
	return json_len(json_get(s->root, "steps"));
}

void scenario_step(const struct scenario *s, size_t i, struct scenario_step *out)
{
	const struct json *step = json_at(json_get(s->root, "steps"), i);
	const char *name = json_get_str(step, "name"), *post = json_get_str(step, "post");

	*out = (struct scenario_step){.path = post ? post : json_get_str(step, "get"),
		.with = json_get(step, "with"),
		.record = json_get(step, "record"),
		.expect = json_get(step, "expect"),
		.save = json_get(step, "save"),
		.status = number_of(step, "status"),
		.count = number_of(step, "count"),
		.times = number_of(step, "times"),
		.at_once = number_of(step, "at_once")};
	out->kind = post ? STEP_POST : out->path ? STEP_GET : out->record ? STEP_RECORD : STEP_PAUSE;
	out->ms = number_of(step, out->kind == STEP_PAUSE ? "pause_ms" : "within_ms");
	out->name = name ? name : out->path ? out->path : kinds[out->kind];
}
