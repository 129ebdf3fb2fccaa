#include "tools/wxbus/letters/letter.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/wxbus/events/event_mask.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define REDRIVES_LIMIT 1000000

static const struct json_limits limits = {.max_bytes = 4 * MESSAGE_MAX_BYTES, .max_depth = 32};

/* --- reading
 * -----------------------------------------------------------------------------------------------------
 */

static const char *header(const struct kafka_record *r, const char *name, struct arena *arena)
{
	const struct kafka_header *h = kafka_record_header(r, name);

	return h && h->value ? arena_strndup(arena, h->value, h->value_len) : "";
}

void letter_read(const struct kafka_record *r, struct arena *arena, struct letter *out)
{
	const char *redrives = header(r, ORIGIN_REDRIVES, arena);
	struct letter l = {.record = *r};
	struct err ignored;
	int64_t n = 0;

	if (envelope_decode(r, arena, &l.envelope, &ignored) < 0)
		l.envelope = (struct envelope){.id = "", .type = "", .appid = ""};
	origin_read(r, arena, &l.origin);
	l.error_class = header(r, ORIGIN_CLASS, arena);
	l.reason = header(r, ORIGIN_REASON, arena);
	l.version = header(r, ORIGIN_VERSION, arena);
	if (str_to_int64(redrives, strlen(redrives), 0, REDRIVES_LIMIT, &n) == 0)
		l.redrives = (int)n;
	*out = l;
}

static void *copy_bytes(struct arena *arena, const void *p, size_t len)
{
	void *copy = p ? arena_alloc(arena, len ? len : 1) : NULL;

	if (copy && len)
		memcpy(copy, p, len);
	return copy;
}

void letter_copy(const struct letter *l, struct arena *arena, struct letter *out)
{
	const struct kafka_record *r = &l->record;
	struct kafka_header *headers = arena_alloc(arena, (r->n_headers + 1) * sizeof(*headers));
	struct kafka_record copy = *r;

	for (size_t i = 0; i < r->n_headers; i++)
		headers[i] = (struct kafka_header){arena_strdup(arena, r->headers[i].name),
			copy_bytes(arena, r->headers[i].value, r->headers[i].value_len),
			r->headers[i].value_len};
	copy.topic = arena_strdup(arena, r->topic);
	copy.key = copy_bytes(arena, r->key, r->key_len);
	copy.value = copy_bytes(arena, r->value, r->value_len);
	copy.headers = headers;
	letter_read(&copy, arena, out);
}

size_t letter_bytes(const struct letter *l)
{
	size_t n = sizeof(*l) + l->record.key_len + l->record.value_len;

	for (size_t i = 0; i < l->record.n_headers; i++)
		n += sizeof(struct kafka_header) + 2 * l->record.headers[i].value_len + 32;
	return n;
}

/* --- choosing
 * ----------------------------------------------------------------------------------------------------
 */

bool letter_place_parse(const char *text, struct letter_place *out)
{
	const char *slash = strchr(text, '/');
	int64_t partition, offset;

	if (!slash || str_to_int64(text, (size_t)(slash - text), 0, INT32_MAX, &partition) < 0 ||
		str_to_int64(slash + 1, strlen(slash + 1), 0, INT64_MAX, &offset) < 0)
		return false;
	*out = (struct letter_place){(int32_t)partition, offset};
	return true;
}

static bool place_wanted(const struct letter_filter *f, const struct kafka_record *r)
{
	for (size_t i = 0; i < f->n_places; i++)
		if (f->places[i].partition == r->partition && f->places[i].offset == r->offset)
			return true;
	return f->n_places == 0;
}

bool letter_wanted(const struct letter_filter *f, const struct letter *l)
{
	return place_wanted(f, &l->record) && event_wanted(&f->event, &l->record, &l->envelope) &&
	       (!f->error_class || strcmp(f->error_class, l->error_class) == 0) &&
	       event_text_fits(f->reason, l->reason);
}

/* --- once more
 * ---------------------------------------------------------------------------------------------------
 */

void letter_name(const struct kafka_record *r, char out[LETTER_NAME_SIZE])
{
	(void)snprintf(out, LETTER_NAME_SIZE, "%" PRId32 "/%" PRId64 "/%" PRId64, r->partition, r->offset,
		r->timestamp_ms);
}

static void without_redrive(const struct letter *l, struct arena *arena, struct kafka_record *out)
{
	struct kafka_header *headers = arena_alloc(arena, (l->record.n_headers + 1) * sizeof(*headers));
	size_t n = 0;

	for (size_t i = 0; i < l->record.n_headers; i++)
		if (strcmp(l->record.headers[i].name, ORIGIN_REDRIVES) != 0 &&
			strcmp(l->record.headers[i].name, ORIGIN_LETTER) != 0)
			headers[n++] = l->record.headers[i];
	*out = l->record;
	out->headers = headers;
	out->n_headers = n;
}

static struct kafka_header text_header(const char *name, const char *value)
{
	return (struct kafka_header){name, value, strlen(value)};
}

void letter_redriven(const struct letter *l, const char *topic, int64_t now_ms, struct arena *arena,
	struct kafka_record *out)
{
	/* Due since it died: at once, whatever the business's clock says. */
	const struct handover h = {.now_ms = now_ms, .due_ms = l->record.timestamp_ms};
	struct kafka_header *headers =
		arena_alloc(arena, (l->record.n_headers + ORIGIN_HEADERS_MAX + 2) * sizeof(*headers));
	char name[LETTER_NAME_SIZE];
	struct kafka_record r;
	size_t n;

	without_redrive(l, arena, &r);
	n = origin_write(&r, &l->origin, &h, arena, headers);
	letter_name(&l->record, name);
	headers[n++] = text_header(ORIGIN_REDRIVES, arena_printf(arena, "%d", l->redrives + 1));
	headers[n++] = text_header(ORIGIN_LETTER, arena_strdup(arena, name));
	r.headers = headers;
	r.n_headers = n;
	r.topic = topic;
	r.partition = -1;
	r.timestamp_ms = now_ms;
	*out = r;
}

/* --- showing
 * -----------------------------------------------------------------------------------------------------
 */

static void set_text(struct json *o, const char *name, const char *text)
{
	if (text && text[0] && str_is_utf8(text, strlen(text)))
		json_set_str(o, name, text);
}

static void set_time(struct json *o, const char *name, int64_t ms)
{
	char text[CLOCK_RFC3339_SIZE];

	if (ms <= 0)
		return;
	clock_rfc3339(ms, text);
	json_set_str(o, name, text);
}

static void set_origin(struct json *o, const struct letter *l)
{
	struct json *origin = json_new_object();

	set_text(origin, "topic", l->origin.topic);
	set_text(origin, "partition", l->origin.partition);
	set_text(origin, "offset", l->origin.offset);
	set_time(origin, "time", l->origin.time_ms);
	set_text(origin, "run", l->origin.run);
	json_set(o, "origin", origin);
}

static void set_fields(struct json *o, const struct letter *l, bool reveal)
{
	struct json *fields = NULL;
	struct err ignored;

	json_set_int(o, "bytes", (int64_t)l->record.value_len);
	if (!l->record.value ||
		json_parse(l->record.value, l->record.value_len, &limits, &fields, &ignored) < 0)
		return;
	json_set(o, "fields", reveal ? json_copy(fields) : event_masked(fields));
	json_free(&fields);
}

struct json *letter_json(const struct letter *l, bool reveal, bool fields)
{
	struct json *o = json_new_object();
	char mask[EVENT_OPENID_SHOWN], place[LETTER_NAME_SIZE];
	const char *openid = l->envelope.subject ? l->envelope.subject : "";

	(void)snprintf(place, sizeof(place), "%" PRId32 "/%" PRId64, l->record.partition, l->record.offset);
	if (!reveal) {
		event_mask_openid(openid, mask);
		openid = mask;
	}
	json_set_str(o, "letter", place);
	set_time(o, "died", l->record.timestamp_ms);
	set_time(o, "first_failed", l->origin.first_failed_ms);
	set_text(o, "id", l->envelope.id);
	set_text(o, "type", l->envelope.type);
	set_text(o, "component_appid", l->envelope.component_appid);
	set_text(o, "appid", l->envelope.appid);
	set_text(o, "openid", openid);
	set_text(o, "error_class", l->error_class);
	set_text(o, "reason", l->reason);
	set_text(o, "handler_version", l->version);
	json_set_int(o, "attempts", l->origin.attempts);
	json_set_int(o, "redrives", l->redrives);
	set_origin(o, l);
	if (fields)
		set_fields(o, l, reveal);
	return o;
}
