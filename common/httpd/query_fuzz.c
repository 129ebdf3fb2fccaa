#include "common/httpd/query.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted, written again, must be read back as the same parameters. */
static void check_round_trip(const struct query *q, struct arena *arena)
{
	struct buf b = BUF_INIT(1 << 22);
	struct query again;

	for (size_t i = 0; i < q->n; i++) {
		query_encode(&b, q->params[i].name, strlen(q->params[i].name));
		buf_add_char(&b, '=');
		query_encode(&b, q->params[i].value, strlen(q->params[i].value));
		buf_add_char(&b, '&');
	}
	if (b.overflow || query_parse(buf_cstr(&b), b.len, arena, &again) != QUERY_OK || again.n != q->n)
		abort();
	for (size_t i = 0; i < q->n; i++)
		if (strcmp(query_get(&again, q->params[i].name), q->params[i].value) != 0)
			abort();
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT;
	struct query q;

	if (query_parse((const char *)data, size, &arena, &q) == QUERY_OK)
		check_round_trip(&q, &arena);
	arena_release(&arena);
	return 0;
}
