#ifndef SERVICES_BUSINESS_SDK_DELIVER_KIT_H
#define SERVICES_BUSINESS_SDK_DELIVER_KIT_H

#include "common/testing/testing.h"
#include "services/business/sdk/internal.h"

/* What the tests of this folder share that deliver events: a business of the tests' own between records made
 * here and what the SDK would write to Kafka. Its handlers do as `kit` says. (Businesses are tested with
 * kit.h.) */

#define ID     "0123456789abcdef0123456789abcdef"
#define OTHER  "fedcba9876543210fedcba9876543210"
#define NOW_MS 1760000000000 /* the clock stands there when a case begins */
#define KEY    "wxa/oFan"

#define DELIVER_KIT_RECORDS 24

/* What was written, in its order, and how Kafka and the handlers behave. */
struct deliver_kit {
	struct business b;
	struct arena arena;
	struct kafka_record records[DELIVER_KIT_RECORDS];
	int n;
	int failures;        /* so many writes fail first */
	const char *broken;  /* writes to this topic fail */
	int waits, waits_ok; /* how often the SDK slept; after waits_ok the job may not go on */
	int most_stopped;    /* records that could not be handed over */
	int handled;
	const char *route; /* the handler that ran last */
	enum settlement settlement;
	void (*act)(struct event *e);
	struct err err; /* of `act` */
	struct err stop;
	int rc;
};
extern struct deliver_kit kit;

#define DELIVER_CASE(f) cmocka_unit_test_setup_teardown(f, deliver_kit_setup, deliver_kit_teardown)
int deliver_kit_setup(void **state); /* as `hello` */
int deliver_kit_teardown(void **state);

/* Without delays; with two; with two and in strict order; with one, whose handler takes effect once. */
extern const struct business_def hello, retrying, strict, once;
void deliver_as(const struct business_def *def);
/* As `once`, on fresh tables in this schema of a real PostgreSQL (one of each test program) and by the real
 * clock; skips the test where there is none. */
void deliver_once(const char *schema);
/* Forget which events are settled. */
void become_another_process(void);

/* An event of which this group and another are asked; to hand one over, with the answer of sdk_deliver(). */
struct envelope asked_event(void);
bool deliver_asked(void);
bool deliver(const struct envelope *e);
bool deliver_value(const struct envelope *e, const char *value);
/* What was written, delivered from where it was written to. */
bool deliver_written(int i);

/* Of record i of those written. */
const char *written_header(int i, const char *name); /* "" if absent */
void check_verdict(int i, enum verdict verdict, const char *content);
void check_signature(int i);

/* For kit.act. */
void say_hi(struct event *e);
void say_hi_and_fail_twice(struct event *e);
void call_twice(struct event *e);

#endif
