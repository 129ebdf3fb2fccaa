#include "tools/weixin-sim/push/push.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/weixin-sim/wire/push_xml.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define BODY_MAX   ((size_t)4 << 20)
#define ANSWER_MAX ((size_t)1 << 20)
/* libcurl's timer may go off this much before the time-out by our clock */
#define CLOCK_GRAIN_MS 5

/* The template's literal $APPID$ gives way to the account's appid. */
static int message_url(const char *template, const char *appid, char *out, size_t size)
{
	const char *mark = strstr(template, "$APPID$");
	int n;

	if (template[0] == '\0')
		return -1;
	if (!mark)
		return str_copy(out, size, template);
	n = snprintf(
		out, size, "%.*s%s%s", (int)(mark - template), template, appid, mark + strlen("$APPID$"));
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

int push_init(struct push *push, const struct sim *sim, const struct platform *p, const struct account *a)
{
	memset(push, 0, sizeof(*push));
	str_copy(push->component_appid, sizeof(push->component_appid), p->component_appid);
	str_copy(push->token, sizeof(push->token), p->token);
	memcpy(push->key, p->key, sizeof(push->key));
	push->timeout_ms = sim->conf.push_timeout_ms;
	if (!a)
		return p->event_url[0] ? str_copy(push->url, sizeof(push->url), p->event_url) : -1;
	str_copy(push->appid, sizeof(push->appid), a->appid);
	str_copy(push->user_name, sizeof(push->user_name), a->user_name);
	return message_url(p->message_url, a->appid, push->url, sizeof(push->url));
}

void push_release(struct push *push)
{
	free(push->xml);
	push->xml = NULL;
}

/* One delivery. */
struct attempt {
	int64_t at_ms, ms;
	char timestamp[24];
	char nonce[16];
	int status; /* 0: no HTTP answer */
	enum answer answer;
	char why[VERIFY_WHY_SIZE];
	struct buf body;
	struct json *reply;
};

static void attempt_release(struct attempt *a)
{
	buf_release(&a->body);
	json_free(&a->reply);
}

#define PARAMETERS_MAX 6

/* The signed query of a push. Values are borrowed from `push` and `a`; the signatures are written here. */
struct push_query {
	struct httpc_pair pairs[PARAMETERS_MAX];
	size_t n;
	char signature[WEIXIN_SIGNATURE_LEN + 1];
	char msg_signature[WEIXIN_SIGNATURE_LEN + 1];
};

static void add_parameter(struct push_query *q, const char *name, const char *value)
{
	q->pairs[q->n++] = (struct httpc_pair){name, value};
}

static void write_query(
	const struct push *push, const struct attempt *a, const char *encrypt, struct push_query *q)
{
	const char *parts[4] = {push->token, a->timestamp, a->nonce, encrypt};

	q->n = 0;
	weixin_signature(parts, 3, q->signature);
	weixin_signature(parts, 4, q->msg_signature);
	add_parameter(q, "signature", q->signature);
	add_parameter(q, "timestamp", a->timestamp);
	add_parameter(q, "nonce", a->nonce);
	if (push->openid[0])
		add_parameter(q, "openid", push->openid);
	add_parameter(q, "encrypt_type", "aes");
	add_parameter(q, "msg_signature", q->msg_signature);
}

/* Where "https://host:port" of a URL ends and its path begins. */
static size_t base_length(const char *url)
{
	const char *host = strstr(url, "://") + 3;

	return (size_t)(host - url) + strcspn(host, "/");
}

/* Fills status and body; or leaves status 0 and says why. */
static void post(struct sim *sim, const struct push *push, const struct push_query *query,
	const struct buf *body, struct attempt *a)
{
	/* A connection for each push: one kept open may be closed by the receiver at the moment of the next.
	 */
	static const struct httpc_pair headers[] = {{"User-Agent", "Mozilla/4.0"}, {"Connection", "close"}};
	char base[URL_MAX + NAME_MAX_LEN];
	const struct httpc_request req = {.method = "POST",
		.base = base,
		.path = push->url + base_length(push->url),
		.query = query->pairs,
		.n_query = query->n,
		.headers = headers,
		.n_headers = sizeof(headers) / sizeof(headers[0]),
		.body = buf_cstr(body),
		.body_len = body->len,
		.content_type = "text/xml",
		.timeout_ms = (long)push->timeout_ms};
	struct httpc_response response = {0};
	int64_t started_ms = clock_mono_ms();
	struct err err = {0};

	str_ncopy(base, sizeof(base), push->url, base_length(push->url));
	if (httpc_call(sim->httpc, &req, &response, &err) == 0) {
		a->status = (int)response.status;
		buf_add(&a->body, buf_cstr(&response.body), response.body.len);
	} else {
		str_copy(a->why, sizeof(a->why), err.text);
	}
	a->ms = clock_mono_ms() - started_ms;
	a->answer = a->ms + CLOCK_GRAIN_MS >= push->timeout_ms ? ANSWER_TIMEOUT : ANSWER_REFUSED;
	httpc_response_release(&response);
}

static void judge(const struct push *push, struct attempt *a)
{
	const struct verify_push expected = {
		.key = push->key,
		.token = push->token,
		.component_appid = push->component_appid,
		.user_name = push->user_name,
		.openid = push->openid,
		.nonce = a->nonce,
		.platform_event = push->appid[0] == '\0',
		.is_message = push->is_message,
	};

	if (a->status == 0)
		return; /* post() has said it */
	if (a->status != 200) {
		a->answer = ANSWER_REFUSED;
		snprintf(a->why, sizeof(a->why), "status %d", a->status);
		return;
	}
	a->answer = verify_answer(&expected, buf_cstr(&a->body), a->body.len, &a->reply, a->why);
}

/* What Weixin's alarms count. */
static bool is_failure(enum answer a)
{
	return a == ANSWER_TIMEOUT || a == ANSWER_REFUSED || a == ANSWER_ILLEGAL;
}

/* A new timestamp, nonce and ciphertext each time, as for a repeated push. */
static void deliver(struct sim *sim, const struct push *push, struct attempt *a)
{
	struct buf encrypt = BUF_INIT(BODY_MAX), body = BUF_INIT(BODY_MAX);
	bool to_account = push->appid[0] != '\0';
	struct push_query query;

	*a = (struct attempt){.at_ms = clock_wall_ms(), .body = BUF_INIT(ANSWER_MAX)};
	snprintf(a->timestamp, sizeof(a->timestamp), "%" PRId64, sim_told_ms(sim) / 1000);
	weixin_random_digits(a->nonce, 10);
	weixin_encrypt(push->key, NULL, push->xml, strlen(push->xml), push->component_appid, &encrypt);
	push_xml_envelope(to_account ? "ToUserName" : "AppId",
		to_account ? push->user_name : push->component_appid, buf_cstr(&encrypt), &body);
	write_query(push, a, buf_cstr(&encrypt), &query);
	post(sim, push, &query, &body, a);
	judge(push, a);
	delivery_count(&sim->delivery, push->url, is_failure(a->answer));
	buf_release(&encrypt);
	buf_release(&body);
}

/* What an answer holds may be any bytes; the record is JSON. */
static void set_bytes(struct json *object, const char *name, const struct buf *bytes)
{
	const char *text = buf_cstr(bytes);

	if (str_is_utf8(text, bytes->len) && !memchr(text, '\0', bytes->len))
		json_set_str(object, name, text);
	else
		json_set_str(object, name, "(not UTF-8 text)");
}

static struct json *attempt_json(const struct attempt *a)
{
	struct json *j = json_new_object();

	json_set_int(j, "at_ms", a->at_ms);
	json_set_str(j, "timestamp", a->timestamp);
	json_set_str(j, "nonce", a->nonce);
	json_set_int(j, "status", a->status);
	json_set_str(j, "answer", answer_name(a->answer));
	json_set_str(j, "why", a->why);
	json_set_int(j, "ms", a->ms);
	set_bytes(j, "body", &a->body);
	return j;
}

static void set_or_null(struct json *j, const char *name, const char *value)
{
	json_set_str(j, name, value[0] ? value : NULL);
}

static struct json *entry_new(struct sim *sim, const struct push *push)
{
	struct json *entry = json_new_object();
	char id[32];

	snprintf(id, sizeof(id), "push-%llu", atomic_fetch_add(&sim->pushes, 1) + 1);
	json_set_str(entry, "id", id);
	json_set_int(entry, "at_ms", clock_wall_ms());
	json_set_str(entry, "component_appid", push->component_appid);
	set_or_null(entry, "appid", push->appid[0] ? push->appid : push->about);
	json_set_str(entry, "kind", push->kind);
	set_or_null(entry, "openid", push->openid);
	set_or_null(entry, "msg_id", push->msg_id);
	json_set_str(entry, "url", push->url);
	json_set_str(entry, "xml", push->xml);
	return entry;
}

/* The last attempt is what became of the push. */
static void finish(struct push_result *r, struct json *attempts, struct attempt *last, int64_t ms)
{
	r->answer = last->answer;
	r->ms = ms;
	str_copy(r->why, sizeof(r->why), last->why);
	json_set_int(r->entry, "status", last->status);
	json_set_str(r->entry, "answer", answer_name(last->answer));
	json_set_str(r->entry, "why", last->why);
	json_set_int(r->entry, "ms", ms);
	json_set(r->entry, "reply", last->reply ? last->reply : json_new_null());
	last->reply = NULL;
	json_set(r->entry, "attempts", attempts);
	r->reply = json_get(r->entry, "reply");
}

static bool is_repeated(const struct attempt *a)
{
	return a->answer == ANSWER_TIMEOUT || a->answer == ANSWER_REFUSED;
}

/* One more delivery of a push, while the first is under way. */
struct duplicate {
	struct sim *sim;
	const struct push *push;
	struct attempt attempt;
	pthread_t thread;
	bool started;
};

static void *run_duplicate(void *arg)
{
	struct duplicate *d = arg;

	deliver(d->sim, d->push, &d->attempt);
	return NULL;
}

/* Where a thread cannot be had, that delivery is not made; the record then lacks it. */
static struct duplicate *start_duplicates(struct sim *sim, const struct push *push, int64_t n)
{
	struct duplicate *all = n ? xcalloc((size_t)n, sizeof(*all)) : NULL;

	for (int64_t i = 0; i < n; i++) {
		all[i] = (struct duplicate){.sim = sim, .push = push};
		all[i].started = pthread_create(&all[i].thread, NULL, run_duplicate, &all[i]) == 0;
	}
	return all;
}

static void finish_duplicates(struct duplicate *all, int64_t n, struct json *entry)
{
	struct json *list = json_new_array();

	for (int64_t i = 0; i < n; i++) {
		if (!all[i].started)
			continue;
		pthread_join(all[i].thread, NULL);
		json_push(list, attempt_json(&all[i].attempt));
		attempt_release(&all[i].attempt);
	}
	free(all);
	json_set(entry, "duplicates", list);
}

/* The delay and the duplicates of the options and of a fault that was asked for. */
static int64_t await_time(struct sim *sim, const struct push *push)
{
	int64_t late_ms = push->late_ms, duplicates = push->duplicates;
	struct fault fault;

	if (faults_take(&sim->faults, FAULT_OF_PUSH, push->kind, &fault)) {
		late_ms += fault.delay_ms;
		duplicates += fault.duplicates;
		free(fault.body);
	}
	sim_sleep(sim, late_ms);
	return duplicates;
}

/* Nothing is sent. */
static void pass_over(struct attempt *a)
{
	*a = (struct attempt){.answer = ANSWER_SHIELDED, .body = BUF_INIT(0)};
	str_copy(a->why, sizeof(a->why),
		"too many failures in a row: nothing is pushed to this URL for now (MarkFail)");
}

void push_send(struct sim *sim, const struct push *push, struct push_result *out)
{
	struct json *attempts = json_new_array();
	int64_t started_ms, repeats = 0, n_duplicates;
	struct duplicate *duplicates;
	struct attempt a;

	memset(out, 0, sizeof(*out));
	out->entry = entry_new(sim, push);
	n_duplicates = await_time(sim, push);
	started_ms = clock_mono_ms();
	if (delivery_shielded(&sim->delivery, push->url)) {
		pass_over(&a);
		finish(out, attempts, &a, 0);
		finish_duplicates(NULL, 0, out->entry);
		record_add(&sim->record, "push", out->entry);
		return;
	}
	duplicates = start_duplicates(sim, push, n_duplicates);
	deliver(sim, push, &a);
	json_push(attempts, attempt_json(&a));
	while (is_repeated(&a) && repeats++ < push->retries && !atomic_load(&sim->stopping) &&
		!delivery_shielded(&sim->delivery, push->url)) {
		attempt_release(&a);
		deliver(sim, push, &a);
		json_push(attempts, attempt_json(&a));
	}
	finish(out, attempts, &a, clock_mono_ms() - started_ms);
	finish_duplicates(duplicates, n_duplicates, out->entry);
	attempt_release(&a);
	record_add(&sim->record, "push", out->entry);
}

void push_result_release(struct push_result *r)
{
	json_free(&r->entry);
	r->reply = NULL;
}
