#ifndef WEIXIN_SIM_FAULTS_H
#define WEIXIN_SIM_FAULTS_H

#include "common/json/json.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Faults asked for in advance: the next calls of a path are answered wrongly. Any thread. */
struct fault {
	char *path; /* "*": any */
	char *body; /* NULL: none */
	int64_t count;
	int64_t delay_ms;
	int errcode;     /* 0: none */
	int http_status; /* 0: none */
	bool after;      /* the call takes effect first */
	struct fault *next;
};

struct faults {
	pthread_mutex_t lock;
	struct fault *first;
};

void faults_init(struct faults *f);
void faults_release(struct faults *f);
void faults_clear(struct faults *f);

/* From {"path","errcode","http_status","body","delay_ms","count","when"}. -1: a member is wrong. */
int faults_add(struct faults *f, const struct json *wanted, struct err *err);

/* The fault for this call, if there is one: true and *out, whose `body` the caller frees. */
bool faults_take(struct faults *f, const char *path, struct fault *out);
/* Replaces the answer, not just its time. */
bool fault_answers(const struct fault *f);

#endif
