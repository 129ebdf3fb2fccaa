#include "services/business/sdk/internal.h"

struct metric sdk_metrics[N_SDK_METRICS] = {
	[M_EVENTS] = METRIC_COUNTER_FROM_START("wxbus_business_events_total", "outcome", "done dead_letter",
		"Records settled: done, repeated, passed_over, erased, retry, dead_letter."),
	[M_AGAIN] = METRIC_COUNTER("wxbus_business_events_again_total", "outcome",
		"Of these records, those that an operator had handled once more, by a replay or as dead "
		"letters."),
	[M_HANDLE_SECONDS] = METRIC_HISTOGRAM("wxbus_business_handle_seconds", NULL, "Time in a handler."),
	[M_RETRIES] = METRIC_COUNTER("wxbus_business_retries_total", "delay",
		"Handlings that are tried again: after a delay of the group, or in_place."),
	[M_VERDICTS] = METRIC_COUNTER(
		"wxbus_business_verdicts_total", "verdict", "Verdicts written for the ingress."),
	[M_CALLS] = METRIC_COUNTER("wxbus_business_calls_total", NULL, "Calls to Weixin handed over."),
	[M_RESULTS] = METRIC_COUNTER(
		"wxbus_business_results_total", "outcome", "Results of calls: ok, rejected, unknown."),
	[M_LATE] = METRIC_COUNTER("wxbus_business_late_total", "result",
		"Replies that came too late, sent as customer-service messages."),
	[M_LAG] = METRIC_GAUGE("wxbus_business_lag_records", NULL,
		"Records behind the end of the topics, those that wait for a retry's time included."),
	[M_OLDEST] = METRIC_GAUGE("wxbus_business_oldest_event_age_seconds", NULL,
		"Age of the oldest event not settled, a retry's from when it was due, a replayed one's from "
		"when "
		"it was read; while a partition cannot be read, since when at least; 0: none."),
	[M_STOPPED] = METRIC_GAUGE("wxbus_business_stopped_records", NULL,
		"Records that wait, and their partitions with them, because Kafka does not take their retry "
		"or "
		"dead letter."),
};
