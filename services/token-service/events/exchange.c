#include "services/token-service/events/exchange.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "proto/reaction.h"

#include <string.h>

#include "common/base/banned.h"

#define POLL_MS      50
#define STORE_TRY_MS 1000

/* 61009: invalid, used, or another account's; 61010: expired; 61003 and the like: the authorization that the
 * code stands for has ended, and waiting would hold up what ended it.
 * https://developers.weixin.qq.com/doc/oplatform/Return_codes/Return_code_descriptions_new.html */
static bool is_code_refusal(const struct err *err)
{
	return err->kind == ERR_REJECT &&
	       (err->code == 61009 || err->code == 61010 || reaction_of(err->code) == REACTION_REAUTH);
}

/* --- storing -----------------------------------------------------------------------------------------------
 */

struct storing {
	const struct exchange *x;
	const char *component_appid;
	const struct weixin_authorization *authorization;
	int64_t event_s;
	const struct code_id *code;     /* NULL: there was none */
	const struct weixin_info *info; /* NULL: not asked yet */
	struct func_difference difference;
};

/* Repeated after an uncertain end it stores the same tokens again, as a further version. */
static int store_body_authorization(struct pg *pg, void *arg, struct err *err)
{
	struct storing *s = arg;
	int rc;

	func_difference_release(&s->difference);
	rc = account_authorize(s->x->store, pg,
		&(struct account_authorizing){
			.component_appid = s->component_appid,
			.authorization = s->authorization,
			.event_s = s->event_s,
			.info = s->info,
		},
		&s->difference, err);
	if (rc == 0 && s->code)
		rc = code_exchanged(pg, s->code, s->authorization->appid, &s->difference, err);
	return rc;
}

/* The code is spent and these tokens exist nowhere else: a database that is away is waited for, as long as
 * somebody waits for us. After that Weixin's own record of the refresh token is the way back
 * (exchange_recover()). */
static int store_stubbornly(struct storing *s, int64_t deadline_ms, struct err *err)
{
	int rc;

	while ((rc = store_tx(s->x->store, store_body_authorization, s, err)) < 0 &&
		err->kind != ERR_REJECT && clock_mono_ms() < deadline_ms)
		clock_sleep_ms(STORE_TRY_MS);
	return rc;
}

/* --- exchanging --------------------------------------------------------------------------------------------
 */

struct query {
	const char *component_appid;
	const char *code;
	struct weixin_authorization *out;
};

static int call_query(struct weixin_api *w, const char *component_token, void *arg, struct err *err)
{
	const struct query *q = arg;

	return weixin_query_auth(w, q->component_appid, component_token, q->code, q->out, err);
}

static int refused(
	const struct exchange *x, const struct code_id *id, struct code_result *out, struct err *err)
{
	int errcode = err->code;

	if (code_refused(x->store, id, errcode, err) < 0)
		return -1;
	out->refused = errcode;
	return EXCHANGE_REFUSED;
}

static int exchange_claimed(const struct exchange *x, const struct code_id *id, const char *code,
	int64_t event_s, int64_t deadline_ms, struct code_result *out, struct err *err)
{
	struct weixin_authorization a = {.func_ids = NULL};
	struct storing s = {x, id->component_appid, &a, event_s, id, NULL, {NULL, 0, NULL, 0}};
	struct query q = {id->component_appid, code, &a};
	struct err ignored;
	int rc;

	rc = credentials_call(x->credentials, id->component_appid, call_query, &q, deadline_ms, err);
	if (rc < 0 && is_code_refusal(err))
		return refused(x, id, out, err);
	if (rc == 0)
		rc = store_stubbornly(&s, deadline_ms, err);
	if (rc == 0) {
		(void)str_copy(out->appid, sizeof(out->appid), a.appid);
		out->difference = s.difference;
		log_info(a.appid, "authorized, code exchanged");
	} else {
		func_difference_release(&s.difference);
		(void)code_release(x->store, id, &ignored);
	}
	weixin_authorization_release(&a);
	return rc;
}

int exchange_code(const struct exchange *x, const char *component_appid, const char *code, int64_t event_s,
	int64_t deadline_mono_ms, struct code_result *result_out, struct err *err)
{
	struct code_id id;
	int rc;

	*result_out = (struct code_result){.refused = 0};
	code_id_make(component_appid, code, &id);
	while ((rc = code_claim(x->store, &id, result_out, err)) == CODE_BUSY) {
		if (clock_mono_ms() >= deadline_mono_ms)
			return err_set(err, ERR_RETRY, 0, "the code is being exchanged elsewhere");
		clock_sleep_ms(POLL_MS);
	}
	if (rc < 0)
		return rc;
	if (rc == CODE_KNOWN)
		return result_out->refused ? EXCHANGE_REFUSED : 0;
	return exchange_claimed(x, &id, code, event_s, deadline_mono_ms, result_out, err);
}

/* --- asking ------------------------------------------------------------------------------------------------
 */

struct ask {
	const struct credential_id *id;
	struct weixin_info *out;
};

static int call_info(struct weixin_api *w, const char *component_token, void *arg, struct err *err)
{
	const struct ask *a = arg;

	return weixin_authorizer_info(w, a->id->component_appid, component_token, a->id->appid, a->out, err);
}

int exchange_ask_info(const struct exchange *x, const struct credential_id *id, int64_t deadline_mono_ms,
	struct weixin_info *out, struct err *err)
{
	struct ask ask = {id, out};
	int rc;

	rc = credentials_call(x->credentials, id->component_appid, call_info, &ask, deadline_mono_ms, err);
	if (rc < 0 && err->kind == ERR_REJECT && reaction_of(err->code) == REACTION_REAUTH)
		return EXCHANGE_REFUSED;
	return rc;
}

int exchange_recover(const struct exchange *x, const struct credential_id *id, int64_t event_s,
	int64_t deadline_mono_ms, struct func_difference *difference_out, struct err *err)
{
	struct weixin_authorization a = {.func_ids = NULL};
	struct weixin_info info = {.user_name = NULL};
	struct storing s = {x, id->component_appid, &a, event_s, NULL, &info, {NULL, 0, NULL, 0}};
	int rc;

	rc = exchange_ask_info(x, id, deadline_mono_ms, &info, err);
	if (rc != 0)
		return rc;
	if (!info.refresh_token) {
		weixin_info_release(&info);
		return EXCHANGE_REFUSED;
	}
	(void)str_copy(a.appid, sizeof(a.appid), id->appid);
	a.token.refresh_token = info.refresh_token; /* lent */
	a.func_ids = info.func_ids;
	a.n_func_ids = info.n_func_ids;
	rc = store_stubbornly(&s, deadline_mono_ms, err);
	weixin_info_release(&info);
	if (rc == 0) {
		*difference_out = s.difference;
		log_info(id->appid, "authorized without a code, by the refresh token that Weixin tells");
	} else {
		func_difference_release(&s.difference);
	}
	return rc;
}
