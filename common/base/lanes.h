#ifndef COMMON_BASE_LANES_H
#define COMMON_BASE_LANES_H

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Work in lanes: jobs of one lane run one after the other in the order they came, jobs of different lanes
 * side by side on a fixed number of threads. A lane that is waiting or slow holds one thread, never another
 * lane; lanes take turns, job by job. Adding never blocks: the caller bounds what it adds. */
struct lanes;

/* On the lanes' threads. `run` settles and frees the job: 0; or it is to run again, not before this moment
 * (monotonic): its lane keeps it in front and waits, without a thread and without its shares, until
 * lanes_resume() finds it due. `drop` frees one that will not run any more. */
struct lanes_work {
	int64_t (*run)(void *arg, void *job);
	void (*drop)(void *arg, void *job);
	void *arg;
};

int lanes_new(struct lanes **out, int threads, const struct lanes_work *work, struct err *err);
/* Drops what has not begun and waits for what has. */
void lanes_free(struct lanes **l);

/* key_len 0: a lane of its own, in no order. The key is copied, the job taken over. Any thread. */
void lanes_add(struct lanes *l, const void *key, size_t key_len, void *job);

/* Whose threads a lane uses. A share may hold as many threads as are free, and one that lies within another
 * half of what that one may still take: so one whose jobs stall leaves half of the threads to the others, a
 * second one half of what it found, and so on. What is beyond waits without a thread. */
struct lanes_share {
	const void *key; /* copied */
	size_t key_len;
	int most; /* never more than so many, 1 or more */
};
#define LANES_SHARES_MAX 2

/* Each share lies within the one before it; its key is looked up there only. A lane keeps the shares of its
 * first job. */
void lanes_add_shared(struct lanes *l, const void *key, size_t key_len, const struct lanes_share *shares,
	size_t n_shares, void *job);

struct lanes_entry {
	const void *key;
	size_t key_len;
	struct lanes_share shares[LANES_SHARES_MAX];
	size_t n_shares;
	void *job;
};

/* Many, in their order, for one lock and one thread woken. */
void lanes_add_all(struct lanes *l, const struct lanes_entry *entries, size_t n);

/* Lets the lanes whose moment has come by now_mono_ms go on. Any thread, every few milliseconds. */
void lanes_resume(struct lanes *l, int64_t now_mono_ms);

/* How often a lane has come from waiting for a share to waiting for a thread, so far: about once a job,
 * however many lanes wait. Any thread. */
uint64_t lanes_unparked(struct lanes *l);

#endif
