#include "services/business/auto-reply/metrics.h"

#include "common/base/banned.h"

struct metric auto_reply_metrics[N_AUTO_REPLY_METRICS] = {
	[M_ANSWERS] = METRIC_COUNTER(
		"wxbus_auto_reply_answers_total", "on", "Events that a rule answered, by occasion."),
	[M_UNANSWERED] = METRIC_COUNTER("wxbus_auto_reply_unanswered_total", "why",
		"Events left to others: the account has no rules, no rule hit, or the fan had his answers of "
		"this hour."),
	[M_GAVE_UP] = METRIC_COUNTER("wxbus_auto_reply_regex_given_up_total", NULL,
		"Rules passed over because a regular expression took too long."),
	[M_ACCOUNTS] = METRIC_GAUGE("wxbus_auto_reply_accounts", NULL, "Accounts that have rules."),
	[M_SETS_READ] = METRIC_COUNTER(
		"wxbus_auto_reply_sets_read_total", "result", "Changed sets of rules, by result."),
};
