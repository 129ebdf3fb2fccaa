#ifndef COMMON_TESTING_LATENESS_H
#define COMMON_TESTING_LATENESS_H

#include <stdint.h>

/* How late the machine lets a thread go on at this moment. A deadline is tested as closely as an idle machine
 * can keep it, and what a busy one (or a virtual one that was stopped for a while) is late by is added, as
 * far as it was in that very span:
 *
 *     struct lateness *l = lateness_begin();
 *     int64_t begin = clock_mono_ms(), took_ms;
 *
 *     wait_at_most(1000);
 *     took_ms = clock_mono_ms() - begin;
 *     assert_in_range(took_ms, 1000, 1100 + lateness_end(&l));
 *
 * Meanwhile a thread sleeps for 2 ms again and again; what counts is the longest that it overslept. So an
 * idle machine adds a millisecond, and a wait that is too long by itself fails on a busy one unless the
 * machine stood still for as long. It is an estimate: what the code under test waits for may be later than a
 * thread that wants next to nothing, so the bound keeps a tolerance of its own. Of the real clock, also under
 * clock_fake(). */
struct lateness;

struct lateness *lateness_begin(void);
/* In ms, at least 0; frees it. Read the clock before. */
int64_t lateness_end(struct lateness **l);

#endif
