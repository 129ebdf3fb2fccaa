#include "tools/weixin-sim/load/load_http.h"

#include "common/base/str.h"

#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define VERSION "HTTP/1."

static bool is_header(struct str line, const char *name, struct str *value_out)
{
	size_t n = strlen(name);

	if (line.len < n || strncasecmp(line.p, name, n) != 0)
		return false;
	*value_out = str_trim((struct str){line.p + n, line.len - n});
	return true;
}

static int read_line(struct str line, size_t body_max, struct load_head *out)
{
	struct str value;
	int64_t n;

	if (is_header(line, "Content-Length:", &value)) {
		if (out->has_length || str_to_int64(value.p, value.len, 0, (int64_t)body_max, &n) < 0)
			return -1;
		out->has_length = true;
		out->body = (size_t)n;
	} else if (is_header(line, "Connection:", &value)) {
		out->close = value.len == 5 && strncasecmp(value.p, "close", 5) == 0;
	}
	return 0;
}

int load_head_read(const char *in, size_t len, size_t body_max, struct load_head *out)
{
	const char *end = len ? memmem(in, len, "\r\n\r\n", 4) : NULL, *line, *next;

	if (!end)
		return 0;
	*out = (struct load_head){.len = (size_t)(end - in) + 4};
	/* An answer of HTTP/1.0 is the last on its connection unless it says otherwise. */
	out->close = out->len > strlen(VERSION) && memcmp(in, VERSION "0", strlen(VERSION) + 1) == 0;
	for (line = in; line < end; line = next + 2) {
		next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		if (read_line((struct str){line, (size_t)(next - line)}, body_max, out) < 0)
			return -1;
	}
	return 1;
}

int load_head_status(const char *in, size_t len)
{
	int64_t status;

	if (len < 12 || memcmp(in, VERSION, strlen(VERSION)) != 0 || in[8] != ' ' ||
		str_to_int64(in + 9, 3, 100, 599, &status) < 0)
		return -1;
	return (int)status;
}
