#include "common/base/web_url.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The pieces are the whole text, and the host ends where every browser ends it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct web_url u;

	if (web_url_parse(text, size, &u) < 0)
		return 0;
	if (u.origin.p != text || u.path.p != text + u.origin.len ||
		u.origin.len + u.path.len + (size > u.origin.len + u.path.len) + u.query.len != size)
		abort();
	for (size_t i = 0; i < size; i++) {
		if (data[i] <= 0x20 || data[i] >= 0x7f || data[i] == '\\' || data[i] == '#')
			abort();
	}
	if (memchr(u.origin.p, '@', u.origin.len) || memchr(u.origin.p, '%', u.origin.len))
		abort();
	return 0;
}
