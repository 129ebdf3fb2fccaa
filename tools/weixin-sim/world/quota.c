#include "tools/weixin-sim/world/quota.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/banned.h"

#define CHINA_MS INT64_C(28800000) /* Weixin's days begin eight hours before UTC's */

static int64_t day_of(int64_t now_ms)
{
	return (now_ms + CHINA_MS) / 86400000;
}

static int64_t month_of(int64_t now_ms)
{
	time_t t = (time_t)((now_ms + CHINA_MS) / 1000);
	struct tm tm;

	gmtime_r(&t, &tm);
	return (int64_t)tm.tm_year * 12 + tm.tm_mon;
}

void quotas_release(struct quotas *q)
{
	struct quota_use *use, *next_use;
	struct quota_clears *clears, *next_clears;
	struct quota_override *override, *next_override;

	HASH_ITER (hh, q->uses, use, next_use) {
		HASH_DEL(q->uses, use);
		free(use);
	}
	HASH_ITER (hh, q->clears, clears, next_clears) {
		HASH_DEL(q->clears, clears);
		free(clears);
	}
	HASH_ITER (hh, q->overrides, override, next_override) {
		HASH_DEL(q->overrides, override);
		free(override);
	}
}

void quotas_override(struct quotas *q, const char *path, const struct quota *quota)
{
	struct quota_override *override;

	HASH_FIND_STR(q->overrides, path, override);
	if (!override) {
		override = xcalloc(1, sizeof(*override));
		str_copy(override->path, sizeof(override->path), path);
		HASH_ADD_STR(q->overrides, path, override);
	}
	override->quota = *quota;
}

struct quota quotas_of(const struct quotas *q, const char *path, const struct quota *own)
{
	const struct quota_override *override;

	HASH_FIND_STR(q->overrides, path, override);
	return override ? override->quota : *own;
}

static void use_name(char out[NAME_MAX_LEN + QUOTA_PATH_MAX], const char *caller, const char *path)
{
	snprintf(out, NAME_MAX_LEN + QUOTA_PATH_MAX, "%s%s", caller, path);
}

static struct quota_use *put_use(struct quotas *q, const char *caller, const char *path)
{
	char name[NAME_MAX_LEN + QUOTA_PATH_MAX];
	struct quota_use *use;

	use_name(name, caller, path);
	HASH_FIND_STR(q->uses, name, use);
	if (!use) {
		use = xcalloc(1, sizeof(*use));
		str_copy(use->name, sizeof(use->name), name);
		HASH_ADD_STR(q->uses, name, use);
	}
	return use;
}

static bool is_above(int64_t calls, int64_t limit)
{
	return limit && calls >= limit;
}

int quotas_take(
	struct quotas *q, const char *caller, const char *path, const struct quota *quota, int64_t now_ms)
{
	struct quota_use *use = put_use(q, caller, path);

	if (use->day != day_of(now_ms)) {
		use->day = day_of(now_ms);
		use->calls_today = 0;
	}
	if (use->minute != now_ms / 60000) {
		use->minute = now_ms / 60000;
		use->calls_this_minute = 0;
	}
	if (is_above(use->calls_today, quota->daily))
		return 45009;
	if (is_above(use->calls_this_minute, quota->minute))
		return 45011;
	use->calls_today++;
	use->calls_this_minute++;
	return 0;
}

int64_t quotas_used(const struct quotas *q, const char *caller, const char *path, int64_t now_ms)
{
	char name[NAME_MAX_LEN + QUOTA_PATH_MAX];
	const struct quota_use *use;

	use_name(name, caller, path);
	HASH_FIND_STR(q->uses, name, use);
	return use && use->day == day_of(now_ms) ? use->calls_today : 0;
}

/* One more clearing of this month. */
static int take_clear(struct quotas *q, const char *caller, int64_t now_ms)
{
	struct quota_clears *clears;

	HASH_FIND_STR(q->clears, caller, clears);
	if (!clears) {
		clears = xcalloc(1, sizeof(*clears));
		str_copy(clears->caller, sizeof(clears->caller), caller);
		HASH_ADD_STR(q->clears, caller, clears);
	}
	if (clears->month != month_of(now_ms)) {
		clears->month = month_of(now_ms);
		clears->n = 0;
	}
	if (clears->n >= QUOTA_CLEARS_A_MONTH)
		return 48006;
	clears->n++;
	return 0;
}

int quotas_clear(struct quotas *q, const char *caller, const char *path, int64_t now_ms)
{
	char name[NAME_MAX_LEN + QUOTA_PATH_MAX];
	int errcode = take_clear(q, caller, now_ms);

	if (errcode)
		return errcode;
	/* An appid ends where the path's "/" begins. */
	use_name(name, caller, path ? path : "/");
	for (struct quota_use *use = q->uses; use; use = use->hh.next)
		if (path ? strcmp(use->name, name) == 0 : strncmp(use->name, name, strlen(name)) == 0)
			use->calls_today = 0;
	return 0;
}
