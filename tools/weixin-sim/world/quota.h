#ifndef WEIXIN_SIM_WORLD_QUOTA_H
#define WEIXIN_SIM_WORLD_QUOTA_H

#include "tools/weixin-sim/world/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

/* How often each caller (an account, or a platform with its own token) has called each API, against what it
 * may: by day and by minute, both by Weixin's clock (UTC+8). The caller locks (struct state).
 * https://developers.weixin.qq.com/doc/service/guide/dev/api/limit.html */

#define QUOTA_PATH_MAX       128
#define QUOTA_CLEARS_A_MONTH 10

struct quota {
	int64_t daily, minute; /* calls; 0: as many as anybody likes */
};

struct quota_use {
	char name[NAME_MAX_LEN + QUOTA_PATH_MAX];
	int64_t day, calls_today;
	int64_t minute, calls_this_minute;
	UT_hash_handle hh;
};

/* Clearings of one caller's quotas. */
struct quota_clears {
	char caller[NAME_MAX_LEN];
	int64_t month, n;
	UT_hash_handle hh;
};

/* Another limit than the API's own. */
struct quota_override {
	char path[QUOTA_PATH_MAX];
	struct quota quota;
	UT_hash_handle hh;
};

struct quotas {
	struct quota_use *uses;
	struct quota_clears *clears;
	struct quota_override *overrides;
};

void quotas_release(struct quotas *q);

/* From now on `path` has this quota instead of its own. */
void quotas_override(struct quotas *q, const char *path, const struct quota *quota);
/* What `path` has, its own being `own`. */
struct quota quotas_of(const struct quotas *q, const char *path, const struct quota *own);

/* One call: 0, or it may not be: 45009 today, 45011 this minute. A call that may not be is not counted. */
int quotas_take(
	struct quotas *q, const char *caller, const char *path, const struct quota *quota, int64_t now_ms);
int64_t quotas_used(const struct quotas *q, const char *caller, const char *path, int64_t now_ms); /* today */

/* Today's calls of `path` (NULL: of every API) are forgotten. 0, or 48006: often enough this month. */
int quotas_clear(struct quotas *q, const char *caller, const char *path, int64_t now_ms);

#endif
