#include "services/business/auto-reply/auto_reply.h"

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "proto/reply.h"
#include "services/business/auto-reply/book.h"
#include "services/business/auto-reply/metrics.h"
#include "services/business/auto-reply/occasion.h"
#include "services/business/auto-reply/store.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define CUSTOM_SEND  "/cgi-bin/message/custom/send"
#define BOOK_WAIT_MS 5000 /* for the first reading of all rules */
#define TAKE_WAIT_MS 2000

struct auto_reply {
	struct pg_pool *pool; /* the SDK's */
	struct book *book;
};

/* --- answering
 * -----------------------------------------------------------------------------------------------
 */

static int parse_answer(const char *text, struct json **out, struct err *err)
{
	static const struct json_limits limits = {.max_bytes = RULES_DOC_MAX, .max_depth = 16};

	return json_parse(text, strlen(text), &limits, out, err);
}

/* Without a reply of its own the rule still answers: nobody else is asked. */
static int give_reply(struct event *e, const struct rule *r, struct err *err)
{
	struct json *fields = NULL;

	if (!r->reply)
		return reply_empty(e, err);
	if (parse_answer(r->reply, &fields, err) < 0)
		return -1;
	return reply_fields(e, fields, err);
}

static int send_follow_up(struct event *e, const char *text, struct err *err)
{
	struct json *fields = NULL, *body = NULL;
	int rc = parse_answer(text, &fields, err);

	if (rc == 0)
		rc = reply_to_custom_send(fields, e->openid, &body, err);
	json_free(&fields);
	if (rc == 0)
		rc = call_weixin(e, &(struct call){.path = CUSTOM_SEND, .body = body}, err);
	return rc;
}

/* One after the other in the fan's lane: they arrive in their order. */
static int answer(struct event *e, const struct rule *r, struct err *err)
{
	int rc = give_reply(e, r, err);

	for (size_t i = 0; rc == 0 && i < r->n_follow_ups; i++)
		rc = send_follow_up(e, r->follow_ups[i], err);
	if (rc == 0)
		metric_add(&auto_reply_metrics[M_ANSWERS], rule_on_name(r->on), 1);
	return rc;
}

/* --- at most so many an hour
 * -----------------------------------------------------------------------------------
 */

static int note_answer(struct auto_reply *a, const struct event *e, int64_t limit, struct err *err)
{
	const struct answer_note n = {
		.appid = e->appid,
		.openid = e->openid,
		.event_id = e->id,
		.received_ms = e->received_ms,
		.limit = limit,
	};
	struct pg *pg = NULL;
	int rc;

	if (limit == 0)
		return 0;
	if ((rc = pg_take(a->pool, TAKE_WAIT_MS, &pg, err)) == 0)
		rc = store_note_answer(pg, &n, err);
	pg_give(a->pool, &pg);
	return rc;
}

/* --- an event
 * --------------------------------------------------------------------------------------------------
 */

static void note_given_up(void *arg, const struct rule *r, enum rule_outcome outcome, const char *detail)
{
	const struct event *e = arg;

	(void)detail;
	if (outcome != RULE_GAVE_UP)
		return;
	metric_add(&auto_reply_metrics[M_GAVE_UP], NULL, 1);
	log_info(e->appid, "rule %s was passed over: an expression of it takes too long", r->name);
}

static enum settlement unanswered(const char *why)
{
	metric_add(&auto_reply_metrics[M_UNANSWERED], why, 1);
	return SETTLE_DONE;
}

static enum settlement handle(
	struct auto_reply *a, struct event *e, const struct rule_set *rules, const struct occasion *o)
{
	const struct rule *r = rule_set_find(rules, o, note_given_up, e);
	struct err err;
	int rc;

	if (!r)
		return unanswered("no_rule");
	if ((rc = note_answer(a, e, rule_set_per_hour(rules), &err)) == STORE_OVER)
		return unanswered("limit");
	if (rc == 0)
		rc = answer(e, r, &err);
	/* A note, a verdict and a call are each known by the event's id: doing them again is harmless. */
	return rc < 0 ? event_failed(e, &err, true) : SETTLE_DONE;
}

static enum settlement on_event(struct event *e, void *arg)
{
	struct auto_reply *a = arg;
	struct book_entry *entry;
	struct occasion o;
	enum settlement s;
	struct err err;

	/* Of a replay or a retry too, the rules and windows are those of now and of then: the hour of the
	 * event. */
	if (!e->replier || !e->openid[0] || !occasion_of(e->type, e->fields, e->received_ms, &o))
		return SETTLE_DONE;
	if (!book_ready(a->book, BOOK_WAIT_MS)) {
		err_set(&err, ERR_RETRY, 0, "the rules are not read yet");
		return event_failed(e, &err, true);
	}
	entry = book_take(a->book, e->component_appid, e->appid);
	s = entry ? handle(a, e, book_rules(entry), &o) : unanswered("no_rules");
	book_give(a->book, &entry);
	return s;
}

/* --- life
 * ------------------------------------------------------------------------------------------------------
 */

static bool has_rules(void *arg, char *detail, size_t size)
{
	struct auto_reply *a = arg;

	book_detail(a->book, detail, size);
	return book_ready(a->book, 0);
}

static int init(struct business *b, const void *conf, void **arg_out, struct err *err)
{
	struct auto_reply *a = xcalloc(1, sizeof(*a));
	int rc;

	(void)conf;
	metrics_register(auto_reply_metrics, N_AUTO_REPLY_METRICS);
	a->pool = business_pool(b);
	if ((rc = book_new(&a->book, a->pool, err)) < 0) {
		free(a);
		return rc;
	}
	if (business_service(b))
		service_add_check(business_service(b), "rules", true, has_rules, a);
	*arg_out = a;
	return 0;
}

static void release(void *arg)
{
	struct auto_reply *a = arg;

	if (!a)
		return;
	book_free(&a->book);
	free(a);
}

static int erase(const struct erasure *who, struct pg *pg, void *arg, struct err *err)
{
	(void)arg;
	return store_erase(pg, who->appid, who->openid, who->before_ms, err);
}

static const struct business_route routes[] = {
	BUSINESS_ROUTE("weixin.message.*", on_event),
	BUSINESS_ROUTE("weixin.event.*", on_event),
};

const struct business_def auto_reply = {
	.name = "auto-reply",
	.summary = "Answers fans by the rules of each account: welcome, keyword, menu, location, media, "
		   "default.",
	.admin_listen = "0.0.0.0:9091",
	.manifest = business_manifest,
	.database = true,
	.routes = routes,
	.n_routes = sizeof(routes) / sizeof(routes[0]),
	.init = init,
	.release = release,
	.erase = erase,
};
