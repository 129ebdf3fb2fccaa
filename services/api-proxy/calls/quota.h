#ifndef API_PROXY_CALLS_QUOTA_H
#define API_PROXY_CALLS_QUOTA_H

#include "services/api-proxy/calls/api_table.h"

#include <stdbool.h>
#include <stdint.h>

/* Numbers of calls that Weixin says are used up: until they are anew, nobody asks in vain (a call that Weixin
 * refuses may count as well). By account and by the APIs that share a number; in memory, so a process that
 * starts anew learns it by one call. Any thread. Weixin's day begins at midnight in Beijing. Source:
 * https://developers.weixin.qq.com/doc/service/guide/dev/api/limit.html */
struct quota;

struct quota *quota_new(void);
void quota_free(struct quota **q);

/* Weixin's answer to a call; row NULL: the path is not in the table. What does not speak of a number that
 * this account has used up is passed over. */
void quota_learn(struct quota *q, const char *component_appid, const char *appid, const struct api_row *row,
	const char *path, int64_t errcode, int64_t now_wall_ms);
/* The account's numbers were set to zero (clear_quota). */
void quota_clear(struct quota *q, const char *component_appid, const char *appid);

struct quota_block {
	int64_t errcode;       /* as Weixin gave it */
	int64_t until_wall_ms; /* from then on a call may be made */
};
/* True: nothing of it is left. */
bool quota_used_up(struct quota *q, const char *component_appid, const char *appid, const struct api_row *row,
	const char *path, int64_t now_wall_ms, struct quota_block *out);

#endif
