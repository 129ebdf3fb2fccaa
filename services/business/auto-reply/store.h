#ifndef SERVICES_BUSINESS_AUTO_REPLY_STORE_H
#define SERVICES_BUSINESS_AUTO_REPLY_STORE_H

#include "common/pg/pg.h"

#include <stdbool.h>
#include <stdint.h>

/* The tables of migrations/, on connections whose schema is the business's (that of the release under test is
 * another). */

/* Sets that have changed since `version`, at most STORE_PAGE of them, by rising version. Returns how many, or
 * -1. A set that was taken away has rules NULL. What `each` gets lives until it returns. */
#define STORE_PAGE 200
struct stored_set {
	const char *component_appid, *appid;
	int64_t version;
	const char *rules; /* NULL: taken away */
};
int store_changes(struct pg *pg, int64_t version, void (*each)(void *arg, const struct stored_set *s),
	void *arg, struct err *err);

/* Who listens is told of every change at once. */
int store_listen(struct pg *pg, struct err *err);

/* Within a transaction that the caller ends, after store_lock(): no one else writes sets until then. */
int store_lock(struct pg *pg, struct err *err);
/* rules NULL takes the set away; rule_count is 0 then. */
int store_put(struct pg *pg, const char *component_appid, const char *appid, const char *rules,
	size_t rule_count, const char *changed_by, struct err *err);

/* In the same transaction: who listens hears of it once it is committed. */
int store_announce(struct pg *pg, struct err *err);

/* Sets, by account; appid and component may each be NULL for all. Text columns as listed below. */
enum store_column {
	COL_COMPONENT,
	COL_APPID,
	COL_VERSION,
	COL_COUNT,
	COL_CHANGED_AT,
	COL_CHANGED_BY,
	COL_RULES
};
/* Without rules: COL_RULES is NULL. After the account (after_component, after_appid), at most `limit`. */
int store_list(struct pg *pg, const char *component_appid, const char *appid, const char *after_component,
	const char *after_appid, bool with_rules, int64_t limit, struct pg_result **out, struct err *err);

/* Notes that this event of a fan is answered, if less than `limit` others of his were within the hour before
 * it. 0: it may be answered (also if it was noted before: a delivery that is repeated). STORE_OVER: it may
 * not. Doing it again is harmless, whatever happened. */
#define STORE_OVER 1
struct answer_note {
	const char *appid, *openid, *event_id;
	int64_t received_ms;
	int64_t limit;
};
int store_note_answer(struct pg *pg, const struct answer_note *n, struct err *err);

/* Forget what this fan was answered before then. */
int store_erase(struct pg *pg, const char *appid, const char *openid, int64_t before_ms, struct err *err);

/* Forget answers whose hour is long over: about once a minute. */
int store_sweep(struct pg *pg, struct err *err);

#endif
