/* Erasure. The notice reaches this process twice: through a reader of its own, like every process of the
 * group, so that it knows whose events not to handle; and, in one process, through the group, to delete what
 * is kept. */
#include "services/business/sdk/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/business/sdk/housekeeping.h"

#include <string.h>

#include "common/base/banned.h"

static const char sql_mark[] =
	"INSERT INTO sdk_erased (appid, openid, before) VALUES ($1, $2, to_timestamp($3 / 1000.0)) "
	"ON CONFLICT (appid, openid) DO UPDATE "
	"SET before = greatest(sdk_erased.before, excluded.before), noted_at = now()";

static int parse(const struct json *fields, struct erasure *out, struct err *err)
{
	struct buf text = BUF_INIT(MESSAGE_MAX_BYTES);
	int rc;

	json_write(fields, &text);
	rc = erasure_parse(text.data, text.len, out, err);
	buf_release(&text);
	return rc;
}

/* Deleting again does no harm: in the transaction the SDK's row of the event goes with it, and without a
 * database the business was told so. */
static enum settlement on_erasure(struct event *e, void *arg)
{
	struct business *b = e->business;
	struct erasure who;
	struct err err;
	int rc;

	if ((rc = parse(e->fields, &who, &err)) < 0)
		return event_failed(e, &err, true);
	marks_note(b->marks, who.appid, who.openid, who.before_ms, clock_wall_ms());
	if (e->pg)
		rc = PG_EXEC(e->pg, sql_mark, NULL, &err, pg_text(who.appid), pg_text(who.openid),
			pg_int8(who.before_ms));
	if (rc == 0 && b->def->erase)
		rc = b->def->erase(&who, e->pg, arg, &err);
	return rc < 0 ? event_failed(e, &err, true) : SETTLE_DONE;
}

const struct business_route sdk_erasure_route = BUSINESS_ONCE(ERASURE_TYPE, on_erasure);

void sdk_read_notice(void *arg, const struct kafka_record *r)
{
	struct business *b = arg;
	const struct kafka_header *type = kafka_record_header(r, "ce_type");
	struct erasure who;
	struct err err;

	if (!type || type->value_len != strlen(ERASURE_TYPE) ||
		memcmp(type->value, ERASURE_TYPE, type->value_len) != 0)
		return;
	if (erasure_parse(r->value, r->value_len, &who, &err) < 0)
		log_error(NULL, "a notice of erasure cannot be read: %s", err.text);
	else
		marks_note(b->marks, who.appid, who.openid, who.before_ms, r->timestamp_ms);
}

bool sdk_marks_ready(const struct business *b)
{
	return (!b->notices || reader_caught_up(b->notices)) &&
	       (!b->housekeeping || housekeeping_marks_read(b->housekeeping));
}
