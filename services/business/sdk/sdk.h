#ifndef SERVICES_BUSINESS_SDK_SDK_H
#define SERVICES_BUSINESS_SDK_SDK_H

#include "common/base/arena.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/json/json.h"
#include "common/pg/pg.h"
#include "common/service/service.h"
#include "proto/erasure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The business SDK: a consumer is a table of handlers and a main() of a few lines. The SDK owns polling,
 * order per fan (side by side across fans, one after the other for one), offsets, verdicts, retries, dead
 * letters, erasure, metrics, health and drain.
 *
 *     static const struct business_route routes[] = {
 *         BUSINESS_ONCE("weixin.message.text", on_text),
 *         BUSINESS_ROUTE("weixin.event.*", on_event),
 *     };
 *     const struct business_def hello = {.name = "hello", .manifest = business_manifest, ..., .routes =
 * routes, .n_routes = 2}; int main(int argc, char **argv) { return business_main(&hello, argc, argv); }
 *
 * How to test one without a broker or a database: kit.h. */
struct business;

/* One event, as a handler sees it. Lives until the handler returns; so does everything it points to.
 * The event's trace (proto/trace.h) is the thread's while its handler runs: log lines, verdict and calls have
 * it by themselves; trace_current() is what a request of the handler's own sends as `traceparent`. */
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
	int attempt;               /* handlings before this one that ended in SETTLE_RETRY; 0: the first */
	const char *run;           /* of a replay that handles events once more; "": live */
	struct pg *pg;             /* of BUSINESS_ONCE: its open transaction. Otherwise NULL */
	struct arena *arena;       /* for the handler, emptied after it */
	struct business *business;
	struct event_work *work; /* the SDK's own */
};

const char *event_str(const struct event *e, const char *field); /* "" where absent or no string */

/* Runs on one of the SDK's threads; never twice at once for one fan of one account in this process.
 *
 * SETTLE_DONE: it is handled. SETTLE_RETRY: once more after the group's next delay (manifest.json: 5 s, 1
 * min, 10 min, 1 h); after the last, a dead letter. SETTLE_DEAD_LETTER: nothing will help: kept for an
 * operator. SETTLE_STOP: the process ends, the event is handled by the next.
 *
 * Events come at least once: without BUSINESS_ONCE, what a handler does must be safe to do again for the same
 * id (the replies and calls below are). */
typedef enum settlement (*event_handler)(struct event *e, void *arg);

/* For a handler that fails: keeps why, for the log and the dead letter, and says what becomes of the event
 * (err_settlement()). repeat_harmless: doing again what may have happened (ERR_UNCERTAIN) does no harm. */
enum settlement event_failed(struct event *e, const struct err *err, bool repeat_harmless);
/* The same for what is no `struct err`: class_name is one word of a small set ("no_stock"), by which dead
 * letters are counted; why is one line and no secret. */
enum settlement event_settle(struct event *e, enum settlement s, const char *class_name, const char *why);

/* `type`: a whole ce_type, or a beginning with '*' at its end; the first that fits is taken. Besides Weixin's
 * messages and events: weixin.platform.* and wxbus.* of the platform's notices, and results (below). */
#define BUSINESS_ROUTE(type_, handler_)                                                                      \
	{                                                                                                    \
		.type = (type_), .handler = (handler_), .once = false                                        \
	}
/* The handler runs within a transaction of the business's database (e->pg) in which the SDK also notes the
 * event: what it writes there takes effect once for each event id and run, whatever is delivered again. Its
 * replies and calls are kept in that transaction and go out after its commit. */
#define BUSINESS_ONCE(type_, handler_)                                                                       \
	{                                                                                                    \
		.type = (type_), .handler = (handler_), .once = true                                         \
	}
struct business_route {
	const char *type;
	event_handler handler;
	bool once;
};

struct business_def {
	const char *name;              /* folder, group, Kafka client id, log name: "auto-reply" */
	const char *summary;           /* for --help */
	const char *admin_listen;      /* preset, "0.0.0.0:9090" */
	const char *manifest;          /* business_manifest: the group's delays and topics */
	const struct conf_item *items; /* the business's own settings; may be none */
	size_t n_items;
	size_t conf_size; /* of the struct the items fill; it begins at the pointer that init() gets */
	/* It has a schema of its own (migrations/0001_*.sql, with names that no schema stands before): the
	 * SDK then has WXBUS_DATABASE_URL, and tables beside the business's. Needed by BUSINESS_ONCE. */
	bool database;
	/* An event that is to be tried again is waited for in place, about two minutes at most, with all
	 * later ones of its fan behind it. Without it, it goes aside, and order holds among events that never
	 * were. */
	bool strict_order;
	const struct business_route *routes;
	size_t n_routes;
	/* The business's own state: made before the first event, released after the last. Both may be NULL.
	 * *arg_out is what the handlers get. */
	int (*init)(struct business *b, const void *conf, void **arg_out, struct err *err);
	void (*release)(void *arg);
	/* Delete what is kept of this fan from before who->before_ms. With a database: in the transaction pg,
	 * in which the SDK marks the fan. May be NULL; called again when it fails, and for a notice that
	 * comes twice. */
	int (*erase)(const struct erasure *who, struct pg *pg, void *arg, struct err *err);
};

/* The folder's manifest.json, put into the program by business_manifest() of
 * services/business/CMakeLists.txt.
 */
extern const char business_manifest[];

/* The whole process. Returns its exit status. */
int business_main(const struct business_def *def, int argc, char **argv);

/* For init() and handlers. Any thread. */
struct service *business_service(const struct business *b); /* NULL in the test kit */
struct pg_pool *business_pool(const struct business *b);    /* its schema is the first; NULL: none */

/* --- passive replies; they do nothing where the group is not asked ----------------------------------------
 */

/* The verdict goes out at once, before the handler ends, so that a slow rest of the handler keeps nobody
 * waiting (with BUSINESS_ONCE: after the commit); the first verdict counts. A handler that gives none says
 * "none"; so does an event that is to be tried again. A reply of a later try goes out as a customer-service
 * message, where no other group was asked.
 * ERR_RETRY: Kafka did not take it. ERR_REJECT: not a valid reply. Both are for event_failed(). */
int reply_text(struct event *e, const char *content, struct err *err);
int reply_image(struct event *e, const char *media_id, struct err *err);
int reply_voice(struct event *e, const char *media_id, struct err *err);
int reply_video(struct event *e, const char *media_id, const char *title, const char *description,
	struct err *err); /* title, description: NULL: none */

struct music {
	const char *title, *description, *url, *hq_url; /* NULL: none */
	const char *thumb_media_id;
};
int reply_music(struct event *e, const struct music *music, struct err *err);

struct article {
	const char *title, *url;
	const char *description, *pic_url; /* NULL: none */
};
int reply_news(struct event *e, const struct article *articles, size_t n, struct err *err); /* 1 to 8 */

/* Hands the fan over to Weixin's customer service; kf_account NULL: whoever is free. */
int reply_transfer(struct event *e, const char *kf_account, struct err *err);

/* Any passive reply, as Weixin's fields ("MsgType", ...); takes `fields` over. */
int reply_fields(struct event *e, struct json *fields, struct err *err);
/* "This is mine, but there is nothing to say now": an empty answer, and no group after this one is asked. */
int reply_empty(struct event *e, struct err *err);

/* --- calls to Weixin, through api-proxy -------------------------------------------------------------------
 */

#define CALL_ID_MAX 64

struct call {
	const char *method;   /* NULL: POST */
	const char *path;     /* Weixin's own: "/cgi-bin/message/custom/send" */
	struct json *body;    /* taken over; NULL: none */
	const char *lane;     /* calls of one lane keep their order; NULL: the event's fan */
	const char *priority; /* agent, service, marketing; NULL: service */
	/* Who gets the result: it comes as an event of the type "wxbus.api.result.<then>" to the route for
	 * it, on any process of the group, with the request's id as its id, the account, no openid, and
	 * {"request_id","outcome":"ok|rejected|unknown","errcode","errmsg","http_status","body","attempts"}
	 * as its fields. At most 24 of a-z, 0-9 and '-'. NULL: nobody; it is only counted. */
	const char *then;
	bool idempotent;      /* repeating it is harmless */
	int64_t not_after_ms; /* wall clock; 0: none */
	char *id_out;         /* CALL_ID_MAX + 1 bytes for the request's id; NULL: not wanted */
};

/* For the event's account. The request's id is made from group, event, run and the call's number within the
 * handler, so that a repeated delivery asks for the same calls and each takes effect at most once. ERR_RETRY:
 * not handed over. ERR_REJECT: no caller key for this platform, or a request that cannot be. */
int call_weixin(struct event *e, const struct call *call, struct err *err);

/* The customer-service text that most handlers want. */
int call_custom_send_text(struct event *e, const char *content, struct err *err);

#endif
