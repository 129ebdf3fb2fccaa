#ifndef PROTO_TOPICS_H
#define PROTO_TOPICS_H

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Every topic, one row each: what is created, what ACLs follow, who may write and read. `wxbus migrate`, the
 * embedded broker and the services take names from here only. Topics of a group (retry, dead letters, replay,
 * results) are made from topic_of_group(). */
#define TOPIC_MINUTES(n) ((int64_t)(n)*60 * 1000)
#define TOPIC_DAYS(n)    TOPIC_MINUTES((n)*24 * 60)

/* clang-format off */
/*	symbol                  topic               key                                  kept
 *		written by                read by */
#define TOPIC_TABLE(TOPIC) \
	TOPIC(TOPIC_PLATFORM_EVENTS,  "platform-events",  "component appid/authorizer appid",  TOPIC_DAYS(7), \
		"ingress",                "token-service") \
	TOPIC(TOPIC_PLATFORM_NOTICES, "platform-notices", "component appid/appid",             TOPIC_DAYS(7), \
		"token-service",          "business services, api-proxy, wxbus") \
	TOPIC(TOPIC_MESSAGES,         "messages",         "appid/openid",                      TOPIC_DAYS(7), \
		"ingress",                "business services, api-proxy, token-service, wxbus") \
	TOPIC(TOPIC_MESSAGES_TEST,    "messages.test",    "appid/openid",                      TOPIC_DAYS(7), \
		"ingress",                "business services, api-proxy, token-service, wxbus") \
	TOPIC(TOPIC_ACCOUNTS,         "accounts",         "component appid/appid",             TOPIC_COMPACTED, \
		"token-service",          "ingress, api-proxy, business services, wxbus") \
	TOPIC(TOPIC_REPLIES,          "replies",          "event id",                          TOPIC_MINUTES(10), \
		"business SDK, ingress",  "ingress, business SDK") \
	TOPIC(TOPIC_API_REQUESTS,     "api-requests",     "appid/lane",                        TOPIC_DAYS(7), \
		"business SDK, callers",  "api-proxy") \
	TOPIC(TOPIC_API_RESULTS,      "api-results",      "request id",                        TOPIC_DAYS(7), \
		"api-proxy",              "business SDK, callers")

/* Of each group; "retry" stands for one topic for each delay. */
#define GROUP_TOPIC_TABLE(TOPIC) \
	TOPIC(GROUP_TOPIC_RETRY,       "retry",       "as the original", TOPIC_DAYS(7),  "business SDK",        "that group") \
	TOPIC(GROUP_TOPIC_DEAD_LETTER, "dead-letter", "as the original", TOPIC_DAYS(30), "business SDK",        "wxbus") \
	TOPIC(GROUP_TOPIC_REPLAY,      "replay",      "as the original", TOPIC_DAYS(7),  "wxbus",               "that group") \
	TOPIC(GROUP_TOPIC_RESULTS,     "results",     "request id",      TOPIC_DAYS(7),  "api-proxy",           "that group")
/* clang-format on */

#define TOPIC_COMPACTED 0

enum topic {
#define TOPIC(symbol, name, key, kept, writers, readers) symbol,
	TOPIC_TABLE(TOPIC)
#undef TOPIC
		N_TOPICS
};

enum group_topic {
#define TOPIC(symbol, name, key, kept, writers, readers) symbol,
	GROUP_TOPIC_TABLE(TOPIC)
#undef TOPIC
		N_GROUP_TOPICS
};

struct topic_row {
	const char *name; /* after the prefix, or after "<prefix><group>." */
	const char *key;
	int64_t kept_ms; /* TOPIC_COMPACTED: the newest record of each key, for ever */
	const char *written_by;
	const char *read_by;
};

extern const struct topic_row topic_table[N_TOPICS];
extern const struct topic_row group_topic_table[N_GROUP_TOPICS];

#define TOPIC_NAME_MAX 249 /* Kafka's own limit */

/* "<prefix><topic>" into out[TOPIC_NAME_MAX + 1]. -1, ERR_REJECT: too long, or a prefix Kafka does not allow.
 */
int topic_name(enum topic topic, const char *prefix, char *out, struct err *err);

/* "<prefix><group>.<what>": what is "dead-letter", "replay", "results" or "retry.<delay>" with a delay of a-z
 * and 0-9
 * ("retry.30s"). A group is 1 to 64 of a-z, 0-9, '-' and '.', a letter or digit first and last, as in "desk"
 * or "desk.test". ERR_REJECT: none of these, or as topic_name(). */
int topic_of_group(const char *group, const char *what, const char *prefix, char *out, struct err *err);

#define GROUP_NAME_MAX 64
int group_name_ok(const char *group); /* 1 or 0 */

#endif
