#ifndef SERVICES_TOKEN_SERVICE_V1_OPERATION_H
#define SERVICES_TOKEN_SERVICE_V1_OPERATION_H

#include "services/token-service/events/exchange.h"

/* The rest of the component-level APIs, those that an operator or a back office uses now and then: options,
 * quotas, rids, open-platform accounts, registrations of mini programs. Each is a row of one table (with
 * Weixin's page as its source): path, whose token, what goes in, what is passed on. Results of registrations
 * come later, as pushes. */
enum operation_token {
	OPERATION_BY_SECRET,   /* no token: the platform's app secret stands in the body */
	OPERATION_BY_PLATFORM, /* the component's token */
	OPERATION_BY_ACCOUNT,
	OPERATION_BY_EITHER /* whose call is asked about: the account's token if one is named */
};
enum operation_account { OPERATION_NO_ACCOUNT, OPERATION_NEEDS_ACCOUNT, OPERATION_MAY_ACCOUNT };
/* Who is named in the body, besides the caller's own fields. */
enum operation_names {
	OPERATION_NAMES_NOBODY,
	OPERATION_NAMES_AUTHORIZER, /* component_appid, authorizer_appid */
	OPERATION_NAMES_APPID,      /* appid */
	OPERATION_NAMES_SECRET      /* component_appid, appsecret, and appid if an account is named */
};

struct operation_field {
	const char *name;
	bool number; /* else a text */
	bool optional;
};

#define OPERATION_FIELDS_MAX  6
#define OPERATION_ANSWERS_MAX 4
struct operation {
	const char *name; /* in /v1's path */
	const char *path;
	const char *action; /* the query parameter of this name; NULL: none */
	enum operation_token token;
	enum operation_account account;
	enum operation_names names;
	bool changes; /* something at Weixin: it is audited */
	struct operation_field fields[OPERATION_FIELDS_MAX];
	const char
		*answers[OPERATION_ANSWERS_MAX]; /* members of Weixin's answer; none carries a credential */
};

/* NULL: there is no such operation, or it is not for an account (or only for one). */
const struct operation *operation_find(const char *name, bool with_account);

/* The caller's fields are those of the table: ERR_REJECT says what is wrong. */
int operation_check(const struct operation *op, const struct json *fields, struct err *err);

/* One call. The caller frees *answer_out. Positive: CREDENTIAL_UNKNOWN, _UNAUTHORIZED, _NONE. ERR_REJECT:
 * Weixin's errcode is err.code. ERR_UNCERTAIN: it may have taken effect; nothing is repeated here. */
int operation_run(const struct exchange *x, const struct operation *op, const struct credential_id *id,
	const struct json *fields, int64_t deadline_mono_ms, struct json **answer_out, struct err *err);

/* What rid/get tells of a call, without its credentials: of the URL, the values of all parameters but
 * harmless ones; of JSON bodies, every member that notice_strip() takes; other bodies altogether. Exported
 * for its test. */
struct json *operation_tidy_request(const struct json *request);

#endif
