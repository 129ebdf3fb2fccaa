#include "proto/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADERS_MAX 64

#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			abort();                                                                             \
	} while (0)

static const char *const names[] = {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time",
	"ce_subject", "content-type", "ce_componentappid", "ce_appid", "ce_receivedtime", "ce_repliers",
	"ce_replydeadline", "ce_unverifiedaccount", "ce_traceparent", "ce_replyto", "ce_caller",
	"ce_callersignature", "ce_priority", "ce_unknown", ""};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

/* Headers out of bytes: one byte names it, the next two are its value's length, the value follows. */
static size_t read_headers(const uint8_t *data, size_t size, struct kafka_header *headers)
{
	size_t n = 0, len;

	while (size >= 3 && n < HEADERS_MAX) {
		len = (size_t)data[1] << 8 | data[2];
		if (len > size - 3)
			len = size - 3;
		headers[n].name = names[data[0] % N_NAMES];
		headers[n].value = (const char *)data + 3;
		headers[n].value_len = len;
		n++;
		data += 3 + len;
		size -= 3 + len;
	}
	return n;
}

static void must_equal(const struct kafka_header *a, size_t n_a, const struct kafka_header *b, size_t n_b)
{
	size_t i;

	MUST(n_a == n_b && n_a <= ENVELOPE_HEADERS_MAX);
	for (i = 0; i < n_a; i++) {
		MUST(strcmp(a[i].name, b[i].name) == 0 && a[i].value_len == b[i].value_len);
		MUST(memcmp(a[i].value, b[i].value, a[i].value_len) == 0);
	}
}

/* What was decoded encodes to headers that mean the same. */
static void check_round_trip(const struct envelope *e, struct arena *arena)
{
	struct kafka_header first[ENVELOPE_HEADERS_MAX], second[ENVELOPE_HEADERS_MAX];
	struct kafka_record r = {.headers = first};
	struct envelope back;

	r.n_headers = envelope_encode(e, arena, first);
	MUST(envelope_decode(&r, arena, &back, NULL) == 0);
	must_equal(first, r.n_headers, second, envelope_encode(&back, arena, second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kafka_header headers[HEADERS_MAX];
	struct kafka_record r = {.headers = headers, .timestamp_ms = 1};
	struct arena arena = ARENA_INIT;
	struct envelope e;
	struct err err = {0};

	r.n_headers = read_headers(data, size, headers);
	if (envelope_decode(&r, &arena, &e, &err) == 0) {
		MUST(*e.id && *e.type && e.appid && e.n_repliers <= REPLIERS_MAX);
		check_round_trip(&e, &arena);
	} else {
		MUST(err.kind == ERR_REJECT && *err.text);
	}
	arena_release(&arena);
	return 0;
}
