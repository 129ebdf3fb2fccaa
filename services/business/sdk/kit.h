#ifndef SERVICES_BUSINESS_SDK_KIT_H
#define SERVICES_BUSINESS_SDK_KIT_H

#include "proto/reply.h"
#include "services/business/sdk/sdk.h"

/* A business tested without a broker or a database: feed an event, see what it says outside and what becomes
 * of the event. Link business_kit. One thread.
 *
 *     struct kit *kit = kit_new(&hello, NULL, NULL);
 *     const struct kit_outcome *o = kit_text(kit, "hi");
 *     assert_int_equal(o->settlement, SETTLE_DONE);
 *     assert_string_equal(json_get_str(o->reply, "Content"), "hi yourself");
 *     kit_free(&kit);
 *
 * The SDK's own code runs between event and outcome: routes, verdicts, request ids, repeated events. Time is
 * that of common/base/clock.h, so clock_fake() moves it. */
struct kit;

/* Runs the business's init() with this conf (its own struct). `pool`: for a business whose handlers need
 * their tables (BUSINESS_ONCE with its transaction); NULL: e->pg is NULL, nothing is committed, and what
 * takes effect once is remembered for ten minutes only. Stops the process where init() fails. */
struct kit *kit_new(const struct business_def *def, const void *conf, struct pg_pool *pool);
void kit_free(struct kit **kit); /* runs its release() */

struct kit_event {
	const char *id;     /* NULL: a new one */
	const char *type;   /* NULL: weixin.message.text */
	const char *appid;  /* NULL: wxaccount */
	const char *openid; /* NULL: oFan */
	const char *fields; /* JSON */
	bool not_asked;     /* the group is not among the repliers; otherwise it is the only one */
	int64_t time_ms;    /* 0: now */
	int attempt;        /* tries before this one that failed */
	const char *run;    /* NULL: live */
};

struct kit_call {
	const char *id; /* of the request */
	const char *method, *path, *lane, *priority;
	const struct json *body; /* NULL: none */
};

#define KIT_CALLS_MAX 32

struct kit_outcome {
	/* SETTLE_DONE also for an event that was settled before, is passed over, or erased: see `handled`. */
	enum settlement settlement;
	const char *reason, *error_class; /* of a failure; "" where there is none, or Kafka is away */
	bool handled;                     /* a handler ran */
	bool has_verdict;
	enum verdict verdict;
	const struct json *reply; /* NULL: none */
	struct kit_call calls[KIT_CALLS_MAX];
	size_t n_calls;
};

/* One delivery. Borrowed until the next. */
const struct kit_outcome *kit_feed(struct kit *kit, const struct kit_event *event);
/* A fan's text. */
const struct kit_outcome *kit_text(struct kit *kit, const char *content);

/* From here on Kafka takes nothing (or does again). */
void kit_set_kafka_away(struct kit *kit, bool away);

#endif
