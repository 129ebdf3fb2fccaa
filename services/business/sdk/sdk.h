#ifndef SERVICES_BUSINESS_SDK_SDK_H
#define SERVICES_BUSINESS_SDK_SDK_H

#include "common/base/arena.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/json/json.h"
#include "common/service/service.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The business SDK: a consumer is a table of handlers and a main() of a few lines. The SDK owns polling,
 * order per fan (side by side across fans, one after the other for one), offsets, verdicts, dead letters,
 * metrics, health and drain.
 *
 *     static const struct business_route routes[] = {
 *         {"weixin.message.text", on_text},
 *         {"weixin.event.*", on_event},
 *     };
 *     static const struct business_def hello = {.name = "hello", ..., .routes = routes, .n_routes = 2};
 *     int main(int argc, char **argv) { return business_main(&hello, argc, argv); }
 */
struct business;

/* One event, as a handler sees it. Lives until the handler returns; so does everything it points to. */
struct event {
	const char *id;   /* ce_id: the same in every delivery */
	const char *type; /* ce_type */
	const char *component_appid, *appid;
	const char *openid;        /* "" where Weixin names no fan */
	const struct json *fields; /* Weixin's own fields under Weixin's own names */
	int64_t time_ms;           /* Weixin's CreateTime */
	int64_t received_ms;       /* when the ingress took it */
	bool unverified_account;   /* the directory did not know the account then */
	bool replier;              /* this group is asked for a passive reply */
	int64_t reply_deadline_ms; /* wall clock; later replies go out as customer-service messages, if they
				      may */
	struct arena *arena;       /* for the handler, emptied after it */
	struct business *business;
	struct event_work *work; /* the SDK's own */
};

const char *event_str(const struct event *e, const char *field); /* "" where absent or no string */

/* Runs on one of the SDK's threads; never twice at once for one fan of one account. Events come at least
 * once: what it does must be safe to do again for the same id (the replies and calls below are). */
typedef enum settlement (*event_handler)(struct event *e, void *arg);

struct business_route {
	const char
		*type; /* whole ce_type, or a beginning with '*' at its end; the first that fits is taken */
	event_handler handler;
};

struct business_def {
	const char *name;              /* folder, group, Kafka client id, log name: "auto-reply" */
	const char *summary;           /* for --help */
	const char *admin_listen;      /* preset, "0.0.0.0:9090" */
	const struct conf_item *items; /* the business's own settings; may be none */
	size_t n_items;
	size_t conf_size; /* of the struct the items fill; it begins at the pointer that init() gets */
	const struct business_route *routes;
	size_t n_routes;
	/* The business's own state: made before the first event, released after the last. Both may be NULL.
	 * *arg_out is what the handlers get. */
	int (*init)(const void *conf, struct service *svc, void **arg_out, struct err *err);
	void (*release)(void *arg);
};

/* The whole process. Returns its exit status. */
int business_main(const struct business_def *def, int argc, char **argv);

/* --- passive replies; does nothing where the group is not asked -------------------------------------------
 */

/* The verdict goes out at once, before the handler ends, so that a slow rest of the handler keeps nobody
 * waiting; the first verdict counts. A handler that gives none says "none". ERR_RETRY: Kafka did not take it:
 * settle with SETTLE_RETRY. */
int reply_text(struct event *e, const char *content, struct err *err);
/* Any passive reply, as Weixin's fields ("MsgType", ...); takes `fields` over. ERR_REJECT: not a valid reply.
 */
int reply_fields(struct event *e, struct json *fields, struct err *err);
/* "This is mine, but there is nothing to say now": an empty answer, and no group after this one is asked. */
int reply_empty(struct event *e, struct err *err);

/* --- calls to Weixin, through api-proxy -------------------------------------------------------------------
 */

struct call {
	const char *method;   /* NULL: POST */
	const char *path;     /* Weixin's own: "/cgi-bin/message/custom/send" */
	struct json *body;    /* taken over; NULL: none */
	const char *lane;     /* calls of one lane keep their order; NULL: the event's fan */
	const char *priority; /* agent, service, marketing; NULL: service */
	bool idempotent;      /* repeating it is harmless */
	int64_t not_after_ms; /* wall clock; 0: none */
};

/* For the event's account. The request's id is made from group, event and the call's number within the
 * handler, so that a repeated delivery asks for the same calls and each takes effect at most once. ERR_RETRY:
 * not handed over; settle with SETTLE_RETRY. ERR_REJECT: no caller key for this platform, or a request that
 * cannot be. */
int call_weixin(struct event *e, const struct call *call, struct err *err);

/* The customer-service text that most handlers want. */
int call_custom_send_text(struct event *e, const char *content, struct err *err);

#endif
