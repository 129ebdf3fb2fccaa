#ifndef WEIXIN_SIM_PUSH_TICKER_H
#define WEIXIN_SIM_PUSH_TICKER_H

#include "common/base/err.h"

#include <stdint.h>

/* Pushes the tickets that nobody waits for: on a schedule, and after api_start_push_ticket. One thread, one
 * push at a time; what is asked for while one is under way waits for it. */
struct ticker;
struct sim;

/* interval_s 0: no schedule. */
int ticker_new(struct ticker **out, struct sim *sim, int64_t interval_s, struct err *err);
void ticker_free(struct ticker **t); /* waits for the push under way */

/* A ticket to this platform as soon as possible. Any thread; returns at once. */
void ticker_push_soon(struct ticker *t, const char *component_appid);

#endif
