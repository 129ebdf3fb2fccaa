#include "tools/wxbus/replay/replay_show.h"

#include "common/base/clock.h"
#include "common/json/json.h"
#include "tools/wxbus/events/event_mask.h"
#include "tools/wxbus/operator.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define TERMINAL_MS 100
#define LINE_MS     1000
#define BAR_WIDTH   24

/* --- while it runs
 * ----------------------------------------------------------------------------------------------
 */

/* -1: not known yet. */
static int64_t seconds_left(const struct replay_bar *bar, const struct feed_progress *p)
{
	int64_t done = p->records - bar->first_records, ms = clock_mono_ms() - bar->began_ms;

	if (p->records >= p->records_all)
		return 0;
	return done > 0 ? (p->records_all - p->records) * ms / done / 1000 : -1;
}

/* 100 only when there is no more to come; nothing of nothing is all of it. */
static int percent(int64_t done, int64_t all)
{
	if (done >= all)
		return 100;
	return done > 0 ? (int)(done * 100 / all) : 0;
}

static void show_bar(const struct replay_bar *bar, const struct feed_progress *p)
{
	int64_t left_s = seconds_left(bar, p);
	int done = percent(p->records, p->records_all);
	char line[BAR_WIDTH + 1];

	memset(line, ' ', BAR_WIDTH);
	memset(line, '#', (size_t)(done * BAR_WIDTH / 100));
	line[BAR_WIDTH] = '\0';
	(void)fprintf(stderr, "\r\033[K[%s] %3d%%  %" PRId64 " events", line, done, p->events);
	if (p->lost > 0)
		(void)fprintf(stderr, ", %" PRId64 " records lost", p->lost);
	if (p->waits_for_group)
		(void)fprintf(stderr, ", waiting for the group");
	else if (left_s > 0)
		(void)fprintf(stderr, ", %" PRId64 " min %02" PRId64 " s left", left_s / 60, left_s % 60);
	if (p->last)
		(void)fputs("\r\033[K", stderr);
}

static void show_line(const struct replay_bar *bar, const struct feed_progress *p)
{
	struct buf text = BUF_INIT(1024);
	struct json *o = json_new_object();

	json_set_str(o, "replay", bar->id);
	json_set_int(o, "events", p->events);
	json_set_int(o, "records", p->records);
	json_set_int(o, "of", p->records_all);
	json_set_int(o, "lost", p->lost);
	json_set_int(o, "ahead", p->ahead);
	json_set_bool(o, "waits_for_group", p->waits_for_group);
	json_set_int(o, "seconds_left", seconds_left(bar, p));
	json_write(o, &text);
	(void)fprintf(stderr, "%s\n", buf_cstr(&text));
	json_free(&o);
	buf_release(&text);
}

void replay_bar_show(struct replay_bar *bar, const struct feed_progress *p)
{
	bool terminal = isatty(STDERR_FILENO);
	int64_t now = clock_mono_ms();

	if (!bar->begun) {
		bar->begun = true;
		bar->first_records = p->records;
	} else if (!p->last && now - bar->told_ms < (terminal ? TERMINAL_MS : LINE_MS)) {
		return;
	}
	bar->told_ms = now;
	if (terminal)
		show_bar(bar, p);
	else
		show_line(bar, p);
	(void)fflush(stderr);
}

/* --- as a row
 * ---------------------------------------------------------------------------------------------------
 */

struct sums {
	int64_t events, records, all, lost;
};

static struct sums sums_of(const struct replay *r)
{
	struct sums s = {0, 0, 0, 0};

	for (size_t i = 0; i < r->n_parts; i++) {
		s.events += r->parts[i].events;
		s.records += r->parts[i].next - r->parts[i].span.from;
		s.all += r->parts[i].span.to - r->parts[i].span.from;
		s.lost += r->parts[i].lost;
	}
	return s;
}

/* One that should run and that nobody feeds. */
static const char *state_of(const struct replay *r)
{
	if (r->state == REPLAY_RUNNING && (r->left || r->noted_age_ms > REPLAY_LEASE_MS))
		return "interrupted";
	return replay_state_name(r->state);
}

static void set_text(struct json *o, const char *name, const char *text)
{
	if (text && text[0])
		json_set_str(o, name, text);
}

static void set_time(struct json *o, const char *name, int64_t ms)
{
	char text[CLOCK_RFC3339_SIZE];

	if (!ms)
		return;
	clock_rfc3339(ms, text);
	json_set_str(o, name, text);
}

static struct json *scope_json(const struct event_filter *f)
{
	struct json *o = json_new_object();
	char mask[EVENT_OPENID_SHOWN];

	set_text(o, "component_appid", f->component_appid);
	set_text(o, "appid", f->appid);
	set_text(o, "type", f->type);
	if (f->openid) {
		event_mask_openid(f->openid, mask);
		json_set_str(o, "openid", mask);
	}
	set_time(o, "since", f->since_ms);
	set_time(o, "until", f->until_ms);
	return o;
}

static struct json *to_json(const struct replay *r, int64_t ahead)
{
	struct json *o = json_new_object();
	struct sums s = sums_of(r);

	json_set_str(o, "replay", r->id);
	json_set_str(o, "group", r->group);
	json_set_str(o, "topic", r->source);
	json_set_str(o, "mode", r->redo ? "redo" : "missing");
	json_set_bool(o, "effects", r->effects);
	json_set_str(o, "state", state_of(r));
	set_text(o, "state_by", r->state_by);
	json_set_int(o, "events", s.events);
	json_set_int(o, "records", s.records);
	json_set_int(o, "of", s.all);
	json_set_int(o, "lost", s.lost);
	if (ahead >= 0)
		json_set_int(o, "ahead", ahead);
	json_set(o, "scope", scope_json(&r->filter));
	json_set_int(o, "rate", r->rate);
	json_set_str(o, "by", r->by);
	set_text(o, "note", r->note);
	set_text(o, "error", r->error);
	set_text(o, "started", r->started_at);
	set_text(o, "ended", r->ended_at);
	return o;
}

void replay_print_json(const struct replay *r, int64_t ahead)
{
	struct json *o = to_json(r, ahead);

	operator_print(o);
	json_free(&o);
}

#define ROW "%-20s  %-16s  %-7s  %-11s  %-20s  %-12.12s  %10s  %4s\n"

void replay_print_title(void)
{
	(void)printf(ROW, "REPLAY", "GROUP", "MODE", "STATE", "STARTED", "BY", "EVENTS", "DONE");
}

void replay_print_row(const struct replay *r)
{
	struct sums s = sums_of(r);
	char events[24], done[8];

	(void)snprintf(events, sizeof(events), "%" PRId64, s.events);
	(void)snprintf(done, sizeof(done), "%d%%", percent(s.records, s.all));
	(void)printf(ROW, r->id, r->group, r->redo ? "redo" : "missing", state_of(r), r->started_at, r->by,
		events, done);
}

void replay_print_whole(const struct replay *r, int64_t ahead)
{
	struct json *o = to_json(r, ahead);
	const struct json *value;
	struct buf text = BUF_INIT(65536);
	const char *key;
	size_t it = 0;

	while (json_next(o, &it, &key, &value)) {
		buf_reset(&text);
		json_write(value, &text);
		(void)printf("%-10s  ", key);
		operator_print_text(json_str(value) ? json_str(value) : buf_cstr(&text));
		(void)putchar('\n');
	}
	buf_release(&text);
	json_free(&o);
}
