#ifndef SERVICES_TOKEN_SERVICE_TICKET_STORE_H
#define SERVICES_TOKEN_SERVICE_TICKET_STORE_H

#include "services/token-service/store.h"

/* The newest ticket of each platform, kept for as long as there is no newer one.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/component_verify_ticket.html
 */
#define TICKET_OLD 1 /* one with a later CreateTime is stored already; nothing was done */

/* Whatever waited for a ticket is tried again at once. Repeating it does no harm. */
int ticket_put(const struct store *s, const char *component_appid, const char *ticket, int64_t create_time_s,
	struct err *err);

#endif
