#include "proto/origin.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

#define ATTEMPTS_LIMIT 1000000

static const char *text(const struct kafka_record *r, const char *name, struct arena *arena)
{
	const struct kafka_header *h = kafka_record_header(r, name);

	return h && h->value && h->value_len > 0 ? arena_strndup(arena, h->value, h->value_len) : NULL;
}

static int64_t time_of(const struct kafka_record *r, const char *name)
{
	const struct kafka_header *h = kafka_record_header(r, name);
	char copy[CLOCK_RFC3339_SIZE];
	int64_t ms;

	if (!h || !h->value || str_ncopy(copy, sizeof(copy), h->value, h->value_len) < 0 ||
		clock_rfc3339_parse(copy, &ms) < 0)
		return 0;
	return ms;
}

static int number_of(const struct kafka_record *r, const char *name)
{
	const struct kafka_header *h = kafka_record_header(r, name);
	int64_t n;

	if (!h || !h->value || str_to_int64(h->value, h->value_len, 0, ATTEMPTS_LIMIT, &n) < 0)
		return 0;
	return (int)n;
}

/* A replay that handles events once more, in a run of its own, replies once more. */
static bool answered_in(const struct kafka_record *r, const char *run)
{
	const struct kafka_header *h = kafka_record_header(r, ORIGIN_ANSWERED);

	return h && h->value_len == strlen(run) &&
	       (h->value_len == 0 || memcmp(h->value, run, h->value_len) == 0);
}

int64_t origin_due_ms(const struct kafka_record *r)
{
	return time_of(r, ORIGIN_DUE);
}

bool origin_again(const struct kafka_record *r)
{
	return kafka_record_header(r, ORIGIN_REPLAY) || kafka_record_header(r, ORIGIN_LETTER);
}

/* Of partitions and offsets, which are not negative; each record that is read has both. */
static const char *decimal(uint64_t n, struct arena *arena)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	return arena_strndup(arena, digits + i, sizeof(digits) - i);
}

void origin_read(const struct kafka_record *r, struct arena *arena, struct origin *out)
{
	const char *topic = text(r, ORIGIN_TOPIC, arena), *partition = text(r, ORIGIN_PARTITION, arena);
	const char *offset = text(r, ORIGIN_OFFSET, arena), *run = text(r, ORIGIN_RUN, arena);
	const char *effects = text(r, ORIGIN_EFFECTS, arena);

	*out = (struct origin){
		.handed_over = topic != NULL,
		.topic = topic ? topic : r->topic,
		.partition = partition ? partition : decimal((uint64_t)r->partition, arena),
		.offset = offset ? offset : decimal((uint64_t)r->offset, arena),
		.time_ms = topic ? time_of(r, ORIGIN_TIME) : r->timestamp_ms,
		.attempts = number_of(r, ORIGIN_ATTEMPTS),
		.first_failed_ms = time_of(r, ORIGIN_FIRST),
		.due_ms = origin_due_ms(r),
		.run = run ? run : "",
		.answered = answered_in(r, run ? run : ""),
		.effects = !effects || strcmp(effects, "off") != 0,
		.again = origin_again(r),
	};
}

static const char *rfc3339(int64_t ms, struct arena *arena)
{
	char out[CLOCK_RFC3339_SIZE];

	if (ms == 0)
		return NULL;
	clock_rfc3339(ms, out);
	return arena_strdup(arena, out);
}

struct row {
	const char *name, *value; /* NULL: left out */
};

/* The record's headers, with these in place of any of their names. */
static size_t write_rows(
	const struct kafka_record *r, const struct row *rows, size_t n_rows, struct kafka_header *out)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_headers; i++) {
		size_t k = 0;

		while (k < n_rows && strcmp(rows[k].name, r->headers[i].name) != 0)
			k++;
		if (k == n_rows)
			out[n++] = r->headers[i];
	}
	for (size_t k = 0; k < n_rows; k++)
		if (rows[k].value)
			out[n++] = (struct kafka_header){rows[k].name, rows[k].value, strlen(rows[k].value)};
	return n;
}

size_t origin_write(const struct kafka_record *r, const struct origin *o, const struct handover *h,
	struct arena *arena, struct kafka_header *out)
{
	const struct row rows[ORIGIN_HEADERS_MAX] = {
		{ORIGIN_TOPIC, o->topic},
		{ORIGIN_PARTITION, o->partition},
		{ORIGIN_OFFSET, o->offset},
		{ORIGIN_TIME, rfc3339(o->time_ms, arena)},
		{ORIGIN_ATTEMPTS, arena_printf(arena, "%d", h->attempts)},
		{ORIGIN_FIRST, rfc3339(o->first_failed_ms ? o->first_failed_ms : h->now_ms, arena)},
		{ORIGIN_DUE, rfc3339(h->due_ms, arena)},
		{ORIGIN_DEAD, h->due_ms ? NULL : rfc3339(h->now_ms, arena)},
		{ORIGIN_REASON, h->reason},
		{ORIGIN_CLASS, h->error_class},
		{ORIGIN_VERSION, h->version},
		{ORIGIN_RUN, o->run[0] ? o->run : NULL},
		{ORIGIN_EFFECTS, o->effects ? NULL : "off"},
		{ORIGIN_ANSWERED, o->answered || h->answered ? o->run : NULL},
	};
	return write_rows(r, rows, ORIGIN_HEADERS_MAX, out);
}

size_t origin_write_replay(const struct kafka_record *r, const struct origin_replay *of, struct arena *arena,
	struct kafka_header *out)
{
	const struct row rows[ORIGIN_REPLAY_HEADERS_MAX] = {
		{ORIGIN_TOPIC, r->topic},
		{ORIGIN_PARTITION, arena_printf(arena, "%d", r->partition)},
		{ORIGIN_OFFSET, arena_printf(arena, "%lld", (long long)r->offset)},
		{ORIGIN_TIME, rfc3339(r->timestamp_ms, arena)},
		{ORIGIN_REPLAY, of->id},
		{ORIGIN_RUN, of->redo ? of->id : NULL},
		{ORIGIN_EFFECTS, of->effects ? NULL : "off"},
	};

	return write_rows(r, rows, ORIGIN_REPLAY_HEADERS_MAX, out);
}
