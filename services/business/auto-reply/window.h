#ifndef SERVICES_BUSINESS_AUTO_REPLY_WINDOW_H
#define SERVICES_BUSINESS_AUTO_REPLY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* When a rule is in force: on some days of the week, at some time of the day, between two dates. Local times
 * of an account's own clock, which stands at a fixed distance from UTC: Weixin's accounts live by Beijing's
 * time, which knows no summer time, and other zones are given by their offset. */

#define WINDOW_BEIJING_MIN (8 * 60)
#define WINDOW_ALL_DAYS    0x7f
#define WINDOW_DAY_MIN     (24 * 60)

struct window {
	uint8_t days; /* bit 0: Sunday */
	int from_min; /* of the day; beyond to_min: over midnight, and then the day is that of the beginning
		       */
	int to_min;   /* not included; up to WINDOW_DAY_MIN */
	int since, until; /* 20261231, both included; 0: without */
};

bool window_holds(const struct window *w, int64_t wall_ms, int offset_min);

/* What people write. False: not of that form. */
bool window_day(const char *text, uint8_t *bit_out);     /* "mon" */
bool window_time(const char *text, int *min_out);        /* "09:30"; "24:00" is the day's end */
bool window_date(const char *text, int *date_out);       /* "2026-12-31", a day that there is */
bool window_zone(const char *text, int *offset_min_out); /* "Asia/Shanghai", "UTC", "+09:00" */

#endif
