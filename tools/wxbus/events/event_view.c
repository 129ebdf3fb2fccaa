#include "tools/wxbus/events/event_view.h"

#include "common/base/clock.h"
#include "common/json/json.h"
#include "tools/wxbus/events/event_mask.h"

#include <string.h>

#include "common/base/banned.h"

#define DETAIL_MAX 160 /* bytes of a line's free part */

static const struct json_limits limits = {.max_bytes = 4 * MESSAGE_MAX_BYTES, .max_depth = 32};

/* The value as it may be shown; NULL: it may not, or is no JSON object. */
static struct json *shown_fields(const struct event_view *v, const struct kafka_record *r)
{
	struct json *fields = NULL, *masked;
	struct err ignored;

	if (v->headers_only || !r->value ||
		json_parse(r->value, r->value_len, &limits, &fields, &ignored) < 0)
		return NULL;
	if (v->reveal)
		return fields;
	masked = event_masked(fields);
	json_free(&fields);
	return masked;
}

static const char *shown_openid(const struct event_view *v, const char *openid, char mask[EVENT_OPENID_SHOWN])
{
	if (!openid || v->reveal)
		return openid ? openid : "";
	event_mask_openid(openid, mask);
	return mask;
}

/* --- a row of the table
 * ----------------------------------------------------------------------------------------
 */

#define ROW "%-24s  %-32s  %-18s  %-*s  %-32s  "

static int openid_width(const struct event_view *v)
{
	return v->reveal ? 28 : EVENT_OPENID_SHOWN - 1;
}

void event_view_title(const struct event_view *v, FILE *out)
{
	if (!v->json)
		(void)fprintf(out, ROW "%s\n", "RECEIVED", "TYPE", "ACCOUNT", openid_width(v), "FAN", "ID",
			"FIELDS");
}

/* What the row says already, or nobody asks for. */
static bool said_before(const char *name)
{
	static const char *const names[] = {
		"ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "InfoType", "MsgId"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Cut at a character's beginning. */
static void add_cut(struct buf *out, const struct buf *text)
{
	size_t len = text->len;

	if (len > DETAIL_MAX)
		for (len = DETAIL_MAX; len > 0 && ((unsigned char)text->data[len] & 0xc0) == 0x80; len--)
			;
	buf_add(out, buf_cstr(text), len);
	if (len < text->len)
		buf_add_str(out, "...");
}

static void add_fields(const struct json *fields, struct buf *out)
{
	struct buf text = BUF_INIT(EVENT_LINE_MAX);
	const struct json *value;
	const char *name;
	size_t it = 0;

	while (json_next(fields, &it, &name, &value)) {
		if (said_before(name))
			continue;
		buf_addf(&text, "%s%s=", text.len ? " " : "", name);
		json_write(value, &text); /* escapes what would disturb the line */
	}
	add_cut(out, &text);
	buf_release(&text);
}

/* --- a JSON object
 * -----------------------------------------------------------------------------------------------
 */

static void set_time(struct json *o, const char *name, int64_t ms)
{
	char text[CLOCK_RFC3339_SIZE];

	if (ms == 0)
		return;
	clock_rfc3339(ms, text);
	json_set_str(o, name, text);
}

static void set_text(struct json *o, const char *name, const char *text)
{
	if (text && text[0])
		json_set_str(o, name, text);
}

static void write_json(const struct event_view *v, const char *topic, const struct kafka_record *r,
	const struct envelope *e, struct json *fields, struct buf *out)
{
	struct json *o = json_new_object();
	char mask[EVENT_OPENID_SHOWN];

	json_set_str(o, "topic", topic);
	json_set_int(o, "partition", r->partition);
	json_set_int(o, "offset", r->offset);
	set_time(o, "received", r->timestamp_ms);
	set_time(o, "time", e->time_ms);
	json_set_str(o, "id", e->id);
	json_set_str(o, "type", e->type);
	set_text(o, "component_appid", e->component_appid);
	set_text(o, "appid", e->appid);
	set_text(o, "openid", shown_openid(v, e->subject, mask));
	if (e->n_repliers > 0) {
		struct json *list = json_new_array();

		for (size_t i = 0; i < e->n_repliers; i++)
			json_push(list, json_new_string(e->repliers[i]));
		json_set(o, "repliers", list);
	}
	if (fields)
		json_set(o, "fields", fields);
	json_write(o, out);
	json_free(&o);
}

void event_view_line(const struct event_view *v, const char *topic, const struct kafka_record *r,
	const struct envelope *e, struct buf *out)
{
	struct json *fields = shown_fields(v, r);
	char time[CLOCK_RFC3339_SIZE], mask[EVENT_OPENID_SHOWN];

	if (v->json) {
		write_json(v, topic, r, e, fields, out);
		return;
	}
	clock_rfc3339(r->timestamp_ms, time);
	buf_addf(out, ROW, time, e->type,
		e->appid[0]          ? e->appid
		: e->component_appid ? e->component_appid
				     : "",
		openid_width(v), shown_openid(v, e->subject, mask), e->id);
	if (fields)
		add_fields(fields, out);
	else
		buf_addf(out, "(%zu bytes)", r->value_len);
	/* Headers are whatever their writer put there, and this goes to a terminal. */
	for (size_t i = 0; i < out->len; i++)
		if ((unsigned char)out->data[i] < 0x20 || out->data[i] == 0x7f)
			out->data[i] = '?';
	json_free(&fields);
}
