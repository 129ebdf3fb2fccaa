#include "services/token-service/seal_rows.h"

#include "common/base/banned.h"

/* clang-format off */
/* proto/keyfiles.h: one byte length of the key id, the key id, the sealed bytes. */
#define KEY_OF(column) "substring(" column " FROM 2 FOR get_byte(" column ", 0))"

#define SEALED(table, column, place, order, after, at, row)                                                  \
	{                                                                                                    \
		.rewrite = {                                                                                 \
			.name = table "." column,                                                            \
			.select = "SELECT " place ", " row ", t." column " FROM token_service." table " t"   \
				  " WHERE t." column " IS NOT NULL AND " KEY_OF("t." column) " <> $3"        \
				  " AND " after " ORDER BY " order " LIMIT $2 FOR UPDATE SKIP LOCKED",       \
			.update = "UPDATE token_service." table " SET " column " = $2 WHERE " at,            \
		},                                                                                           \
		.count = "SELECT convert_from(" KEY_OF("t." column) ", 'UTF8'), count(*) FROM token_service."  \
			 table " t WHERE t." column " IS NOT NULL GROUP BY 1",                               \
	}

#define OF_PLATFORM(column)                                                                                  \
	SEALED("platforms", column, "t.component_appid", "t.component_appid", "t.component_appid > $1",      \
		"component_appid = $1", "'token_service.platform/' || t.component_appid || '/" column "'")

#define ACCOUNT(column) "'token_service.account/' || t.component_appid || '/' || t.appid || '/" column "'"

#define OF_ACCOUNT(column)                                                                                   \
	SEALED("accounts", column, "t.component_appid || '/' || t.appid", "t.component_appid, t.appid",      \
		"(t.component_appid, t.appid) > (split_part($1, '/', 1), split_part($1, '/', 2))",           \
		"component_appid = split_part($1, '/', 1) AND appid = split_part($1, '/', 2)", ACCOUNT(column))

const struct sealed_rows sealed_rows[] = {
	OF_PLATFORM("ticket"),
	OF_PLATFORM("token"),
	OF_ACCOUNT("token"),
	OF_ACCOUNT("refresh_token"),
	SEALED("refresh_token_history", "refresh_token", "t.id::text", "t.id",
		"t.id > coalesce(nullif($1, '')::bigint, 0)", "id = $1::bigint", ACCOUNT("refresh_token")),
	SEALED("login_sessions", "session_key", "encode(t.session_sha256, 'hex')", "t.session_sha256",
		"t.session_sha256 > decode($1, 'hex')", "session_sha256 = decode($1, 'hex')",
		"'token_service.login_session/' || t.component_appid || '/' || t.appid || '/' ||"
		" encode(t.session_sha256, 'hex') || '/session_key'"),
	SEALED("oauth_keys", "private_key", "t.key_id", "t.key_id", "t.key_id > $1", "key_id = $1",
		"'token_service.oauth_key/' || t.key_id || '/private_key'"),
};
/* clang-format on */
const size_t n_sealed_rows = sizeof(sealed_rows) / sizeof(sealed_rows[0]);
