#ifndef SERVICES_TOKEN_SERVICE_ACCOUNTS_SYNC_STORE_H
#define SERVICES_TOKEN_SERVICE_ACCOUNTS_SYNC_STORE_H

#include "common/json/json.h"
#include "services/token-service/accounts/account_store.h"

/* Syncs: reconciling our accounts with Weixin's own list. A sync is a row; one process at a time holds its
 * lease and stores each step under its fence, so another goes on where it stopped. Within a transaction every
 * function here comes first, so that nothing is done for a sync that somebody else has taken over. */

#define SYNC_LEASE_MS   60000 /* a step is one call of Weixin and one transaction */
#define SYNC_ATTEMPTS   10    /* in a row; then it has failed */
#define SYNC_PASSES     3     /* over the list, if it moves */
#define SYNC_CANDIDATES 100   /* accounts asked about at a time */
#define SYNC_PAUSE_S    600   /* after one for an outage that failed, before the next by itself */

enum sync_reason { SYNC_OPERATOR, SYNC_DAILY, SYNC_OUTAGE };
enum sync_finding {
	SYNC_KNOWN,
	SYNC_NEW, /* Weixin lists it, we do not have it as authorized: to be added */
	SYNC_ADDED,
	SYNC_CHANGED,   /* Weixin lists a refresh token that we did not know */
	SYNC_CODE_LOST, /* listed without one: nobody has exchanged its authorization code */
	SYNC_MISSING,   /* ours, not listed, and Weixin says that it does not authorize the platform */
	SYNC_PRUNED,    /* and un-authorized here for that */
	N_SYNC_FINDINGS
};
const char *sync_finding_name(enum sync_finding f);

struct sync {
	int64_t id;
	int64_t fence;
	char component_appid[APPID_MAX + 1];
	enum sync_reason reason;
	bool prune, dry_run;
	bool listing; /* else the list has been read, and what is missing is looked at */
	int pass;
	int64_t offset;
	int attempts; /* that failed in a row */
	int64_t started_s;
};

/* Ask for one. 0: *id_out is its number; the open one's, if that has the same options. SYNC_BUSY: another is
 * open. Repeating it does no harm. */
#define SYNC_BUSY 1
int sync_ask(const struct store *s, const char *component_appid, bool prune, bool dry_run, int64_t *id_out,
	struct err *err);

/* Make what is due: of platforms (an array in PostgreSQL's form) that have a ticket, those where an outage
 * has been noted, and those whose day has come (every_s, give or take a tenth; 0: never). None within
 * SYNC_PAUSE_S after a platform's sync for an outage has failed. */
int sync_schedule(const struct store *s, const char *platforms, int64_t every_s, struct err *err);
/* Within a transaction: pushes may have been lost. */
int sync_note_outage(struct pg *pg, const char *component_appid, struct err *err);

/* SYNC_NONE: there is nothing to work on. */
#define SYNC_NONE 1
int sync_claim(const struct store *s, struct sync *out, struct err *err);

/* Within a transaction: the lease begins anew. progress: something has been achieved, so failures count anew,
 * too. SYNC_OVERTAKEN: it is somebody else's now. */
#define SYNC_OVERTAKEN 2
int sync_hold(struct pg *pg, const struct sync *y, bool progress, struct err *err);

/* Within a transaction: what was found of an account, instead of what was found before. */
int sync_note(struct pg *pg, const struct sync *y, const char *appid, enum sync_finding finding, int errcode,
	struct err *err);

/* How a page's accounts stand with us, by state and refresh token alone; findings_out: room for page->n. */
int sync_compare(const struct store *s, const struct sync *y, const struct weixin_list *page,
	enum sync_finding *findings_out, struct err *err);

/* Within a transaction: findings of the page's accounts that have none yet, and Weixin's count. */
int sync_note_page(struct pg *pg, const struct sync *y, const struct weixin_list *page,
	const enum sync_finding *findings, struct err *err);

/* The page is done. With `last` the pass is, too: another one begins if it has not shown all that Weixin
 * counts, or what is missing is looked at next. y is brought up to date. */
int sync_advance(const struct store *s, struct sync *y, size_t n_read, bool last, struct err *err);

/* How many authorized accounts the list has not shown, that were authorized before the sync began. */
int sync_count_candidates(const struct store *s, const struct sync *y, int64_t *n_out, struct err *err);
/* The next of them. */
int sync_candidates(const struct store *s, const struct sync *y, char appids[SYNC_CANDIDATES][APPID_MAX + 1],
	int *n_out, struct err *err);

/* Within a transaction: lock the account. 1: it is still authorized, and has been since before the sync. */
int sync_lock_candidate(struct pg *pg, const struct sync *y, const char *appid, struct err *err);

/* The end. Findings that say nothing are dropped. */
int sync_end(const struct store *s, const struct sync *y, struct err *err);
/* A step failed: again after retry_ms; 0: it has failed for good. Then an outage is noted again if that was
 * the reason, and a daily one is due again within the hour. */
int sync_fail(
	const struct store *s, const struct sync *y, const char *why, int64_t retry_ms, struct err *err);
/* This process ends: another may go on at once. */
int sync_release(const struct store *s, const struct sync *y, struct err *err);

/* As JSON, for operators; id 0: the platform's newest. SYNC_NONE. */
int sync_tell(
	const struct store *s, const char *component_appid, int64_t id, struct json **out, struct err *err);
/* {"findings":[{"appid","finding","errcode"?}],"next":appid|null}, in the order of appids, after `after`. */
int sync_tell_findings(const struct store *s, const char *component_appid, int64_t id, const char *after,
	int limit, struct json **out, struct err *err);

/* Those ended 30 days ago are forgotten. */
int sync_housekeeping(const struct store *s, struct err *err);

#endif
