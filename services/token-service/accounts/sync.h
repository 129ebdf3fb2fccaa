#ifndef SERVICES_TOKEN_SERVICE_ACCOUNTS_SYNC_H
#define SERVICES_TOKEN_SERVICE_ACCOUNTS_SYNC_H

#include "services/token-service/events/exchange.h"
#include "services/token-service/events/outbox.h"

/* The thread that reconciles: our table may lack an account whose `authorized` push was lost, or keep one
 * whose `unauthorized` was. Weixin's list tells both:
 * https://developers.weixin.qq.com/doc/oplatform/openApi/authorization-management/api_getauthorizerlist.html
 *
 * An account that the list has and we have not is added: with the list's refresh token, if Weixin
 * (api_get_authorizer_info) still says that it is authorized, and unless something has happened to it with us
 * in the meantime; eight at once. A refresh token that differs from ours goes into the history. An account
 * that the list has not shown is missing only if Weixin also says so of itself, for the list moves while it
 * is read; it is un-authorized only in a sync that was asked to prune, if Weixin says it again after it has
 * taken a call of the platform's own: an answer to a bad credential of the platform is no account's. If more
 * than SYNC_MISSING_MAX are not shown, the list is not believed, and the sync fails.
 *
 * It runs daily, after an outage and when asked for (sync_store.h), for each platform on one replica. A step
 * that fails is repeated with growing pauses, SYNC_ATTEMPTS times in a row. */
#define SYNC_MISSING_MAX 1000

struct sync_worker;

/* every_s: 0: not by itself. */
int sync_worker_new(struct sync_worker **out, const struct exchange *x, struct outbox *outbox,
	int64_t every_s, struct err *err);
void sync_worker_free(struct sync_worker **w); /* after the call under way */

#endif
