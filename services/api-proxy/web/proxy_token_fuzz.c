#include "services/api-proxy/web/proxy_token.h"

#include "common/base/alloc.h"

#include <stdint.h>
#include <stdlib.h>

#include "common/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a stranger sends as access_token is none of ours. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct master_key key = {.id = "first", .key = {1}};
	static const struct master_keys keys = {&key, 1};
	char *text = xmemdup(data, size);
	struct proxy_token t;
	struct err err;

	if (proxy_token_open(&keys, text, 0, &t, &err) >= 0)
		abort();
	free(text);
	return 0;
}
