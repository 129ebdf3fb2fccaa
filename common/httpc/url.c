#include "common/httpc/url.h"

#include "common/base/secret.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define URL_MAX (64 * 1024)

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What two hex digits must not hide: servers differ in when they decode. */
static bool may_be_encoded(int c)
{
	return c >= 0x20 && c != 0x7f && c != '/' && c != '\\' && c != '.';
}

static int check_escape(const char *p, size_t left, struct err *err)
{
	int high = left > 2 ? hex_value(p[1]) : -1, low = left > 2 ? hex_value(p[2]) : -1;

	if (high < 0 || low < 0)
		return err_set(err, ERR_REJECT, 0, "a '%%' in the path is no escape");
	if (!may_be_encoded(high << 4 | low))
		return err_set(err, ERR_REJECT, 0, "an escape in the path hides a character");
	return 0;
}

static bool is_dot_segment(const char *s, size_t len)
{
	return (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.');
}

int httpc_path_check(const char *path, size_t len, struct err *err)
{
	size_t segment = 1;

	if (len == 0 || path[0] != '/')
		return err_set(err, ERR_REJECT, 0, "the path does not begin with '/'");
	for (size_t i = 1; i <= len; i++) {
		char c = i < len ? path[i] : '/'; /* the end closes the last segment */

		if (c == '/') {
			if (i == segment && i < len)
				return err_set(err, ERR_REJECT, 0, "the path has an empty segment");
			if (is_dot_segment(path + segment, i - segment))
				return err_set(err, ERR_REJECT, 0, "the path has a dot segment");
			segment = i + 1;
		} else if (c <= 0x20 || c >= 0x7f || strchr("\\@?#", c)) {
			return err_set(err, ERR_REJECT, 0, "the path has a character that it may not have");
		} else if (c == '%' && check_escape(path + i, len - i, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static bool unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

static void encode(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (unreserved((unsigned char)*s))
			buf_add_char(out, *s);
		else
			buf_addf(out, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

static void encode_query(struct buf *out, const struct httpc_request *req)
{
	for (size_t i = 0; i < req->n_query; i++) {
		if (i > 0)
			buf_add_char(out, '&');
		encode(out, req->query[i].name);
		buf_add_char(out, '=');
		encode(out, req->query[i].value);
	}
}

static bool has_part(CURLU *u, CURLUPart part)
{
	char *s = NULL;
	bool has = curl_url_get(u, part, &s, 0) == CURLUE_OK && s[0] != '\0';

	curl_free(s);
	return has;
}

/* Scheme, host and explicit port agree. */
static bool same_place(CURLU *a, CURLU *b)
{
	static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
	bool same = true;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && same; i++) {
		char *x = NULL, *y = NULL;

		if (curl_url_get(a, parts[i], &x, CURLU_DEFAULT_PORT) != CURLUE_OK ||
			curl_url_get(b, parts[i], &y, CURLU_DEFAULT_PORT) != CURLUE_OK ||
			strcasecmp(x, y) != 0)
			same = false;
		curl_free(x);
		curl_free(y);
	}
	return same;
}

static int parse_base(CURLU *u, const char *base, bool allow_http, struct err *err)
{
	char *scheme = NULL, *path = NULL;
	bool good = curl_url_set(u, CURLUPART_URL, base, CURLU_DISALLOW_USER) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") == 0 &&
		    !has_part(u, CURLUPART_QUERY) && !has_part(u, CURLUPART_FRAGMENT) &&
		    (strcmp(scheme, "https") == 0 || (allow_http && strcmp(scheme, "http") == 0));

	curl_free(scheme);
	curl_free(path);
	return good ? 0 : err_set(err, ERR_REJECT, 0, "the base is no http(s)://host[:port] to be called");
}

/* Written by hand: libcurl would set the escapes of a part in another case, and callers sign paths. */
static int assemble(CURLU *base, const struct httpc_request *req, struct buf *out, struct err *err)
{
	char *place = NULL;

	if (curl_url_get(base, CURLUPART_URL, &place, 0) != CURLUE_OK)
		return err_set(err, ERR_REJECT, 0, "the URL cannot be built");
	buf_add(out, place, strlen(place) - 1); /* it ends in the path '/' */
	curl_free(place);
	buf_add_str(out, req->path);
	if (req->n_query > 0)
		buf_add_char(out, '?');
	encode_query(out, req);
	return out->overflow ? err_set(err, ERR_REJECT, 0, "the URL is too long") : 0;
}

/* libcurl, which will go there, reads it as what it was meant to be. */
static bool reads_back(CURLU *base, CURLU *again, const char *url, const char *path)
{
	char *p = NULL;
	bool good = curl_url_set(again, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS) ==
			    CURLUE_OK &&
		    same_place(base, again) && curl_url_get(again, CURLUPART_PATH, &p, 0) == CURLUE_OK &&
		    strcasecmp(p, path) == 0 && !has_part(again, CURLUPART_FRAGMENT);

	curl_free(p);
	return good;
}

int url_build(const struct httpc_request *req, bool allow_http, char **url_out, struct err *err)
{
	CURLU *base = curl_url(), *again = curl_url();
	struct buf url = BUF_INIT(URL_MAX);
	int rc = -1;

	if (!base || !again)
		err_set(err, ERR_RETRY, 0, "out of memory");
	else if (httpc_path_check(req->path, strlen(req->path), err) == 0 &&
		 parse_base(base, req->base, allow_http, err) == 0 && assemble(base, req, &url, err) == 0)
		rc = reads_back(base, again, buf_cstr(&url), req->path)
			     ? 0
			     : err_set(err, ERR_REJECT, 0, "the path leads away from the base");
	if (rc == 0)
		*url_out = buf_detach(&url);
	buf_wipe_release(&url);
	curl_url_cleanup(base);
	curl_url_cleanup(again);
	return rc;
}

void url_free(char **url)
{
	secret_free(url);
}
