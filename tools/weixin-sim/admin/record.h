#ifndef WEIXIN_SIM_ADMIN_RECORD_H
#define WEIXIN_SIM_ADMIN_RECORD_H

#include "common/base/buf.h"
#include "common/json/json.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The ordered record of every push that ended and every API call that was answered: the simulator's own, made
 * from what it saw on the wire. It holds made-up secrets as they are, because tests compare them. Any thread.
 */
struct record_entry;
struct record {
	pthread_mutex_t lock;
	pthread_cond_t added;
	struct record_entry *ring; /* slot of entry n: (n - 1) % max */
	uint64_t max;              /* entries kept */
	uint64_t n;                /* number of the last entry; the first is 1 */
	uint64_t dropped;          /* number of the last entry that is gone */
	bool stopping;
};

void record_init(struct record *r, uint64_t max);
void record_release(struct record *r);
void record_forget(struct record *r); /* numbers go on */
void record_stop(struct record *r);   /* from now on nobody waits in record_write() */

/* Puts `entry` (an object; copied) at the end, under a number of its own. */
void record_add(struct record *r, const char *what, const struct json *entry);

/* The oldest entry of this kind whose text member `name` has `text` in it; the caller frees *out. -1: none.
 */
int record_find(struct record *r, const char *what, const char *name, const char *text, struct json **out);

/* The number of the last entry; 0 before the first. */
uint64_t record_last(struct record *r);

/* {"next":N,"dropped":D,"entries":[...]} of those above `since`, only `what` unless NULL. Waits up to wait_ms
 * for one. */
void record_write(struct record *r, uint64_t since, const char *what, int64_t wait_ms, struct buf *out);

#endif
