#include "tools/wxbus/replay/replay_store.h"

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/pg/pg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define TAKE_MS      5000
#define TAKE_OVER_MS (REPLAY_LEASE_MS + REPLAY_DELIVERY_MS + 6000) /* by then nothing is under way */
#define LIST_MAX     ((size_t)1024 * 1024)

#define RFC3339(column)                                                                                      \
	"coalesce(to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), '')"
#define AGE_MS(column) "floor(extract(epoch FROM clock_timestamp() - " column ") * 1000)::bigint"
#define COLUMNS                                                                                              \
	"replay_id, group_name, source, target, mode, effects, component_appid, appid, type, openid, "       \
	"since_ms, until_ms, rate, by_whom, note, state, coalesce(state_by, ''), coalesce(error, ''), "      \
	"left_at IS NOT NULL, fence, " AGE_MS("noted_at") ", " AGE_MS("started_at") ", " RFC3339(            \
		"started_at") ", " RFC3339("ended_at")

static const char sql_add[] =
	"INSERT INTO replays (replay_id, group_name, source, target, mode, effects, component_appid, appid, "
	"type, "
	"openid, since_ms, until_ms, rate, by_whom, note, left_at) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now())";
static const char sql_add_part[] = "INSERT INTO replay_partitions (replay_id, source_partition, from_offset, "
				   "to_offset, next_offset, mark) VALUES ($1, $2, $3, $4, $3, $5)";
static const char sql_open[] =
	"SELECT replay_id, by_whom FROM replays WHERE target = $1 AND ended_at IS NULL";
static const char sql_find[] = "SELECT " COLUMNS " FROM replays WHERE replay_id = $1";
static const char sql_parts[] =
	"SELECT source_partition, from_offset, to_offset, next_offset, events, lost, "
	"coalesce(mark, '') FROM replay_partitions WHERE replay_id = $1 ORDER BY source_partition";
static const char sql_list[] =
	"SELECT " COLUMNS ", p.from_sum, p.to_sum, p.next_sum, p.event_sum, p.lost_sum FROM replays "
	"JOIN LATERAL (SELECT sum(from_offset)::bigint AS from_sum, "
	"sum(to_offset)::bigint AS to_sum, sum(next_offset)::bigint AS next_sum, "
	"sum(events)::bigint AS event_sum, sum(lost)::bigint AS lost_sum FROM replay_partitions q "
	"WHERE q.replay_id = replays.replay_id) p ON true ORDER BY started_at DESC LIMIT $1";
static const char sql_want[] = "UPDATE replays SET state = $2, state_by = $3 WHERE replay_id = $1 AND "
			       "ended_at IS NULL AND state <> $2 AND state <> 'cancelled'";
static const char sql_end[] = "UPDATE replays SET ended_at = now(), openid = NULL "
			      "WHERE replay_id = $1 AND ended_at IS NULL AND state = 'cancelled'";
static const char sql_lock[] = "SELECT pg_try_advisory_lock(hashtextextended('wxbus replay ' || $1, 0))";
static const char sql_unlock[] = "SELECT pg_advisory_unlock(hashtextextended('wxbus replay ' || $1, 0))";
static const char sql_take[] =
	"UPDATE replays SET fence = fence + 1, left_at = NULL, noted_at = clock_timestamp(), error = NULL "
	"WHERE replay_id = $1 AND fence = $2 AND state = 'running' AND ended_at IS NULL";
static const char sql_note[] =
	"UPDATE replays SET noted_at = clock_timestamp() WHERE replay_id = $1 AND fence = $2 "
	"AND ended_at IS NULL RETURNING state";
static const char sql_note_parts[] =
	"UPDATE replay_partitions p SET next_offset = v.next, events = v.events, lost = v.lost "
	"FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[]) AS v (number, next, events, lost) "
	"WHERE p.replay_id = $1 AND p.source_partition = v.number";
static const char sql_leave[] =
	"UPDATE replays SET left_at = now(), error = $4, state = CASE WHEN $3 THEN 'done' ELSE state END, "
	"ended_at = CASE WHEN $3 OR state = 'cancelled' THEN now() END, "
	"openid = CASE WHEN $3 OR state = 'cancelled' THEN NULL ELSE openid END "
	"WHERE replay_id = $1 AND fence = $2 AND ended_at IS NULL";

static const char *const state_names[] = {
	[REPLAY_RUNNING] = "running",
	[REPLAY_PAUSED] = "paused",
	[REPLAY_CANCELLED] = "cancelled",
	[REPLAY_DONE] = "done",
};

struct replay_store {
	struct pg_pool *pool;
	struct pg *pg; /* NULL: to be taken */
	char *locked;  /* the target that this connection holds; NULL: none */
	int64_t fence; /* of our own last take; 0: none */
};

const char *replay_state_name(enum replay_state state)
{
	return state_names[state];
}

static enum replay_state state_of(const char *name)
{
	enum replay_state state = REPLAY_RUNNING;

	while (state < REPLAY_DONE && strcmp(state_names[state], name) != 0)
		state++;
	return state;
}

/* --- the connection
 * ---------------------------------------------------------------------------------------------
 */

/* The lock lives as long as the connection. */
static void give(struct replay_store *s)
{
	pg_give(s->pool, &s->pg);
	free(s->locked);
	s->locked = NULL;
}

static int connect(struct replay_store *s, struct err *err)
{
	return s->pg ? 0 : pg_take(s->pool, TAKE_MS, &s->pg, err);
}

/* What a statement ends with: a connection that may have broken is tried anew by the next. */
static int ended(struct replay_store *s, int rc, struct err *err)
{
	if (rc < 0 && err->kind == ERR_UNCERTAIN)
		err->kind = ERR_RETRY; /* each of them may be said again */
	if (rc < 0 && err->kind == ERR_RETRY)
		give(s);
	return rc;
}

int replay_store_open(struct replay_store **out, const char *url, struct err *err)
{
	struct replay_store *s = xcalloc(1, sizeof(*s));
	int rc = pg_pool_new(&s->pool, url, 1, "wxbus replay", err);

	if (rc < 0) {
		err_prefix(err, "WXBUS_DATABASE_URL");
	} else {
		pg_pool_use_schema(s->pool, "wxbus");
		rc = connect(s, err);
	}
	if (rc < 0)
		replay_store_free(&s);
	*out = s;
	return rc;
}

void replay_store_free(struct replay_store **sp)
{
	struct replay_store *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	give(s);
	pg_pool_free(&s->pool);
	free(s);
}

/* --- adding
 * -----------------------------------------------------------------------------------------------------
 */

static int refuse_second(struct replay_store *s, const struct replay *r, struct err *err)
{
	struct pg_result *res = NULL;

	if (PG_EXEC(s->pg, sql_open, &res, err, pg_text(r->target)) < 0)
		return -1;
	if (pg_rows(res) == 1)
		err_set(err, ERR_REJECT, 0,
			"%s has a replay that has not ended, %s of %.40s: resume or cancel it", r->group,
			pg_value(res, 0, 0), pg_value(res, 0, 1));
	else
		err_set(err, ERR_RETRY, 0, "another replay of %s has just ended", r->group);
	pg_result_free(&res);
	return -1;
}

static int insert(struct replay_store *s, const struct replay *r, struct err *err)
{
	const struct event_filter *f = &r->filter;
	int rc = PG_EXEC(s->pg, sql_add, NULL, err, pg_text(r->id), pg_text(r->group), pg_text(r->source),
		pg_text(r->target), pg_text(r->redo ? "redo" : "missing"), pg_bool(r->effects),
		pg_text(f->component_appid), pg_text(f->appid), pg_text(f->type), pg_text(f->openid),
		pg_int8(f->since_ms), pg_int8(f->until_ms), pg_int8(r->rate), pg_text(r->by),
		pg_text(r->note));

	for (size_t i = 0; rc == 0 && i < r->n_parts; i++) {
		const struct kafka_span *span = &r->parts[i].span;

		rc = PG_EXEC(s->pg, sql_add_part, NULL, err, pg_text(r->id), pg_int8(span->partition),
			pg_int8(span->from), pg_int8(span->to), pg_text(span->mark[0] ? span->mark : NULL));
	}
	return rc;
}

int replay_store_add(struct replay_store *s, const struct replay *r, struct err *err)
{
	int rc;

	if ((rc = connect(s, err)) < 0 || (rc = pg_begin(s->pg, err)) < 0)
		return ended(s, rc, err);
	rc = insert(s, r, err);
	if (rc == 0)
		return ended(s, pg_commit(s->pg, err), err);
	pg_rollback(s->pg);
	if (err->code == PG_UNIQUE_VIOLATION)
		rc = refuse_second(s, r, err);
	return ended(s, rc, err);
}

/* --- reading
 * -----------------------------------------------------------------------------------------------------
 */

static const char *text(struct arena *arena, const struct pg_result *res, int row, int col)
{
	return pg_is_null(res, row, col) ? NULL : arena_strdup(arena, pg_value(res, row, col));
}

static struct replay read_row(struct arena *arena, const struct pg_result *res, int i)
{
	struct replay r = {
		.group = text(arena, res, i, 1),
		.source = text(arena, res, i, 2),
		.target = text(arena, res, i, 3),
		.redo = strcmp(pg_value(res, i, 4), "redo") == 0,
		.effects = pg_value_bool(res, i, 5),
		.filter = {.component_appid = text(arena, res, i, 6),
			.appid = text(arena, res, i, 7),
			.type = text(arena, res, i, 8),
			.openid = text(arena, res, i, 9),
			.since_ms = pg_value_int(res, i, 10),
			.until_ms = pg_value_int(res, i, 11)},
		.rate = (int)pg_value_int(res, i, 12),
		.by = text(arena, res, i, 13),
		.note = text(arena, res, i, 14),
		.state = state_of(pg_value(res, i, 15)),
		.state_by = text(arena, res, i, 16),
		.error = text(arena, res, i, 17),
		.left = pg_value_bool(res, i, 18),
		.fence = pg_value_int(res, i, 19),
		.noted_age_ms = pg_value_int(res, i, 20),
		.age_ms = pg_value_int(res, i, 21),
		.started_at = text(arena, res, i, 22),
		.ended_at = text(arena, res, i, 23),
	};

	(void)str_copy(r.id, sizeof(r.id), pg_value(res, i, 0));
	return r;
}

static int read_parts(struct replay_store *s, struct arena *arena, struct replay *r, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = PG_EXEC(s->pg, sql_parts, &res, err, pg_text(r->id));

	if (rc < 0)
		return rc;
	r->n_parts = (size_t)pg_rows(res);
	r->parts = arena_alloc(arena, (r->n_parts + 1) * sizeof(*r->parts));
	for (int i = 0; i < pg_rows(res); i++) {
		r->parts[i] = (struct replay_part){.span = {.partition = (int32_t)pg_value_int(res, i, 0),
							   .from = pg_value_int(res, i, 1),
							   .to = pg_value_int(res, i, 2)},
			.next = pg_value_int(res, i, 3),
			.events = pg_value_int(res, i, 4),
			.lost = pg_value_int(res, i, 5)};
		(void)str_copy(r->parts[i].span.mark, KAFKA_MARK_SIZE, pg_value(res, i, 6));
	}
	pg_result_free(&res);
	return 0;
}

int replay_store_find(
	struct replay_store *s, const char *id, struct arena *arena, struct replay *out, struct err *err)
{
	struct pg_result *res = NULL;
	struct replay r;
	int rc;

	if ((rc = connect(s, err)) < 0 || (rc = PG_EXEC(s->pg, sql_find, &res, err, pg_text(id))) < 0)
		return ended(s, rc, err);
	if (pg_rows(res) == 1) {
		r = read_row(arena, res, 0);
		rc = read_parts(s, arena, &r, err);
	} else {
		rc = err_set(err, ERR_REJECT, 0,
			"there is no replay '%.40s': `wxbus replay status` lists them", id);
	}
	pg_result_free(&res);
	if (rc == 0)
		*out = r;
	return ended(s, rc, err);
}

int replay_store_list(struct replay_store *s, int limit, struct arena *arena,
	void (*row)(void *arg, const struct replay *r), void *arg, struct err *err)
{
	struct pg_result *res = NULL;
	int rc, i;

	if ((rc = connect(s, err)) < 0 || (rc = PG_EXEC(s->pg, sql_list, &res, err, pg_int8(limit))) < 0)
		return ended(s, rc, err);
	for (i = 0; i < pg_rows(res); i++) {
		struct replay r = read_row(arena, res, i);
		struct replay_part sum = {
			.span = {.from = pg_value_int(res, i, 24), .to = pg_value_int(res, i, 25)},
			.next = pg_value_int(res, i, 26),
			.events = pg_value_int(res, i, 27),
			.lost = pg_value_int(res, i, 28)};

		r.parts = &sum;
		r.n_parts = 1;
		row(arg, &r);
	}
	pg_result_free(&res);
	return 0;
}

/* --- what is wanted
 * ---------------------------------------------------------------------------------------------
 */

static int refuse(const struct replay *r, const char *id, struct err *err)
{
	if (r->ended_at[0])
		return err_set(err, ERR_REJECT, 0, "replay %s has ended: %s", id, state_names[r->state]);
	return err_set(err, ERR_REJECT, 0, "replay %s is %s", id, state_names[r->state]);
}

/* --- having it
 * ---------------------------------------------------------------------------------------------------
 */

static int lock(struct replay_store *s, const struct replay *r, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (s->locked)
		return 0;
	rc = PG_EXEC(s->pg, sql_lock, &res, err, pg_text(r->target));
	if (rc == 0 && !pg_value_bool(res, 0, 0))
		rc = err_set(err, ERR_REJECT, 0, "another process feeds a replay of %s now", r->group);
	pg_result_free(&res);
	if (rc == 0)
		s->locked = xstrdup(r->target);
	return rc;
}

static int unlock(struct replay_store *s, struct err *err)
{
	int rc = s->locked ? PG_EXEC(s->pg, sql_unlock, NULL, err, pg_text(s->locked)) : 0;

	free(s->locked);
	s->locked = NULL;
	return rc;
}

/* Otherwise whoever has it ends it. */
static int end_if_nobody_has_it(struct replay_store *s, const struct replay *r, struct err *err)
{
	int rc = lock(s, r, err);

	if (rc < 0)
		return err->kind == ERR_REJECT ? 0 : rc;
	if ((rc = PG_EXEC(s->pg, sql_end, NULL, err, pg_text(r->id))) < 0)
		return rc;
	return unlock(s, err);
}

int replay_store_want(
	struct replay_store *s, const char *id, enum replay_state state, const char *by, struct err *err)
{
	struct arena arena = ARENA_INIT;
	struct pg_result *res = NULL;
	struct replay r;
	int rc;

	if ((rc = replay_store_find(s, id, &arena, &r, err)) == 0)
		rc = PG_EXEC(
			s->pg, sql_want, &res, err, pg_text(id), pg_text(state_names[state]), pg_text(by));
	/* One that was cancelled while a process had it that did not live to end it is ended now. */
	if (rc == 0 && pg_affected(res) != 1 &&
		(state != REPLAY_CANCELLED || r.state != REPLAY_CANCELLED || r.ended_at[0]))
		rc = refuse(&r, id, err);
	if (rc == 0 && state == REPLAY_CANCELLED)
		rc = end_if_nobody_has_it(s, &r, err);
	pg_result_free(&res);
	arena_release(&arena);
	return ended(s, rc, err);
}

static void copy_progress(struct replay *r, const struct replay *now)
{
	for (size_t i = 0; i < r->n_parts && i < now->n_parts; i++)
		r->parts[i] = now->parts[i];
	r->state = now->state;
	r->fence = now->fence;
	r->noted_age_ms = now->noted_age_ms;
	r->age_ms = now->age_ms;
}

static int take_row(struct replay_store *s, struct replay *r, const struct replay *now, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = PG_EXEC(s->pg, sql_take, &res, err, pg_text(r->id), pg_int8(now->fence));

	if (rc == 0 && pg_affected(res) != 1)
		rc = err_set(
			err, ERR_REJECT, 0, "somebody has just paused, cancelled or taken replay %s", r->id);
	pg_result_free(&res);
	if (rc == 0) {
		copy_progress(r, now);
		s->fence = ++r->fence;
	}
	return rc;
}

int replay_store_take(struct replay_store *s, struct replay *r, int64_t *wait_ms_out, struct err *err)
{
	struct arena arena = ARENA_INIT;
	struct replay now;
	int rc;

	*wait_ms_out = 0;
	if ((rc = replay_store_find(s, r->id, &arena, &now, err)) < 0)
		goto out;
	if ((rc = lock(s, r, err)) < 0) {
		/* The server has not noticed yet that our last connection is gone: nobody has it since. */
		if (err->kind == ERR_REJECT && s->fence && now.fence == s->fence)
			err->kind = ERR_RETRY;
		goto out;
	}
	if (now.ended_at[0] || now.state != REPLAY_RUNNING)
		rc = refuse(&now, r->id, err);
	else if (!now.left && now.fence != s->fence && now.noted_age_ms < TAKE_OVER_MS)
		*wait_ms_out = TAKE_OVER_MS - now.noted_age_ms;
	else
		rc = take_row(s, r, &now, err);
out:
	arena_release(&arena);
	return ended(s, rc, err);
}

static void add_number(struct buf *list, int64_t n)
{
	buf_addf(list, "%s%" PRId64, list->len ? "," : "{", n);
}

static struct pg_param closed(struct buf *list)
{
	buf_add_char(list, '}');
	return pg_text(buf_cstr(list));
}

static int note_parts(struct replay_store *s, const struct replay *r, struct err *err)
{
	struct buf numbers = BUF_INIT(LIST_MAX), nexts = BUF_INIT(LIST_MAX), events = BUF_INIT(LIST_MAX),
		   lost = BUF_INIT(LIST_MAX);
	int rc;

	for (size_t i = 0; i < r->n_parts; i++) {
		add_number(&numbers, r->parts[i].span.partition);
		add_number(&nexts, r->parts[i].next);
		add_number(&events, r->parts[i].events);
		add_number(&lost, r->parts[i].lost);
	}
	rc = PG_EXEC(s->pg, sql_note_parts, NULL, err, pg_text(r->id), closed(&numbers), closed(&nexts),
		closed(&events), closed(&lost));
	buf_release(&numbers);
	buf_release(&nexts);
	buf_release(&events);
	buf_release(&lost);
	return rc;
}

static int note(
	struct replay_store *s, const struct replay *r, enum replay_state *wanted_out, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = PG_EXEC(s->pg, sql_note, &res, err, pg_text(r->id), pg_int8(r->fence));

	if (rc == 0 && pg_rows(res) != 1)
		rc = err_set(err, ERR_REJECT, 0, "somebody else has taken replay %s over", r->id);
	if (rc == 0)
		*wanted_out = state_of(pg_value(res, 0, 0));
	pg_result_free(&res);
	return rc == 0 ? note_parts(s, r, err) : rc;
}

int replay_store_note(
	struct replay_store *s, const struct replay *r, enum replay_state *wanted_out, struct err *err)
{
	int rc;

	if (!s->locked) /* the connection broke: it is to be taken again */
		return err_set(err, ERR_RETRY, 0, "database: the connection was lost");
	if ((rc = pg_begin(s->pg, err)) < 0)
		return ended(s, rc, err);
	rc = note(s, r, wanted_out, err);
	if (rc == 0)
		return ended(s, pg_commit(s->pg, err), err);
	pg_rollback(s->pg);
	return ended(s, rc, err);
}

int replay_store_leave(
	struct replay_store *s, const struct replay *r, bool done, const char *why, struct err *err)
{
	int rc;

	if ((rc = connect(s, err)) < 0 ||
		(rc = PG_EXEC(s->pg, sql_leave, NULL, err, pg_text(r->id), pg_int8(r->fence), pg_bool(done),
			 pg_text(why))) < 0 ||
		(rc = unlock(s, err)) < 0)
		return ended(s, rc, err);
	return 0;
}
