#include "services/api-proxy/calls/call.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "services/api-proxy/allowance/allowance.h"
#include "services/api-proxy/calls/route.h"
#include "services/api-proxy/metrics.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define WIRE_MAX       (64 * 1024 * 1024) /* bytes read of an answer before it is given up as endless */
#define LEAST_MS       20                 /* with less time left nothing is begun */
#define AGAIN_AFTER_MS 100
#define BUSY_MAX       2   /* repetitions after answers that ask for patience ... */
#define BUSY_MS        300 /* ... the first after about this time, the second after twice as long ... */
#define TOO_OFTEN_MS   500 /* ... or this, where Weixin says that calls came too often */

/* What one request to Weixin came to. */
enum sent {
	SENT_ANSWERED,
	SENT_NOTHING, /* surely not sent */
	SENT_UNSURE
};

/* One call's state. */
struct run {
	const struct caller_of_weixin *w;
	const struct call *call;
	struct answer *answer;
	struct token token;
	bool refreshed;            /* a token error had its one refresh */
	bool sent_again;           /* a failure on the way had its one repetition */
	bool unsure;               /* an earlier request may have taken effect */
	int busy;                  /* answers so far that asked for patience */
	const struct api_row *row; /* NULL: not in the table */
};

/* --- taking the answer ------------------------------------------------------------------------------ */

static int take_header(const struct httpc_response *so_far, const char *name, const char *value, void *arg)
{
	struct run *r = arg;

	(void)so_far;
	answer_take_header(r->answer, name, value);
	return 0;
}

/* What does not fit is read and dropped: the answer itself is not in doubt. */
static void collect(struct answer *a, const void *p, size_t len)
{
	size_t room = a->body.cap - a->body.len;

	if (len > room) {
		a->truncated = true;
		len = room;
	}
	buf_add(&a->body, p, len);
}

static bool is_redirect(const struct answer *a)
{
	return a->http_status >= 300 && a->http_status < 400;
}

static int begin_stream(struct run *r)
{
	const struct call_sink *sink = r->call->sink;
	struct answer *a = r->answer;
	int rc;

	answer_judge(a, r->call->repeatable);
	a->streamed = true;
	rc = sink->begin(sink->arg, a);
	if (rc == 0)
		rc = sink->write(sink->arg, a->body.data, a->body.len);
	buf_reset(&a->body);
	return rc;
}

static int take_body(const struct httpc_response *so_far, const void *p, size_t len, void *arg)
{
	struct run *r = arg;
	struct answer *a = r->answer;

	if (a->streamed)
		return r->call->sink->write(r->call->sink->arg, p, len);
	a->http_status = (int)so_far->status;
	str_copy(a->content_type, sizeof(a->content_type), so_far->content_type);
	collect(a, p, len);
	if (r->call->sink && answer_is_plain(a) && !is_redirect(a))
		return begin_stream(r);
	return 0;
}

static ssize_t give_body(void *to, size_t room, void *arg)
{
	struct run *r = arg;

	return payload_read(r->call->payload, to, room);
}

static int64_t left_ms(const struct run *r)
{
	return r->call->deadline_mono_ms - clock_mono_ms();
}

/* --- the token -------------------------------------------------------------------------------------- */

static enum refusal refusal_of(enum tokens_outcome outcome)
{
	switch (outcome) {
	case TOKENS_UNKNOWN:
		return REFUSAL_UNKNOWN_ACCOUNT;
	case TOKENS_UNAUTHORIZED:
		return REFUSAL_UNAUTHORIZED;
	case TOKENS_NO_API:
		return REFUSAL_NO_API;
	case TOKENS_OK:
	case TOKENS_UNAVAILABLE:
		break;
	}
	return REFUSAL_NO_TOKEN;
}

static bool take_token(struct run *r, const struct token *refused)
{
	const struct call *c = r->call;
	enum tokens_outcome outcome;
	struct err err;

	if (c->user_token)
		return str_copy(r->token.text, sizeof(r->token.text), c->user_token) == 0;
	outcome = tokens_get(
		r->w->tokens, c->component_appid, c->appid, refused, c->deadline_mono_ms, &r->token, &err);
	if (outcome == TOKENS_OK)
		return true;
	if (outcome == TOKENS_UNAVAILABLE)
		log_warn(c->appid[0] ? c->appid : c->component_appid, "no token: %s", err.text);
	answer_refuse(r->answer, r->unsure ? REFUSAL_UNKNOWN : refusal_of(outcome));
	return false;
}

/* --- what need not be sent -------------------------------------------------------------------------- */

static void list_sets(const struct api_row *row, struct buf *out)
{
	size_t i;

	for (i = 0; i < API_SETS_MAX && row->sets[i]; i++)
		buf_addf(out, "%s%lld", i ? ", " : "", (long long)row->sets[i]);
}

static bool sets_allow(struct run *r)
{
	const struct call *c = r->call;
	struct buf sets = BUF_INIT(128);
	enum sets_verdict verdict;

	if (!c->appid[0] || !r->row || !r->row->sets[0])
		return true;
	verdict = account_sets_judge(r->w->sets, c->component_appid, c->appid, r->row, c->deadline_mono_ms);
	list_sets(r->row, &sets);
	if (verdict == SETS_LACKING)
		answer_refuse_because(r->answer, REFUSAL_SETS,
			"wxbus: %s needs one of the permission sets %s, and the account granted this "
			"platform none of "
			"them; its administrator has to update the authorization",
			c->path, buf_cstr(&sets));
	else if (verdict == SETS_KIND)
		answer_refuse_because(r->answer, REFUSAL_KIND, "wxbus: %s is an API of %s", c->path,
			r->row->whose == API_FOR_MINI ? "mini programs" : "official accounts");
	buf_release(&sets);
	return verdict == SETS_OK;
}

static bool quota_allows(struct run *r)
{
	const struct call *c = r->call;
	int64_t now = clock_wall_ms();
	struct quota_block block;

	if (!quota_used_up(r->w->quota, c->component_appid, c->appid, r->row, c->path, now, &block))
		return true;
	answer_refuse(r->answer, REFUSAL_QUOTA);
	r->answer->errcode = block.errcode;
	r->answer->retry_after_s = (block.until_wall_ms - now + 999) / 1000;
	return false;
}

/* A person's own calls are neither an account's nor the platform's to judge. */
static bool worth_sending(struct run *r)
{
	return r->call->user_token || (sets_allow(r) && quota_allows(r));
}

/* --- one request ------------------------------------------------------------------------------------ */

static void build_request(struct run *r, struct httpc_pair *query, struct httpc_request *out)
{
	const struct call *c = r->call;

	query[0] = (struct httpc_pair){route_token_parameter(c->path, c->appid[0] == '\0'), r->token.text};
	if (c->n_query > 0)
		memcpy(query + 1, c->query, c->n_query * sizeof(*query));
	*out = (struct httpc_request){.method = c->method,
		.base = r->w->api_base,
		.path = c->path,
		.query = query,
		.n_query = c->n_query + 1,
		.body_len = c->payload->len,
		.read_body = give_body,
		.once = !c->repeatable,
		.content_type = c->content_type,
		.timeout_ms = (long)left_ms(r),
		.response_max = WIRE_MAX,
		.on_header = take_header,
		.on_body = take_body,
		.arg = r};
}

static enum sent send_once(struct run *r)
{
	const struct call *c = r->call;
	struct answer *a = r->answer;
	struct httpc_response response = {.status = 0};
	struct httpc_pair query[ROUTE_QUERY_MAX + 1];
	struct err err = {.kind = ERR_RETRY, .text = "no time left"};
	struct httpc_request request;
	int rc = -1;

	answer_reset(a);
	payload_rewind(c->payload);
	build_request(r, query, &request);
	a->attempts++; /* what goes on while it still comes tells of this one, too */
	if (request.timeout_ms >= LEAST_MS)
		rc = httpc_call(r->w->http, &request, &response, &err);
	a->http_status = (int)response.status;
	str_copy(a->content_type, sizeof(a->content_type), response.content_type);
	httpc_response_release(&response);
	if (rc == 0)
		return SENT_ANSWERED;
	log_info(c->appid[0] ? c->appid : c->component_appid, "%s: %s", c->path, err.text);
	if (err.kind == ERR_UNCERTAIN)
		return SENT_UNSURE;
	a->attempts--;
	return SENT_NOTHING;
}

/* --- what follows from it --------------------------------------------------------------------------- */

enum next { NEXT_DONE, NEXT_AGAIN, NEXT_WITH_NEW_TOKEN };

static enum next again_after(struct run *r, int64_t ms)
{
	if (left_ms(r) <= ms + LEAST_MS)
		return NEXT_DONE;
	r->answer->repeated++;
	clock_sleep_ms(ms);
	return NEXT_AGAIN;
}

/* One repetition for one failure on the way, a moment later. */
static enum next once_more(struct run *r)
{
	if (r->sent_again)
		return NEXT_DONE;
	r->sent_again = true;
	return again_after(r, AGAIN_AFTER_MS);
}

/* Later and later, and not all at the same moment. */
static enum next with_patience(struct run *r, int64_t first_ms)
{
	int64_t ms = r->busy == 0 ? first_ms : 2 * first_ms;

	if (r->busy++ >= BUSY_MAX)
		return NEXT_DONE;
	return again_after(r, ms / 2 + clock_mono_us() % ms);
}

/* What names the token itself, as a page of something in between may, is nobody's to see. */
static bool tells_the_token(const struct run *r)
{
	const struct buf *body = &r->answer->body;

	return !r->call->user_token && body->len > 0 &&
	       memmem(body->data, body->len, r->token.text, strlen(r->token.text));
}

static void learn(struct run *r)
{
	const struct call *c = r->call;
	struct quota *q = r->w->quota;

	if (c->user_token)
		return;
	quota_learn(q, c->component_appid, c->appid, r->row, c->path, r->answer->errcode, clock_wall_ms());
	if (r->answer->reaction == REACTION_OK &&
		(strcmp(c->path, "/cgi-bin/clear_quota") == 0 ||
			strcmp(c->path, "/cgi-bin/openapi/quota/clear") == 0))
		quota_clear(q, c->component_appid, c->appid);
}

static enum next after_answer(struct run *r)
{
	const struct call *c = r->call;

	if (r->answer->streamed)
		return NEXT_DONE;
	answer_judge(r->answer, c->repeatable);
	if (is_redirect(r->answer) || tells_the_token(r)) {
		answer_refuse(r->answer, REFUSAL_ANSWER_UNFIT);
		return NEXT_DONE;
	}
	learn(r);
	switch (r->answer->reaction) {
	case REACTION_AUTH:
		if (r->refreshed || c->user_token)
			return NEXT_DONE;
		r->refreshed = r->answer->refreshed = true;
		return NEXT_WITH_NEW_TOKEN;
	case REACTION_BUSY:
		return c->repeatable ? with_patience(r, BUSY_MS) : NEXT_DONE;
	case REACTION_BACKOFF: /* nothing was done */
		return with_patience(r, TOO_OFTEN_MS);
	case REACTION_REAUTH:
		if (!c->user_token)
			tokens_forget(r->w->tokens, c->component_appid, c->appid);
		return NEXT_DONE;
	default:
		return NEXT_DONE;
	}
}

static enum next after_nothing(struct run *r)
{
	if (once_more(r) == NEXT_AGAIN)
		return NEXT_AGAIN;
	answer_refuse(r->answer, r->unsure ? REFUSAL_UNKNOWN : REFUSAL_NOT_SENT);
	return NEXT_DONE;
}

static enum next after_unsure(struct run *r)
{
	r->unsure = true;
	if (r->answer->streamed) { /* it cannot be taken back */
		r->answer->broken = true;
		r->answer->outcome = API_UNKNOWN;
		return NEXT_DONE;
	}
	if (r->call->repeatable && once_more(r) == NEXT_AGAIN)
		return NEXT_AGAIN;
	answer_refuse(r->answer, REFUSAL_UNKNOWN);
	return NEXT_DONE;
}

static enum next attempt(struct run *r)
{
	static const char *const names[] = {"answered", "not_sent", "unsure"};
	enum sent sent = send_once(r);

	metric_add(&api_proxy_metrics[M_ATTEMPTS], names[sent], 1);
	switch (sent) {
	case SENT_ANSWERED:
		return after_answer(r);
	case SENT_NOTHING:
		return after_nothing(r);
	case SENT_UNSURE:
		break;
	}
	return after_unsure(r);
}

static void make(struct run *r)
{
	enum next next = NEXT_DONE;

	if (!worth_sending(r))
		return;
	metric_add(&api_proxy_metrics[M_IN_FLIGHT], NULL, 1);
	if (take_token(r, NULL))
		next = attempt(r);
	while (next == NEXT_AGAIN || (next == NEXT_WITH_NEW_TOKEN && take_token(r, &r->token)))
		next = attempt(r);
	token_wipe(&r->token);
	metric_add(&api_proxy_metrics[M_IN_FLIGHT], NULL, -1);
}

/* A customer-service message takes one of the fan's before it is sent. Larger bodies are none: they lie in a
 * file. */
static void make_if_allowed(struct run *r)
{
	const struct call *c = r->call;
	const struct buf *body = c->payload->fd < 0 ? &c->payload->kept : NULL;
	struct allowance_ticket ticket;
	enum refusal refusal = allowance_take(r->w->pool, c->appid, c->method, c->path, c->priority,
		body ? body->data : NULL, body ? body->len : 0, &ticket);

	if (refusal != REFUSAL_NONE) {
		answer_refuse(r->answer, refusal);
		return;
	}
	make(r);
	allowance_settle(r->w->pool, c->appid, &ticket, r->answer);
}

static void write_down(const struct run *r, int64_t began_wall_ms, int64_t took_ms)
{
	const struct call *c = r->call;
	const struct answer *a = r->answer;
	const struct audit_entry entry = {.component_appid = c->component_appid,
		.caller_id = c->caller_id,
		.appid = c->appid,
		.door = c->door,
		.method = c->method,
		.path = c->path,
		.outcome = api_outcome_name(a->outcome),
		.refusal = a->refusal == REFUSAL_NONE ? NULL : refusal_table[a->refusal].name,
		.errcode = a->errcode,
		.http_status = a->http_status,
		.attempts = a->attempts,
		.began_wall_ms = began_wall_ms,
		.took_ms = took_ms};

	audit_add(r->w->audit, &entry);
	log_debug(c->appid[0] ? c->appid : c->component_appid, "%s %s for %s: %s, errcode %lld after %lld ms",
		c->method, c->path, c->caller_id[0] ? c->caller_id : "a person", entry.outcome,
		(long long)a->errcode, (long long)took_ms);
}

/* Why a call was answered by ourselves stands in the doors' metrics; here a few words, so that these and the
 * kinds of APIs together stay within what one metric may have. */
static const char *class_of(const struct answer *a)
{
	switch (a->refusal) {
	case REFUSAL_NONE:
		return reaction_name(a->reaction);
	case REFUSAL_NO_TOKEN:
	case REFUSAL_NOT_SENT:
	case REFUSAL_UNKNOWN:
		return refusal_table[a->refusal].name;
	case REFUSAL_ANSWER_UNFIT:
		return refusal_table[REFUSAL_UNKNOWN].name;
	default:
		return "refused";
	}
}

void call_begin_metrics(void)
{
	char labels[64];

	for (size_t i = 0; i < n_api_table; i++) {
		snprintf(labels, sizeof(labels), "%s,%s", api_class(api_table[i].path),
			reaction_name(REACTION_QUOTA));
		metric_add(&api_proxy_metrics[M_CALLS], labels, 0);
	}
}

static void measure(const struct call *c, const struct answer *a, int64_t took_ms)
{
	const char *api = api_class(c->path);
	char labels[64];

	snprintf(labels, sizeof(labels), "%s,%s", api, class_of(a));
	metric_add(&api_proxy_metrics[M_CALLS], labels, 1);
	snprintf(labels, sizeof(labels), "%s,%s", api, c->door);
	metric_observe_ms(&api_proxy_metrics[M_CALL_SECONDS], labels, took_ms);
}

void call_run(const struct caller_of_weixin *w, const struct call *c, struct answer *out)
{
	struct run r = {.w = w, .call = c, .answer = out, .row = api_find(c->method, c->path)};
	int64_t started = clock_mono_ms(), began = clock_wall_ms(), took_ms;

	make_if_allowed(&r);
	took_ms = clock_mono_ms() - started;
	measure(c, out, took_ms);
	write_down(&r, began, took_ms);
}
