#include "proto/envelope.h"

#include "common/base/alloc.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define HEADERS_MAX 32

/* Headers as "name=value" lines; easy to read in a failing test. */
static char *lines(const struct kafka_header *headers, size_t n)
{
	struct buf out = BUF_INIT(64 * 1024);
	size_t i;

	for (i = 0; i < n; i++)
		buf_addf(&out, "%s=%.*s\n", headers[i].name, (int)headers[i].value_len, headers[i].value);
	return buf_detach(&out);
}

static void assert_encodes_to(const struct envelope *e, const char *expected)
{
	struct kafka_header headers[ENVELOPE_HEADERS_MAX];
	struct arena arena = ARENA_INIT;
	char *text = lines(headers, envelope_encode(e, &arena, headers));

	assert_string_equal(text, expected);
	free(text);
	arena_release(&arena);
}

static const struct envelope a_message = {
	.id = "0123456789abcdef0123456789abcdef",
	.type = "weixin.message.text",
	.component_appid = "wx134c8103faa5a59e",
	.appid = "wxba5fad812f8e6fb9",
	.subject = "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
	.content_type = "application/json",
	.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	.time_ms = INT64_C(1715943329000),
	.received_ms = INT64_C(1715943329123),
	.repliers = {"desk", "auto-reply"},
	.n_repliers = 2,
	.reply_deadline_ms = INT64_C(1715943332923),
	.unverified_account = true,
};

static const struct envelope a_platform_event = {
	.id = "e",
	.type = "weixin.platform.component_verify_ticket",
	.component_appid = "wx134c8103faa5a59e",
	.appid = "",
	.received_ms = 1,
};

static const struct envelope a_call = {
	.id = "call-1",
	.type = "wxbus.api.request",
	.component_appid = "wx134c8103faa5a59e",
	.appid = "wxba5fad812f8e6fb9",
	.content_type = "application/json",
	.received_ms = INT64_C(1715943329123),
	.reply_to = "auto-reply.results",
	.caller = "auto-reply",
	.caller_signature = "00ff",
	.priority = "service",
};

static void headers_are_golden(void **state)
{
	(void)state;
	assert_encodes_to(&a_message,
		"ce_specversion=1.0\n"
		"ce_source=/platforms/wx134c8103faa5a59e/accounts/wxba5fad812f8e6fb9\n"
		"ce_id=0123456789abcdef0123456789abcdef\n"
		"ce_type=weixin.message.text\n"
		"ce_time=2024-05-17T10:55:29.000Z\n"
		"ce_subject=o9AgO5Kd5ggOC-bXrbNODIiE3bGY\n"
		"content-type=application/json\n"
		"ce_componentappid=wx134c8103faa5a59e\n"
		"ce_appid=wxba5fad812f8e6fb9\n"
		"ce_receivedtime=2024-05-17T10:55:29.123Z\n"
		"ce_repliers=desk,auto-reply\n"
		"ce_replydeadline=2024-05-17T10:55:32.923Z\n"
		"ce_unverifiedaccount=true\n"
		"ce_traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n");
	assert_encodes_to(&a_platform_event, "ce_specversion=1.0\n"
					     "ce_source=/platforms/wx134c8103faa5a59e\n"
					     "ce_id=e\n"
					     "ce_type=weixin.platform.component_verify_ticket\n"
					     "ce_componentappid=wx134c8103faa5a59e\n"
					     "ce_receivedtime=1970-01-01T00:00:00.001Z\n");
	assert_encodes_to(&a_call, "ce_specversion=1.0\n"
				   "ce_source=/platforms/wx134c8103faa5a59e/accounts/wxba5fad812f8e6fb9\n"
				   "ce_id=call-1\n"
				   "ce_type=wxbus.api.request\n"
				   "content-type=application/json\n"
				   "ce_componentappid=wx134c8103faa5a59e\n"
				   "ce_appid=wxba5fad812f8e6fb9\n"
				   "ce_receivedtime=2024-05-17T10:55:29.123Z\n"
				   "ce_replyto=auto-reply.results\n"
				   "ce_caller=auto-reply\n"
				   "ce_callersignature=00ff\n"
				   "ce_priority=service\n");
}

static void assert_same_text(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a)
		assert_string_equal(a, b);
}

static void assert_same(const struct envelope *a, const struct envelope *b)
{
	size_t i;

	assert_same_text(a->id, b->id);
	assert_same_text(a->type, b->type);
	assert_same_text(a->component_appid, b->component_appid);
	assert_same_text(a->appid, b->appid);
	assert_same_text(a->subject, b->subject);
	assert_same_text(a->content_type, b->content_type);
	assert_same_text(a->traceparent, b->traceparent);
	assert_same_text(a->reply_to, b->reply_to);
	assert_same_text(a->caller, b->caller);
	assert_same_text(a->caller_signature, b->caller_signature);
	assert_same_text(a->priority, b->priority);
	assert_int_equal(a->time_ms, b->time_ms);
	assert_int_equal(a->received_ms, b->received_ms);
	assert_int_equal(a->reply_deadline_ms, b->reply_deadline_ms);
	assert_int_equal(a->unverified_account, b->unverified_account);
	assert_int_equal(a->n_repliers, b->n_repliers);
	for (i = 0; i < REPLIERS_MAX; i++)
		assert_same_text(a->repliers[i], b->repliers[i]);
}

static void decode_gives_back_what_encode_took(void **state)
{
	static const struct envelope *const all[] = {&a_message, &a_platform_event, &a_call};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct kafka_header headers[ENVELOPE_HEADERS_MAX];
		struct arena arena = ARENA_INIT;
		struct kafka_record r = {.headers = headers};
		struct envelope back;

		r.n_headers = envelope_encode(all[i], &arena, headers);
		assert_int_equal(envelope_decode(&r, &arena, &back, NULL), 0);
		assert_same(all[i], &back);
		arena_release(&arena);
	}
}

static void times_that_have_no_form_are_left_out(void **state)
{
	struct envelope e = {.id = "i", .type = "t", .appid = "", .time_ms = -1, .received_ms = INT64_MAX};

	(void)state;
	assert_encodes_to(&e, "ce_specversion=1.0\nce_source=/\nce_id=i\nce_type=t\n");
}

/* A record from "name=value" strings. */
static int decode(
	const char *const *texts, size_t n, struct arena *arena, struct envelope *out, struct err *err)
{
	struct kafka_header headers[HEADERS_MAX];
	struct kafka_record r = {.headers = headers, .n_headers = n, .timestamp_ms = 77};
	size_t i;

	assert_true(n <= HEADERS_MAX);
	for (i = 0; i < n; i++) {
		const char *equals = strchr(texts[i], '=');

		headers[i].name = arena_strndup(arena, texts[i], (size_t)(equals - texts[i]));
		headers[i].value = equals + 1;
		headers[i].value_len = strlen(equals + 1);
	}
	return envelope_decode(&r, arena, out, err);
}

static void decode_takes_other_people_s_events(void **state)
{
	static const char *const texts[] = {"ce_type=com.example.order", "ce_id=7", "ce_specversion=1.0",
		"ce_source=/orders", "ce_unknown=\xff\xfe", "ce_subject=", "ce_id=8",
		"ce_time=2024-05-17T18:55:29.1234567+08:00", "ce_unverifiedaccount=false"};
	struct arena arena = ARENA_INIT;
	struct envelope e;

	(void)state;
	assert_int_equal(decode(texts, sizeof(texts) / sizeof(texts[0]), &arena, &e, NULL), 0);
	assert_string_equal(e.id, "7");
	assert_string_equal(e.type, "com.example.order");
	assert_string_equal(e.appid, "");
	assert_null(e.component_appid);
	assert_null(e.subject);
	assert_int_equal(e.time_ms, INT64_C(1715943329123));
	assert_int_equal(e.received_ms, 77);
	assert_false(e.unverified_account);
	arena_release(&arena);
}

static void decode_refuses_malformed_headers(void **state)
{
	static const char *const bad[] = {"ce_time=yesterday", "ce_time=1715943329",
		"ce_time=1969-12-31T23:59:59Z", "ce_receivedtime=2024-13-01T00:00:00Z", "ce_replydeadline=x",
		"ce_appid=wx/1", "ce_appid=a b", "ce_componentappid=../x", "ce_repliers=Desk",
		"ce_repliers=a,,b", "ce_repliers=a,", "ce_repliers=,", "ce_repliers=a,a",
		"ce_repliers=a,b,c,d,e", "ce_unverifiedaccount=yes", "ce_subject=\xff",
		"ce_traceparent=\xed\xa0\x80"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *const texts[] = {"ce_specversion=1.0", "ce_id=1", "ce_type=t", bad[i]};
		struct arena arena = ARENA_INIT;
		struct envelope e = {.id = "untouched"};
		struct err err = {0};

		if (decode(texts, 4, &arena, &e, &err) != -1)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(err.kind, ERR_REJECT);
		assert_non_null(strstr(err.text, "ce_"));
		assert_string_equal(e.id, "untouched");
		arena_release(&arena);
	}
}

static void decode_refuses_what_is_no_cloud_event(void **state)
{
	static const char *const cases[][3] = {
		{"ce_specversion=1.0", "ce_id=1", "x=y"},
		{"ce_specversion=1.0", "ce_type=t", "x=y"},
		{"ce_specversion=1.0", "ce_type=t", "ce_id="},
		{"ce_specversion=0.3", "ce_type=t", "ce_id=1"},
		{"ce_specversion=", "ce_type=t", "ce_id=1"},
		{"x=y", "ce_type=t", "ce_id=1"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena = ARENA_INIT;
		struct envelope e;
		struct err err = {0};

		assert_int_equal(decode(cases[i], 3, &arena, &e, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
		arena_release(&arena);
	}
}

static void decode_bounds_lengths_and_refuses_nul(void **state)
{
	struct kafka_header headers[] = {
		{"ce_specversion", "1.0", 3}, {"ce_type", "t", 1}, {"ce_id", NULL, 0}};
	struct kafka_record r = {.headers = headers, .n_headers = 3};
	struct arena arena = ARENA_INIT;
	struct envelope e;
	char *longest = xmalloc(4097);

	(void)state;
	memset(longest, 'i', 4097);
	assert_int_equal(envelope_decode(&r, &arena, &e, NULL), -1); /* a null header */
	headers[2] = (struct kafka_header){"ce_id", longest, 4096};
	assert_int_equal(envelope_decode(&r, &arena, &e, NULL), 0);
	assert_int_equal(strlen(e.id), 4096);
	headers[2].value_len = 4097;
	assert_int_equal(envelope_decode(&r, &arena, &e, NULL), -1);
	headers[2] = (struct kafka_header){"ce_id", "a\0b", 3};
	assert_int_equal(envelope_decode(&r, &arena, &e, NULL), -1);
	r.n_headers = 0;
	r.headers = NULL;
	assert_int_equal(envelope_decode(&r, &arena, &e, NULL), -1);
	free(longest);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(headers_are_golden),
		TESTING_CASE(decode_gives_back_what_encode_took),
		TESTING_CASE(times_that_have_no_form_are_left_out),
		TESTING_CASE(decode_takes_other_people_s_events),
		TESTING_CASE(decode_refuses_malformed_headers),
		TESTING_CASE(decode_refuses_what_is_no_cloud_event),
		TESTING_CASE(decode_bounds_lengths_and_refuses_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
