#ifndef WEIXIN_SIM_ADMIN_FAULTS_H
#define WEIXIN_SIM_ADMIN_FAULTS_H

#include "common/json/json.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Faults asked for in advance: the next calls of a path are answered wrongly, the next pushes of a kind come
 * late or more than once. By count, by rate, or both. Any thread. */
enum fault_of { FAULT_OF_CALL, FAULT_OF_PUSH };

#define FAULT_EVER   INT64_MAX /* as a count */
#define FAULT_UNCUT  (-1)
#define FAULT_ALWAYS 100

struct fault {
	enum fault_of of;
	char *name; /* a call's path or a push's kind; "*": any */
	char *body; /* NULL: none */
	int64_t count;
	int64_t delay_ms;
	int64_t jitter_ms; /* at most so much is added to the delay */
	int percent;       /* of those that it is for */
	int errcode;       /* 0: none */
	int http_status;   /* 0: none */
	int64_t cut;       /* bytes of the answer's body that are sent; FAULT_UNCUT: all */
	int64_t stall_ms;  /* silence after half of the answer's body, or after what is left of it by `cut` */
	bool reset;        /* the connection is reset instead of any answer */
	bool after;        /* the call takes effect first */
	int duplicates;    /* further deliveries of a push */
	struct fault *next;
};

struct faults {
	pthread_mutex_t lock;
	struct fault *first;
	uint64_t random; /* the same run after run, for tests */
};

void faults_init(struct faults *f);
void faults_release(struct faults *f);
void faults_clear(struct faults *f);

/* From {"path" or "push", ...} as the README lists the members. -1: one is wrong. */
int faults_add(struct faults *f, const struct json *wanted, struct err *err);

/* The fault for this call or push, if there is one: true and *out, whose `body` the caller frees; its delay
 * has the jitter in it. */
bool faults_take(struct faults *f, enum fault_of of, const char *name, struct fault *out);
/* Replaces the answer, not just its time. */
bool fault_answers(const struct fault *f);

#endif
