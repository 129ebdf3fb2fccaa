#include "services/business/auto-reply/window.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/banned.h"

static const char days[][4] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static int date_of(const struct tm *tm)
{
	return (tm->tm_year + 1900) * 10000 + (tm->tm_mon + 1) * 100 + tm->tm_mday;
}

/* The day at whose beginning the window would have opened. */
static bool day_holds(const struct window *w, time_t local)
{
	struct tm tm;
	int date;

	if (!gmtime_r(&local, &tm))
		return false;
	date = date_of(&tm);
	return (w->days >> tm.tm_wday & 1) && (!w->since || date >= w->since) &&
	       (!w->until || date <= w->until);
}

bool window_holds(const struct window *w, int64_t wall_ms, int offset_min)
{
	time_t local = (time_t)(wall_ms / 1000) + (time_t)offset_min * 60;
	int minute = (int)((local / 60) % WINDOW_DAY_MIN);

	if (w->from_min < w->to_min)
		return minute >= w->from_min && minute < w->to_min && day_holds(w, local);
	if (minute >= w->from_min)
		return day_holds(w, local);
	return minute < w->to_min && day_holds(w, local - (time_t)WINDOW_DAY_MIN * 60);
}

/* --- reading -----------------------------------------------------------------------------------------------
 */

/* Digits where the form has '0', its other characters as they are. */
static bool has_form(const char *text, const char *form)
{
	for (; *form && *text; form++, text++) {
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	}
	return *form == *text;
}

static int number(const char *digits, int n)
{
	int value = 0;

	while (n-- > 0)
		value = value * 10 + (*digits++ - '0');
	return value;
}

bool window_day(const char *text, uint8_t *bit_out)
{
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		if (strcmp(text, days[i]) == 0) {
			*bit_out = (uint8_t)(1u << i);
			return true;
		}
	}
	return false;
}

bool window_time(const char *text, int *min_out)
{
	int hour, minute;

	if (!has_form(text, "00:00"))
		return false;
	hour = number(text, 2);
	minute = number(text + 3, 2);
	if (minute > 59 || hour * 60 + minute > WINDOW_DAY_MIN)
		return false;
	*min_out = hour * 60 + minute;
	return true;
}

bool window_date(const char *text, int *date_out)
{
	struct tm tm = {.tm_mday = 0};

	if (!has_form(text, "0000-00-00"))
		return false;
	tm.tm_year = number(text, 4) - 1900;
	tm.tm_mon = number(text + 5, 2) - 1;
	tm.tm_mday = number(text + 8, 2);
	*date_out = date_of(&tm);
	/* timegm() turns a day that there is not, as 2026-02-30, into another. */
	return tm.tm_year >= 70 && timegm(&tm) >= 0 && date_of(&tm) == *date_out;
}

bool window_zone(const char *text, int *offset_min_out)
{
	int minutes;

	if (strcmp(text, "Asia/Shanghai") == 0 || strcmp(text, "UTC") == 0) {
		*offset_min_out = text[0] == 'A' ? WINDOW_BEIJING_MIN : 0;
		return true;
	}
	if ((text[0] != '+' && text[0] != '-') || !window_time(text + 1, &minutes) || minutes > 14 * 60)
		return false;
	*offset_min_out = text[0] == '-' ? -minutes : minutes;
	return true;
}
