#ifndef API_PROXY_TOPIC_TOPIC_DOOR_H
#define API_PROXY_TOPIC_TOPIC_DOOR_H

#include "services/api-proxy/topic/topic_work.h"

#include <stdbool.h>

/* The topic `api-requests`, read as the group `api-proxy`: order within a lane, lanes side by side. */
struct topic_door;

/* Borrows both until topic_door_free(). */
int topic_door_new(struct topic_door **out, const struct kafka_conf *kafka, const struct topic_work *work,
	int threads, struct err *err);
/* Takes up nothing more and waits for what is under way at most until the deadline. */
void topic_door_drain(struct topic_door *d, int64_t deadline_mono_ms);
void topic_door_free(struct topic_door **d);

bool topic_door_ready(struct topic_door *d, char *detail, size_t size);
void topic_door_tick(struct topic_door *d); /* the main thread, now and then: sets gauges */

#endif
