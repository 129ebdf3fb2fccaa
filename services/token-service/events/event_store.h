#ifndef SERVICES_TOKEN_SERVICE_EVENTS_EVENT_STORE_H
#define SERVICES_TOKEN_SERVICE_EVENTS_EVENT_STORE_H

#include "proto/message.h"
#include "proto/platforms.h"
#include "proto/trace.h"
#include "services/token-service/store.h"

#include <stdbool.h>
#include <stdint.h>

/* Events between Kafka and their effect. An event is stored before its offset is, and is worked on until it
 * is settled, whatever fails meanwhile; events of one key in their order, those of other keys side by side,
 * so that one account's trouble holds up nobody else. */

/* Ask Weixin for an account's names; ours, not a push. */
#define EVENT_TYPE_INFO "wxbus.account.info"

/* An event's handling ends within this, or another process takes it up. */
#define EVENT_LEASE_MS 40000

/* EVENT_REPEATED: this id was stored before. `sealed` is the record's value as it came. The
 * thread's trace is kept with it. */
#define EVENT_REPEATED 1
int event_put(const struct store *s, const char *component_appid, const char *event_id, const char *appid,
	const char *type, const void *sealed, size_t len, int64_t received_ms, struct err *err);

/* Within a transaction: ask for an account's names and kind when it is committed; once for each `occasion`.
 */
int event_put_info(
	struct pg *pg, const char *component_appid, const char *appid, const char *occasion, struct err *err);

struct event {
	int64_t id;
	int64_t fence;
	int attempts; /* this one included */
	char component_appid[APPID_MAX + 1];
	char appid[APPID_MAX + 1];
	char event_id[128];
	char type[MESSAGE_TYPE_MAX];
	void *sealed; /* NULL: none */
	size_t sealed_len;
	int64_t received_ms;
	char traceparent[TRACE_PARENT_LEN + 1]; /* "": none */
};
void event_release(struct event *e);

#define EVENT_NONE 1
int event_claim(const struct store *s, struct event *out, struct err *err);

/* Within the transaction of its effect: the value is dropped, the id kept. EVENT_OVERTAKEN: another process
 * has taken it up; roll back. */
#define EVENT_OVERTAKEN 2
int event_settle(struct pg *pg, const struct event *e, const char *outcome, struct err *err);

/* Try again after retry_ms. */
int event_retry(const struct store *s, const struct event *e, int64_t retry_ms, struct err *err);

/* How many are not settled, into the metric, and when the oldest of them came (wall clock; 0: none). */
int event_look(const struct store *s, int64_t *oldest_ms_out, struct err *err);

/* Those settled long ago are forgotten, and so are old codes. */
int event_housekeeping(const struct store *s, struct err *err);

#endif
