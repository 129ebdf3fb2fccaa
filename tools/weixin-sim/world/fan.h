#ifndef WEIXIN_SIM_WORLD_FAN_H
#define WEIXIN_SIM_WORLD_FAN_H

#include "tools/weixin-sim/world/chat.h"
#include "tools/weixin-sim/world/names.h"
#include "tools/weixin-sim/world/tags.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

/* A fan of one account: what the account may still send, and what it has sent. The caller locks.
 * https://developers.weixin.qq.com/doc/subscription/guide/product/kf/intro.md */

struct allowance_rules {
	int message_count; /* after a fan's message */
	int64_t message_ms;
	int action_count;  /* after a follow, a scan or a menu click */
	int session_count; /* after a mini program's session was entered */
	int64_t action_ms;
};

/* Messages that may be sent until a time. */
struct window {
	int left;
	int64_t until_ms;
};

#define FAN_MESSAGES_MAX 100
#define FAN_REMARK_MAX   (30 * 4 + 1)

struct fan {
	char openid[NAME_MAX_LEN];
	bool subscribed;
	bool refuses; /* the account's messages */
	int64_t subscribed_ms;
	char remark[FAN_REMARK_MAX]; /* the account's own */
	struct fan_tags tags;
	int64_t acted_ms;        /* when the fan did something last; 0: never */
	int64_t typing_until_ms; /* until then the account is shown as typing */
	struct window message, action;
	char *messages[FAN_MESSAGES_MAX]; /* bodies of custom/send, a ring; owned */
	uint64_t n_messages;              /* received so far */
	struct chat chat;
	UT_hash_handle hh;
};

struct fan *fan_new(const char *openid, int64_t now_ms);
void fan_free(struct fan **f);

/* What a push from the fan means for the allowance and for being a follower. `event` is NULL for a message.
 */
void fan_acts(struct fan *f, const struct allowance_rules *rules, const char *event, int64_t now_ms);

/* Takes one message out of the allowance. 0, 45015 outside of every window, 45047 nothing left. */
int fan_take(struct fan *f, int64_t now_ms);
int fan_left(const struct fan *f, int64_t now_ms);

/* The account types, or has stopped. 0; 45072 no such command, 45080 the fan did nothing for 30 s, 45081
 * shown already. */
int fan_typing(struct fan *f, const char *command, int64_t now_ms);

void fan_receive(struct fan *f, const char *body);
/* The i-th message received, from 0; NULL: not there yet, or too old. */
const char *fan_message(const struct fan *f, uint64_t i);

#endif
