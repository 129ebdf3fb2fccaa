#include "services/sealed/sealed.h"

#include "common/base/str.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

int sealed_note(struct pg *pg, const struct sealed_schema *s, enum key_kind kind, const char *id, bool used,
	int64_t at_ms, struct err *err)
{
	return PG_EXEC(pg, s->note, NULL, err, pg_text(key_kind_name(kind)), pg_text(id), pg_bool(used),
		pg_int8(at_ms));
}

int sealed_note_master(
	struct pg *pg, const struct sealed_schema *s, const struct master_keys *keys, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < keys->n; i++)
		rc = sealed_note(pg, s, KEY_MASTER, keys->list[i].id, i == 0, 0, err);
	return rc;
}

/* --- the report ------------------------------------------------------------------------------------------
 */

static int count_rows(struct pg *pg, const char *sql, struct key_report *report, struct err *err)
{
	struct pg_result *res = NULL;

	if (pg_exec(pg, sql, NULL, 0, &res, err) < 0)
		return -1;
	for (int i = 0; i < pg_rows(res); i++)
		key_report_row(report, KEY_MASTER, pg_value(res, i, 0))->rows += pg_value_int(res, i, 1);
	pg_result_free(&res);
	return 0;
}

int sealed_count_master(struct pg *pg, const struct sealed_schema *s, const struct master_keys *keys,
	struct key_report *report, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < keys->n; i++) {
		struct key_row *row = key_report_row(report, KEY_MASTER, keys->list[i].id);

		row->held = true;
		row->current = i == 0;
	}
	for (size_t i = 0; rc == 0 && i < s->n_rows; i++)
		rc = count_rows(pg, s->rows[i].count, report, err);
	return rc;
}

static void add_use(
	struct key_report *report, const char *kind, const char *id, int64_t used_ms, int64_t event_ms)
{
	for (size_t i = 0; i < report->n; i++) {
		struct key_row *row = &report->list[i];
		int64_t life_ms = row->kind == KEY_EVENT ? event_ms : SEALED_ELSEWHERE_MS + SEALED_SLACK_MS;

		if (strcmp(key_kind_name(row->kind), kind) != 0 || strcmp(row->id, id) != 0)
			continue;
		row->used_ms = used_ms;
		row->needed_until_ms = row->current ? 0 : used_ms + life_ms;
	}
}

/* Of keys that are neither held nor needed by a row nothing is told. */
int sealed_uses(struct pg *pg, const struct sealed_schema *s, int64_t event_ms, struct key_report *report,
	struct err *err)
{
	struct pg_result *res = NULL;

	if (pg_exec(pg, s->uses, NULL, 0, &res, err) < 0)
		return -1;
	for (int i = 0; i < pg_rows(res); i++)
		add_use(report, pg_value(res, i, 0), pg_value(res, i, 1), pg_value_int(res, i, 2), event_ms);
	pg_result_free(&res);
	return 0;
}

/* --- sealing anew ----------------------------------------------------------------------------------------
 */

static int reseal_value(
	void *arg, const char *row, const void *old, size_t len, struct buf *new_out, struct err *err)
{
	return master_reseal(arg, row, old, len, new_out, err);
}

/* "<column's name>:<place in it>". A column that is not known (any more) is begun with the first. */
static size_t read_place(const struct sealed_schema *s, const char *text, const char **place_out)
{
	size_t len = strcspn(text, ":");

	*place_out = "";
	for (size_t i = 0; i < s->n_rows; i++) {
		if (text[len] == ':' && str_eq_cstr((struct str){text, len}, s->rows[i].rewrite.name)) {
			*place_out = text + len + 1;
			return i;
		}
	}
	return 0;
}

int sealed_reseal(struct pg *pg, const struct sealed_schema *s, const struct master_keys *keys,
	const struct reseal_request *request, struct reseal_answer *out, struct err *err)
{
	struct pg_rewrite_step step = {.place = ""};
	struct reseal_answer a = {.end = false};
	const char *place;
	size_t i = read_place(s, request->place, &place);

	if (strcmp(keys->list[0].id, request->to) != 0)
		return SEALED_NOT_CURRENT;
	if (pg_rewrite_batch(pg, &s->rows[i].rewrite, pg_bytea(request->to, strlen(request->to)), place,
		    request->limit, reseal_value, (void *)(uintptr_t)keys, &step, err) < 0)
		return -1;
	a.resealed = step.rewritten;
	a.unopened = step.left;
	a.end = step.end && i + 1 == s->n_rows;
	if (!a.end)
		(void)snprintf(a.place, sizeof(a.place), "%s:%s", s->rows[step.end ? i + 1 : i].rewrite.name,
			step.end ? "" : step.place);
	*out = a;
	return 0;
}
