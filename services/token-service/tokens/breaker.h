#ifndef SERVICES_TOKEN_SERVICE_TOKENS_BREAKER_H
#define SERVICES_TOKEN_SERVICE_TOKENS_BREAKER_H

#include "proto/platforms.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether accounts' tokens of a platform are worth a call now. After BREAKER_FAILURES failures in a row that
 * are Weixin's or the platform's (not one account's) it opens for 2 s, then, while the one trial that it lets
 * through each time fails too, for twice as long, up to 30 s. One process's own: every replica finds out by
 * itself. Any thread. Times are clock_mono_ms(). */
#define BREAKER_FAILURES      10
#define BREAKER_LEAST_MS      2000
#define BREAKER_MOST_MS       30000
#define BREAKER_TRIAL_MS      20000 /* a trial that does not end in this time (its thread was held up) is over */
#define BREAKER_MAX_PLATFORMS 64    /* those beyond have none */

struct breaker;

struct breaker *breaker_new(void);
void breaker_free(struct breaker **b);

/* A call would be let through; changes nothing. */
bool breaker_is_closed(struct breaker *b, const char *component_appid, int64_t now_ms);
/* Let one call through; it must be told of by breaker_note(). */
bool breaker_admit(struct breaker *b, const char *component_appid, int64_t now_ms);
/* True: this opened or closed it. */
bool breaker_note(struct breaker *b, const char *component_appid, bool failed, int64_t now_ms);

#endif
