#include "proto/trace.h"

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/base/banned.h"

#define VERSION_LEN 2
#define FLAGS_LEN   2
#define ID_AT       (VERSION_LEN + 1)
#define SPAN_AT     (ID_AT + TRACE_ID_LEN + 1)
#define FLAGS_AT    (SPAN_AT + TRACE_SPAN_LEN + 1)

static_assert(TRACE_ID_LEN == LOG_TRACE_ID_LEN && TRACE_SPAN_LEN == LOG_SPAN_ID_LEN, "lines hold all of it");
static_assert(FLAGS_AT + FLAGS_LEN == TRACE_PARENT_LEN, "the pieces make up the whole");

static _Thread_local char current[TRACE_PARENT_LEN + 1];

/* --- reading
 * ------------------------------------------------------------------------------------------------
 */

static bool is_hex(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'a' && p[i] <= 'f'))
			return false;
	return true;
}

static bool is_id(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != '0')
			return is_hex(p, len);
	return false;
}

/* The dashes, and what may stand behind the flags. */
static bool framed(const char *text, size_t len)
{
	if (len < TRACE_PARENT_LEN || text[ID_AT - 1] != '-' || text[SPAN_AT - 1] != '-' ||
		text[FLAGS_AT - 1] != '-')
		return false;
	return len == TRACE_PARENT_LEN ||
	       (memcmp(text, "00", VERSION_LEN) != 0 && text[TRACE_PARENT_LEN] == '-');
}

static bool last_bit(char hex_digit)
{
	return strchr("13579bdf", hex_digit) != NULL;
}

bool trace_parse(const char *text, size_t len, struct trace *out)
{
	if (!framed(text, len) || !is_hex(text, VERSION_LEN) || memcmp(text, "ff", VERSION_LEN) == 0 ||
		!is_id(text + ID_AT, TRACE_ID_LEN) || !is_id(text + SPAN_AT, TRACE_SPAN_LEN) ||
		!is_hex(text + FLAGS_AT, FLAGS_LEN))
		return false;
	(void)str_ncopy(out->id, sizeof(out->id), text + ID_AT, TRACE_ID_LEN);
	(void)str_ncopy(out->span, sizeof(out->span), text + SPAN_AT, TRACE_SPAN_LEN);
	out->sampled = last_bit(text[FLAGS_AT + FLAGS_LEN - 1]);
	return true;
}

/* --- the thread's own
 * ---------------------------------------------------------------------------------------
 */

/* Ids need to differ, not to be secret, and each record and request takes one: the generator of the system is
 * asked once for each thread (https://prng.di.unimi.it/splitmix64.c). */
static uint64_t next_random(void)
{
	static _Thread_local uint64_t state;
	uint64_t z;

	if (state == 0)
		crypto_random(&state, sizeof(state));
	z = (state += 0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static void make_id(char *out, size_t len)
{
	uint64_t random[TRACE_ID_LEN / 2 / sizeof(uint64_t)];

	do {
		for (size_t i = 0; i < sizeof(random) / sizeof(random[0]); i++)
			random[i] = next_random();
		str_hex(random, len / 2, out);
	} while (!is_id(out, len)); /* zeros only are no id */
}

static void enter(const char *text, size_t len)
{
	struct trace t;

	if (!trace_parse(text, len, &t)) {
		make_id(t.id, TRACE_ID_LEN);
		t.sampled = true;
	}
	make_id(t.span, TRACE_SPAN_LEN);
	memcpy(current,
		t.sampled ? "00-                                -                -01"
			  : "00-                                -                -00",
		sizeof(current));
	memcpy(current + ID_AT, t.id, TRACE_ID_LEN);
	memcpy(current + SPAN_AT, t.span, TRACE_SPAN_LEN);
	log_set_trace(t.id, t.span);
}

void trace_enter(const char *traceparent)
{
	enter(traceparent ? traceparent : "", traceparent ? strlen(traceparent) : 0);
}

void trace_enter_record(const struct kafka_record *r)
{
	const struct kafka_header *h = kafka_record_header(r, "ce_traceparent");

	if (h && h->value)
		enter(h->value, h->value_len);
	else
		enter("", 0);
}

void trace_leave(void)
{
	current[0] = '\0';
	log_set_trace(NULL, NULL);
}

const char *trace_current(void)
{
	return current[0] ? current : NULL;
}
