#include "tools/weixin-sim/scenario/play.h"

#include "common/base/alloc.h"
#include "tools/weixin-sim/admin/admin.h"
#include "tools/weixin-sim/scenario/match.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define RECORD_MAX ((size_t)512 << 20)
#define WHY_MAX    65536

/* A scenario under way. */
struct playing {
	struct sim *sim;
	struct json *variables; /* as they are by now */
	uint64_t since;         /* entries of the record above this one count */
	struct buf why;         /* why the step has failed; empty: it has not */
};

static bool failed(const struct playing *p)
{
	return p->why.len > 0 || p->why.overflow;
}

static void save(struct playing *p, const struct json *wanted, const struct json *answer)
{
	const struct json *path;
	const char *name;
	size_t it = 0;

	while (json_next(wanted, &it, &name, &path)) {
		const struct json *value = match_at(answer, json_str(path));

		if (!value) {
			buf_addf(&p->why, "there is no %s to save as %s", json_str(path), name);
			return;
		}
		json_set(p->variables, name, json_copy(value));
	}
}

/* A step that asks, as often as it says. */
struct asking {
	struct playing *p;
	const struct scenario_step *step;
	pthread_mutex_t lock; /* the other members' contents, and all JSON but a request's own */
	int64_t next;
};

/* One request, with its own copies of everything. */
struct request {
	char *target;
	struct json *with, *expect;
};

static void judge(struct asking *a, const struct request *r, int status, const struct json *answer)
{
	struct playing *p = a->p;

	if (failed(p))
		return;
	if (status != a->step->status) {
		buf_addf(&p->why, "status %d, not %d: ", status, (int)a->step->status);
		json_write(answer, &p->why);
	} else if (!r->expect || match(r->expect, answer, &p->why)) {
		save(p, a->step->save, answer);
	}
}

static struct json *fill(const struct json *j, const struct json *variables)
{
	return j ? match_fill(j, variables) : NULL;
}

/* False: there is none left, or one has failed. */
static bool next_request(struct asking *a, struct request *out)
{
	struct json *path, *filled;

	if (a->next == a->step->times || failed(a->p) || atomic_load(&a->p->sim->stopping))
		return false;
	json_set_int(a->p->variables, SCENARIO_INDEX, a->next++);
	path = json_new_string(a->step->path);
	filled = match_fill(path, a->p->variables);
	*out = (struct request){.target = xasprintf("/admin/%s", json_str(filled)),
		.with = fill(a->step->with, a->p->variables),
		.expect = fill(a->step->expect, a->p->variables)};
	json_free(&filled);
	json_free(&path);
	return true;
}

static void *ask_on(void *arg)
{
	struct asking *a = arg;
	struct json *answer;
	struct request r;

	pthread_mutex_lock(&a->lock);
	while (next_request(a, &r)) {
		int status;

		pthread_mutex_unlock(&a->lock);
		status = admin_ask(
			a->p->sim, a->step->kind == STEP_POST ? "POST" : "GET", r.target, r.with, &answer);
		pthread_mutex_lock(&a->lock);
		judge(a, &r, status, answer);
		json_free(&answer);
		json_free(&r.with);
		json_free(&r.expect);
		free(r.target);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static void ask(struct playing *p, const struct scenario_step *step)
{
	struct asking a = {.p = p, .step = step, .lock = PTHREAD_MUTEX_INITIALIZER};
	int64_t wanted = step->at_once < step->times ? step->at_once : step->times, n = 0;
	pthread_t *threads = xcalloc((size_t)wanted, sizeof(*threads));

	/* This thread is one of them; where there are not as many to be had, fewer do it. */
	while (n < wanted - 1 && pthread_create(&threads[n], NULL, ask_on, &a) == 0)
		n++;
	ask_on(&a);
	while (n > 0)
		pthread_join(threads[--n], NULL);
	free(threads);
	json_del(p->variables, SCENARIO_INDEX);
}

/* The entries that came above *since; *since becomes the last. The caller frees. */
static struct json *read_record(struct playing *p, uint64_t *since, int64_t wait_ms)
{
	const struct json_limits limits = {.max_bytes = RECORD_MAX, .max_depth = 32};
	struct buf text = BUF_INIT(RECORD_MAX);
	struct json *page = NULL;
	int64_t next = 0;

	record_write(&p->sim->record, *since, NULL, wait_ms, &text);
	if (json_parse(buf_cstr(&text), text.len, &limits, &page, NULL) == 0 &&
		json_get_int(page, "next", &next) == 0)
		*since = (uint64_t)next;
	buf_release(&text);
	return page;
}

/* How many of the page's entries are as wanted; with `saving` the first is saved. `other` says how the last
 * that is not differs. */
static int64_t count_entries(struct playing *p, const struct json *saving, const struct json *wanted,
	const struct json *page, struct buf *other)
{
	const struct json *entries = json_get(page, "entries");
	struct buf why = BUF_INIT(WHY_MAX);
	int64_t n = 0;

	for (size_t i = 0; i < json_len(entries); i++) {
		buf_reset(&why);
		if (!match(wanted, json_at(entries, i), &why)) {
			buf_reset(other);
			buf_add(other, why.data, why.len);
			continue;
		}
		if (n == 0)
			save(p, saving, json_at(entries, i));
		n++;
	}
	buf_release(&why);
	return n;
}

/* Entries from the scenario's beginning on. Not one is shown by having waited for the whole time. */
static void look_for(struct playing *p, const struct scenario_step *step, const struct json *wanted)
{
	int64_t until_ms = clock_mono_ms() + step->ms, n = 0, left_ms;
	struct buf other = BUF_INIT(WHY_MAX);
	uint64_t since = p->since;

	do {
		struct json *page;

		left_ms = until_ms - clock_mono_ms();
		page = read_record(p, &since, left_ms > 0 ? left_ms : 0);
		n += count_entries(p, n == 0 ? step->save : NULL, wanted, page, &other);
		json_free(&page);
	} while ((step->count == 0 ? n == 0 : n < step->count) && left_ms > 0 &&
		 !atomic_load(&p->sim->stopping));
	if (step->count == 0 ? n > 0 : n < step->count)
		buf_addf(&p->why, "%lld such entries of the record, not %s%lld%s%s", (long long)n,
			step->count ? "at least " : "", (long long)step->count,
			other.len ? "; in the last other one " : "", buf_cstr(&other));
	buf_release(&other);
}

static void look_at_record(struct playing *p, const struct scenario_step *step)
{
	struct json *wanted = match_fill(step->record, p->variables);
	const char *flaw = match_flaw(wanted);

	if (flaw)
		buf_addf(&p->why, "its variables give %s a value that it does not take", flaw);
	else
		look_for(p, step, wanted);
	json_free(&wanted);
}

static void play_step(struct playing *p, const struct scenario_step *step)
{
	if (step->kind == STEP_PAUSE)
		sim_sleep(p->sim, step->ms);
	else if (step->kind == STEP_RECORD)
		look_at_record(p, step);
	else
		ask(p, step);
	if (!failed(p) && atomic_load(&p->sim->stopping))
		buf_add_str(&p->why, "weixin-sim was told to stop");
}

static struct json *report_step(
	struct playing *p, const struct scenario_step *step, size_t number, int64_t ms)
{
	struct json *j = json_new_object();

	json_set_int(j, "step", (int64_t)number);
	json_set_str(j, "name", step->name);
	json_set_bool(j, "ok", !failed(p));
	json_set_int(j, "ms", ms);
	json_set_str(j, "why", buf_cstr(&p->why));
	return j;
}

bool play(struct sim *sim, const struct scenario *s, play_told told, void *arg, struct json **report_out)
{
	struct playing p = {.sim = sim,
		.variables = json_copy(s->variables),
		.since = record_last(&sim->record),
		.why = BUF_INIT(WHY_MAX)};
	struct json *report = json_new_object(), *steps = json_new_array();
	bool ok;

	for (size_t i = 0; i < scenario_steps(s) && !failed(&p); i++) {
		int64_t began_ms = clock_mono_ms();
		struct scenario_step step;
		struct json *played;

		scenario_step(s, i, &step);
		play_step(&p, &step);
		played = report_step(&p, &step, i + 1, clock_mono_ms() - began_ms);
		if (told)
			told(played, arg);
		json_push(steps, played);
	}
	ok = !failed(&p);
	json_set_bool(report, "ok", ok);
	json_set(report, "steps", steps);
	json_set(report, "variables", p.variables);
	buf_release(&p.why);
	*report_out = report;
	return ok;
}
