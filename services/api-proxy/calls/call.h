#ifndef API_PROXY_CALLS_CALL_H
#define API_PROXY_CALLS_CALL_H

#include "common/httpc/httpc.h"
#include "services/api-proxy/calls/account_sets.h"
#include "services/api-proxy/calls/answer.h"
#include "services/api-proxy/calls/audit.h"
#include "services/api-proxy/calls/payload.h"
#include "services/api-proxy/calls/quota.h"
#include "services/api-proxy/calls/tokens.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who takes an answer's body as it comes, instead of getting it whole. `begin` sees the answer judged,
 * without its body, at most once; then `write` gets all of it. Not 0 from either: the rest is not wanted. */
struct call_sink {
	int (*begin)(void *arg, const struct answer *a);
	int (*write)(void *arg, const void *p, size_t len);
	void *arg;
};

/* One call of Weixin's for an account or a platform: what cannot succeed refused, the token put in, token
 * errors answered by one refresh and one more attempt, nothing repeated that may have taken effect unless
 * that is harmless, and all of it written down. Both doors come through here. */
struct call {
	const char *door;      /* whence it comes, for metrics and the table of calls */
	const char *caller_id; /* "": nobody's key was needed */
	const char *component_appid;
	const char *appid;      /* "": the platform itself */
	const char *priority;   /* of a customer-service message: allowance_reserve_of() knows it */
	const char *user_token; /* a person's own, for /sns/userinfo and the like; NULL: the account's is put
				   in */
	const char *method;
	const char *path;
	const struct httpc_pair *query; /* not encoded; without tokens, at most ROUTE_QUERY_MAX */
	size_t n_query;
	const char *content_type;     /* NULL: none */
	struct payload *payload;      /* goes out again after a token error */
	bool repeatable;              /* the API's row, or the caller, says that repeating is harmless */
	int64_t deadline_mono_ms;     /* past it nothing is sent any more and no answer awaited */
	const struct call_sink *sink; /* NULL: the answer's body is collected */
};

/* One per process; any thread. */
struct caller_of_weixin {
	struct httpc *http;
	struct tokens *tokens;
	struct quota *quota;
	struct account_sets *sets;
	struct audit *audit;
	struct pg_pool *pool; /* holds the allowance ledger */
	const char *api_base;
};

/* Fills an answer that answer_init() has prepared; its body's cap bounds what is collected, and is at least
 * ANSWER_JUDGED_MAX. */
void call_run(const struct caller_of_weixin *w, const struct call *c, struct answer *out);

/* Once, when the metrics are registered: each kind of API has its series of quotas used up, which an alert
 * goes by, before the first one is. */
void call_begin_metrics(void);

#endif
