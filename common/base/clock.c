#include "common/base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/banned.h"

/* The fake clocks of tests; in production `faked` stays false. */
static atomic_bool faked;
static _Atomic int64_t fake_wall_ms, fake_mono_ms;

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
	return faked ? fake_wall_ms : read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_ms(void)
{
	return faked ? fake_mono_ms : read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
	return faked ? fake_mono_ms * 1000 : read_us(CLOCK_MONOTONIC);
}

static struct timespec timespec_of_ms(int64_t ms)
{
	return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

void clock_sleep_ms(int64_t ms)
{
	struct timespec until;

	if (ms <= 0)
		return;
	if (faked) {
		clock_fake_advance(ms);
		return;
	}
	/* One millisecond more: the start was rounded down, and a sleep must not be short. */
	until = timespec_of_ms(clock_mono_ms() + ms + 1);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

struct timespec clock_mono_timespec(int64_t mono_ms)
{
	/* The kernel waits by the real clock: what is left by the fake one is waited for really. */
	if (faked)
		mono_ms += read_us(CLOCK_MONOTONIC) / 1000 - fake_mono_ms;
	return timespec_of_ms(mono_ms < 0 ? 0 : mono_ms);
}

void clock_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

#define FIRST_MS INT64_C(-62167219200000) /* of the year 0 */
#define LAST_MS  INT64_C(253402300799999) /* of the year 9999 */
#define DAY_MS   INT64_C(86400000)

/* From right to left; what is behind the last digit. */
static char *put(char *at, int64_t n, int width)
{
	for (int i = width - 1; i >= 0; i--, n /= 10)
		at[i] = (char)('0' + n % 10);
	return at + width;
}

static char *put_behind(char *at, char before, int64_t n, int width)
{
	*at = before;
	return put(at + 1, n, width);
}

/* Days of the Gregorian calendar are counted from 1 March of the year 0, so that a leap day ends its year.
 * Several times for each record, where gmtime_r() and strftime() are too slow, and share a lock. */
static char *put_date(char *at, int64_t days_since_1970)
{
	int64_t days = days_since_1970 + 719468 + 146097, era = days / 146097, day = days % 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153; /* 0: March */
	day -= (153 * month + 2) / 5;
	at = put(at, year + 400 * (era - 1) + (month > 9), 4);
	at = put_behind(at, '-', month < 10 ? month + 3 : month - 9, 2);
	return put_behind(at, '-', day + 1, 2);
}

void clock_rfc3339(int64_t wall_ms, char *out)
{
	int64_t bounded = wall_ms < FIRST_MS ? FIRST_MS : wall_ms > LAST_MS ? LAST_MS : wall_ms;
	int64_t since_first = bounded - FIRST_MS, ms = since_first % DAY_MS;

	out = put_date(out, since_first / DAY_MS + FIRST_MS / DAY_MS);
	out = put_behind(out, 'T', ms / 3600000, 2);
	out = put_behind(out, ':', ms / 60000 % 60, 2);
	out = put_behind(out, ':', ms / 1000 % 60, 2);
	out = put_behind(out, '.', ms % 1000, 3);
	out[0] = 'Z';
	out[1] = '\0';
}

/* Reads the pattern at *s: 'n' stands for a digit of the next number, anything else for itself. Numbers end
 * at the first other character. */
static bool scan(const char **s, const char *pattern, int *numbers)
{
	const char *p = *s;
	bool within = false;

	for (; *pattern; pattern++, p++) {
		if (*pattern != 'n') {
			if (*p != *pattern)
				return false;
			numbers += within;
			within = false;
			continue;
		}
		if (*p < '0' || *p > '9')
			return false;
		*numbers = (within ? *numbers * 10 : 0) + (*p - '0');
		within = true;
	}
	*s = p;
	return true;
}

static bool scan_fraction(const char **s, int *ms_out)
{
	int digits = 0, ms = 0;

	if (**s != '.')
		return true;
	for (++*s; **s >= '0' && **s <= '9'; ++*s, digits++)
		if (digits < 3)
			ms = ms * 10 + (**s - '0');
	if (digits < 1 || digits > 9)
		return false;
	for (; digits < 3; digits++)
		ms *= 10;
	*ms_out = ms;
	return true;
}

static bool scan_offset(const char **s, int *minutes_out)
{
	int sign = **s == '-' ? -1 : 1, hm[2];

	if (**s == 'Z') {
		++*s;
		return true;
	}
	if (**s != '+' && **s != '-')
		return false;
	++*s;
	if (!scan(s, "nn:nn", hm) || hm[0] > 23 || hm[1] > 59)
		return false;
	*minutes_out = sign * (hm[0] * 60 + hm[1]);
	return true;
}

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool is_date(int year, int month, int day)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Since 1970. Three times for each record that is read, where timegm() is too slow. */
static int64_t days_of(int year, int month, int day)
{
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int y = year - 1; /* whole years, counted from year 1; year 0 is the leap year before it */
	int leap_days = year > 0 ? y / 4 - y / 100 + y / 400 : -1;

	return INT64_C(365) * y + leap_days + before[month - 1] + (month > 2 && is_leap(year) ? 1 : 0) + day -
	       1 - 719162;
}

int clock_rfc3339_parse(const char *s, int64_t *wall_ms_out)
{
	int n[6] = {0}, ms = 0, offset_min = 0;
	int64_t minutes;

	if (!scan(&s, "nnnn-nn-nnTnn:nn:nn", n) || !scan_fraction(&s, &ms) || !scan_offset(&s, &offset_min) ||
		*s)
		return -1;
	if (!is_date(n[0], n[1], n[2]) || n[3] > 23 || n[4] > 59 || n[5] > 59)
		return -1;
	minutes = (days_of(n[0], n[1], n[2]) * 24 + n[3]) * 60 + n[4] - offset_min;
	*wall_ms_out = (minutes * 60 + n[5]) * 1000 + ms;
	return 0;
}

void clock_fake(int64_t wall_ms, int64_t mono_ms)
{
	fake_wall_ms = wall_ms;
	fake_mono_ms = mono_ms;
	faked = true;
}

void clock_fake_advance(int64_t ms)
{
	fake_wall_ms += ms;
	fake_mono_ms += ms;
}

void clock_real(void)
{
	faked = false;
}
