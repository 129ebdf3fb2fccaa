#include "services/token-service/tokens/weixin_decode.h"

#include "common/base/alloc.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

static void a_component_token_is_read(void **state)
{
	static const char body[] = "{\"component_access_token\":\"61W3\",\"expires_in\":7200}";
	struct weixin_token t;
	struct err err;

	(void)state;
	assert_int_equal(weixin_decode_component_token(body, sizeof(body) - 1, &t, &err), 0);
	assert_string_equal(t.token, "61W3");
	assert_null(t.refresh_token);
	assert_int_equal(t.expires_in_s, 7200);
	weixin_token_release(&t);
}

static void an_answer_without_a_value_is_success_or_an_errcode(void **state)
{
	static const char ok[] = "{\"errcode\":0,\"errmsg\":\"ok\"}";
	static const char refused[] = "{\"errcode\":40013,\"errmsg\":\"invalid appid\"}";
	struct err err;

	(void)state;
	assert_int_equal(weixin_decode_done(ok, sizeof(ok) - 1, &err), 0);
	assert_int_equal(weixin_decode_done(refused, sizeof(refused) - 1, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(err.code, 40013);
	assert_int_equal(weixin_decode_done("<html>", 6, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
}

/* The documentation's own example. */
static void an_authorization_is_read(void **state)
{
	static const char body[] =
		"{\"authorization_info\":{\"authorizer_appid\":\"wxf8b4f85f3a794e77\",\"authorizer_access_"
		"token\":"
		"\"QXjU\",\"expires_in\":7200,\"authorizer_refresh_token\":\"dTo-\",\"func_info\":[{"
		"\"funcscope_category\":{\"id\":1}},{\"funcscope_category\":{\"id\":2}},{\"unknown\":1}]}}";
	struct weixin_authorization a;
	struct err err;

	(void)state;
	assert_int_equal(weixin_decode_authorization(body, sizeof(body) - 1, &a, &err), 0);
	assert_string_equal(a.appid, "wxf8b4f85f3a794e77");
	assert_string_equal(a.token.token, "QXjU");
	assert_string_equal(a.token.refresh_token, "dTo-");
	assert_int_equal(a.n_func_ids, 2);
	assert_int_equal(a.func_ids[1], 2);
	weixin_authorization_release(&a);
}

static void an_account_without_any_api_has_no_tokens(void **state)
{
	static const char body[] = "{\"authorization_info\":{\"authorizer_appid\":\"wx1\",\"authorizer_"
				   "access_token\":\"\",\"func_info\":[]}}";
	struct weixin_authorization a;
	struct err err;

	(void)state;
	assert_int_equal(weixin_decode_authorization(body, sizeof(body) - 1, &a, &err), 0);
	assert_null(a.token.token);
	assert_null(a.token.refresh_token);
	assert_int_equal(a.n_func_ids, 0);
	weixin_authorization_release(&a);
}

static void check_kind(const char *body, enum account_kind kind, bool verified)
{
	struct weixin_info i;
	struct err err;

	assert_int_equal(weixin_decode_info(body, strlen(body), &i, &err), 0);
	assert_int_equal(i.kind, kind);
	assert_int_equal(i.verified, verified);
	weixin_info_release(&i);
}

static void kinds_of_accounts_are_told_apart(void **state)
{
	(void)state;
	check_kind(
		"{\"authorizer_info\":{\"service_type_info\":{\"id\":0},\"verify_type_info\":{\"id\":-1}}}",
		ACCOUNT_SUBSCRIPTION, false);
	check_kind("{\"authorizer_info\":{\"service_type_info\":{\"id\":1},\"verify_type_info\":{\"id\":0}}}",
		ACCOUNT_SUBSCRIPTION, true);
	check_kind("{\"authorizer_info\":{\"service_type_info\":{\"id\":2},\"verify_type_info\":{\"id\":3}}}",
		ACCOUNT_SERVICE, true);
	check_kind("{\"authorizer_info\":{\"service_type_info\":{\"id\":0},\"MiniProgramInfo\":{}}}",
		ACCOUNT_MINIPROGRAM, false);
	check_kind("{\"authorizer_info\":{\"channels_info\":{}}}", ACCOUNT_OTHER, false);
}

static void a_refusal_carries_its_errcode_and_not_its_words(void **state)
{
	static const char body[] = "{\"errcode\":61023,\"errmsg\":\"refresh_token is invalid rid: 1-2\"}";
	struct weixin_token t;
	struct err err;

	(void)state;
	assert_int_equal(weixin_decode_authorizer_token(body, sizeof(body) - 1, &t, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(err.code, 61023);
	assert_null(strstr(err.text, "rid"));
}

static void what_is_no_answer_is_worth_a_retry(void **state)
{
	static const char *const bodies[] = {
		"",
		"<html>502 Bad Gateway</html>",
		"[]",
		"{}",
		"{\"authorizer_access_token\":\"secret-token\",\"expires_in\":72",
		"{\"authorizer_access_token\":\"secret-token\"}",
		"{\"authorizer_access_token\":\"secret-token\",\"expires_in\":0}",
		"{\"authorizer_access_token\":\"\",\"expires_in\":7200}",
		"{\"errcode\":0,\"errmsg\":\"ok\"}",
	};
	struct weixin_token t;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_int_equal(weixin_decode_authorizer_token(bodies[i], strlen(bodies[i]), &t, &err), -1);
		assert_int_equal(err.kind, ERR_RETRY);
		assert_null(strstr(err.text, "secret-token"));
	}
}

static void a_login_s_session_is_taken_and_refusals_told(void **state)
{
	static const char good[] = "{\"openid\":\"o1\",\"session_key\":\"k==\",\"unionid\":\"u1\"}";
	static const char refused[] = "{\"errcode\":40029,\"errmsg\":\"invalid code\"}";
	static const char as_string[] = "{\"errcode\":\"40029\",\"errmsg\":\"invalid code\"}";
	static const char lacking[] = "{\"openid\":\"o1\"}";
	struct weixin_session s;
	struct err err;

	(void)state;
	assert_int_equal(weixin_decode_session(good, strlen(good), &s, &err), 0);
	assert_string_equal(s.openid, "o1");
	assert_string_equal(s.session_key, "k==");
	assert_string_equal(s.unionid, "u1");
	weixin_session_release(&s);
	assert_int_equal(weixin_decode_session(refused, strlen(refused), &s, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(err.code, 40029);
	assert_int_equal(weixin_decode_session(as_string, strlen(as_string), &s, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(weixin_decode_session(lacking, strlen(lacking), &s, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
}

static void a_visitor_of_a_web_page_is_taken(void **state)
{
	static const char base[] =
		"{\"access_token\":\"t1\",\"expires_in\":7200,\"refresh_token\":\"r1\",\"openid\":\"o1\","
		"\"scope\":\"snsapi_base\"}";
	static const char snapshot[] = "{\"access_token\":\"t1\",\"openid\":\"o1\",\"unionid\":\"u1\","
				       "\"scope\":\"snsapi_userinfo\",\"is_snapshotuser\":1}";
	static const char used[] = "{\"errcode\":40163,\"errmsg\":\"code been used\"}";
	struct weixin_visitor v;
	struct err err;

	(void)state;
	assert_int_equal(weixin_decode_visitor(base, strlen(base), &v, &err), 0);
	assert_string_equal(v.access_token, "t1");
	assert_string_equal(v.openid, "o1");
	assert_string_equal(v.scope, "snsapi_base");
	assert_null(v.unionid);
	assert_false(v.snapshot);
	weixin_visitor_release(&v);
	assert_int_equal(weixin_decode_visitor(snapshot, strlen(snapshot), &v, &err), 0);
	assert_string_equal(v.unionid, "u1");
	assert_true(v.snapshot);
	weixin_visitor_release(&v);
	assert_int_equal(weixin_decode_visitor(used, strlen(used), &v, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(err.code, 40163);
	assert_int_equal(weixin_decode_visitor("{\"openid\":\"o1\"}", 15, &v, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
}

static void a_profile_is_taken_as_far_as_it_is_told(void **state)
{
	static const char full[] =
		"{\"openid\":\"o1\",\"nickname\":\"\xe5\xb0\x8f\xe6\x98\x8e\",\"sex\":0,"
		"\"headimgurl\":\"https://thirdwx.qlogo.cn/x\",\"privilege\":[],\"unionid\":\"u1\"}";
	static const char empty[] = "{\"openid\":\"o1\",\"nickname\":\"\",\"headimgurl\":\"\"}";
	static const char refused[] = "{\"errcode\":48001,\"errmsg\":\"api unauthorized\"}";
	struct weixin_profile p;
	char *lengthy;
	struct err err;

	(void)state;
	assert_int_equal(weixin_decode_profile(full, strlen(full), &p, &err), 0);
	assert_string_equal(p.nickname, "\xe5\xb0\x8f\xe6\x98\x8e");
	assert_string_equal(p.head_img_url, "https://thirdwx.qlogo.cn/x");
	assert_string_equal(p.unionid, "u1");
	weixin_profile_release(&p);
	assert_int_equal(weixin_decode_profile(empty, strlen(empty), &p, &err), 0);
	assert_null(p.nickname);
	assert_null(p.head_img_url);
	assert_null(p.unionid);
	weixin_profile_release(&p);
	lengthy = xasprintf("{\"openid\":\"o1\",\"nickname\":\"%0*d\"}", WEIXIN_NICKNAME_MAX + 1, 0);
	assert_int_equal(weixin_decode_profile(lengthy, strlen(lengthy), &p, &err), 0);
	assert_null(p.nickname);
	weixin_profile_release(&p);
	free(lengthy);
	assert_int_equal(weixin_decode_profile(refused, strlen(refused), &p, &err), -1);
	assert_int_equal(err.code, 48001);
}

static void a_pre_auth_code_is_taken(void **state)
{
	static const char good[] = "{\"pre_auth_code\":\"Cx_D\",\"expires_in\":600}";
	char *code = NULL;
	struct err err;

	(void)state;
	assert_int_equal(weixin_decode_pre_auth_code(good, strlen(good), &code, &err), 0);
	assert_string_equal(code, "Cx_D");
	free(code);
	assert_int_equal(weixin_decode_pre_auth_code("{}", 2, &code, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
}

static void a_page_of_the_list_is_read(void **state)
{
	static const char body[] =
		"{\"total_count\":33,\"list\":[{\"authorizer_appid\":\"wxf8b4f85f3a794e77\","
		"\"refresh_token\":\"r1\",\"auth_time\":1558000607},{\"authorizer_appid\":\"wx2\","
		"\"refresh_token\":\"\"},{\"authorizer_appid\":\"no/appid\",\"refresh_token\":\"r3\"},7]}";
	struct weixin_list l;
	struct err err;

	(void)state;
	assert_int_equal(weixin_decode_list(body, sizeof(body) - 1, &l, &err), 0);
	assert_int_equal(l.total, 33);
	assert_int_equal(l.n_read, 4);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.list[0].appid, "wxf8b4f85f3a794e77");
	assert_string_equal(l.list[0].refresh_token, "r1");
	assert_null(l.list[1].refresh_token);
	weixin_list_release(&l);
}

/* An answer that is cut must never look like the end of the list. */
static void a_page_without_list_or_count_is_no_page(void **state)
{
	static const char *const bodies[] = {"{\"total_count\":0}", "{\"list\":[]}",
		"{\"total_count\":-1,\"list\":[]}", "{\"total_count\":\"1\",\"list\":[]}",
		"{\"total_count\":1,\"list\":{}}", "{\"total_count\":1,\"list\":[{\"authorizer_ap"};
	struct weixin_list l;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_int_equal(weixin_decode_list(bodies[i], strlen(bodies[i]), &l, &err), -1);
		assert_int_equal(err.kind, ERR_RETRY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_page_of_the_list_is_read),
		TESTING_CASE(a_page_without_list_or_count_is_no_page),
		TESTING_CASE(a_component_token_is_read),
		TESTING_CASE(an_answer_without_a_value_is_success_or_an_errcode),
		TESTING_CASE(an_authorization_is_read),
		TESTING_CASE(an_account_without_any_api_has_no_tokens),
		TESTING_CASE(kinds_of_accounts_are_told_apart),
		TESTING_CASE(a_refusal_carries_its_errcode_and_not_its_words),
		TESTING_CASE(what_is_no_answer_is_worth_a_retry),
		cmocka_unit_test(a_login_s_session_is_taken_and_refusals_told),
		cmocka_unit_test(a_pre_auth_code_is_taken),
		TESTING_CASE(a_visitor_of_a_web_page_is_taken),
		TESTING_CASE(a_profile_is_taken_as_far_as_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
