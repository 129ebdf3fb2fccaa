/* wxbus accounts sync: token-service reconciles its accounts with Weixin's own list; this starts it and
 * watches. */
#include "tools/wxbus/operator.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define LOOK_MS        250
#define AWAY_MS        60000 /* how long token-service may be away */
#define PATH_MAX_BYTES 512

struct sync_options {
	const char *platform;
	bool prune;
	bool dry_run;
	bool json;
};

enum { OPT_COMPONENT = 1000, OPT_PRUNE, OPT_DRY_RUN, OPT_JSON };

static const struct argp_option options[] = {
	{"component", OPT_COMPONENT, "COMPONENT", 0, "Only this platform; preset: all, one after the other",
		0},
	{"prune", OPT_PRUNE, NULL, 0,
		"Un-authorize the accounts of which Weixin says that they do not authorize the platform", 0},
	{"dry-run", OPT_DRY_RUN, NULL, 0, "Look and tell; change nothing", 0},
	{"json", OPT_JSON, NULL, 0,
		"One JSON object a line: each sync's end with its counts, then its findings", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct sync_options *o = state->input;

	switch (key) {
	case OPT_COMPONENT:
		operator_check_appid(state, o->platform = arg);
		return 0;
	case OPT_PRUNE:
		o->prune = true;
		return 0;
	case OPT_DRY_RUN:
		o->dry_run = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case ARGP_KEY_END:
		if (o->prune && o->dry_run)
			argp_error(state, "--prune changes what --dry-run would leave alone");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Compare our accounts with Weixin's own list: what we lack is added, a refresh token that we "
	       "did "
	       "not know is kept for the day when ours is refused, what Weixin does not list is reported. "
	       "token-service does the work; stopping this command leaves it running, and the command "
	       "started again watches it. The exit status is 1 if a sync failed.",
};

/* --- watching ----------------------------------------------------------------------------------------------
 */

static int64_t number(const struct json *j, const char *name)
{
	int64_t n = 0;

	(void)json_get_int(j, name, &n);
	return n;
}

static bool is_over(const struct json *sync)
{
	return json_kind(json_get(sync, "ended_at")) == JSON_INT;
}

/* One line that is written over, on a terminal only. */
static void show_progress(const struct json *sync)
{
	const char *step = json_get_str(sync, "step"), *error = json_get_str(sync, "error");
	const struct json *found = json_get(sync, "found");

	if (!isatty(STDERR_FILENO))
		return;
	(void)fprintf(stderr, "\r\033[K%s: ", json_get_str(sync, "component_appid"));
	if (error)
		(void)fprintf(stderr, "again in %" PRId64 " s: %s", number(sync, "retry_in"), error);
	else if (step && strcmp(step, "missing") == 0)
		(void)fprintf(stderr, "asking about accounts that are not listed: %" PRId64 " missing",
			number(found, "missing") + number(found, "pruned"));
	else
		(void)fprintf(stderr, "%" PRId64 " of %" PRId64 " accounts read, %" PRId64 " added",
			number(sync, "seen"), number(sync, "total"), number(found, "added"));
	(void)fflush(stderr);
}

static void end_progress(void)
{
	if (isatty(STDERR_FILENO))
		(void)fputs("\r\033[K", stderr);
}

static int ask(const struct operator_settings *s, const struct sync_options *o, const char *component_appid,
	struct json **sync_out, struct err *err)
{
	char *path = xasprintf("/v1/platforms/%s/sync", component_appid);
	struct json *body = json_new_object();
	int rc;

	json_set_bool(body, "prune", o->prune);
	json_set_bool(body, "dry_run", o->dry_run);
	rc = operator_call(s, "POST", path, body, sync_out, err);
	json_free(&body);
	free(path);
	return rc;
}

static int look(const struct operator_settings *s, const char *component_appid, int64_t id,
	struct json **sync_out, struct err *err)
{
	char *path = xasprintf("/v1/platforms/%s/sync?id=%" PRId64, component_appid, id);
	int rc = operator_call(s, "GET", path, NULL, sync_out, err);

	free(path);
	return rc;
}

/* Until it is over; a token-service that is away for a moment is waited for, since it goes on by itself. */
static int watch(
	const struct operator_settings *s, const char *component_appid, struct json **sync, struct err *err)
{
	int64_t id = number(*sync, "id"), answered_ms = clock_mono_ms();
	struct json *newer = NULL;
	int rc = 0;

	while (!is_over(*sync)) {
		show_progress(*sync);
		clock_sleep_ms(LOOK_MS);
		rc = look(s, component_appid, id, &newer, err);
		if (rc < 0 && (err->kind == ERR_REJECT || clock_mono_ms() - answered_ms > AWAY_MS))
			return rc;
		if (rc < 0)
			continue;
		answered_ms = clock_mono_ms();
		json_free(sync);
		*sync = newer;
		newer = NULL;
	}
	end_progress();
	return 0;
}

/* --- telling -----------------------------------------------------------------------------------------------
 */

static const char *meaning(const struct json *sync, const char *finding)
{
	static const struct {
		const char *finding;
		const char *text;
	} texts[] = {
		{"added", "Weixin lists it, we did not know it; it is authorized now"},
		{"changed", "Weixin lists a refresh token that we did not know"},
		{"code_lost", "authorized, but nobody has exchanged its code: it has to authorize again"},
		{"missing", "ours, but Weixin says that it does not authorize the platform"},
		{"pruned", "un-authorized here, as it is at Weixin"},
	};

	if (strcmp(finding, "new") == 0)
		return json_get_bool(sync, "dry_run", false) ? "Weixin lists it, we do not know it"
							     : "Weixin lists it, but does not tell of it";
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].finding, finding) == 0)
			return texts[i].text;
	}
	return "";
}

static void print_finding(const struct sync_options *o, const struct json *sync, const struct json *f)
{
	const char *finding = json_get_str(f, "finding");

	if (o->json) {
		operator_print(f);
		return;
	}
	(void)printf("  %-18s  %-9s  %s", json_get_str(f, "appid"), finding, meaning(sync, finding));
	if (number(f, "errcode") != 0)
		(void)printf(" (errcode %" PRId64 ")", number(f, "errcode"));
	(void)putchar('\n');
}

static int print_findings(const struct operator_settings *s, const struct sync_options *o,
	const struct json *sync, struct err *err)
{
	struct buf path = BUF_INIT(PATH_MAX_BYTES);
	struct json *page = NULL;
	char *after = xstrdup("");
	const char *next;
	int rc;

	do {
		buf_reset(&path);
		buf_addf(&path, "/v1/platforms/%s/sync-findings?id=%" PRId64 "&limit=500%s%s",
			json_get_str(sync, "component_appid"), number(sync, "id"), after[0] ? "&after=" : "",
			after);
		rc = operator_call(s, "GET", buf_cstr(&path), NULL, &page, err);
		if (rc < 0)
			break;
		for (size_t i = 0; i < json_len(json_get(page, "findings")); i++)
			print_finding(o, sync, json_at(json_get(page, "findings"), i));
		next = json_get_str(page, "next");
		free(after);
		after = xstrdup(next ? next : "");
		json_free(&page);
	} while (after[0]);
	free(after);
	buf_release(&path);
	return rc;
}

static void print_end(const struct sync_options *o, const struct json *sync)
{
	const struct json *found = json_get(sync, "found");
	const char *error = json_get_str(sync, "error");
	int64_t missing = number(found, "missing"), lost = number(found, "code_lost"),
		new = number(found, "new");

	if (o->json) {
		operator_print(sync);
		return;
	}
	(void)printf("%s: %" PRId64 " of Weixin's %" PRId64 " accounts read: %" PRId64 " added, %" PRId64
		     " changed, %" PRId64 " missing",
		json_get_str(sync, "component_appid"), number(sync, "seen"), number(sync, "total"),
		number(found, "added"), number(found, "changed"), missing);
	if (new > 0)
		(void)printf(", %" PRId64 " not added", new);
	if (lost > 0)
		(void)printf(", %" PRId64 " without their code", lost);
	if (o->prune)
		(void)printf(", %" PRId64 " pruned", number(found, "pruned"));
	(void)printf("%s%s%s\n", o->dry_run ? "; nothing was changed" : "", error ? "; failed: " : "",
		error ? error : "");
}

/* 1: the sync itself failed. */
static int sync_platform(const struct operator_settings *s, const struct sync_options *o,
	const char *component_appid, struct err *err)
{
	struct json *sync = NULL;
	const char *step;
	int rc;

	rc = ask(s, o, component_appid, &sync, err);
	if (rc == 0)
		rc = watch(s, component_appid, &sync, err);
	if (rc == 0) {
		print_end(o, sync);
		rc = print_findings(s, o, sync, err);
	}
	step = json_get_str(sync, "step");
	if (rc == 0 && (!step || strcmp(step, "done") != 0))
		rc = 1;
	json_free(&sync);
	return rc;
}

static int sync_all(const struct operator_settings *s, void *arg, struct err *err)
{
	const struct sync_options *o = arg;
	const struct json *list;
	struct json *answer = NULL;
	int rc, failed = 0;

	if (o->platform)
		return sync_platform(s, o, o->platform, err);
	rc = operator_platforms(s, &answer, err);
	list = json_get(answer, "platforms");
	for (size_t i = 0; rc >= 0 && i < json_len(list); i++) {
		rc = sync_platform(s, o, json_get_str(json_at(list, i), "component_appid"), err);
		failed |= rc;
	}
	json_free(&answer);
	return rc < 0 ? rc : failed;
}

int accounts_sync_main(int argc, char **argv)
{
	struct sync_options o = {.platform = NULL};

	return operator_main(&argp, argc, argv, &o, sync_all);
}
