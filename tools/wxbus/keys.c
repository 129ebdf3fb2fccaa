/* wxbus keys: which keys the services still need, and sealing anew what old ones have sealed. */
#include "tools/wxbus/command.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "proto/key_report.h"
#include "tools/wxbus/v1_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define REPORT_MAX   (256 * 1024)
#define PASSES_MAX   5    /* rows that are being changed are passed over and looked for again */
#define PASS_WAIT_MS 1000 /* so that whoever changes them is done */
#define TRIES_MAX    5    /* of one batch, while a service or its database is away */
#define TRY_WAIT_MS  1000

struct keys_settings {
	char *internal_keys_file;
	char *token_service_url;
	char *api_proxy_url;
};

#define CONF_STRUCT struct keys_settings
static const struct conf_item items[] = {
	CONF_PATH("WXBUS_INTERNAL_KEYS_FILE", internal_keys_file, NULL,
		"lines `name base64(32 bytes) scope,...`: our own key of scope admin",
		"/etc/wxbus/internal-keys"),
	CONF_URL("WXBUS_TOKEN_SERVICE_URL", token_service_url, NULL, "token-service's internal address",
		"http://127.0.0.1:8181"),
	CONF_URL("WXBUS_API_PROXY_URL", api_proxy_url, NULL, "api-proxy's internal address",
		"http://127.0.0.1:8182"),
};
#define N_ITEMS (sizeof(items) / sizeof(items[0]))

/* Those that keep sealed values. */
struct service {
	const char *name;
	const char *url;
	const char *internal_keys_file;
};
#define N_SERVICES 2

static void services_of(const struct keys_settings *s, struct service out[N_SERVICES])
{
	out[0] = (struct service){"token-service", s->token_service_url, s->internal_keys_file};
	out[1] = (struct service){"api-proxy", s->api_proxy_url, s->internal_keys_file};
}

/* Errors begin with the service's name. */
static int ask(const struct service *s, const char *path, const struct json *body, struct json **answer_out,
	struct err *err)
{
	int rc = v1_call(s->internal_keys_file, s->url, "POST", path, body, answer_out, err);

	return rc < 0 ? err_prefix(err, "%s", s->name) : rc;
}

static int read_report(const struct service *s, struct key_report *out, struct err *err)
{
	struct json *body = json_new_object(), *answer = NULL;
	struct buf text = BUF_INIT(REPORT_MAX);
	int rc = ask(s, "/v1/keys/list", body, &answer, err);

	if (rc == 0) {
		json_write(answer, &text);
		if (key_report_parse(text.data, text.len, out, err) < 0)
			rc = err_prefix(err, "%s", s->name);
	}
	buf_release(&text);
	json_free(&answer);
	json_free(&body);
	return rc;
}

/* --- show ------------------------------------------------------------------------------------------------
 */

#define LINE "%-14s %-7s %-16s %-5s %9s  %-24s  %s\n"

/* Which links a business has signed is known only of those that somebody has opened. */
static void tell_ref_end(const struct key_row *row, int64_t now_ms, char *out, size_t size)
{
	char until[CLOCK_RFC3339_SIZE];

	if (row->needed_until_ms <= now_ms) {
		(void)snprintf(out, size, "when no link signed with it is left");
		return;
	}
	clock_rfc3339(row->needed_until_ms, until);
	(void)snprintf(out, size,
		row->held ? "not before %s, nor while one signs with it"
			  : "it is gone, and links need it until %s: put it back",
		until);
}

/* What has to happen before the key may be taken out of its files. */
static void tell_end(const struct key_row *row, int64_t now_ms, char *out, size_t size)
{
	char until[CLOCK_RFC3339_SIZE];

	if (row->kind == KEY_REF)
		tell_ref_end(row, now_ms, out, size);
	else if (row->current)
		(void)snprintf(out, size, "no: it seals");
	else if (!row->held && row->rows > 0)
		(void)snprintf(out, size, "it is gone, and rows need it: put it back");
	else if (row->rows > 0 && row->kind == KEY_MASTER)
		(void)snprintf(out, size, "not before `wxbus keys rotate`");
	else if (row->rows > 0)
		(void)snprintf(out, size, "not before these events are settled");
	else if (key_row_removable(row, now_ms))
		(void)snprintf(out, size, "yes");
	else {
		clock_rfc3339(row->needed_until_ms, until);
		(void)snprintf(out, size, "from %s", until);
	}
}

static void print_report(const struct service *s, const struct key_report *r)
{
	char rows[24], used[CLOCK_RFC3339_SIZE], end[80];
	int64_t now_ms = clock_wall_ms();

	for (size_t i = 0; i < r->n; i++) {
		const struct key_row *row = &r->list[i];

		(void)snprintf(rows, sizeof(rows), "%" PRId64, row->rows);
		if (row->used_ms)
			clock_rfc3339(row->used_ms, used);
		else
			(void)snprintf(used, sizeof(used), "-");
		tell_end(row, now_ms, end, sizeof(end));
		(void)printf(LINE, s->name, key_kind_name(row->kind), row->id, row->held ? "yes" : "no", rows,
			used, end);
	}
}

static int show(const struct service *s, size_t n, struct err *err)
{
	int rc = 0;

	(void)printf(LINE, "service", "kind", "key", "held", "rows", "last in use", "may be removed");
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct key_report r = {NULL, 0};

		rc = read_report(&s[i], &r, err);
		if (rc == 0)
			print_report(&s[i], &r);
		key_report_release(&r);
	}
	return rc;
}

static const struct argp show_argp = {
	.doc = "Show, for each service and key: whether the service holds it, how many of its rows open with "
	       "nothing else, when it was last in use, and whether it may be taken out of the key files.\v"
	       "A master key that no longer seals is needed by its rows (`wxbus keys rotate` seals them "
	       "anew) "
	       "and for two hours by what it signed for browsers and callers. An event key, named by the "
	       "first "
	       "8 bytes of its public key's SHA-256, is needed until 8 days after the last event that was "
	       "sealed to it, for so long the topic `platform-events` may hold one. A ref key, an internal "
	       "key by "
	       "its name, signs links to the authorization page, and is needed until the last of them ends: "
	       "of "
	       "those that somebody has opened that is told; of the others the business knows that signs "
	       "them. "
	       "The other internal keys seal and sign nothing that lasts. Keep a removed master key with the "
	       "backups that were made under it.",
};

int keys_show_main(int argc, char **argv)
{
	struct service services[N_SERVICES];
	struct keys_settings settings;
	struct err err;
	int rc = command_parse(&show_argp, argc, argv, NULL, items, N_ITEMS, &settings, sizeof(settings));

	if (rc != 0)
		return rc;
	services_of(&settings, services);
	rc = show(services, N_SERVICES, &err);
	conf_release(items, N_ITEMS, &settings);
	return rc < 0 ? command_failed(&err) : 0;
}

/* --- rotate ----------------------------------------------------------------------------------------------
 */

struct rotate_options {
	int batch;
};

static const struct argp_option rotate_argp_options[] = {
	{"batch", 'b', "N", 0, "Rows at a time, each batch one transaction (100)", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse_rotate(int key, char *arg, struct argp_state *state)
{
	struct rotate_options *o = state->input;

	if (key != 'b')
		return ARGP_ERR_UNKNOWN;
	o->batch = command_number(state, "--batch", arg, 1, RESEAL_LIMIT_MAX);
	return 0;
}

static const struct argp rotate_argp = {
	.options = rotate_argp_options,
	.parser = parse_rotate,
	.doc = "Have token-service and api-proxy seal anew, under the first key of their master keys files, "
	       "every row that an older key has sealed, while they go on working. Then show the keys.\v"
	       "Before: make a key (`openssl rand -base64 32`), put it as the last line into every service's "
	       "WXBUS_MASTER_KEYS_FILE and send SIGHUP to all replicas, so that all can open what it seals; "
	       "then "
	       "make it the first line, SIGHUP again. It may be stopped at any time and run again: it goes "
	       "on "
	       "with what is left.",
};

struct rotation {
	const struct service *service;
	char to[KEY_ID_MAX + 1];
	int64_t all; /* rows that other keys have sealed, at the beginning */
	int64_t done, unopened;
};

/* Rows that another key has sealed. */
static int64_t left_of(const struct key_report *r)
{
	int64_t left = 0;

	for (size_t i = 0; i < r->n; i++)
		if (r->list[i].kind == KEY_MASTER && !r->list[i].current)
			left += r->list[i].rows;
	return left;
}

static int count(struct rotation *r, int64_t *left_out, struct err *err)
{
	struct key_report report = {NULL, 0};
	int rc = read_report(r->service, &report, err);

	r->to[0] = '\0';
	for (size_t i = 0; rc == 0 && i < report.n; i++)
		if (report.list[i].kind == KEY_MASTER && report.list[i].current)
			(void)str_copy(r->to, sizeof(r->to), report.list[i].id);
	if (rc == 0 && !r->to[0])
		rc = err_set(err, ERR_REJECT, 0, "%s: tells no key that seals", r->service->name);
	*left_out = left_of(&report);
	key_report_release(&report);
	return rc;
}

static int batch(const struct rotation *r, const struct reseal_request *request, struct reseal_answer *out,
	struct err *err)
{
	struct json *body = reseal_request_json(request), *answer = NULL;
	int rc = -1;

	for (int i = 0; i < TRIES_MAX; i++) {
		if (i > 0)
			clock_sleep_ms(TRY_WAIT_MS);
		rc = ask(r->service, "/v1/keys/reseal", body, &answer, err);
		if (rc == 0 || err->kind == ERR_REJECT)
			break;
	}
	if (rc == 0)
		rc = reseal_answer_read(answer, out, err);
	json_free(&answer);
	json_free(&body);
	return rc;
}

static void print_progress(const struct rotation *r)
{
	(void)printf("%s: %" PRId64 " of %" PRId64 " rows sealed under %s\n", r->service->name, r->done,
		r->all, r->to);
	(void)fflush(stdout);
}

/* Once over all columns. */
static int pass(struct rotation *r, int limit, struct err *err)
{
	struct reseal_request request = {.place = "", .limit = limit};
	struct reseal_answer answer = {.end = false};
	int rc = 0;

	r->unopened = 0;
	(void)str_copy(request.to, sizeof(request.to), r->to);
	while (rc == 0 && !answer.end) {
		rc = batch(r, &request, &answer, err);
		if (rc < 0)
			break;
		r->done += answer.resealed;
		r->unopened += answer.unopened;
		if (answer.resealed > 0)
			print_progress(r);
		(void)str_copy(request.place, sizeof(request.place), answer.place);
	}
	return rc;
}

static int rotate(const struct service *s, int limit, struct err *err)
{
	struct rotation r = {.service = s};
	int64_t left = 0;
	int rc = count(&r, &left, err);

	r.all = left;
	if (rc == 0 && left == 0)
		(void)printf("%s: all rows are sealed under %s\n", s->name, r.to);
	for (int i = 0; rc == 0 && left > r.unopened && i < PASSES_MAX; i++) {
		if (i > 0)
			clock_sleep_ms(PASS_WAIT_MS);
		rc = pass(&r, limit, err);
		if (rc == 0)
			rc = count(&r, &left, err);
	}
	if (rc == 0 && r.unopened > 0)
		return err_set(err, ERR_REJECT, 0,
			"%s: %" PRId64 " rows do not open with any key that it holds, and stay as they are",
			s->name, r.unopened);
	if (rc == 0 && left > 0)
		return err_set(err, ERR_RETRY, 0,
			"%s: %" PRId64
			" rows are still under older keys, run it again; does every replica seal "
			"with %s?",
			s->name, left, r.to);
	return rc;
}

int keys_rotate_main(int argc, char **argv)
{
	struct rotate_options o = {.batch = 100};
	struct service services[N_SERVICES];
	struct keys_settings settings;
	struct err err, ignored;
	int rc = command_parse(&rotate_argp, argc, argv, &o, items, N_ITEMS, &settings, sizeof(settings));
	bool failed = false;

	if (rc != 0)
		return rc;
	services_of(&settings, services);
	for (size_t i = 0; i < N_SERVICES; i++) {
		if (rotate(&services[i], o.batch, &err) < 0)
			failed = command_failed(&err) != 0; /* the other one is not to wait for it */
	}
	if (show(services, N_SERVICES, failed ? &ignored : &err) < 0 && !failed)
		failed = command_failed(&err) != 0;
	conf_release(items, N_ITEMS, &settings);
	return failed;
}
