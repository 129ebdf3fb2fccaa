#ifndef WEIXIN_SIM_PUSH_TICKER_H
#define WEIXIN_SIM_PUSH_TICKER_H

#include "common/base/err.h"
#include "tools/weixin-sim/world/names.h"

#include <stdint.h>

/* Pushes what nobody waits for: tickets on a schedule and after api_start_push_ticket, and what became of
 * template messages. One thread, one push at a time; what is asked for while one is under way waits for it.
 */
struct ticker;
struct sim;

/* interval_s 0: no schedule. */
int ticker_new(struct ticker **out, struct sim *sim, int64_t interval_s, struct err *err);
void ticker_free(struct ticker **t); /* waits for the push under way */

/* A ticket to this platform as soon as possible. Any thread; returns at once. */
void ticker_push_soon(struct ticker *t, const char *component_appid);

/* A template message that was sent, and what became of it. */
struct ticker_template {
	char component_appid[NAME_MAX_LEN];
	char appid[NAME_MAX_LEN];
	char openid[NAME_MAX_LEN];
	int64_t msg_id;     /* as template/send answered it */
	const char *status; /* static */
};

/* TEMPLATESENDJOBFINISH of it as soon as possible. Any thread; returns at once. */
void ticker_finish_template(struct ticker *t, const struct ticker_template *sent);

#endif
