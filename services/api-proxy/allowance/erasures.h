#ifndef API_PROXY_ALLOWANCE_ERASURES_H
#define API_PROXY_ALLOWANCE_ERASURES_H

#include "common/kafka/kafka_conf.h"
#include "common/pg/pg.h"

#include <stdbool.h>

/* Forgetting fans (proto/erasure.h): the topic `platform-notices`, read as the group `api-proxy.notices` for
 * wxbus.user.erased alone. What the allowance ledger holds of a fan from before is deleted, and a mark keeps
 * allowance_feed_one() from recording it anew when a topic brings it late; for 30 days. What Weixin answered
 * about a fan stands in the ledger of requests until its row is forgotten (15 days). */
struct erasures;

/* Borrows both until erasures_free(). */
int erasures_new(
	struct erasures **out, const struct kafka_conf *kafka, struct pg_pool *pool, struct err *err);
void erasures_drain(struct erasures *e, int64_t deadline_mono_ms);
void erasures_free(struct erasures **e);

bool erasures_ready(struct erasures *e, char *detail, size_t size);
/* Into the metrics, now and then. */
void erasures_tick(struct erasures *e);

/* Marks whose time is over; and rows of the allowance ledger that were written while their mark was. How many
 * marks, or -1. */
int64_t erasures_sweep(struct pg_pool *pool, struct err *err);

#endif
