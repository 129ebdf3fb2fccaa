#ifndef API_PROXY_ALLOWANCE_ALLOWANCE_DOOR_H
#define API_PROXY_ALLOWANCE_ALLOWANCE_DOOR_H

#include "common/base/buf.h"
#include "common/pg/pg.h"
#include "services/api-proxy/refusal.h"

#include <stdbool.h>

/* GET /accounts/{appid}/allowance/{openid}: what may still be sent to a fan, before sending. No path of
 * Weixin's; whoever may send may read it. */
#define ALLOWANCE_SEND_PATH "/cgi-bin/message/custom/send"
bool allowance_door_is(const char *path);

/* {"appid","openid","left":3|null,"left_for_marketing":1|null,"until":"..."|null}; null: nothing is known of
 * this fan, and the call would be made. REFUSAL_NONE, REFUSAL_NOT_FOUND, REFUSAL_METHOD or REFUSAL_STORE. */
enum refusal allowance_door_read(struct pg_pool *pool, const char *appid, const char *method,
	const char *path, struct buf *answer_out);

#endif
