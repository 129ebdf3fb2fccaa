#include "tools/weixin-sim/wire/multipart.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The header up to the first line end, then the body. A part that was found lies within the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	size_t head = end ? (size_t)(end - data) : size, len = end ? size - head - 1 : 0;
	char *type = malloc(head + 1), *body = malloc(len ? len : 1); /* without a NUL behind it */
	struct multipart_part part;

	if (!type || !body)
		abort();
	memcpy(type, data, head);
	type[head] = '\0';
	if (len)
		memcpy(body, end + 1, len);
	if (multipart_find(type, body, len, "media", &part) == 0)
		if (part.data < body || part.data + part.len > body + len ||
			strlen(part.file_name) >= sizeof(part.file_name))
			abort();
	free(type);
	free(body);
	return 0;
}
