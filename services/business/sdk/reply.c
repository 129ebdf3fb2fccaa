#include "services/business/sdk/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "proto/reply_record.h"
#include "proto/trace.h"

#include <string.h>

#include "common/base/banned.h"

int sdk_write_verdict(struct business *b, const struct event *e, enum verdict verdict,
	const struct json *reply, struct err *err)
{
	const struct reply_record about = {
		e->component_appid, e->appid, e->openid, clock_wall_ms(), trace_current()};
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
	if (rc == 0) {
		const char *name = verdict == VERDICT_REPLY   ? "reply"
				   : verdict == VERDICT_EMPTY ? "empty"
							      : "none";

		metric_add(&sdk_metrics[M_VERDICTS], name, 1);
		log_debug(e->id, "its verdict is written: %s", name);
	}
	buf_release(&value);
	arena_release(&arena);
	reply_verdict_release(&v);
	return rc;
}

/* The ingress has long answered "success", unless another group had something to say: then this comes too
 * late.
 */
static int give_late(struct event *e, const struct json *reply, struct err *err)
{
	const struct envelope about = {
		.component_appid = e->component_appid, .appid = e->appid, .subject = e->openid};
	const char *id = arena_printf(e->arena, "late:%s%s%s", e->id, e->run[0] ? ":" : "", e->run);
	int rc;

	if (!e->work->alone || !e->openid[0])
		return 0;
	rc = sdk_send_late(e->business, &about, id, reply, err);
	if (rc < 0 && err->kind == ERR_RETRY)
		return rc;
	metric_add(&sdk_metrics[M_LATE], rc < 0 ? "failed" : "requested", 1);
	if (rc < 0)
		log_warn(e->id, "its late reply cannot be sent: %s", err->text);
	return 0;
}

int sdk_give_verdict(struct event *e, enum verdict verdict, const struct json *reply, struct err *err)
{
	struct event_work *w = e->work;
	int rc = 0;

	if (!e->replier || !w->effects || w->answered)
		return 0;
	if (!w->moved)
		rc = sdk_write_verdict(e->business, e, verdict, reply, err);
	else if (verdict == VERDICT_REPLY)
		rc = give_late(e, reply, err);
	w->answered = rc == 0;
	return rc;
}

/* The first counts. Takes `reply` over. */
static int give(struct event *e, enum verdict verdict, struct json *reply, struct err *err)
{
	struct event_work *w = e->work;
	int rc = 0;

	if (e->replier && !w->verdict.given) {
		if (!w->deferred)
			rc = sdk_give_verdict(e, verdict, reply, err);
		w->away |= rc < 0 && err->kind == ERR_RETRY;
		if (rc == 0) {
			w->verdict = (struct settled_verdict){true, verdict, reply};
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

int reply_empty(struct event *e, struct err *err)
{
	return give(e, VERDICT_EMPTY, NULL, err);
}

/* --- each kind ---------------------------------------------------------------------------------------------
 */

static void set_given(struct json *object, const char *name, const char *value)
{
	if (value)
		json_set_str(object, name, value);
}

static struct json *of_kind(const char *msg_type)
{
	struct json *fields = json_new_object();

	json_set_str(fields, "MsgType", msg_type);
	return fields;
}

/* {"MsgType":"image","Image":{"MediaId":"..."}} */
static struct json *with_media(
	const char *msg_type, const char *name, const char *member, const char *media_id)
{
	struct json *fields = of_kind(msg_type), *media = json_new_object();

	set_given(media, member, media_id);
	json_set(fields, name, media);
	return fields;
}

int reply_text(struct event *e, const char *content, struct err *err)
{
	struct json *fields = of_kind("text");

	json_set_str(fields, "Content", content);
	return reply_fields(e, fields, err);
}

int reply_image(struct event *e, const char *media_id, struct err *err)
{
	return reply_fields(e, with_media("image", "Image", "MediaId", media_id), err);
}

int reply_voice(struct event *e, const char *media_id, struct err *err)
{
	return reply_fields(e, with_media("voice", "Voice", "MediaId", media_id), err);
}

int reply_video(
	struct event *e, const char *media_id, const char *title, const char *description, struct err *err)
{
	struct json *fields = with_media("video", "Video", "MediaId", media_id);
	struct json *video = json_get_mutable(fields, "Video");

	set_given(video, "Title", title);
	set_given(video, "Description", description);
	return reply_fields(e, fields, err);
}

int reply_music(struct event *e, const struct music *music, struct err *err)
{
	struct json *fields = with_media("music", "Music", "ThumbMediaId", music->thumb_media_id);
	struct json *object = json_get_mutable(fields, "Music");

	set_given(object, "Title", music->title);
	set_given(object, "Description", music->description);
	set_given(object, "MusicUrl", music->url);
	set_given(object, "HQMusicUrl", music->hq_url);
	return reply_fields(e, fields, err);
}

int reply_news(struct event *e, const struct article *articles, size_t n, struct err *err)
{
	struct json *fields = of_kind("news"), *list = json_new_array();

	for (size_t i = 0; i < n; i++) {
		struct json *item = json_new_object();

		set_given(item, "Title", articles[i].title);
		set_given(item, "Description", articles[i].description);
		set_given(item, "PicUrl", articles[i].pic_url);
		set_given(item, "Url", articles[i].url);
		json_push(list, item);
	}
	json_set(fields, "Articles", list);
	return reply_fields(e, fields, err);
}

int reply_transfer(struct event *e, const char *kf_account, struct err *err)
{
	struct json *fields = of_kind("transfer_customer_service");

	if (kf_account) {
		struct json *info = json_new_object();

		json_set_str(info, "KfAccount", kf_account);
		json_set(fields, "TransInfo", info);
	}
	return reply_fields(e, fields, err);
}
