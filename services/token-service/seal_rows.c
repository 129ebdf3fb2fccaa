#include "services/token-service/seal_rows.h"

#include "common/base/banned.h"

/* clang-format off */
#define T(name) "token_service." name

#define OF_PLATFORM(column)                                                                                  \
	SEALED_ROWS(T("platforms"), column, "t.component_appid", "t.component_appid", "t.component_appid > $1",      \
		"component_appid = $1", "'token_service.platform/' || t.component_appid || '/" column "'")

#define ACCOUNT(column) "'token_service.account/' || t.component_appid || '/' || t.appid || '/" column "'"

#define OF_ACCOUNT(column)                                                                                   \
	SEALED_ROWS(T("accounts"), column, "t.component_appid || '/' || t.appid", "t.component_appid, t.appid",      \
		"(t.component_appid, t.appid) > (split_part($1, '/', 1), split_part($1, '/', 2))",           \
		"component_appid = split_part($1, '/', 1) AND appid = split_part($1, '/', 2)", ACCOUNT(column))

static const struct sealed_rows rows[] = {
	OF_PLATFORM("ticket"),
	OF_PLATFORM("token"),
	OF_ACCOUNT("token"),
	OF_ACCOUNT("refresh_token"),
	SEALED_ROWS(T("refresh_token_history"), "refresh_token", "t.id::text", "t.id",
		"t.id > coalesce(nullif($1, '')::bigint, 0)", "id = $1::bigint", ACCOUNT("refresh_token")),
	SEALED_ROWS(T("login_sessions"), "session_key", "encode(t.session_sha256, 'hex')", "t.session_sha256",
		"t.session_sha256 > decode($1, 'hex')", "session_sha256 = decode($1, 'hex')",
		"'token_service.login_session/' || t.component_appid || '/' || t.appid || '/' ||"
		" encode(t.session_sha256, 'hex') || '/session_key'"),
	SEALED_ROWS(T("oauth_keys"), "private_key", "t.key_id", "t.key_id", "t.key_id > $1", "key_id = $1",
		"'token_service.oauth_key/' || t.key_id || '/private_key'"),
};
/* clang-format on */

const struct sealed_schema token_service_sealed = SEALED_SCHEMA("token_service", rows);
