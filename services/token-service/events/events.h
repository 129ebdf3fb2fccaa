#ifndef SERVICES_TOKEN_SERVICE_EVENTS_EVENTS_H
#define SERVICES_TOKEN_SERVICE_EVENTS_EVENTS_H

#include "common/kafka/kafka_conf.h"
#include "services/token-service/events/exchange.h"
#include "services/token-service/events/outbox.h"

#include <stdbool.h>

/* From `platform-events` to effects. One thread reads: a ticket is stored at once, everything else becomes a
 * row of `events`, and only then may the offset be committed. A few threads work on the rows. So an
 * authorization that has to wait (for a ticket, for Weixin) holds up neither the ticket behind it nor other
 * accounts, for however long. */
struct events;

/* outage_s: ticket_put()'s. */
int events_new(struct events **out, const struct kafka_conf *kafka, const struct exchange *x,
	struct outbox *outbox, int64_t outage_s, struct err *err);
/* Reads no more and takes up no more; what is under way finishes. */
void events_stop(struct events *e);
void events_free(struct events **e);

bool events_ready(struct events *e, char *detail, size_t size); /* any thread */

#endif
