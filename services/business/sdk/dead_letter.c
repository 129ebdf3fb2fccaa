#include "services/business/sdk/internal.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define ORIGIN_HEADERS 7

/* Where a dead letter came from, in headers beside the original ones. */
static size_t origin_headers(const struct kafka_record *r, const char *reason, int attempts,
	struct arena *arena, struct kafka_header *out)
{
	char now[CLOCK_RFC3339_SIZE];
	size_t n = 0;

	clock_rfc3339(clock_wall_ms(), now);
	const struct {
		const char *name, *value;
	} rows[ORIGIN_HEADERS] = {
		{"wxbus-reason", reason},
		{"wxbus-attempts", arena_printf(arena, "%d", attempts)},
		{"wxbus-origin-topic", r->topic},
		{"wxbus-origin-partition", arena_printf(arena, "%d", r->partition)},
		{"wxbus-origin-offset", arena_printf(arena, "%lld", (long long)r->offset)},
		{"wxbus-dead-at", arena_strdup(arena, now)},
		{"wxbus-handler-version", WXBUS_VERSION},
	};
	for (; n < ORIGIN_HEADERS; n++)
		out[n] = (struct kafka_header){rows[n].name, rows[n].value, strlen(rows[n].value)};
	return n;
}

int sdk_dead_letter(
	struct business *b, const struct kafka_record *r, const char *reason, int attempts, struct err *err)
{
	struct kafka_header *headers = xcalloc(r->n_headers + ORIGIN_HEADERS, sizeof(*headers));
	struct arena arena = ARENA_INIT;
	struct kafka_record letter = *r;
	int rc;

	if (r->n_headers > 0)
		memcpy(headers, r->headers, r->n_headers * sizeof(*headers));
	letter.n_headers = r->n_headers + origin_headers(r, reason, attempts, &arena, headers + r->n_headers);
	letter.headers = headers;
	letter.topic = b->dead_letter_topic;
	letter.partition = -1;
	rc = sdk_publish(b, &letter, err);
	arena_release(&arena);
	free(headers);
	return rc;
}
