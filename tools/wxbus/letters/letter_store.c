#include "tools/wxbus/letters/letter_store.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/pg/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

#define TAKE_MS 5000
#define PAGE    5000
#define READ_MS (35LL * 24 * 60 * 60 * 1000)

static const char sql_lock[] =
	"SELECT pg_try_advisory_lock(hashtextextended('wxbus dead-letters ' || $1, 0))";
/* By page, so that no answer is larger than memory allows. */
static const char sql_read[] =
	"SELECT d.letter_partition, d.letter_offset, d.died_ms, d.state, r.by_whom, r.note, "
	"to_char(coalesce(d.settled_at, d.claimed_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
	"floor(extract(epoch FROM clock_timestamp() - d.claimed_at) * 1000)::bigint "
	"FROM dead_letters d JOIN dead_letter_runs r USING (run_id) "
	"WHERE d.topic = $1 AND (d.letter_partition, d.letter_offset, d.died_ms) > ($2, $3, $4) "
	"AND d.died_ms > $5 ORDER BY d.letter_partition, d.letter_offset, d.died_ms LIMIT $6";
static const char sql_begin[] = "INSERT INTO dead_letter_runs (act, topic, by_whom, note, letters) "
				"VALUES ($1, $2, $3, $4, $5) RETURNING run_id";
/* A claim that nobody could resolve may be decided upon anew. */
static const char sql_claim[] =
	"INSERT INTO dead_letters (topic, letter_partition, letter_offset, died_ms, state, run_id, event_id, "
	"type, appid, error_class, redrives, settled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
	"$11, "
	"CASE WHEN $5 = 'claimed' THEN NULL ELSE now() END) "
	"ON CONFLICT (topic, letter_partition, letter_offset, died_ms) DO UPDATE SET state = excluded.state, "
	"run_id = excluded.run_id, claimed_at = now(), settled_at = excluded.settled_at "
	"WHERE dead_letters.state = 'claimed'";
static const char sql_settle[] =
	"UPDATE dead_letters SET state = 'redriven', settled_at = now() WHERE topic = $1 AND "
	"letter_partition = $2 AND letter_offset = $3 AND died_ms = $4 AND state = 'claimed'";
static const char sql_give_back[] =
	"DELETE FROM dead_letters WHERE topic = $1 AND letter_partition = $2 AND letter_offset = $3 AND "
	"died_ms = $4 AND state = 'claimed'";
static const char sql_end[] =
	"UPDATE dead_letter_runs SET ended_at = now(), done = $2, refused = $3, error = $4 WHERE run_id = $1";

static const char *const state_names[] = {
	[LETTER_NEW] = "new",
	[LETTER_CLAIMED] = "claimed",
	[LETTER_REDRIVEN] = "redriven",
	[LETTER_DROPPED] = "dropped",
};

struct row {
	UT_hash_handle hh;
	char name[LETTER_NAME_SIZE];
	struct kafka_record place; /* partition, offset and timestamp alone */
	enum letter_state state;
	const char *by, *note, *at;
	int64_t age_ms;
};

struct letter_store {
	struct pg_pool *pool;
	struct pg *pg;
	const char *topic;
	int64_t run_id;
	struct row *rows;
	struct arena arena; /* of the rows */
};

const char *letter_state_name(enum letter_state state)
{
	return state_names[state];
}

int letter_store_open(struct letter_store **out, const char *url, const char *topic, struct err *err)
{
	struct letter_store *s = xcalloc(1, sizeof(*s));
	int rc;

	s->topic = topic;
	s->arena = (struct arena)ARENA_INIT;
	rc = pg_pool_new(&s->pool, url, 1, "wxbus dead-letters", err);
	if (rc < 0) {
		err_prefix(err, "WXBUS_DATABASE_URL");
	} else {
		pg_pool_use_schema(s->pool, "wxbus");
		rc = pg_take(s->pool, TAKE_MS, &s->pg, err);
	}
	if (rc < 0)
		letter_store_free(&s);
	*out = s;
	return rc;
}

void letter_store_free(struct letter_store **sp)
{
	struct letter_store *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	HASH_CLEAR(hh, s->rows);
	arena_release(&s->arena);
	pg_give(s->pool, &s->pg);
	pg_pool_free(&s->pool);
	free(s);
}

int letter_store_lock(struct letter_store *s, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = PG_EXEC(s->pg, sql_lock, &res, err, pg_text(s->topic));

	if (rc == 0 && !pg_value_bool(res, 0, 0))
		rc = err_set(err, ERR_REJECT, 0, "somebody else is redriving or dropping letters of %s now",
			s->topic);
	pg_result_free(&res);
	return rc;
}

/* --- reading
 * -----------------------------------------------------------------------------------------------------
 */

static enum letter_state state_of(const char *name)
{
	enum letter_state state = LETTER_CLAIMED;

	while (state < LETTER_DROPPED && strcmp(state_names[state], name) != 0)
		state++;
	return state;
}

static void add_row(struct letter_store *s, const struct pg_result *res, int i)
{
	struct row *row = arena_alloc(&s->arena, sizeof(*row));

	row->place.partition = (int32_t)pg_value_int(res, i, 0);
	row->place.offset = pg_value_int(res, i, 1);
	row->place.timestamp_ms = pg_value_int(res, i, 2);
	row->state = state_of(pg_value(res, i, 3));
	row->by = arena_strdup(&s->arena, pg_value(res, i, 4));
	row->note = arena_strdup(&s->arena, pg_value(res, i, 5));
	row->at = arena_strdup(&s->arena, pg_value(res, i, 6));
	row->age_ms = pg_value_int(res, i, 7);
	letter_name(&row->place, row->name);
	HASH_ADD_STR(s->rows, name, row);
}

/* How many; *last is moved to the last of them. */
static int read_page(struct letter_store *s, struct kafka_record *last, struct err *err)
{
	struct pg_result *res = NULL;
	int n, rc = PG_EXEC(s->pg, sql_read, &res, err, pg_text(s->topic), pg_int8(last->partition),
		       pg_int8(last->offset), pg_int8(last->timestamp_ms), pg_int8(clock_wall_ms() - READ_MS),
		       pg_int8(PAGE));

	if (rc < 0)
		return rc;
	n = pg_rows(res);
	for (int i = 0; i < n; i++)
		add_row(s, res, i);
	if (n > 0)
		*last = (struct kafka_record){.partition = (int32_t)pg_value_int(res, n - 1, 0),
			.offset = pg_value_int(res, n - 1, 1),
			.timestamp_ms = pg_value_int(res, n - 1, 2)};
	pg_result_free(&res);
	return n;
}

int letter_store_read(struct letter_store *s, struct err *err)
{
	struct kafka_record last = {.partition = -1};
	int n;

	HASH_CLEAR(hh, s->rows);
	arena_reset(&s->arena);
	do
		n = read_page(s, &last, err);
	while (n == PAGE);
	return n < 0 ? n : 0;
}

struct letter_decision letter_store_find(const struct letter_store *s, const struct kafka_record *letter)
{
	char name[LETTER_NAME_SIZE];
	struct row *row;

	letter_name(letter, name);
	HASH_FIND_STR(s->rows, name, row);
	if (!row)
		return (struct letter_decision){LETTER_NEW, "", "", ""};
	return (struct letter_decision){row->state, row->by, row->note, row->at};
}

/* --- what a crash left
 * -------------------------------------------------------------------------------------------
 */

size_t letter_store_claims(const struct letter_store *s, int64_t *oldest_ms_out, int64_t *youngest_ms_out)
{
	size_t n = 0;

	*oldest_ms_out = *youngest_ms_out = 0;
	for (const struct row *row = s->rows; row; row = row->hh.next) {
		if (row->state != LETTER_CLAIMED)
			continue;
		if (n == 0 || row->age_ms > *oldest_ms_out)
			*oldest_ms_out = row->age_ms;
		if (n++ == 0 || row->age_ms < *youngest_ms_out)
			*youngest_ms_out = row->age_ms;
	}
	return n;
}

static int of_letter(struct letter_store *s, const char *sql, const struct kafka_record *r, struct err *err)
{
	return PG_EXEC(s->pg, sql, NULL, err, pg_text(s->topic), pg_int8(r->partition), pg_int8(r->offset),
		pg_int8(r->timestamp_ms));
}

int letter_store_resolve(struct letter_store *s, bool (*written)(void *arg, const char *name), void *arg,
	int64_t keep_from_ms, struct err *err)
{
	int rc = 0;

	for (const struct row *row = s->rows; rc == 0 && row; row = row->hh.next) {
		if (row->state != LETTER_CLAIMED)
			continue;
		if (written(arg, row->name))
			rc = of_letter(s, sql_settle, &row->place, err);
		else if (row->age_ms < keep_from_ms)
			rc = of_letter(s, sql_give_back, &row->place, err);
	}
	return rc;
}

/* --- deciding
 * ----------------------------------------------------------------------------------------------------
 */

int letter_store_begin(struct letter_store *s, const struct letter_run *run, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = PG_EXEC(s->pg, sql_begin, &res, err, pg_text(run->act), pg_text(s->topic), pg_text(run->by),
		pg_text(run->note), pg_int8((int64_t)run->letters));

	if (rc == 0)
		s->run_id = pg_value_int(res, 0, 0);
	pg_result_free(&res);
	return rc;
}

static int claim_one(struct letter_store *s, const struct letter *l, enum letter_state state, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = PG_EXEC(s->pg, sql_claim, &res, err, pg_text(s->topic), pg_int8(l->record.partition),
		pg_int8(l->record.offset), pg_int8(l->record.timestamp_ms), pg_text(state_names[state]),
		pg_int8(s->run_id), pg_text(l->envelope.id), pg_text(l->envelope.type),
		pg_text(l->envelope.appid), pg_text(l->error_class), pg_int8(l->redrives));

	if (rc == 0 && pg_affected(res) != 1)
		rc = err_set(err, ERR_REJECT, 0, "somebody else has dealt with a letter meanwhile");
	pg_result_free(&res);
	return rc;
}

int letter_store_claim(struct letter_store *s, const struct letter *letters, size_t n,
	enum letter_state state, struct err *err)
{
	int rc = pg_begin(s->pg, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = claim_one(s, &letters[i], state, err);
	if (rc == 0)
		return pg_commit(s->pg, err);
	pg_rollback(s->pg);
	return rc;
}

int letter_store_settle(struct letter_store *s, const struct letter *letters, size_t n, struct err *err)
{
	int rc = pg_begin(s->pg, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = of_letter(s, sql_settle, &letters[i].record, err);
	if (rc == 0)
		return pg_commit(s->pg, err);
	pg_rollback(s->pg);
	return rc;
}

int letter_store_end(struct letter_store *s, size_t done, size_t refused, const char *error, struct err *err)
{
	return PG_EXEC(s->pg, sql_end, NULL, err, pg_int8(s->run_id), pg_int8((int64_t)done),
		pg_int8((int64_t)refused), pg_text(error));
}
