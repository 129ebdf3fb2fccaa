#include "common/pg/pg_rewrite.h"

#include "common/base/str.h"

#include "common/base/banned.h"

#define VALUE_MAX_BYTES (1024 * 1024)

enum { COL_PLACE, COL_ROW, COL_VALUE };

struct rewriting {
	const struct pg_rewrite *w;
	pg_rewrite_value value;
	void *arg;
	struct pg_rewrite_step step;
};

static int rewrite_row(
	struct pg *pg, struct rewriting *r, const struct pg_result *rows, int i, struct err *err)
{
	struct buf fresh = BUF_INIT(VALUE_MAX_BYTES);
	struct err why = {.kind = ERR_RETRY};
	const void *old;
	size_t len;
	int rc;

	old = pg_value_bytes(rows, i, COL_VALUE, &len);
	rc = r->value(r->arg, pg_value(rows, i, COL_ROW), old, len, &fresh, &why);
	if (rc == 0)
		rc = PG_EXEC(pg, r->w->update, NULL, err, pg_text(pg_value(rows, i, COL_PLACE)),
			pg_bytea(fresh.data, fresh.len));
	else if (why.kind == ERR_REJECT)
		rc = 1;
	else if (err)
		*err = why;
	buf_wipe_release(&fresh);
	if (rc == 0)
		r->step.rewritten++;
	else if (rc == 1)
		r->step.left++;
	return rc < 0 ? rc : 0;
}

static int rewrite_rows(struct pg *pg, struct rewriting *r, struct pg_param which, const char *place,
	int64_t limit, struct err *err)
{
	struct pg_result *rows = NULL;
	int rc, n, i;

	if (PG_EXEC(pg, r->w->select, &rows, err, pg_text(place), pg_int8(limit), which) < 0)
		return -1;
	n = pg_rows(rows);
	r->step.end = n < limit;
	for (rc = 0, i = 0; rc == 0 && i < n; i++)
		rc = rewrite_row(pg, r, rows, i, err);
	if (rc == 0 && n > 0 &&
		str_copy(r->step.place, sizeof(r->step.place), pg_value(rows, n - 1, COL_PLACE)) < 0)
		rc = err_set(err, ERR_FATAL, 0, "%s: a place is too long", r->w->name);
	pg_result_free(&rows);
	return rc;
}

int pg_rewrite_batch(struct pg *pg, const struct pg_rewrite *w, struct pg_param which, const char *place,
	int64_t limit, pg_rewrite_value value, void *arg, struct pg_rewrite_step *out, struct err *err)
{
	struct rewriting r = {.w = w, .value = value, .arg = arg};
	int rc;

	if ((rc = pg_begin(pg, err)) < 0)
		return rc;
	if ((rc = rewrite_rows(pg, &r, which, place, limit, err)) < 0) {
		pg_rollback(pg);
		return rc;
	}
	if ((rc = pg_commit(pg, err)) < 0)
		return rc;
	*out = r.step;
	return 0;
}
