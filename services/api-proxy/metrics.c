#include "services/api-proxy/metrics.h"

#include "common/base/banned.h"

struct metric api_proxy_metrics[N_API_PROXY_METRICS] = {
	[M_HTTP_REQUESTS] = METRIC_COUNTER("wxbus_api_proxy_http_requests_total", "result",
		"Requests over HTTP: answered by Weixin, or why we answered ourselves."),
	[M_TOPIC_REQUESTS] = METRIC_COUNTER("wxbus_api_proxy_topic_requests_total", "result",
		"Requests on the topic: called, repeated, or why they were refused or passed over."),
	[M_CALLS] = METRIC_COUNTER("wxbus_api_proxy_calls_total", "api,class",
		"Calls of Weixin, by the kind of API and the class of the last answer's errcode, or why "
		"there is no "
		"answer."),
	[M_ATTEMPTS] = METRIC_COUNTER("wxbus_api_proxy_attempts_total", "result",
		"Single requests to Weixin: answered, not sent, unsure."),
	[M_CALL_SECONDS] = METRIC_HISTOGRAM("wxbus_api_proxy_call_seconds", "api,door",
		"Calls of Weixin with their tokens and repetitions, by the kind of API and whence they "
		"come."),
	[M_TOKENS] = METRIC_COUNTER("wxbus_api_proxy_tokens_total", "source",
		"Tokens used: remembered, fetched, refreshed, refused."),
	[M_RESULTS] = METRIC_COUNTER("wxbus_api_proxy_results_total", "outcome", "Results published."),
	[M_IN_FLIGHT] = METRIC_GAUGE(
		"wxbus_api_proxy_calls_in_flight", NULL, "Calls of Weixin under way at this moment."),
	[M_LAG] = METRIC_GAUGE(
		"wxbus_api_proxy_topic_lag", NULL, "Requests on the topic that are not yet settled."),
	[M_OLDEST] = METRIC_GAUGE("wxbus_api_proxy_oldest_record_age_seconds", "group",
		"Age of the oldest record that a consumer group has not settled; while a partition cannot be "
		"read, since when at least; 0: none."),
	[M_AUDIT_LOST] = METRIC_COUNTER("wxbus_api_proxy_audit_lost_total", NULL,
		"Calls that are not in the table of calls: the database was away too long, or gave no "
		"answer."),
	[M_ERASURES] = METRIC_COUNTER(
		"wxbus_api_proxy_erasures_total", NULL, "Notices that a fan is to be forgotten, obeyed."),
};
