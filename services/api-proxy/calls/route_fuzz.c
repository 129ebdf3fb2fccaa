#include "common/base/alloc.h"
#include "services/api-proxy/calls/route.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A request line's target: what passes must be a plain path, and no token may be left in the query. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct httpc_pair pairs[ROUTE_QUERY_MAX];
	struct arena arena = ARENA_INIT;
	char *target = xmemdup(data, size), *query = strchr(target, '?');
	struct route route;
	size_t i, n = 0;

	if (query)
		*query++ = '\0';
	if (route_parse(target, &route) == REFUSAL_NONE &&
		(strstr(route.path, "/../") || strpbrk(route.path, "%\\@?#: \r\n")))
		abort();
	if (route_read_query(query, &arena, pairs, &n, NULL) == REFUSAL_NONE)
		for (i = 0; i < n; i++)
			if (route_is_token(pairs[i].name))
				abort();
	arena_release(&arena);
	free(target);
	return 0;
}
