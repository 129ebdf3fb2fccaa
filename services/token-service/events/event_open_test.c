#include "services/token-service/events/event_open.h"

#include "common/base/alloc.h"
#include "common/crypto/crypto.h"
#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static const char ticket[] =
	"{\"AppId\":\"wxc\",\"CreateTime\":1413192605,\"InfoType\":\"component_verify_ticket\","
	"\"ComponentVerifyTicket\":\"ticket@@@x\"}";

static void a_sealed_event_opens_with_its_key_and_its_id(void **state)
{
	uint8_t key[2][32], public_key[32];
	struct event_private_keys keys = {key, 2};
	struct buf sealed = BUF_INIT(4096);
	struct json *fields = NULL;
	struct err err;

	(void)state;
	crypto_random(key, sizeof(key));
	crypto_x25519_public(key[1], public_key);
	assert_int_equal(crypto_box_seal(public_key, "event-1", 7, ticket, strlen(ticket), &sealed, &err), 0);
	assert_int_equal(event_open(&keys, "wxc", "event-1", sealed.data, sealed.len, &fields, &err), 0);
	assert_string_equal(event_field(fields, "InfoType", NULL), "component_verify_ticket");
	json_free(&fields);

	assert_int_equal(event_open(&keys, "wxc", "event-2", sealed.data, sealed.len, &fields, &err), -1);
	assert_int_equal(err.code, EVENT_BAD_SEAL);
	assert_int_equal(event_open(&keys, "wxother", "event-1", sealed.data, sealed.len, &fields, &err), -1);
	assert_int_equal(err.code, EVENT_MALFORMED);
	keys.n = 1;
	assert_int_equal(event_open(&keys, "wxc", "event-1", sealed.data, sealed.len, &fields, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(err.code, EVENT_BAD_SEAL);
	buf_release(&sealed);
}

static void what_is_no_event_is_refused_without_being_quoted(void **state)
{
	static const char *const wrong[] = {"", "ticket@@@secret", "[]", "{\"InfoType\":7}",
		"{\"AppId\":\"wxc\"}", "{\"AppId\":\"ticket@@@secret\",\"InfoType\":\"x\"}"};
	struct json *fields = NULL;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(event_parse(wrong[i], strlen(wrong[i]), "wxc", &fields, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
		assert_int_equal(err.code, EVENT_MALFORMED);
		assert_null(strstr(err.text, "secret"));
	}
}

static void fields_are_read_under_either_name_and_times_in_either_form(void **state)
{
	static const char text[] =
		"{\"InfoType\":\"x\",\"auth_code\":\"c\",\"AuthorizationCode\":\"\",\"CreateTime\":\"17\"}";
	struct json *fields = NULL;
	struct err err;

	(void)state;
	assert_int_equal(event_parse(text, strlen(text), "wxc", &fields, &err), 0);
	assert_string_equal(event_field(fields, "AuthorizationCode", "auth_code"), "c");
	assert_string_equal(event_field(fields, "nothing", NULL), "");
	assert_int_equal(event_create_time_s(fields), 17);
	json_set_int(fields, "CreateTime", -1);
	assert_int_equal(event_create_time_s(fields), 0);
	json_del(fields, "CreateTime");
	assert_int_equal(event_create_time_s(fields), 0);
	json_free(&fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_sealed_event_opens_with_its_key_and_its_id),
		TESTING_CASE(what_is_no_event_is_refused_without_being_quoted),
		TESTING_CASE(fields_are_read_under_either_name_and_times_in_either_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
