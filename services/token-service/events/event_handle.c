#include "services/token-service/events/event_handle.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "services/token-service/web/begun_store.h"
#include "services/token-service/events/event_open.h"
#include "services/token-service/metrics.h"
#include "services/token-service/events/notice.h"
#include "services/token-service/events/outbox.h"

#include <string.h>

#include "common/base/banned.h"

#define HANDLE_MS  20000
#define NOTICE_MAX (3 * MESSAGE_MAX_BYTES)
#define GIVE_UP_MS ((int64_t)7 * 24 * 60 * 60 * 1000) /* longer than any code lives */
/* Weixin's longest observed life of a code: a twin's authorization within it is this one. */
#define TWIN_S 3600

/* --- the end of an event -----------------------------------------------------------------------------------
 */

struct settling {
	const struct exchange *x;
	const struct event *event;
	const char *outcome;
	const char *appid; /* whose notice it is */
	int64_t time_s;
	struct buf *notice;             /* NULL: none */
	const struct weixin_info *info; /* to be stored; NULL: none */
	bool unauthorize;
	const char *pre_auth_code; /* of an authorization: ours if it was begun on our page */
};

static int effect(struct pg *pg, struct settling *s, const struct credential_id *id, struct err *err)
{
	int rc = 0;

	if (s->info)
		return account_set_info(s->x->store, pg, id, s->info, err);
	if (s->unauthorize) {
		rc = account_unauthorize(pg, id, s->time_s, err);
		if (rc == ACCOUNT_STALE) {
			s->outcome = "stale";
			s->notice = NULL;
			rc = 0;
		}
	}
	if (s->pre_auth_code && strcmp(s->outcome, "done") == 0)
		rc = begun_end_by_code(pg, id, s->pre_auth_code, err);
	return rc;
}

static int publish(struct pg *pg, const struct settling *s, const struct credential_id *id, struct err *err)
{
	return outbox_add(pg,
		&(struct outbox_record){
			.topic = TOPIC_PLATFORM_NOTICES,
			.component_appid = id->component_appid,
			.appid = id->appid,
			.event_id = s->event->event_id,
			.type = s->event->type,
			.time_ms = s->time_s * 1000,
			.value = buf_cstr(s->notice),
		},
		err);
}

/* Effect, notice and settlement happen together or not at all, so repeating does no harm. */
static int settle_body(struct pg *pg, void *arg, struct err *err)
{
	struct settling *s = arg;
	struct credential_id id = {"", ""};
	int rc;

	(void)str_copy(id.component_appid, sizeof(id.component_appid), s->event->component_appid);
	(void)str_copy(id.appid, sizeof(id.appid), s->appid);
	rc = effect(pg, s, &id, err);
	if (rc == 0 && s->notice)
		rc = publish(pg, s, &id, err);
	if (rc == 0)
		rc = event_settle(pg, s->event, s->outcome, err);
	if (rc == EVENT_OVERTAKEN)
		return err_set(err, ERR_RETRY, 0, "settled already, or taken up by another process");
	return rc;
}

static int settle(struct settling *s, struct err *err)
{
	int rc = store_tx(s->x->store, settle_body, s, err);

	if (rc == 0) {
		metric_add(&token_service_metrics[M_SETTLED], s->outcome, 1);
		log_info(s->appid[0] ? s->appid : s->event->component_appid, "%s: %s", s->event->type,
			s->outcome);
	}
	return rc;
}

/* --- authorized, updateauthorized, registered --------------------------------------------------------------
 */

struct authorization {
	const struct exchange *x;
	const struct event *event;
	struct json *fields;
	struct credential_id id;
	int64_t time_s;
	int64_t deadline_ms;
	struct func_difference difference;
	const char *pre_auth_code;
};

/* An authorization that came to nothing is no news; what a registration told is, even without its code. */
static bool is_news(const struct authorization *a, const char *outcome)
{
	const char *info_type = event_field(a->fields, "InfoType", NULL);

	if (strcmp(outcome, "done") == 0)
		return true;
	return strcmp(info_type, "authorized") != 0 && strcmp(info_type, "updateauthorized") != 0;
}

static int settle_authorization(struct authorization *a, const char *outcome, struct err *err)
{
	struct buf notice = BUF_INIT(NOTICE_MAX);
	struct settling s = {
		.x = a->x,
		.event = a->event,
		.outcome = outcome,
		.appid = a->id.appid,
		.time_s = a->time_s,
		.notice = is_news(a, outcome) ? &notice : NULL,
		.pre_auth_code = a->pre_auth_code,
	};
	int rc;

	notice_write(a->fields, &a->difference, &notice);
	rc = settle(&s, err);
	buf_release(&notice);
	return rc;
}

/* We hold no refresh token after all. 0: now we do, or there is none to hold; EXCHANGE_REFUSED: no
 * authorization. */
static int recover(struct authorization *a, struct err *err)
{
	func_difference_release(&a->difference);
	return exchange_recover(a->x, &a->id, a->time_s, a->deadline_ms, &a->difference, err);
}

static int recover_or_lose(struct authorization *a, struct err *err)
{
	int rc = recover(a, err);

	if (rc == 0)
		return settle_authorization(a, "done", err);
	if (rc < 0)
		return rc;
	log_error(a->id.appid,
		"lost: Weixin takes neither the code nor tells a refresh token; the account has to "
		"authorize again");
	return settle_authorization(a, "dead", err);
}

/* Weixin does not take the code: its twin (the browser's, the release check's) was first, or nobody was in
 * time. */
static int after_refusal(struct authorization *a, const struct account_state *state, struct err *err)
{
	int rc;

	if (state->authorized && state->has_refresh_token && state->authorized_ago_s <= TWIN_S) {
		rc = code_newest_difference(a->x->store, &a->id, &a->difference, err);
		return rc < 0 ? rc : settle_authorization(a, "done", err);
	}
	return recover_or_lose(a, err);
}

static int after_exchange(struct authorization *a, const struct account_state *state, struct err *err)
{
	/* Known from before, but an older un-authorization has come in between and deleted the tokens. */
	return state->authorized ? settle_authorization(a, "done", err) : recover_or_lose(a, err);
}

static int authorize(struct authorization *a, const char *code, struct err *err)
{
	struct code_result result = {.refused = 0};
	struct account_state state = {.exists = false};
	int rc, looked;

	rc = account_look(a->x->store, &a->id, a->time_s, &state, err);
	if (rc < 0)
		return rc;
	if (state.newer_event)
		return settle_authorization(a, "stale", err);
	rc = code[0] ? exchange_code(
			       a->x, a->id.component_appid, code, a->time_s, a->deadline_ms, &result, err)
		     : EXCHANGE_REFUSED;
	if (rc < 0)
		return rc;
	if (rc == 0 && strcmp(result.appid, a->id.appid) != 0) {
		log_warn(a->id.appid, "the code was that of %s", result.appid);
		(void)str_copy(a->id.appid, sizeof(a->id.appid), result.appid);
	}
	a->difference = result.difference;
	looked = account_look(a->x->store, &a->id, a->time_s, &state, err);
	if (looked < 0)
		return looked;
	return rc == 0 ? after_exchange(a, &state, err) : after_refusal(a, &state, err);
}

static int handle_authorization(
	const struct exchange *x, const struct event *e, struct json *fields, struct err *err)
{
	const char *appid = event_field(fields, "AuthorizerAppid", "appid");
	struct authorization a = {
		.x = x,
		.event = e,
		.fields = fields,
		.time_s = event_create_time_s(fields),
		.deadline_ms = clock_mono_ms() + HANDLE_MS,
	};
	char code[1024], pre_auth_code[1024];
	int rc;

	(void)str_copy(a.id.component_appid, sizeof(a.id.component_appid), e->component_appid);
	if (!appid_ok(appid, strlen(appid)))
		appid = e->appid;
	(void)str_copy(a.id.appid, sizeof(a.id.appid), appid);
	/* A copy, for the notice takes it out of the fields. */
	if (str_copy(code, sizeof(code), event_field(fields, "AuthorizationCode", "auth_code")) < 0)
		log_warn(appid, "%s: the authorization code is too long to be one", e->type);
	if (str_copy(pre_auth_code, sizeof(pre_auth_code), event_field(fields, "PreAuthCode", NULL)) == 0)
		a.pre_auth_code = pre_auth_code;
	rc = authorize(&a, code, err);
	secret_wipe(code, sizeof(code));
	secret_wipe(pre_auth_code, sizeof(pre_auth_code));
	func_difference_release(&a.difference);
	return rc;
}

/* --- the rest ----------------------------------------------------------------------------------------------
 */

static int handle_other(const struct exchange *x, const struct event *e, struct json *fields,
	bool unauthorize, struct err *err)
{
	struct buf notice = BUF_INIT(NOTICE_MAX);
	struct settling s = {
		.x = x,
		.event = e,
		.outcome = "done",
		.appid = e->appid,
		.time_s = event_create_time_s(fields),
		.notice = &notice,
		.unauthorize = unauthorize,
	};
	int rc;

	notice_write(fields, NULL, &notice);
	rc = settle(&s, err);
	buf_release(&notice);
	return rc;
}

static int handle_info(const struct exchange *x, const struct event *e, struct err *err)
{
	struct settling s = {.x = x, .event = e, .outcome = "done", .appid = e->appid};
	struct credential_id id = {"", ""};
	struct weixin_info info = {.user_name = NULL};
	int rc;

	(void)str_copy(id.component_appid, sizeof(id.component_appid), e->component_appid);
	(void)str_copy(id.appid, sizeof(id.appid), e->appid);
	rc = exchange_ask_info(x, &id, clock_mono_ms() + HANDLE_MS, &info, err);
	if (rc < 0)
		return rc;
	if (rc == EXCHANGE_REFUSED)
		s.outcome = "dead"; /* no longer authorized; the push that says so comes or came */
	else
		s.info = &info;
	rc = settle(&s, err);
	weixin_info_release(&info);
	return rc;
}

static int give_up(const struct exchange *x, const struct event *e, struct err *err)
{
	struct settling s = {.x = x, .event = e, .outcome = "dead", .appid = e->appid};

	log_error(e->appid, "%s: given up after %d attempts in 7 days", e->type, e->attempts);
	return settle(&s, err);
}

/* Registrations of mini programs end with a code like an authorization's.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Register_Mini_Programs/Fast_Registration_Interface_document.html
 */
static bool brings_authorization(const char *info_type, const struct json *fields)
{
	return strcmp(info_type, "authorized") == 0 || strcmp(info_type, "updateauthorized") == 0 ||
	       event_field(fields, "auth_code", NULL)[0];
}

int event_handle(const struct exchange *x, const struct event *e, struct err *err)
{
	struct json *fields = NULL;
	const char *info_type;
	struct keys *keys;
	int rc;

	if (clock_wall_ms() - e->received_ms > GIVE_UP_MS)
		return give_up(x, e, err);
	if (strcmp(e->type, EVENT_TYPE_INFO) == 0)
		return handle_info(x, e, err);
	keys = keyring_take(x->store->keyring);
	rc = event_open(keys->event, e->component_appid, e->event_id, e->sealed, e->sealed_len, &fields, err);
	keyring_give(x->store->keyring, &keys);
	if (rc < 0)
		return rc; /* it opened once: its key has been taken away too early, and may come back */
	info_type = event_field(fields, "InfoType", NULL);
	if (brings_authorization(info_type, fields))
		rc = handle_authorization(x, e, fields, err);
	else
		rc = handle_other(x, e, fields, strcmp(info_type, "unauthorized") == 0, err);
	json_free(&fields);
	return rc;
}
