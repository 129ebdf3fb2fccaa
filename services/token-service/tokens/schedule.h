#ifndef SERVICES_TOKEN_SERVICE_TOKENS_SCHEDULE_H
#define SERVICES_TOKEN_SERVICE_TOKENS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/* When a token is due: arithmetic only. */

/* Milliseconds from getting a token (at now_ms, wall clock) that lives expires_in_s to its refresh. Every
 * account has its own place in a cycle of five sixths of the life, the same on every replica, so that
 * refreshes lie evenly over the whole cycle however many tokens were got at once; the last sixth is for
 * failures. Never earlier than a twelfth of the life, never later than eleven twelfths. appid "": the
 * platform's own. */
int64_t schedule_refresh_ms(
	int64_t expires_in_s, int64_t now_ms, const char *component_appid, const char *appid);

/* Milliseconds until the next attempt after `failures` in a row: from a second, doubled, up to 10 minutes;
 * `slow` (somebody must first set something right): from a minute up to an hour. With jitter, never less than
 * half. */
int64_t schedule_retry_ms(int failures, bool slow);

#endif
