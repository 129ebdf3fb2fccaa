#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

int64_t clock_wall_ms(void); /* since 1970, UTC */
int64_t clock_mono_ms(void); /* for deadlines and measuring; the base is CLOCK_MONOTONIC */
int64_t clock_mono_us(void);
void clock_sleep_ms(int64_t ms); /* a signal does not shorten it; a fake clock advances instead */

/* Absolute CLOCK_MONOTONIC time for pthread_cond_timedwait() on a condition made by clock_cond_init(). */
struct timespec clock_mono_timespec(int64_t mono_ms);

#include <pthread.h>
void clock_cond_init(pthread_cond_t *cond); /* times on CLOCK_MONOTONIC */

#define CLOCK_RFC3339_SIZE 32
/* 2026-11-20T08:15:30.125Z; out has CLOCK_RFC3339_SIZE bytes. Beyond the years 0 to 9999: the nearest of
 * them. */
void clock_rfc3339(int64_t wall_ms, char *out);
/* -1: not a time of that form (a numeric offset is accepted as well as Z; fractions to 9 digits). */
int clock_rfc3339_parse(const char *s, int64_t *wall_ms_out);

/* Tests: both clocks stand at these values from now on, moved by clock_fake_advance() and clock_sleep_ms().
 */
void clock_fake(int64_t wall_ms, int64_t mono_ms);
void clock_fake_advance(int64_t ms);
void clock_real(void);

#endif
