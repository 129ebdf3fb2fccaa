/* A reply that came after the fan had been told "success" goes out as a customer-service message. Every
 * process of the group reads it and asks for the same call under the same request id; api-proxy's ledger
 * makes it one. */
#include "services/business/sdk/internal.h"

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "proto/trace.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define CUSTOM_SEND  "/cgi-bin/message/custom/send"
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000

int sdk_send_late(struct business *b, const struct envelope *about, const char *request_id,
	const struct json *reply, struct err *err)
{
	struct call call = {.path = CUSTOM_SEND};
	int rc = reply_to_custom_send(reply, about->subject, &call.body, err);

	if (rc == 0)
		rc = sdk_request(b, about, request_id, &call, about->subject, err);
	json_free(&call.body);
	return rc;
}

static int send_late(
	struct business *b, const struct kafka_record *r, const struct reply_verdict *v, struct err *err)
{
	char request_id[sizeof("late:") + EVENT_ID_LEN];
	struct arena arena = ARENA_INIT;
	struct envelope about;
	int rc = envelope_decode(r, &arena, &about, err);

	snprintf(request_id, sizeof(request_id), "late:%s", v->event_id);
	if (rc == 0 && (!about.component_appid || !about.appid || !about.subject))
		rc = err_set(err, ERR_REJECT, 0, "it does not say for whom");
	if (rc == 0)
		rc = sdk_send_late(b, &about, request_id, v->reply, err);
	arena_release(&arena);
	return rc;
}

/* Nobody else keeps a late reply, so it is handed over however long Kafka is away; a process that starts
 * while `replies` holds it meets it again. */
static int send_late_stubbornly(
	struct business *b, const struct kafka_record *r, const struct reply_verdict *v, struct err *err)
{
	struct backoff backoff = BACKOFF_INIT(RETRY_MIN_MS, RETRY_MAX_MS);
	int rc;

	while ((rc = send_late(b, r, v, err)) < 0 && err->kind == ERR_RETRY && !atomic_load(&b->ending))
		clock_sleep_ms(backoff_next_ms(&backoff));
	return rc;
}

void sdk_read_late(void *arg, const struct kafka_record *r)
{
	struct business *b = arg;
	struct reply_verdict v;
	struct err err;

	if (reply_verdict_parse(r->value, r->value_len, &v, &err) < 0)
		return; /* the ingress tells of malformed ones */
	if (v.verdict == VERDICT_LATE && strcmp(v.group, b->def->name) == 0) {
		int rc;

		trace_enter_record(r);
		rc = send_late_stubbornly(b, r, &v, &err);
		metric_add(&sdk_metrics[M_LATE], rc < 0 ? "failed" : "requested", 1);
		if (rc < 0)
			log_error(v.event_id, "a late reply could not be sent: %s", err.text);
		trace_leave();
	}
	reply_verdict_release(&v);
}
