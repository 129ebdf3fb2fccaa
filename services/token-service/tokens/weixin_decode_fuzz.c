/* Weixin's answers, through every decoder, and sealed events once they are open. */
#include "services/token-service/events/event_open.h"
#include "services/token-service/events/notice.h"
#include "services/token-service/tokens/weixin_decode.h"

#include "common/base/secret.h"

#include "common/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_event(const uint8_t *data, size_t size)
{
	struct buf notice = BUF_INIT(4 * WEIXIN_ANSWER_MAX);
	struct json *fields = NULL;
	struct err err;

	if (event_parse(data, size, "wxc", &fields, &err) == 0) {
		(void)event_create_time_s(fields);
		notice_write(fields, NULL, &notice);
	}
	json_free(&fields);
	buf_release(&notice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weixin_session session;
	struct weixin_visitor visitor;
	struct weixin_profile profile;
	struct weixin_list list;
	char *code = NULL;
	struct weixin_authorization authorization;
	struct weixin_token token;
	struct weixin_info info;
	struct err err;

	(void)weixin_decode_done(data, size, &err);
	if (weixin_decode_component_token(data, size, &token, &err) == 0)
		weixin_token_release(&token);
	if (weixin_decode_authorizer_token(data, size, &token, &err) == 0)
		weixin_token_release(&token);
	if (weixin_decode_authorization(data, size, &authorization, &err) == 0)
		weixin_authorization_release(&authorization);
	if (weixin_decode_info(data, size, &info, &err) == 0)
		weixin_info_release(&info);
	if (weixin_decode_list(data, size, &list, &err) == 0)
		weixin_list_release(&list);
	try_event(data, size);
	if (weixin_decode_session(data, size, &session, &err) == 0)
		weixin_session_release(&session);
	if (weixin_decode_visitor(data, size, &visitor, &err) == 0)
		weixin_visitor_release(&visitor);
	if (weixin_decode_profile(data, size, &profile, &err) == 0)
		weixin_profile_release(&profile);
	if (weixin_decode_pre_auth_code(data, size, &code, &err) == 0)
		secret_free(&code);
	return 0;
}
