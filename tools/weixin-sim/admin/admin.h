#ifndef WEIXIN_SIM_ADMIN_ADMIN_H
#define WEIXIN_SIM_ADMIN_ADMIN_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/httpd/httpd.h"
#include "common/httpd/query.h"
#include "tools/weixin-sim/push/plays.h"

/* The admin port, as the README describes it. */

struct admin_call {
	struct sim *sim;
	struct query query;
	struct json *body;   /* an object; NULL on GET */
	struct json *answer; /* an object that handlers fill; {"ok":true} if they leave it NULL */
	struct buf raw;      /* written instead of `answer` by the largest one */
	struct err err;      /* why not 200 */
};

/* The HTTP status; not 200: the reason is in call->err. */
typedef int (*admin_handler)(struct admin_call *call);

/* The httpd_handler of the admin port; `arg` is the struct sim. */
void admin_handle(struct httpd_request *req, void *arg);

/* As the admin port answers this; `target` may have a query, `body` NULL stands for none. The status; the
 * caller frees *out. Any thread. */
int admin_ask(
	struct sim *sim, const char *method, const char *target, const struct json *body, struct json **out);
/* What admin_ask() may be used for: everything but playing a scenario. */
bool admin_knows(const char *method, const char *path);

/* Fill call->err and answer the status. */
int admin_refuse(struct admin_call *call, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Members of the body: 0, or a refusal's status. A string has to be there, not empty and below `size`. */
int admin_str(struct admin_call *call, const char *name, size_t size, const char **out);
int admin_int(
	struct admin_call *call, const char *name, int64_t fallback, int64_t min, int64_t max, int64_t *out);
int admin_bool(
	struct admin_call *call, const char *name, int fallback, int *out); /* 0 or 1, or the fallback */
/* *out stays as it is if there are none. */
int admin_func_ids(struct admin_call *call, struct func_ids *out);

/* admin_run.c */
#define ADMIN_RUN_PATH "/admin/run"
int admin_run(struct admin_call *call);

/* admin_state.c */
int admin_put_platform(struct admin_call *call);
int admin_put_account(struct admin_call *call);
int admin_reset(struct admin_call *call);
int admin_healthz(struct admin_call *call);
int admin_get_record(struct admin_call *call);
int admin_get_tokens(struct admin_call *call);
int admin_expire_tokens(struct admin_call *call);
int admin_set_push_order(struct admin_call *call);
int admin_login(struct admin_call *call);
int admin_get_fans(struct admin_call *call);
int admin_set_fan(struct admin_call *call);
int admin_set_clock(struct admin_call *call);
int admin_add_fault(struct admin_call *call);
int admin_clear_faults(struct admin_call *call);

/* admin_office.c */
int admin_set_quota(struct admin_call *call);
int admin_push_registered(struct admin_call *call);

/* admin_push.c */
int admin_push_ticket(struct admin_call *call);
int admin_push_authorized(struct admin_call *call);
int admin_push_updateauthorized(struct admin_call *call);
int admin_push_unauthorized(struct admin_call *call);
int admin_push_message(struct admin_call *call);
int admin_release_check(struct admin_call *call);
/* What every push call takes. */
int admin_play_options(struct admin_call *call, struct play_options *o);
/* The status for what a play returned; the push's entry becomes the answer. */
int admin_finish(struct admin_call *call, int rc, struct push_result *r);

/* admin_samples.c */
int admin_get_samples(struct admin_call *call);
int admin_push_sample(struct admin_call *call);
int admin_set_delivery(struct admin_call *call);

#endif
