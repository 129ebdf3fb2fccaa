#include "proto/key_report.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "proto/fields.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define KEYS_MAX 1000

static const char *const kind_names[] = {[KEY_MASTER] = "master", [KEY_EVENT] = "event", [KEY_REF] = "ref"};

const char *key_kind_name(enum key_kind kind)
{
	return kind_names[kind];
}

struct key_row *key_report_row(struct key_report *r, enum key_kind kind, const char *id)
{
	struct key_row *row;

	for (size_t i = 0; i < r->n; i++)
		if (r->list[i].kind == kind && strcmp(r->list[i].id, id) == 0)
			return &r->list[i];
	r->list = xrealloc(r->list, (r->n + 1) * sizeof(*r->list));
	row = &r->list[r->n++];
	*row = (struct key_row){.kind = kind};
	(void)str_copy(row->id, sizeof(row->id), id);
	return row;
}

void key_report_release(struct key_report *r)
{
	free(r->list);
	*r = (struct key_report){NULL, 0};
}

bool key_row_removable(const struct key_row *row, int64_t now_ms)
{
	return row->kind != KEY_REF && row->held && !row->current && row->rows == 0 &&
	       now_ms >= row->needed_until_ms;
}

/* --- the report ------------------------------------------------------------------------------------------
 */

static void set_time_or_null(struct json *j, const char *name, int64_t ms)
{
	if (ms > 0)
		fields_set_time(j, name, ms);
	else
		json_set(j, name, json_new_null());
}

static struct json *row_json(const struct key_row *row)
{
	struct json *j = json_new_object();

	json_set_str(j, "kind", kind_names[row->kind]);
	json_set_str(j, "id", row->id);
	json_set_bool(j, "held", row->held);
	json_set_bool(j, "current", row->current);
	json_set_int(j, "rows", row->rows);
	set_time_or_null(j, "used_at", row->used_ms);
	set_time_or_null(j, "needed_until", row->needed_until_ms);
	return j;
}

void key_report_encode(const struct key_report *r, struct buf *out)
{
	struct json *j = json_new_object(), *keys = json_new_array();

	for (size_t i = 0; i < r->n; i++)
		json_push(keys, row_json(&r->list[i]));
	json_set(j, "keys", keys);
	json_write(j, out);
	json_free(&j);
}

static int read_id(const struct json *j, const char *name, char out[KEY_ID_MAX + 1], struct err *err)
{
	const char *id = json_get_str(j, name);

	if (!id || !id[0] || str_copy(out, KEY_ID_MAX + 1, id) < 0)
		return err_set(err, ERR_REJECT, 0, "%s must be a key's id", name);
	return 0;
}

static int read_time_or_null(const struct json *j, const char *name, int64_t *out, struct err *err)
{
	enum json_kind kind = json_kind(json_get(j, name));

	*out = 0;
	return kind == JSON_NULL || kind == JSON_ABSENT ? 0 : fields_time(j, name, out, err);
}

static int read_row(const struct json *j, struct key_report *r, struct err *err)
{
	struct key_row row = {.kind = KEY_MASTER};
	int kind, rc;

	if ((rc = fields_choice(j, "kind", kind_names, N_KEY_KINDS, "master, event or ref", &kind, err)) <
			0 ||
		(rc = read_id(j, "id", row.id, err)) < 0 ||
		(rc = fields_bool(j, "held", &row.held, err)) < 0 ||
		(rc = fields_bool(j, "current", &row.current, err)) < 0 ||
		(rc = fields_int(j, "rows", 0, INT64_MAX, &row.rows, err)) < 0 ||
		(rc = read_time_or_null(j, "used_at", &row.used_ms, err)) < 0 ||
		(rc = read_time_or_null(j, "needed_until", &row.needed_until_ms, err)) < 0)
		return rc;
	row.kind = (enum key_kind)kind;
	*key_report_row(r, row.kind, row.id) = row;
	return 0;
}

int key_report_parse(const void *json, size_t len, struct key_report *out, struct err *err)
{
	struct key_report r = {NULL, 0};
	struct json *j = NULL;
	const struct json *keys;
	int rc;

	if ((rc = fields_parse(json, len, &j, err)) < 0)
		return rc;
	keys = json_get(j, "keys");
	if (json_kind(keys) != JSON_ARRAY || json_len(keys) > KEYS_MAX)
		rc = err_set(err, ERR_REJECT, 0, "keys must be an array of at most %d", KEYS_MAX);
	for (size_t i = 0; rc == 0 && i < json_len(keys); i++)
		rc = read_row(json_at(keys, i), &r, err);
	if (rc == 0)
		*out = r;
	else
		key_report_release(&r);
	json_free(&j);
	return rc;
}

/* --- sealing anew ----------------------------------------------------------------------------------------
 */

struct json *reseal_request_json(const struct reseal_request *r)
{
	struct json *j = json_new_object();

	json_set_str(j, "to", r->to);
	json_set_str(j, "place", r->place);
	json_set_int(j, "limit", r->limit);
	return j;
}

static int read_place(const struct json *j, char out[RESEAL_PLACE_MAX + 1], struct err *err)
{
	const char *place = json_get_str(j, "place");

	if (!place || str_copy(out, RESEAL_PLACE_MAX + 1, place) < 0)
		return err_set(err, ERR_REJECT, 0, "place must be one that was answered, or empty");
	return 0;
}

int reseal_request_read(const struct json *j, struct reseal_request *out, struct err *err)
{
	struct reseal_request r;
	int rc;

	if ((rc = read_id(j, "to", r.to, err)) < 0 || (rc = read_place(j, r.place, err)) < 0 ||
		(rc = fields_int(j, "limit", 1, RESEAL_LIMIT_MAX, &r.limit, err)) < 0)
		return rc;
	*out = r;
	return 0;
}

struct json *reseal_answer_json(const struct reseal_answer *a)
{
	struct json *j = json_new_object();

	json_set_str(j, "place", a->end ? NULL : a->place);
	json_set_int(j, "resealed", a->resealed);
	json_set_int(j, "unopened", a->unopened);
	return j;
}

int reseal_answer_read(const struct json *j, struct reseal_answer *out, struct err *err)
{
	struct reseal_answer a = {.end = json_kind(json_get(j, "place")) == JSON_NULL};
	int rc;

	if ((!a.end && (rc = read_place(j, a.place, err)) < 0) ||
		(rc = fields_int(j, "resealed", 0, INT64_MAX, &a.resealed, err)) < 0 ||
		(rc = fields_int(j, "unopened", 0, INT64_MAX, &a.unopened, err)) < 0)
		return rc;
	*out = a;
	return 0;
}
