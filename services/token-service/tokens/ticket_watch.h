#ifndef SERVICES_TOKEN_SERVICE_TOKENS_TICKET_WATCH_H
#define SERVICES_TOKEN_SERVICE_TOKENS_TICKET_WATCH_H

#include "services/token-service/store.h"
#include "services/token-service/tokens/weixin_api.h"

/* Weixin pushes a ticket every 10 minutes. When none has come for 20 minutes while one is needed (none at
 * all, or the platform's token runs out within 20 minutes or could not be fetched), or for an hour otherwise,
 * it is asked to push again, by one replica, and not again before the same time has passed.
 * https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_startpushticket.html */

/* Ask for what has to be asked for. A refusal is logged. */
int ticket_watch(const struct store *s, struct weixin_api *w, struct err *err);

/* Sets the metric of every platform's ticket age. `detail`: "wx1: 35 s old; wx2: none yet". *well_out: none
 * is missing or older than an hour. */
int ticket_ages(const struct store *s, bool *well_out, char *detail, size_t size, struct err *err);

#endif
