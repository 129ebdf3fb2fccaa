/* wxbus release-check: Weixin's check before a network-wide release, against any deployment. */
#include "tools/wxbus/command.h"

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/str.h"
#include "proto/platforms.h"
#include "tools/weixin-sim/release/release_session.h"
#include "tools/wxbus/release/release_advice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define GROUPS      5
#define OUTPUT_MAX  ((size_t)64 << 20)
#define SHOWN_BYTES 400
/* Older than any real ticket: a receiver that keeps the newest one keeps the real one. */
#define OLD_TICKET_S 1

struct release_settings {
	char *platforms_file;
};

#define CONF_STRUCT struct release_settings
static const struct conf_item items[] = {
	CONF_PATH("WXBUS_PLATFORMS_FILE", platforms_file, NULL,
		"the platform's token and EncodingAESKey, as the ingress has them; with app_secret only for "
		"--api-listen",
		"/etc/wxbus/platforms.json"),
};
#define N_ITEMS (sizeof(items) / sizeof(items[0]))

enum {
	OPT_PLATFORM = 1,
	OPT_URL,
	OPT_EVENT_URL,
	OPT_MESSAGE_URL,
	OPT_GROUP,
	OPT_API_LISTEN,
	OPT_NEW_TICKET,
	OPT_ACCEPT,
	OPT_TIMEOUT,
	OPT_API_LIMIT,
	OPT_JSON
};

struct release_arguments {
	const char *platform, *url, *event_url, *message_url, *api_listen;
	int group; /* 0: all */
	int timeout_ms, api_limit_ms;
	bool new_ticket, accept, json;
};

static const struct argp_option options[] = {
	{"platform", OPT_PLATFORM, "APPID", 0, "The platform's component appid", 0},
	{"url", OPT_URL, "BASE", 0, "Where a wxbus ingress is reached, say https://wx.example.com", 0},
	{"event-url", OPT_EVENT_URL, "URL", 0, "Of another deployment: its authorization-event URL", 0},
	{"message-url", OPT_MESSAGE_URL, "URL", 0, "and its message-and-event URL, with $APPID$", 0},
	{"i-accept-a-fake-ticket", OPT_ACCEPT, NULL, 0,
		"Of another deployment: it may take the ticket of this check for Weixin's, and then call "
		"Weixin with it",
		0},
	{"group", OPT_GROUP, "N", 0, "Only this group of Weixin's test accounts, 1 to 5 (all)", 0},
	{"api-listen", OPT_API_LISTEN, "HOST:PORT", 0,
		"Answer the deployment's API calls here; its API base is http://HOST:PORT", 0},
	{"new-ticket", OPT_NEW_TICKET, NULL, 0,
		"With --api-listen: the ticket is newer than any that the deployment has", 0},
	{"timeout-ms", OPT_TIMEOUT, "N", 0, "How long an answer to a push may take (5000, as Weixin)", 0},
	{"api-limit-ms", OPT_API_LIMIT, "N", 0, "How long the customer-service message may take (5000)", 0},
	{"json", OPT_JSON, NULL, 0, "One JSON object instead of the table", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static void check_arguments(struct argp_state *state, const struct release_arguments *a)
{
	bool foreign = a->event_url || a->message_url;

	if (!a->platform || !appid_ok(a->platform, strlen(a->platform)))
		argp_error(state, "--platform takes a component appid");
	if (!a->url == !foreign || (foreign && (!a->event_url || !a->message_url)))
		argp_error(state, "--url is needed, or --event-url and --message-url");
	if (foreign && !a->accept)
		argp_error(state,
			"a deployment that is no wxbus may overwrite its real ticket with that of this "
			"check: give --i-accept-a-fake-ticket if it may");
	if (a->new_ticket && !a->api_listen)
		argp_error(state, "--new-ticket needs --api-listen: a deployment that calls Weixin would "
				  "lose its ticket");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct release_arguments *a = state->input;
	const struct {
		int key;
		const char **out;
	} texts[] = {{OPT_PLATFORM, &a->platform}, {OPT_URL, &a->url}, {OPT_EVENT_URL, &a->event_url},
		{OPT_MESSAGE_URL, &a->message_url}, {OPT_API_LISTEN, &a->api_listen}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (key == texts[i].key)
			*texts[i].out = arg;
	switch (key) {
	case OPT_GROUP:
		a->group = command_number(state, "--group", arg, 1, GROUPS);
		break;
	case OPT_TIMEOUT:
		a->timeout_ms = command_number(state, "--timeout-ms", arg, 1, 60000);
		break;
	case OPT_API_LIMIT:
		a->api_limit_ms = command_number(state, "--api-limit-ms", arg, 1, 60000);
		break;
	case OPT_NEW_TICKET:
		a->new_ticket = true;
		break;
	case OPT_ACCEPT:
		a->accept = true;
		break;
	case OPT_JSON:
		a->json = true;
		break;
	case ARGP_KEY_END:
		check_arguments(state, a);
		break;
	default:
		break;
	}
	return 0;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Play Weixin's automatic check before a network-wide release: ticket, authorization, texts, "
	       "event and "
	       "release of the test accounts of each group. What needs the deployment's API calls is not "
	       "testable "
	       "unless they come here (--api-listen). Exit status 1: an item failed.",
};

/* --- the table -------------------------------------------------------------------------------------------
 */

static const char *text(const struct json *item, const char *name)
{
	const char *s = json_get_str(item, name);

	return s ? s : "";
}

/* One line of a text that may have many, cut where it gets long. */
static void print_line(const char *title, const char *s)
{
	size_t len = strlen(s), n = 0;

	(void)printf("      %-7s", title);
	for (size_t i = 0; i < len && n < SHOWN_BYTES; i++, n++)
		(void)putchar((unsigned char)s[i] < ' ' ? ' ' : s[i]);
	while (n < len && ((unsigned char)s[n] & 0xc0) == 0x80) /* not within a character */
		(void)putchar(s[n++]);
	(void)printf("%s\n", n < len ? "..." : "");
}

static void print_calls(const struct json *calls)
{
	int64_t errcode = 0;

	for (size_t i = 0; i < json_len(calls); i++) {
		(void)json_get_int(json_at(calls, i), "errcode", &errcode);
		(void)printf("      called %s: %" PRId64 "\n", text(json_at(calls, i), "path"), errcode);
	}
}

static void print_item(const struct json *item)
{
	const struct json *advice = json_get(item, "advice");
	bool ok = json_get_bool(item, "ok", false), testable = json_get_bool(item, "testable", true);
	int64_t ms = 0, status = 0;

	(void)json_get_int(item, "ms", &ms);
	(void)json_get_int(item, "status", &status);
	(void)printf("  %-12s  %-12s  %-12s  %-18s  %5" PRId64 " ms\n",
		!testable ? "not testable"
		: ok      ? "passed"
			  : "FAILED",
		text(item, "item"), text(item, "account"), text(item, "appid"), ms);
	print_line("sent", text(item, "sent"));
	(void)printf("      got    %" PRId64 " %s\n", status, text(item, "answer"));
	if (ok)
		return;
	print_line("body", text(item, "body"));
	print_calls(json_get(item, "calls"));
	print_line("why", text(item, "why"));
	for (size_t i = 0; i < json_len(advice); i++) {
		(void)printf("      cause  %s\n", text(json_at(advice, i), "cause"));
		(void)printf("      change %s\n", text(json_at(advice, i), "change"));
	}
}

static void print_group(const struct json *group)
{
	int64_t number = 0;

	(void)json_get_int(group, "group", &number);
	(void)printf("group %" PRId64 "\n", number);
	for (size_t i = 0; i < json_len(json_get(group, "items")); i++)
		print_item(json_at(json_get(group, "items"), i));
}

/* --- the run -----------------------------------------------------------------------------------------------
 */

struct totals {
	int passed, failed, untestable;
};

static bool passed_in(const struct json *group, const struct json *item)
{
	const struct json *list = json_get(group, "items");

	for (size_t i = 0; i < json_len(list); i++)
		if (strcmp(text(json_at(list, i), "item"), text(item, "item")) == 0 &&
			strcmp(text(json_at(list, i), "account"), text(item, "account")) == 0)
			return json_get_bool(json_at(list, i), "ok", false);
	return false;
}

static struct json *advice_json(const struct json *item, const struct json *first_group)
{
	struct release_advice advice[RELEASE_ADVICE_MAX];
	size_t n = release_advise(item, first_group && passed_in(first_group, item), advice);
	struct json *list = json_new_array();

	for (size_t i = 0; i < n; i++) {
		struct json *one = json_new_object();

		json_set_str(one, "cause", advice[i].cause);
		json_set_str(one, "change", advice[i].change);
		json_push(list, one);
	}
	return list;
}

/* The group again, each failed item with advice, and counted. */
static struct json *judge(const struct json *group, const struct json *first_group, struct totals *t)
{
	const struct json *list = json_get(group, "items");
	struct json *out = json_copy(group), *judged = json_new_array();

	for (size_t i = 0; i < json_len(list); i++) {
		struct json *item = json_copy(json_at(list, i));

		if (!json_get_bool(item, "testable", true)) {
			t->untestable++;
		} else if (json_get_bool(item, "ok", false)) {
			t->passed++;
		} else {
			t->failed++;
			json_set(item, "advice", advice_json(item, first_group));
		}
		json_push(judged, item);
	}
	json_set(out, "items", judged);
	return out;
}

static int play(struct release_session *s, const struct release_arguments *a, struct json *groups,
	struct totals *t, struct err *err)
{
	int from = a->group ? a->group : 1, to = a->group ? a->group : GROUPS;

	for (int number = from; number <= to; number++) {
		struct json *group = NULL;

		if (release_session_play(s, number, number == from, &group, err) < 0)
			return -1;
		json_push(groups, judge(group, number > from && from == 1 ? json_at(groups, 0) : NULL, t));
		json_free(&group);
	}
	return 0;
}

static void print(const struct release_arguments *a, struct json *groups, const struct totals *t)
{
	struct buf out = BUF_INIT(OUTPUT_MAX);
	struct json *all;

	if (!a->json) {
		for (size_t i = 0; i < json_len(groups); i++)
			print_group(json_at(groups, i));
		(void)printf("%d passed, %d failed, %d not testable%s\n", t->passed, t->failed, t->untestable,
			t->untestable ? " (the deployment's API calls go elsewhere: see --api-listen)" : "");
		return;
	}
	all = json_new_object();
	json_set_bool(all, "ok", t->failed == 0);
	json_set_int(all, "passed", t->passed);
	json_set_int(all, "failed", t->failed);
	json_set_int(all, "not_testable", t->untestable);
	json_set(all, "groups", json_copy(groups));
	json_write(all, &out);
	(void)puts(buf_cstr(&out));
	buf_release(&out);
	json_free(&all);
}

static int check(const struct release_arguments *a, const struct platform *p, struct err *err)
{
	char *event_url =
		a->url ? xasprintf("%s/push/%s/authorization", a->url, a->platform) : xstrdup(a->event_url);
	char *message_url = a->url ? xasprintf("%s/push/%s/accounts/$APPID$", a->url, a->platform)
				   : xstrdup(a->message_url);
	const struct release_target target = {.component_appid = a->platform,
		.app_secret = p->app_secret,
		.token = p->keys[0].token,
		.aes_key = p->keys[0].aes_key,
		.event_url = event_url,
		.message_url = message_url,
		.api_listen = a->api_listen,
		.timeout_ms = a->timeout_ms,
		.api_limit_ms = a->api_limit_ms,
		.ticket_create_time = a->new_ticket ? -1 : OLD_TICKET_S};
	struct json *groups = json_new_array();
	struct release_session *s = NULL;
	struct totals totals = {0, 0, 0};
	int rc = release_session_new(&s, &target, err);

	if (rc == 0 && (rc = play(s, a, groups, &totals, err)) == 0)
		print(a, groups, &totals);
	release_session_free(&s);
	json_free(&groups);
	free(event_url);
	free(message_url);
	return rc < 0 ? rc : totals.failed > 0;
}

static int run(const struct release_settings *settings, const struct release_arguments *a, struct err *err)
{
	struct platforms *platforms = NULL;
	const struct platform *p;
	int rc;

	if ((rc = platforms_read(settings->platforms_file, a->api_listen != NULL, &platforms, err)) < 0)
		return rc;
	p = platforms_find(platforms, a->platform);
	rc = p ? check(a, p, err)
	       : err_set(err, ERR_REJECT, ENOENT, "WXBUS_PLATFORMS_FILE has no platform %s", a->platform);
	platforms_free(&platforms);
	return rc;
}

int release_check_main(int argc, char **argv)
{
	struct release_arguments a = {.timeout_ms = 5000, .api_limit_ms = 5000};
	struct release_settings settings;
	struct err err;
	int rc = command_parse(&argp, argc, argv, &a, items, N_ITEMS, &settings, sizeof(settings));

	if (rc != 0)
		return rc;
	rc = run(&settings, &a, &err);
	conf_release(items, N_ITEMS, &settings);
	return rc < 0 ? command_failed(&err) : rc;
}
