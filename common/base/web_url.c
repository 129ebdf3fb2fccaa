#include "common/base/web_url.h"

#include <ctype.h>
#include <string.h>

#include "common/base/banned.h"

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

/* Bytes of "host[:port]" at the start; 0: malformed. */
static size_t authority_len(const char *p, size_t len)
{
	size_t host = 0, end;
	int64_t port;

	while (host < len && is_host_char(p[host])) {
		if (p[host] == '.' && (host == 0 || p[host - 1] == '.'))
			return 0;
		host++;
	}
	if (host == 0 || host > 253 || p[0] == '-' || p[host - 1] == '.')
		return 0;
	if (host == len || p[host] != ':')
		return host;
	for (end = host + 1; end < len && isdigit((unsigned char)p[end]);)
		end++;
	return str_to_int64(p + host + 1, end - host - 1, 1, 65535, &port) == 0 ? end : 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Printable, nothing that a browser repairs, and every escape whole; in a path also none that hides
 * structure. */
static bool bytes_ok(struct str s, bool is_path)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		int high, low, byte;

		if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}#", c))
			return false;
		if (c != '%')
			continue;
		if (s.len - i < 3 || (high = hex_digit(s.p[i + 1])) < 0 || (low = hex_digit(s.p[i + 2])) < 0)
			return false;
		byte = high * 16 + low;
		if (is_path && (byte < 0x20 || byte == 0x7f || strchr("/\\.%", byte)))
			return false;
	}
	return true;
}

static bool has_dot_segment(struct str path)
{
	for (size_t i = 0; i < path.len; i++) {
		size_t n = 0;

		if (path.p[i] != '/')
			continue;
		while (i + 1 + n < path.len && path.p[i + 1 + n] != '/')
			n++;
		if ((n == 1 || n == 2) && memcmp(path.p + i + 1, "..", n) == 0)
			return true;
	}
	return false;
}

int web_url_parse(const char *text, size_t len, struct web_url *out)
{
	size_t scheme, authority, path_end;
	struct web_url u;

	if (len > WEB_URL_MAX)
		return -1;
	if (len > 8 && memcmp(text, "https://", 8) == 0)
		scheme = 8;
	else if (len > 7 && memcmp(text, "http://", 7) == 0)
		scheme = 7;
	else
		return -1;
	authority = authority_len(text + scheme, len - scheme);
	if (authority == 0)
		return -1;
	u.origin = (struct str){text, scheme + authority};
	for (path_end = u.origin.len; path_end < len && text[path_end] != '?';)
		path_end++;
	u.path = (struct str){text + u.origin.len, path_end - u.origin.len};
	u.query = path_end < len ? (struct str){text + path_end + 1, len - path_end - 1}
				 : (struct str){text + len, 0};
	if ((u.path.len > 0 && u.path.p[0] != '/') || !bytes_ok(u.path, true) || has_dot_segment(u.path) ||
		!bytes_ok(u.query, false))
		return -1;
	*out = u;
	return 0;
}
