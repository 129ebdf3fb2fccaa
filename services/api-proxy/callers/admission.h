#ifndef API_PROXY_CALLERS_ADMISSION_H
#define API_PROXY_CALLERS_ADMISSION_H

#include "common/pg/pg.h"
#include "services/api-proxy/callers/callers.h"
#include "services/api-proxy/refusal.h"

#include <stdbool.h>
#include <stdint.h>

/* May a call that was granted be made now? Its caller's rates and daily numbers, over all and for the
 * account; over HTTP also how many of the account and of the caller are inside, far fewer than there are
 * threads (the topic's worker shares its threads itself). `appid` is the component's own for a call of the
 * platform. Any thread. */
struct admission;

struct admission_most { /* at once */
	size_t account, caller;
	size_t person;        /* calls without a key, by a person's own token; of one address half of them */
	int64_t person_per_s; /* the same for how many a second */
};

struct admission *admission_new(struct pg_pool *pool, const struct admission_most *most);
void admission_free(struct admission **a);

/* REFUSAL_NONE: admission_leave() must follow. REFUSAL_IN_FLIGHT, REFUSAL_RATE, REFUSAL_DAY (*retry_after_s
 * says when to ask again), or REFUSAL_STORE. */
enum refusal admission_enter(
	struct admission *a, const struct caller *caller, const char *appid, int64_t *retry_after_s);
void admission_leave(struct admission *a, const struct caller *caller, const char *appid);

/* A call that needs no key, from this address: REFUSAL_NONE (admission_leave_person() must follow),
 * REFUSAL_IN_FLIGHT or REFUSAL_RATE. */
enum refusal admission_enter_person(struct admission *a, const char *address, int64_t *retry_after_s);
void admission_leave_person(struct admission *a, const char *address);

/* The topic waits where HTTP is refused. 0: counted; else milliseconds until its turn (rate_turn()). */
int64_t admission_turn(struct admission *a, const struct caller *caller, const char *appid, bool waited);
/* REFUSAL_NONE, REFUSAL_DAY or REFUSAL_STORE: nothing was counted, *err says why. */
enum refusal admission_day(
	struct admission *a, const struct caller *caller, const char *appid, struct err *err);

#endif
