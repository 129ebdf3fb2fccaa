#ifndef COMMON_TESTING_LATENESS_H
#define COMMON_TESTING_LATENESS_H

#include <stdint.h>

/* How late the machine lets a thread go on at this moment. A deadline is tested as closely as an idle machine
 * can keep it; a measurement during which the machine (a busy one, or a virtual one that was stopped for a
 * while) was itself late by all that the test tolerates says nothing, and is taken again:
 *
 *     do {
 *         l = lateness_begin();
 *         begin = clock_mono_ms();
 *         wait_at_most(1000);
 *         took_ms = clock_mono_ms() - begin;
 *     } while (lateness_end(&l) >= 100 && took_ms > 1100 && ++tries < LATENESS_TRIES);
 *     assert_in_range(took_ms, 1000, 1100);
 *
 * Meanwhile a thread sleeps for 2 ms again and again; what counts is the longest that it overslept. So the
 * bound stays what it is, and a wait that is too long by itself fails on a busy machine, too. Of the real
 * clock, also under clock_fake(). */
struct lateness;

#define LATENESS_TRIES 10

struct lateness *lateness_begin(void);
/* In ms, at least 0; frees it. Read the clock before. */
int64_t lateness_end(struct lateness **l);

#endif
