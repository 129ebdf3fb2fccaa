#ifndef API_PROXY_CALLERS_DAY_LIMIT_H
#define API_PROXY_CALLERS_DAY_LIMIT_H

#include "common/base/err.h"
#include "common/pg/pg.h"

#include <stdint.h>

/* Calls a day, counted in the database, so that the number holds over restarts and for all processes
 * together. A process takes them in blocks (a hundredth of the limit, at most 100), so that few calls wait
 * for the database; what is left of a block when the process ends counts as used. Any thread. */
struct day_limit;

struct day_limit *day_limit_new(struct pg_pool *pool); /* borrows it */
void day_limit_free(struct day_limit **d);

/* One call of today. 0: counted. DAY_LIMIT_OVER: there is none left. -1: the database cannot be asked.
 * `appid` "": all of the caller's accounts. */
#define DAY_LIMIT_OVER 1
int day_limit_take(struct day_limit *d, const char *component_appid, const char *caller_id, const char *appid,
	int64_t per_day, struct err *err);

/* One call of today that was counted is not made: the next has it. This process's block gets it back. */
void day_limit_return(struct day_limit *d, const char *component_appid, const char *caller_id,
	const char *appid, int64_t per_day);

/* Days before yesterday are forgotten (a process's clock may be a little behind). How many rows, or -1. */
int64_t day_limit_sweep(struct pg_pool *pool, struct err *err);

/* Until Beijing's midnight, when Weixin's quotas begin anew. Source:
 * https://developers.weixin.qq.com/doc/service/guide/dev/api/limit.html */
int64_t day_limit_seconds_left(int64_t now_wall_ms);
int64_t day_limit_day(int64_t now_wall_ms); /* days since 1970-01-01, as Beijing counts them */

#endif
