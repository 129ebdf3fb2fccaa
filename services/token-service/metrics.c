#include "services/token-service/metrics.h"

struct metric token_service_metrics[N_TOKEN_SERVICE_METRICS] = {
	[M_INTAKE] = METRIC_COUNTER_FROM_START("wxbus_token_service_intake_total", "outcome",
		"malformed bad_seal",
		"Records of platform-events: stored, repeated, ticket, ticket_old, ticket_empty, malformed, "
		"bad_seal "
		"(the last two can never work and are passed over)."),
	[M_SETTLED] = METRIC_COUNTER("wxbus_token_service_events_settled_total", "outcome",
		"Events worked on to their end: done, stale (a newer one came before), dead (can never "
		"work)."),
	[M_RETRIED] = METRIC_COUNTER("wxbus_token_service_events_retried_total", NULL,
		"Attempts at an event that will be repeated."),
	[M_CALLS] = METRIC_COUNTER("wxbus_token_service_weixin_calls_total", "result",
		"Calls to Weixin: ok, or the class of the failure."),
	[M_CALL_SECONDS] = METRIC_HISTOGRAM(
		"wxbus_token_service_weixin_call_seconds", "api", "How long a call to Weixin took."),
	[M_REFRESHES] = METRIC_COUNTER_FROM_START("wxbus_token_service_refreshes_total", "result", "capped",
		"Tokens fetched: ok, failed, overtaken (a newer credential came meanwhile, the result was "
		"dropped), capped (the day's refreshes are used up)."),
	[M_REQUESTS] = METRIC_COUNTER(
		"wxbus_token_service_requests_total", "answer", "/v1 requests by their answer."),
	[M_PUBLIC] = METRIC_COUNTER("wxbus_token_service_public_total", "outcome",
		"Requests on the public port: page (shown), code and link (a pre-auth code made), done, "
		"cancelled, "
		"code_refused, bad_link, verification_file, login, oauth_start, oauth_done, oauth_keys, "
		"bad_target, expired, replayed, wrong_browser, rate_limited, unavailable, not_found, "
		"refused."),
	[M_PUBLISHED] = METRIC_COUNTER("wxbus_token_service_published_total", "topic",
		"Records of the outbox that Kafka acknowledged."),
	[M_OUTBOX] = METRIC_GAUGE("wxbus_token_service_outbox", NULL, "Records that wait to be published."),
	[M_OPEN_EVENTS] = METRIC_GAUGE("wxbus_token_service_events_open", NULL, "Events not settled yet."),
	[M_LAG] = METRIC_GAUGE("wxbus_token_service_lag", NULL, "Records of platform-events not read yet."),
	[M_TICKET_AGE] = METRIC_GAUGE("wxbus_token_service_ticket_age_seconds", "component",
		"Age of the newest ticket, by Weixin's own time in it."),
	[M_FAILING] = METRIC_GAUGE("wxbus_token_service_accounts_failing", NULL,
		"Authorized accounts whose last refresh failed."),
	[M_REFUSED] = METRIC_GAUGE("wxbus_token_service_accounts_refused", NULL,
		"Authorized accounts of which Weixin takes no refresh token: they have to authorize again."),
	[M_BREAKER] = METRIC_GAUGE("wxbus_token_service_breaker_open", "component",
		"1: refreshes of this platform's accounts have failed in a row and are put off."),
	[M_SYNCS] = METRIC_COUNTER("wxbus_token_service_syncs_total", "result",
		"Comparisons with Weixin's list of accounts: done, failed (given up), retried (a step of "
		"one)."),
	[M_SYNC_FOUND] = METRIC_COUNTER("wxbus_token_service_sync_findings_total", "finding",
		"What they found: added, changed, code_lost, missing, pruned."),
	[M_ERASURES] = METRIC_COUNTER("wxbus_token_service_erasures_total", "why",
		"Fans forgotten: unsubscribed, or asked (by the operator)."),
	[M_FANS_LAG] = METRIC_GAUGE("wxbus_token_service_messages_lag", NULL,
		"Records of messages and messages.test not looked at yet for unsubscriptions."),
	[M_OLDEST] = METRIC_GAUGE("wxbus_token_service_oldest_event_age_seconds", "where",
		"Age of the oldest event not settled, of platform-events, of messages (while a partition "
		"cannot be read, since when at least) and in the database; 0: none."),
	[M_DUE] = METRIC_GAUGE("wxbus_token_service_tokens_due", NULL,
		"Tokens whose refresh is due, of accounts and platforms; of each platform's accounts at most "
		"10,000 are counted."),
	[M_LATENESS] = METRIC_GAUGE("wxbus_token_service_token_lateness_seconds", NULL,
		"How long the refresh that has waited longest is due; 0: none is."),
};
