#ifndef SERVICES_TOKEN_SERVICE_EVENTS_EVENT_HANDLE_H
#define SERVICES_TOKEN_SERVICE_EVENTS_EVENT_HANDLE_H

#include "services/token-service/events/event_store.h"
#include "services/token-service/events/exchange.h"

/* What an event does: authorizations (and registrations, whose result carries a code) are exchanged at once,
 * an un-authorization deletes tokens, and every push but a ticket becomes a notice, also of kinds nobody
 * knows yet.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/authorize_event.html
 *
 * 0: the event is settled. -1: not now; nothing is lost, it is to be tried again. */
int event_handle(const struct exchange *x, const struct event *e, struct err *err);

#endif
