#include "services/business/sdk/internal.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <stdlib.h>

#include "common/base/banned.h"

int sdk_hand_over(struct business *b, const struct kafka_record *r, const struct origin *o, const char *topic,
	const struct handover *h, struct err *err)
{
	struct kafka_header *headers = xcalloc(r->n_headers + ORIGIN_HEADERS_MAX, sizeof(*headers));
	struct arena arena = ARENA_INIT;
	struct kafka_record moved = *r;
	int rc;

	moved.headers = headers;
	moved.n_headers = origin_write(r, o, h, &arena, headers);
	moved.topic = topic;
	moved.partition = -1;
	moved.timestamp_ms = h->now_ms;
	rc = sdk_publish(b, &moved, err);
	arena_release(&arena);
	free(headers);
	return rc;
}
