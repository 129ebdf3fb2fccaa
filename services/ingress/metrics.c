#include "services/ingress/metrics.h"

struct metric ingress_metrics[N_INGRESS_METRICS] = {
	[M_ANSWERED] =
		METRIC_COUNTER_FROM_START("wxbus_ingress_answered_total", "answer", "success unavailable",
			"Valid pushes and handshakes by what they got: success, reply, empty, unavailable, "
			"handshake."),
	[M_REFUSED] =
		METRIC_COUNTER("wxbus_ingress_refused_total", "reason", "Requests that are no valid push."),
	[M_ANSWER_SECONDS] = METRIC_HISTOGRAM(
		"wxbus_ingress_answer_seconds", "answer", "From the request's header to the answer."),
	[M_PUBLISH_SECONDS] = METRIC_HISTOGRAM("wxbus_ingress_publish_seconds", NULL,
		"From the write to the acknowledgement of all in-sync replicas."),
	[M_KEY_USED] = METRIC_COUNTER("wxbus_ingress_key_used_total", "key",
		"Pushes by the key that opened them, component appid and place in the platforms file."),
	[M_WAITING] = METRIC_GAUGE("wxbus_ingress_waiting", NULL, "Pushes that wait now."),
	[M_REPLYING] = METRIC_GAUGE("wxbus_ingress_replying", NULL, "Pushes that wait for a reply now."),
	[M_PASSED_OVER] = METRIC_GAUGE("wxbus_ingress_groups_passed_over", NULL,
		"Groups of repliers that missed too often and count as none."),
	[M_MISSED] = METRIC_COUNTER(
		"wxbus_ingress_verdicts_missed_total", NULL, "Verdicts that did not come in time."),
	[M_VERDICTS] =
		METRIC_COUNTER("wxbus_ingress_verdicts_total", "verdict", "Records read from replies."),
	[M_REBUILDS] = METRIC_COUNTER("wxbus_ingress_producer_rebuilds_total", NULL,
		"Producers made anew, after a fatal error or a time-out on the way."),
	[M_DIRECTORY_ACCOUNTS] =
		METRIC_GAUGE("wxbus_ingress_directory_accounts", NULL, "Accounts in the directory."),
	[M_RECORDS_REFUSED] = METRIC_COUNTER("wxbus_ingress_records_refused_total", "topic",
		"Records of accounts or replies that could not be read."),
};
