#ifndef WEIXIN_SIM_PUSH_PLAYS_H
#define WEIXIN_SIM_PUSH_PLAYS_H

#include "common/base/err.h"
#include "tools/weixin-sim/push/push.h"

/* What happens at Weixin and is pushed to a platform: each play changes the state, sends its push, and
 * returns when that ended. Any thread; the state is not locked by the caller.
 *
 * 0: *out is to be released. Else nothing happened, *out is untouched and err says why: */
#define PLAY_UNKNOWN  1 /* the platform, its URL or the account is unknown */
#define PLAY_CONFLICT 2 /* Weixin would not do this now */
#define PLAY_WRONG    3 /* the input has no form as a push */

struct play_options {
	int64_t retries;     /* -1: as Weixin's rules are set */
	int64_t timeout_ms;  /* 0: the setting */
	int64_t create_time; /* s; -1: now */
	int64_t late_ms;     /* between CreateTime and the first delivery */
	int64_t duplicates;  /* further deliveries at the same time */
};
extern const struct play_options play_defaults;

/* `same`: the last ticket's value again. */
int play_ticket(struct sim *sim, const char *component_appid, bool same, const struct play_options *o,
	char ticket_out[TOKEN_MAX], struct push_result *out, struct err *err);

/* A consent of the account's administrator. */
struct grant {
	char component_appid[NAME_MAX_LEN];
	char appid[NAME_MAX_LEN];
	char code[TOKEN_MAX];
	char pre_auth_code[TOKEN_MAX];
	int64_t expires_ms;
};

struct grant_request {
	const char *component_appid;
	const char *appid;
	const struct func_ids *func_ids; /* NULL: the account's own, or in an update the granted ones */
	const char *pre_auth_code;       /* NULL: the platform's newest */
	int code_reusable;               /* -1: the setting */
	bool update;                     /* of an authorization that stands; the sets have to change */
	bool force;                      /* an update even so */
};

/* The consent alone; nothing is pushed. */
int play_grant(struct sim *sim, const struct grant_request *r, struct grant *out, struct err *err);
/* Its push; info_type is authorized or updateauthorized. */
int play_push_grant(struct sim *sim, const struct grant *g, const char *info_type,
	const struct play_options *o, struct push_result *out, struct err *err);

int play_unauthorized(struct sim *sim, const char *component_appid, const char *appid,
	const struct play_options *o, struct push_result *out, struct err *err);

/* Any other push to the authorization-event URL, about `appid` (NULL: nobody): InfoType and the others, in
 * their order. */
int play_platform(struct sim *sim, const char *component_appid, const char *appid, const struct json *fields,
	const struct play_options *o, struct push_result *out, struct err *err);

struct play_message {
	const char *component_appid;
	const char *appid;
	const char *openid;        /* made a fan if unknown */
	const char *msg_id;        /* NULL: a new one, or none for an event */
	const struct json *fields; /* MsgType and the others, in their order */
	bool by_weixin;            /* the fan did not do it: an event about what the account did */
};

int play_message(struct sim *sim, const struct play_message *m, const struct play_options *o,
	struct push_result *out, struct err *err);

#endif
