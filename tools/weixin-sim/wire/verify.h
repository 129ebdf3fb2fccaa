#ifndef WEIXIN_SIM_WIRE_VERIFY_H
#define WEIXIN_SIM_WIRE_VERIFY_H

#include "common/json/json.h"
#include "tools/weixin-sim/wire/weixin_crypto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Judges the answer to a push as a strict Weixin: exactly `success`, no byte at all, or an encrypted passive
 * reply that is right in every part. Bytes in, verdict out; any thread.
 * https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html */

enum answer {
	ANSWER_SUCCESS,
	ANSWER_EMPTY,
	ANSWER_REPLY,
	ANSWER_ILLEGAL,
	ANSWER_REFUSED,
	ANSWER_TIMEOUT,
	ANSWER_SHIELDED
};

const char *answer_name(enum answer a);

/* What the push was; strings are borrowed. */
struct verify_push {
	const uint8_t *key;
	const char *token;
	const char *component_appid;
	const char *user_name; /* the account's original id */
	const char *openid;
	const char *nonce;
	bool platform_event; /* only `success` is right */
	bool is_message;     /* a news reply to a fan's message has one article, to an event up to eight */
};

#define VERIFY_WHY_SIZE 200

/* ANSWER_SUCCESS, _EMPTY, _REPLY with *reply_out (the caller frees; texts as strings, nested elements as
 * objects, repeated ones as arrays), or _ILLEGAL with the reason in `why`, which is "" otherwise. */
enum answer verify_answer(const struct verify_push *push, const char *body, size_t len,
	struct json **reply_out, char why[VERIFY_WHY_SIZE]);

#endif
