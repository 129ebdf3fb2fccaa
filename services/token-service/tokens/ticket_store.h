#ifndef SERVICES_TOKEN_SERVICE_TOKENS_TICKET_STORE_H
#define SERVICES_TOKEN_SERVICE_TOKENS_TICKET_STORE_H

#include "services/token-service/store.h"

/* The newest ticket of each platform, kept for as long as there is no newer one.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/component_verify_ticket.html
 */
#define TICKET_OLD       1 /* one with a later CreateTime is stored already; nothing was done */
#define TICKET_AFTER_GAP 2 /* stored, the first one after more than outage_s */

/* Whatever waited for a ticket is tried again at once. Repeating it does no harm.
 * Weixin makes a ticket every 10 minutes, so a longer gap between the times at which it made two that follow
 * each other tells that pushes did not reach us in between, authorizations perhaps among them: a sync is then
 * noted. Our own absence makes no gap: the tickets of that time are read from the topic, in order.
 * outage_s 0: gaps are not looked for. */
int ticket_put(const struct store *s, const char *component_appid, const char *ticket, int64_t create_time_s,
	int64_t outage_s, struct err *err);

#endif
