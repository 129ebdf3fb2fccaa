#ifndef API_PROXY_CALLS_AUDIT_H
#define API_PROXY_CALLS_AUDIT_H

#include "common/base/err.h"
#include "common/pg/pg.h"

#include <stdint.h>

/* Who called what for whom, and what came of it: a row for each call in the table `calls`, without bodies and
 * queries. Written by a thread of its own, a moment later, so that no call waits for it; while the database
 * is away rows wait in memory, and beyond AUDIT_WAITING_MAX they are counted and lost. A crash loses those of
 * the last moment. Any thread. */
struct audit;

#define AUDIT_WAITING_MAX 50000

struct audit_entry { /* all borrowed; copied */
	const char *component_appid;
	const char *caller_id;
	const char *appid;
	const char *door;
	const char *method;
	const char *path;
	const char *outcome;
	const char *refusal; /* NULL: Weixin answered */
	int64_t errcode;
	int http_status;
	int attempts;
	int64_t began_wall_ms;
	int64_t took_ms;
};

/* Borrows the pool. Rows older than keep_days are deleted, once an hour. */
int audit_new(struct audit **out, struct pg_pool *pool, int64_t keep_days, struct err *err);
void audit_free(struct audit **a); /* writes what waits, if the database lets it */

void audit_add(struct audit *a, const struct audit_entry *e);

#endif
