#ifndef API_PROXY_METRICS_H
#define API_PROXY_METRICS_H

#include "common/service/metrics.h"

enum {
	M_HTTP_REQUESTS,
	M_TOPIC_REQUESTS,
	M_CALLS,
	M_ATTEMPTS,
	M_CALL_SECONDS,
	M_TOKENS,
	M_RESULTS,
	M_IN_FLIGHT,
	M_LAG,
	M_OLDEST,
	M_AUDIT_LOST,
	M_ERASURES,
	N_API_PROXY_METRICS
};

extern struct metric api_proxy_metrics[N_API_PROXY_METRICS];

#endif
