#ifndef SERVICES_INGRESS_EVENT_H
#define SERVICES_INGRESS_EVENT_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/kafka/record.h"
#include "proto/envelope.h"
#include "proto/topics.h"
#include "services/ingress/directory.h"
#include "services/ingress/push.h"

/* Where a push goes and what stands in its record. */
struct event_plan {
	enum topic topic;
	const char *repliers[REPLIERS_MAX]; /* in order; borrowed from the platform or from `account` */
	size_t n_repliers;
	enum account_channel channel;
	bool unverified_account;
	bool may_send_customer_service;
	struct directory_entry account;
};

/* The accounts of Weixin's release check go to `messages` and to the group release-check, whatever the
 * directory says (the directory may not know them yet). REFUSE_ACCOUNT: the message is for another account
 * than the URL says. */
enum refusal event_plan(const struct push *p, struct directory *d, const char *release_check_accounts,
	struct event_plan *out);

#define REPLY_DEADLINE_MS 3800 /* what repliers are told; the ingress itself waits a little longer */

/* The record, everything in the arena, with the thread's trace. Platform events are sealed to `event_key`,
 * with ce_id as associated data. */
int event_record(const struct push *p, const struct event_plan *plan, const char *topic_name,
	const uint8_t event_key[32], int64_t received_ms, struct arena *arena, struct kafka_record *out,
	struct err *err);

#endif
