#ifndef SERVICES_TOKEN_SERVICE_ACCOUNTS_FANS_H
#define SERVICES_TOKEN_SERVICE_ACCOUNTS_FANS_H

#include "common/kafka/kafka_conf.h"
#include "services/token-service/events/outbox.h"

#include <stdbool.h>

/* The topics `messages` and `messages.test`, read as the group `token-service.fans` for one kind of event
 * only: a fan who unsubscribes is to be forgotten by everybody (fan_store.h), as of that moment. A new group
 * begins with the oldest record: an unsubscription from before our first start counts as well. */
struct fans;

int fans_new(struct fans **out, const struct kafka_conf *kafka, const struct store *s, struct outbox *outbox,
	struct err *err);
void fans_free(struct fans **f);

bool fans_ready(struct fans *f, char *detail, size_t size); /* any thread */

#endif
