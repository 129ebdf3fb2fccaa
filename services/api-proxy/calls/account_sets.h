#ifndef API_PROXY_CALLS_ACCOUNT_SETS_H
#define API_PROXY_CALLS_ACCOUNT_SETS_H

#include "common/base/err.h"
#include "common/httpc/httpc.h"
#include "common/kafka/record.h"
#include "services/api-proxy/calls/api_table.h"
#include "services/sealed/keyring.h"

#include <stddef.h>
#include <stdint.h>

/* Which permission sets each account granted, as the topic `accounts` tells it; the highest version counts.
 * The topic may lag behind: before a call is refused token-service is asked, at most once a second for each
 * account, by one thread while others wait for its answer. In memory only; any thread. */
struct account_sets;

struct account_sets_options {
	struct httpc *http;   /* borrowed */
	const char *url;      /* token-service's /v1, without path; borrowed */
	struct keyring *keys; /* borrowed */
};
struct account_sets *account_sets_new(const struct account_sets_options *o);
void account_sets_free(struct account_sets **s);

/* A record of the topic. ERR_REJECT: malformed (what is known stays). */
int account_sets_apply(struct account_sets *s, const struct kafka_record *r, struct err *err);

enum sets_verdict {
	SETS_OK,      /* granted; or not known: then Weixin decides */
	SETS_LACKING, /* the account granted none of the sets that the API needs */
	SETS_KIND     /* the API is none of this kind of account */
};
enum sets_verdict account_sets_judge(struct account_sets *s, const char *component_appid, const char *appid,
	const struct api_row *row, int64_t deadline_mono_ms);

#endif
