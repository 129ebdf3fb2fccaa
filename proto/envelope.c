#include "proto/envelope.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "proto/fields.h"
#include "proto/topics.h"

#include <assert.h>
#include <string.h>

#include "common/base/banned.h"

#define SPEC_VERSION     "1.0"
#define HEADER_MAX_BYTES 4096

enum attribute_kind { ATTR_TEXT, ATTR_APPID, ATTR_TIME, ATTR_REPLIERS, ATTR_FLAG };

#define ATTRIBUTE(header, kind, field)                                                                       \
	{                                                                                                    \
		header, kind, offsetof(struct envelope, field), sizeof(header) - 1                           \
	}

/* The order is the order of the headers. */
static const struct attribute {
	const char *header;
	enum attribute_kind kind;
	size_t offset;
	size_t header_len;
} attributes[] = {
	ATTRIBUTE("ce_id", ATTR_TEXT, id),
	ATTRIBUTE("ce_type", ATTR_TEXT, type),
	ATTRIBUTE("ce_time", ATTR_TIME, time_ms),
	ATTRIBUTE("ce_subject", ATTR_TEXT, subject),
	ATTRIBUTE("content-type", ATTR_TEXT, content_type),
	ATTRIBUTE("ce_componentappid", ATTR_APPID, component_appid),
	ATTRIBUTE("ce_appid", ATTR_APPID, appid),
	ATTRIBUTE("ce_receivedtime", ATTR_TIME, received_ms),
	ATTRIBUTE("ce_repliers", ATTR_REPLIERS, repliers),
	ATTRIBUTE("ce_replydeadline", ATTR_TIME, reply_deadline_ms),
	ATTRIBUTE("ce_unverifiedaccount", ATTR_FLAG, unverified_account),
	ATTRIBUTE("ce_traceparent", ATTR_TEXT, traceparent),
	ATTRIBUTE("ce_replyto", ATTR_TEXT, reply_to),
	ATTRIBUTE("ce_caller", ATTR_TEXT, caller),
	ATTRIBUTE("ce_callersignature", ATTR_TEXT, caller_signature),
	ATTRIBUTE("ce_priority", ATTR_TEXT, priority),
};

#define N_ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

static_assert(N_ATTRIBUTES + 2 <= ENVELOPE_HEADERS_MAX, "specversion and source stand besides the table");

/* Encoding */

static const char *time_text(int64_t ms, struct arena *arena)
{
	char text[CLOCK_RFC3339_SIZE];

	if (ms <= 0 || ms > TIME_MAX_MS)
		return NULL;
	clock_rfc3339(ms, text);
	return arena_strdup(arena, text);
}

static const char *repliers_text(const struct envelope *e, struct arena *arena)
{
	const char *text = NULL;
	size_t i;

	for (i = 0; i < e->n_repliers; i++)
		text = text ? arena_printf(arena, "%s,%s", text, e->repliers[i]) : e->repliers[i];
	return text;
}

/* NULL: the attribute is absent. */
static const char *attribute_text(const struct envelope *e, const struct attribute *a, struct arena *arena)
{
	const void *field = (const char *)e + a->offset;

	switch (a->kind) {
	case ATTR_TEXT:
	case ATTR_APPID:
		return *(const char *const *)field;
	case ATTR_TIME:
		return time_text(*(const int64_t *)field, arena);
	case ATTR_REPLIERS:
		return repliers_text(e, arena);
	case ATTR_FLAG:
		return *(const bool *)field ? "true" : NULL;
	}
	return NULL;
}

static const char *source_text(const struct envelope *e, struct arena *arena)
{
	if (!e->component_appid || !*e->component_appid)
		return "/";
	if (!e->appid || !*e->appid)
		return arena_printf(arena, "/platforms/%s", e->component_appid);
	return arena_printf(arena, "/platforms/%s/accounts/%s", e->component_appid, e->appid);
}

size_t envelope_encode(const struct envelope *e, struct arena *arena, struct kafka_header *headers)
{
	const char *source = source_text(e, arena);
	size_t n = 0, i;

	headers[n++] = (struct kafka_header){"ce_specversion", SPEC_VERSION, strlen(SPEC_VERSION)};
	headers[n++] = (struct kafka_header){"ce_source", source, strlen(source)};
	for (i = 0; i < N_ATTRIBUTES; i++) {
		const char *text = attribute_text(e, &attributes[i], arena);

		/* CloudEvents knows no empty attribute. */
		if (text && *text)
			headers[n++] = (struct kafka_header){attributes[i].header, text, strlen(text)};
	}
	return n;
}

/* Decoding */

/* In one walk over the record's headers, the first of each name; *spec_out is not in the table. */
static void find_attributes(const struct kafka_record *r,
	const struct kafka_header *found[static N_ATTRIBUTES], const struct kafka_header **spec_out)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		const struct kafka_header *h = &r->headers[i];
		size_t len = strlen(h->name), a = 0;

		while (a < N_ATTRIBUTES &&
			(attributes[a].header_len != len || memcmp(attributes[a].header, h->name, len) != 0))
			a++;
		if (a < N_ATTRIBUTES && !found[a])
			found[a] = h;
		else if (!*spec_out && strcmp(h->name, "ce_specversion") == 0)
			*spec_out = h;
	}
}

/* 0 and *text_out: a copy, NULL where absent or empty. */
static int header_text(const struct kafka_header *h, const char *name, struct arena *arena,
	const char **text_out, struct err *err)
{
	*text_out = NULL;
	if (!h || h->value_len == 0)
		return 0;
	if (h->value_len > HEADER_MAX_BYTES)
		return err_set(err, ERR_REJECT, 0, "%s is longer than %d bytes", name, HEADER_MAX_BYTES);
	if (memchr(h->value, '\0', h->value_len) || !str_is_utf8(h->value, h->value_len))
		return err_set(err, ERR_REJECT, 0, "%s is not UTF-8 text", name);
	*text_out = arena_strndup(arena, h->value, h->value_len);
	return 0;
}

static int take_repliers(struct envelope *e, char *text)
{
	size_t i;

	while (text) {
		char *comma = strchr(text, ',');

		if (comma)
			*comma = '\0';
		if (e->n_repliers == REPLIERS_MAX || !group_name_ok(text))
			return -1;
		for (i = 0; i < e->n_repliers; i++)
			if (strcmp(e->repliers[i], text) == 0)
				return -1;
		e->repliers[e->n_repliers++] = text;
		text = comma ? comma + 1 : NULL;
	}
	return 0;
}

static int take_time(const char *text, int64_t *out)
{
	int64_t ms;

	if (clock_rfc3339_parse(text, &ms) < 0 || ms <= 0 || ms > TIME_MAX_MS)
		return -1;
	*out = ms;
	return 0;
}

static int take_flag(const char *text, bool *out)
{
	*out = strcmp(text, "true") == 0;
	return *out || strcmp(text, "false") == 0 ? 0 : -1;
}

/* -1: the text is not one of the attribute's kind. */
static int take(const struct attribute *a, const char *text, struct arena *arena, struct envelope *e)
{
	void *field = (char *)e + a->offset;

	switch (a->kind) {
	case ATTR_APPID:
		if (!appid_ok(text, strlen(text)))
			return -1;
		*(const char **)field = text;
		return 0;
	case ATTR_TEXT:
		*(const char **)field = text;
		return 0;
	case ATTR_TIME:
		return take_time(text, field);
	case ATTR_REPLIERS:
		return take_repliers(e, arena_strdup(arena, text));
	case ATTR_FLAG:
		return take_flag(text, field);
	}
	return -1;
}

int envelope_decode(const struct kafka_record *r, struct arena *arena, struct envelope *out, struct err *err)
{
	const struct kafka_header *found[N_ATTRIBUTES] = {NULL}, *spec = NULL;
	struct envelope e = {.appid = ""};
	const char *text;
	size_t i;

	find_attributes(r, found, &spec);
	if (header_text(spec, "ce_specversion", arena, &text, err) < 0)
		return -1;
	if (!text || strcmp(text, SPEC_VERSION) != 0)
		return err_set(err, ERR_REJECT, 0, "ce_specversion is not " SPEC_VERSION);
	for (i = 0; i < N_ATTRIBUTES; i++) {
		if (header_text(found[i], attributes[i].header, arena, &text, err) < 0)
			return -1;
		if (text && take(&attributes[i], text, arena, &e) < 0)
			return err_set(err, ERR_REJECT, 0, "%s is malformed", attributes[i].header);
	}
	if (!e.id || !e.type)
		return err_set(err, ERR_REJECT, 0, "%s is missing", e.id ? "ce_type" : "ce_id");
	if (!e.received_ms)
		e.received_ms = r->timestamp_ms;
	*out = e;
	return 0;
}
