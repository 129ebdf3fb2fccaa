#include "services/api-proxy/calls/answer.h"

#include "common/base/str.h"
#include "common/json/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

void answer_init(struct answer *a, size_t body_max)
{
	*a = (struct answer){.refusal = REFUSAL_NONE, .length = -1};
	buf_init(&a->body, body_max);
}

void answer_release(struct answer *a)
{
	buf_release(&a->body);
}

void answer_refuse(struct answer *a, enum refusal refusal)
{
	const struct refusal_row *row = &refusal_table[refusal];
	bool unsure = refusal == REFUSAL_UNKNOWN || refusal == REFUSAL_ANSWER_UNFIT;

	a->refusal = refusal;
	a->outcome = unsure ? API_UNKNOWN : API_REJECTED;
	a->reaction = unsure ? REACTION_BUSY : REACTION_FINAL;
	a->errcode = row->errcode;
	str_copy(a->errmsg, sizeof(a->errmsg), row->text);
	a->http_status = 0;
	a->content_type[0] = '\0';
	a->truncated = false;
	buf_reset(&a->body);
}

void answer_refuse_because(struct answer *a, enum refusal refusal, const char *fmt, ...)
{
	va_list ap;

	answer_refuse(a, refusal);
	va_start(ap, fmt);
	vsnprintf(a->errmsg, sizeof(a->errmsg), fmt, ap);
	va_end(ap);
}

void answer_reset(struct answer *a)
{
	buf_reset(&a->body);
	a->truncated = false;
	a->n_headers = 0;
	a->length = -1;
	a->http_status = 0;
	a->content_type[0] = '\0';
}

void answer_take_header(struct answer *a, const char *name, const char *value)
{
	static const char *const kept[] = {"Content-Disposition", "Last-Modified", "Logicret", "RetKey"};
	int64_t length;
	size_t i;

	if (strcasecmp(name, "Content-Length") == 0 &&
		str_to_int64(value, strlen(value), 0, INT64_MAX, &length) == 0)
		a->length = length;
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strcasecmp(name, kept[i]) == 0 && a->n_headers < ANSWER_HEADERS_MAX &&
			str_copy(a->headers[a->n_headers].value, sizeof(a->headers[0].value), value) == 0)
			a->headers[a->n_headers++].name = kept[i];
}

/* As much of Weixin's text as fits, not cut within a character. */
static void copy_text(char *out, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size)
		for (len = size - 1; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			;
	str_ncopy(out, size, text, len);
}

static bool starts_like_json(const struct buf *body)
{
	size_t i = 0;

	while (i < body->len && strchr(" \t\r\n", body->data[i]))
		i++;
	return i < body->len && (body->data[i] == '{' || body->data[i] == '[');
}

static bool is_file(const char *content_type)
{
	static const char *const types[] = {"image/", "audio/", "video/", "application/octet-stream",
		"application/pdf", "application/zip", "application/gzip", "application/x-gzip",
		"application/vnd."};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strncasecmp(content_type, types[i], strlen(types[i])) == 0)
			return true;
	return false;
}

/* A JSON answer's errcode; without one it is a success. -1: not JSON after all. */
static int read_errcode(struct answer *a)
{
	const struct json_limits limits = {.max_bytes = ANSWER_JUDGED_MAX, .max_depth = 32};
	struct json *j = NULL;
	const char *text;

	a->errcode = 0;
	if (a->truncated || a->body.len > ANSWER_JUDGED_MAX)
		return 0;
	if (json_parse(a->body.data, a->body.len, &limits, &j, NULL) < 0)
		return -1;
	text = json_get_str(j, "errmsg");
	if (json_get_int(j, "errcode", &a->errcode) < 0)
		a->errcode = 0;
	if (!text)
		text = a->errcode == 0 ? "ok" : "";
	copy_text(a->errmsg, sizeof(a->errmsg), text);
	json_free(&j);
	return 0;
}

bool answer_is_plain(const struct answer *a)
{
	return a->body.len > ANSWER_JUDGED_MAX ||
	       (a->http_status == 200 && is_file(a->content_type) && !starts_like_json(&a->body));
}

void answer_judge(struct answer *a, bool repeatable)
{
	bool understood = false;

	copy_text(a->errmsg, sizeof(a->errmsg), "ok");
	a->errcode = 0;
	if (a->http_status == 200 && starts_like_json(&a->body))
		understood = read_errcode(a) == 0;
	if (a->http_status == 200 && !understood)
		understood = is_file(a->content_type);
	if (!understood) {
		a->errcode = -1;
		copy_text(a->errmsg, sizeof(a->errmsg), "wxbus: not an answer of a Weixin API");
	}
	a->reaction = reaction_of(a->errcode);
	if (a->reaction == REACTION_OK)
		a->outcome = API_OK;
	else
		a->outcome = a->reaction == REACTION_BUSY && !repeatable ? API_UNKNOWN : API_REJECTED;
}
