#ifndef API_PROXY_ALLOWANCE_ALLOWANCE_RULE_H
#define API_PROXY_ALLOWANCE_ALLOWANCE_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* What a fan's act allows: so many customer-service messages within so long. The windows do not add up, and a
 * click does not count as a message. Pure functions. Source:
 * https://developers.weixin.qq.com/doc/subscription/guide/product/kf/intro.md */
struct allowance_rule {
	bool is_message; /* else an action: follow, scan, click, entering a session */
	int count;
	int64_t window_ms;
};

/* By ce_type; NULL: it allows nothing. */
const struct allowance_rule *allowance_rule_of(const char *ce_type);

#define ALLOWANCE_LONGEST_MS (48 * INT64_C(3600000))
#define ALLOWANCE_RESERVED   2 /* the last ones, which marketing never takes */

/* Is it a send that takes one? */
bool allowance_applies(const char *method, const char *path);

/* "agent", "service" (NULL or "" too) or "marketing": how many must be left for it to take one; -1: no such
 * word. */
int allowance_reserve_of(const char *priority);

#endif
