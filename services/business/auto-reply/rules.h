#ifndef SERVICES_BUSINESS_AUTO_REPLY_RULES_H
#define SERVICES_BUSINESS_AUTO_REPLY_RULES_H

#include "common/base/err.h"
#include "common/json/json.h"
#include "services/business/auto-reply/place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rules of one account: read from JSON, strictly, and then asked which of them answers an occasion. Pure:
 * no clock, no database, no Kafka. README.md describes the form. A set does not change once it is made; any
 * thread may ask it. */
struct rule_set;

enum rule_on { ON_SUBSCRIBE, ON_SCAN, ON_KEYWORD, ON_MENU, ON_LOCATION, ON_MEDIA, ON_DEFAULT, N_RULE_ON };
const char *rule_on_name(enum rule_on on);

struct rule {
	const char *name;
	enum rule_on on;
	int priority;
	const char *reply;             /* a passive reply's fields as JSON; NULL: none */
	const char *const *follow_ups; /* the same for customer-service messages, to be sent after it */
	size_t n_follow_ups;
	const struct rule_match *match; /* rules.c's own */
};

#define RULES_MAX           500
#define RULES_DOC_MAX       ((size_t)512 * 1024) /* bytes of an account's JSON */
#define RULE_NAME_MAX       64
#define RULE_WORDS_MAX      200 /* of one list */
#define RULE_WORD_MAX       256 /* bytes */
#define RULES_REGEX_MAX     200 /* of an account */
#define RULE_WINDOWS_MAX    20
#define RULE_FOLLOW_UPS_MAX 3 /* Weixin takes no more after a follow, scan or menu click */
#define RULES_PER_HOUR_MAX  1000

/* ERR_REJECT: "line 12, column 7, rules[3].name: ..."; a set is made whole or not at all. */
int rule_set_read(const char *text, size_t len, struct rule_set **out, struct err *err);
/* The same for a document within another text; `at` says where it begins. */
int rule_set_read_at(const struct json *doc, const struct place *at, struct rule_set **out, struct err *err);
void rule_set_free(struct rule_set **s);

size_t rule_set_len(const struct rule_set *s);
int64_t rule_set_per_hour(const struct rule_set *s); /* answers to one fan within an hour; 0: no limit */

/* Something that a fan did. `on` is never ON_DEFAULT. `text`: of a message (ON_KEYWORD), the scene of a QR
 * code (ON_SUBSCRIBE, ON_SCAN; "" without one), a menu key (ON_MENU), a message type (ON_MEDIA); "" else. */
struct occasion {
	enum rule_on on;
	const char *text;
	int64_t at_ms; /* wall clock */
};

/* What became of each rule that was looked at, for those who ask why. */
enum rule_outcome {
	RULE_HIT,
	RULE_OTHER_OCCASION,
	RULE_NOT_ACTIVE, /* outside its time windows */
	RULE_NO_MATCH,
	RULE_GAVE_UP /* an expression of it took too long; it counts as no match */
};
/* `detail` is why it hit ("contains \"price\""), else "". It lives until the call returns. */
typedef void (*rule_trace)(void *arg, const struct rule *r, enum rule_outcome outcome, const char *detail);

/* The rule that answers: by priority, then by place in the file, default rules after all others. NULL: none.
 * Borrowed from the set. `trace` may be NULL. */
const struct rule *rule_set_find(
	const struct rule_set *s, const struct occasion *o, rule_trace trace, void *arg);

/* Messages are answered by default rules too, events are not. */
bool occasion_is_message(enum rule_on on);

#endif
