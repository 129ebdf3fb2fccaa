#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct json *j)
{
	const struct json *value;
	const char *key;
	size_t it = 0, i;
	int64_t v;

	json_int(j, &v);
	if (json_str(j) && strlen(json_str(j)) != json_str_len(j))
		abort();
	while (json_next(j, &it, &key, &value)) {
		if (json_get(j, key) != value)
			abort();
		walk(value);
	}
	for (i = 0; json_kind(j) == JSON_ARRAY && i < json_len(j); i++)
		walk(json_at(j, i));
}

/* What was read is written, read and written again: nothing may change on the way. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct json_limits limits = {.max_bytes = 1 << 20, .max_depth = 16};
	struct buf once = BUF_INIT(8 << 20), twice = BUF_INIT(8 << 20);
	struct json *j = NULL, *again = NULL;
	struct json_limits wide = {.max_bytes = 8 << 20, .max_depth = 16};
	struct err err;

	if (json_parse(data, size, &limits, &j, &err) < 0)
		return 0;
	walk(j);
	json_write(j, &once);
	if (once.overflow || json_parse(once.data, once.len, &wide, &again, &err) < 0)
		abort();
	json_write(again, &twice);
	if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0)
		abort();
	json_free(&j);
	json_free(&again);
	buf_release(&once);
	buf_release(&twice);
	return 0;
}
