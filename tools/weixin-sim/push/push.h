#ifndef WEIXIN_SIM_PUSH_PUSH_H
#define WEIXIN_SIM_PUSH_PUSH_H

#include "tools/weixin-sim/sim.h"
#include "tools/weixin-sim/wire/verify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One push to one URL: encrypted, sent, judged, repeated if asked, recorded. Everything is copied, so that
 * the state need not be locked while it is under way. Any thread. */
struct push {
	char component_appid[NAME_MAX_LEN];
	char token[TOKEN_MAX];
	uint8_t key[WEIXIN_KEY_LEN];
	char appid[NAME_MAX_LEN];     /* to whose URL; "": the authorization-event URL */
	char about[NAME_MAX_LEN];     /* whom a platform event is about; "": nobody */
	char user_name[NAME_MAX_LEN]; /* the account's original id */
	char openid[NAME_MAX_LEN];    /* "" if no fan caused it */
	char kind[NAME_MAX_LEN];      /* for the record: InfoType, MsgType or Event */
	char msg_id[24];              /* "" if it has none */
	char url[URL_MAX + NAME_MAX_LEN];
	char *xml;          /* the plaintext; owned */
	bool is_message;    /* no event */
	int64_t retries;    /* at most, after a time-out or a refusal */
	int64_t late_ms;    /* before the first delivery */
	int64_t duplicates; /* further deliveries at the same time as the first, not repeated */
	int64_t timeout_ms;
};

struct push_result {
	enum answer answer;
	int64_t ms; /* the whole time */
	char why[VERIFY_WHY_SIZE];
	struct json *entry; /* as recorded: id, status, answer, why, ms, xml, reply, attempts, ...; owned */
	const struct json *reply; /* in `entry`; a null value unless the answer is ANSWER_REPLY */
};

/* The platform's part of a push; with `a`, one to the message-and-event URL. The state is locked. -1: the
 * platform has no such URL. */
int push_init(struct push *push, const struct sim *sim, const struct platform *p, const struct account *a);
void push_release(struct push *push);

/* Returns when it ended. The caller releases the result. */
void push_send(struct sim *sim, const struct push *push, struct push_result *out);
void push_result_release(struct push_result *r);

#endif
