#include "services/business/sdk/internal.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "proto/reply_record.h"

#include <string.h>

#include "common/base/banned.h"

int sdk_write_verdict(struct business *b, const struct event *e, enum verdict verdict,
	const struct json *reply, struct err *err)
{
	const struct reply_record about = {e->component_appid, e->appid, e->openid, clock_wall_ms()};
	struct reply_verdict v = {.verdict = verdict, .reply = reply ? json_copy(reply) : NULL};
	struct kafka_header headers[ENVELOPE_HEADERS_MAX];
	struct arena arena = ARENA_INIT;
	struct buf value = BUF_INIT(MESSAGE_MAX_BYTES);
	struct kafka_record r;
	int rc;

	str_copy(v.event_id, sizeof(v.event_id), e->id);
	str_copy(v.group, sizeof(v.group), b->def->name); /* the base group, also under test */
	reply_record(&v, &about, b->topics[TOPIC_REPLIES], &arena, headers, &value, &r);
	rc = sdk_publish(b, &r, err);
	if (rc == 0)
		metric_add(&sdk_metrics[M_VERDICTS],
			verdict == VERDICT_REPLY   ? "reply"
			: verdict == VERDICT_EMPTY ? "empty"
						   : "none",
			1);
	buf_release(&value);
	arena_release(&arena);
	reply_verdict_release(&v);
	return rc;
}

/* A verdict is written once; the first counts. Takes `reply` over. */
static int give(struct event *e, enum verdict verdict, struct json *reply, struct err *err)
{
	struct event_work *w = e->work;
	int rc = 0;

	if (e->replier && !w->verdict_given) {
		rc = sdk_write_verdict(e->business, e, verdict, reply, err);
		w->kafka_away |= rc < 0 && err->kind == ERR_RETRY;
		if (rc == 0) {
			w->verdict_given = true;
			w->verdict = verdict;
			w->reply = reply;
			reply = NULL;
		}
	}
	json_free(&reply);
	return rc;
}

int reply_fields(struct event *e, struct json *fields, struct err *err)
{
	if (reply_check(fields, err) < 0) {
		json_free(&fields);
		return -1;
	}
	return give(e, VERDICT_REPLY, fields, err);
}

int reply_text(struct event *e, const char *content, struct err *err)
{
	struct json *fields = json_new_object();

	json_set_str(fields, "MsgType", "text");
	json_set_str(fields, "Content", content);
	return reply_fields(e, fields, err);
}

int reply_empty(struct event *e, struct err *err)
{
	return give(e, VERDICT_EMPTY, NULL, err);
}
