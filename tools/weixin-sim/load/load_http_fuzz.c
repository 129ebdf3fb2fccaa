#include "tools/weixin-sim/load/load_http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A head that was read lies within the bytes, and is not read from fewer of them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *in = malloc(size ? size : 1); /* without a NUL behind it */
	struct load_head head, early;
	int status;

	if (!in)
		abort();
	memcpy(in, data, size);
	status = load_head_status(in, size);
	if (status != -1 && (status < 100 || status > 599))
		abort();
	if (load_head_read(in, size, BODY_MAX, &head) == 1) {
		if (head.len < 4 || head.len > size || head.body > BODY_MAX ||
			(head.body && !head.has_length))
			abort();
		if (load_head_read(in, head.len - 1, BODY_MAX, &early) != 0)
			abort();
	}
	free(in);
	return 0;
}
