#ifndef API_PROXY_ALLOWANCE_ALLOWANCE_FEED_H
#define API_PROXY_ALLOWANCE_ALLOWANCE_FEED_H

#include "common/kafka/kafka_conf.h"
#include "common/pg/pg.h"

#include <stdbool.h>

/* The topics `messages` and `messages.test`, read as the group `api-proxy.allowance`: what fans do, into the
 * allowance ledger. A new group begins with the oldest record: windows are two days long. */
struct allowance_feed;

/* Borrows both until allowance_feed_free(). */
int allowance_feed_new(
	struct allowance_feed **out, const struct kafka_conf *kafka, struct pg_pool *pool, struct err *err);
void allowance_feed_drain(struct allowance_feed *f, int64_t deadline_mono_ms);
void allowance_feed_free(struct allowance_feed **f);

bool allowance_feed_ready(struct allowance_feed *f, char *detail, size_t size);
/* Into the metrics, now and then. */
void allowance_feed_tick(struct allowance_feed *f);

/* Every second or so, from one thread: tells the others through the database how far this one has read. */
void allowance_feed_tell(void *feed);

#endif
