#include "services/token-service/accounts/account_list.h"

#include <string.h>

#include "common/base/banned.h"

static const char *const mark_names[] = {
	[ACCOUNT_ANY] = "",
	[ACCOUNT_REFUSED] = "refused",
	[ACCOUNT_FAILING] = "failing",
	[ACCOUNT_NO_TOKEN] = "no-token",
};

int account_mark_parse(const char *name, enum account_mark *out)
{
	for (int i = ACCOUNT_REFUSED; i <= ACCOUNT_NO_TOKEN; i++) {
		if (strcmp(name, mark_names[i]) == 0) {
			*out = (enum account_mark)i;
			return 0;
		}
	}
	return -1;
}

struct listing {
	const struct account_filter *filter;
	struct json *out;
};

enum {
	COL_COMPONENT,
	COL_APPID,
	COL_STATE,
	COL_CHANNEL,
	COL_KIND,
	COL_VERIFIED,
	COL_USER_NAME,
	COL_NICK_NAME,
	COL_REF,
	COL_REPLIERS,
	COL_FUNC_IDS,
	COL_EXPIRES_IN,
	COL_FAILURES,
	COL_REFUSED,
	COL_HAS_REFRESH_TOKEN,
	COL_VERSION,
	COL_UPDATED
};

/* to_json() of PostgreSQL: an array of texts or numbers. */
static void set_array(struct json *j, const char *name, const char *text)
{
	const struct json_limits limits = {.max_bytes = 65536, .max_depth = 2};
	struct json *array = NULL;
	struct err ignored;

	if (json_parse(text, strlen(text), &limits, &array, &ignored) < 0)
		array = json_new_array();
	json_set(j, name, array);
}

static struct json *token_json(const struct pg_result *res, int row)
{
	struct json *j = json_new_object();

	json_set(j, "expires_in",
		pg_is_null(res, row, COL_EXPIRES_IN) ? json_new_null()
						     : json_new_int(pg_value_int(res, row, COL_EXPIRES_IN)));
	json_set_int(j, "failures", pg_value_int(res, row, COL_FAILURES));
	json_set_int(j, "refused_errcode", pg_value_int(res, row, COL_REFUSED));
	json_set_bool(j, "has_refresh_token", pg_value_bool(res, row, COL_HAS_REFRESH_TOKEN));
	return j;
}

static struct json *account_json(const struct pg_result *res, int row)
{
	static const struct {
		const char *name;
		int col;
	} texts[] = {{"component_appid", COL_COMPONENT}, {"appid", COL_APPID}, {"state", COL_STATE},
		{"channel", COL_CHANNEL}, {"kind", COL_KIND}, {"user_name", COL_USER_NAME},
		{"nick_name", COL_NICK_NAME}};
	struct json *j = json_new_object();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_set_str(j, texts[i].name, pg_value(res, row, texts[i].col));
	json_set_bool(j, "verified", pg_value_bool(res, row, COL_VERIFIED));
	json_set_str(j, "ref", pg_is_null(res, row, COL_REF) ? NULL : pg_value(res, row, COL_REF));
	set_array(j, "repliers", pg_value(res, row, COL_REPLIERS));
	set_array(j, "func_ids", pg_value(res, row, COL_FUNC_IDS));
	json_set_int(j, "version", pg_value_int(res, row, COL_VERSION));
	json_set_int(j, "updated_at", pg_value_int(res, row, COL_UPDATED));
	json_set(j, "token", token_json(res, row));
	return j;
}

static struct json *next_json(const struct pg_result *res, int n, int limit)
{
	struct json *j;

	if (n < limit)
		return json_new_null();
	j = json_new_object();
	json_set_str(j, "component_appid", pg_value(res, n - 1, COL_COMPONENT));
	json_set_str(j, "appid", pg_value(res, n - 1, COL_APPID));
	return j;
}

static int list_body(struct pg *pg, void *arg, struct err *err)
{
	struct listing *l = arg;
	const struct account_filter *f = l->filter;
	struct json *accounts;
	struct pg_result *res = NULL;

	if (PG_EXEC(pg,
		    "SELECT component_appid, appid, state, channel, kind, verified, user_name, nick_name, "
		    "ref,"
		    " to_json(repliers), to_json(func_ids),"
		    " extract(epoch FROM token_expires_at - now())::bigint, failures, refused_errcode,"
		    " refresh_token IS NOT NULL, version, (extract(epoch FROM updated_at) * 1000)::bigint"
		    " FROM token_service.accounts"
		    " WHERE ($1::text IS NULL OR component_appid = $1) AND ($2::text IS NULL OR state = $2)"
		    " AND ($3::text IS NULL OR channel = $3)"
		    " AND ($4 <> 'refused' OR refused_at IS NOT NULL)"
		    " AND ($4 <> 'failing' OR (failures > 0 AND state = 'authorized'))"
		    " AND ($4 <> 'no-token' OR (refresh_token IS NULL AND state = 'authorized'))"
		    " AND (component_appid, appid) > ($5, $6)"
		    " ORDER BY component_appid, appid LIMIT $7",
		    &res, err, pg_text(f->component_appid), pg_text(f->state), pg_text(f->channel),
		    pg_text(mark_names[f->mark]), pg_text(f->after_component), pg_text(f->after_appid),
		    pg_int8(f->limit)) < 0)
		return -1;
	accounts = json_new_array();
	for (int i = 0; i < pg_rows(res); i++)
		json_push(accounts, account_json(res, i));
	l->out = json_new_object();
	json_set(l->out, "accounts", accounts);
	json_set(l->out, "next", next_json(res, pg_rows(res), f->limit));
	pg_result_free(&res);
	return 0;
}

int account_list(const struct store *s, const struct account_filter *f, struct json **out, struct err *err)
{
	struct listing l = {f, NULL};

	if (store_run(s, list_body, &l, err) < 0)
		return -1;
	*out = l.out;
	return 0;
}
