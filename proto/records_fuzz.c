#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/xml/xml.h"
#include "proto/account.h"
#include "proto/api_call.h"
#include "proto/erasure.h"
#include "proto/internal_auth.h"
#include "proto/reply.h"
#include "proto/trace.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* The records that processes send each other: the first byte selects which. What is taken must encode to
 * something that is taken again and encodes to the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (16 * 1024 * 1024)

#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			abort();                                                                             \
	} while (0)

/* -1: refused. 0: taken, and encoded to out. */
typedef int (*round_trip)(const void *bytes, size_t len, struct buf *out);

static int verdict(const void *bytes, size_t len, struct buf *out)
{
	struct reply_verdict v;

	if (reply_verdict_parse(bytes, len, &v, NULL) < 0)
		return -1;
	reply_verdict_encode(&v, out);
	reply_verdict_release(&v);
	return 0;
}

static int account(const void *bytes, size_t len, struct buf *out)
{
	struct account *a = NULL, *copy;

	if (account_parse(bytes, len, &a, NULL) < 0)
		return -1;
	copy = account_copy(a);
	account_free(&a);
	account_encode(copy, out);
	account_free(&copy);
	return 0;
}

static int request(const void *bytes, size_t len, struct buf *out)
{
	struct api_request *r = NULL;

	if (api_request_parse(bytes, len, &r, NULL) < 0)
		return -1;
	api_path_is_credential(r->path);
	api_request_encode(r, out);
	api_request_free(&r);
	return 0;
}

static int result(const void *bytes, size_t len, struct buf *out)
{
	struct api_result *r = NULL;

	if (api_result_parse(bytes, len, &r, NULL) < 0)
		return -1;
	api_result_encode(r, out);
	api_result_free(&r);
	return 0;
}

static int erasure(const void *bytes, size_t len, struct buf *out)
{
	struct erasure e;

	if (erasure_parse(bytes, len, &e, NULL) < 0)
		return -1;
	erasure_encode(&e, out);
	return 0;
}

/* Bytes past FIELDS_MAX_BYTES of output would be refused: inputs are far smaller. */
static void both_ways(round_trip trip, const void *bytes, size_t len)
{
	struct buf first = BUF_INIT(OUT_MAX), second = BUF_INIT(OUT_MAX);

	if (trip(bytes, len, &first) == 0) {
		MUST(!first.overflow && trip(first.data, first.len, &second) == 0);
		MUST(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	}
	buf_release(&first);
	buf_release(&second);
}

/* A reply that is taken is well-formed in both forms. */
static void reply(const void *bytes, size_t len)
{
	static const struct json_limits limits = {.max_bytes = 1024 * 1024, .max_depth = 32};
	static const struct xml_limits wide = {
		.max_bytes = OUT_MAX, .max_depth = 64, .max_elements = OUT_MAX};
	struct buf xml = BUF_INIT(OUT_MAX), text = BUF_INIT(OUT_MAX);
	struct json *fields = NULL, *whole = NULL, *body = NULL;
	struct arena arena = ARENA_INIT;
	struct xml_node *root;

	if (json_parse(bytes, len, &limits, &fields, NULL) == 0 &&
		reply_plain(fields, "o1", "gh_1", 1, MESSAGE_XML, &xml, NULL) == 0) {
		MUST(xml_parse(xml.data, xml.len, &wide, &arena, &root, NULL) == 0);
		MUST(reply_plain(fields, "o1", "gh_1", 1, MESSAGE_JSON, &text, NULL) == 0);
		MUST(text.len > limits.max_bytes ||
			json_parse(text.data, text.len, &limits, &whole, NULL) == 0);
		(void)reply_to_custom_send(fields, "o1", &body, NULL);
	}
	json_free(&body);
	json_free(&whole);
	json_free(&fields);
	arena_release(&arena);
	buf_release(&xml);
	buf_release(&text);
}

static void authorization(const void *bytes, size_t len)
{
	static struct internal_key key = {.name = "wxbus", .scopes = SCOPE_ADMIN};
	static const struct internal_keys keys = {&key, 1};
	char *header = xstrndup(bytes, len);

	MUST(internal_auth_check(&keys, SCOPE_ADMIN, header, "GET", "/v1/x", "", 0, 0, NULL) !=
		INTERNAL_AUTH_FORBIDDEN);
	free(header);
}

/* What is read of a traceparent stands in it. */
static void traceparent(const char *text, size_t len)
{
	struct trace t;

	if (!trace_parse(text, len, &t))
		return;
	MUST(len >= TRACE_PARENT_LEN && memcmp(text + 3, t.id, TRACE_ID_LEN) == 0 &&
		memcmp(text + 4 + TRACE_ID_LEN, t.span, TRACE_SPAN_LEN) == 0);
	MUST(strspn(t.id, "0") < TRACE_ID_LEN && strspn(t.span, "0") < TRACE_SPAN_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	data++;
	size--;
	switch (data[-1]) {
	case 'v':
		both_ways(verdict, data, size);
		break;
	case 'a':
		both_ways(account, data, size);
		break;
	case 'e':
		both_ways(erasure, data, size);
		break;
	case 'q':
		both_ways(request, data, size);
		break;
	case 'r':
		both_ways(result, data, size);
		break;
	case 'p':
		reply(data, size);
		break;
	case 'h':
		authorization(data, size);
		break;
	case 't':
		traceparent((const char *)data, size);
		break;
	}
	return 0;
}
