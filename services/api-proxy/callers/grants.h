#ifndef API_PROXY_CALLERS_GRANTS_H
#define API_PROXY_CALLERS_GRANTS_H

#include "common/base/err.h"
#include "common/json/json.h"

#include <stdbool.h>
#include <stddef.h>

/* What a caller was granted: three lists of patterns. Immutable once filled; no locks.
 *   accounts  an appid, or "*" for all; a call of the platform itself counts as one on the component's own
 * appid paths     a path of Weixin's, or the beginning of one with "*" as its last character ("*" alone: all)
 *   groups    Kafka groups (without prefix) to whose `<group>.results` answers may go */
struct grant_list {
	char **list;
	size_t n;
};

struct grants {
	struct grant_list accounts;
	struct grant_list paths;
	struct grant_list groups;
};

#define GRANTS_MAX 256 /* patterns in one list */

/* From three JSON arrays of strings (any may be NULL: empty). ERR_REJECT: no array, a pattern that cannot
 * match anything or is too wide to be meant ("/cgi-bin*" is allowed, "a*b" is not). */
int grants_init(struct grants *g, const struct json *accounts, const struct json *paths,
	const struct json *groups, struct err *err);
void grants_release(struct grants *g);

bool grants_account(const struct grants *g, const char *appid);
bool grants_path(const struct grants *g, const char *path);

/* May an answer go to this topic (ce_replyto, without the prefix)? `api-results` always; `<group>.results`
 * for the caller's groups, also under test as `<group>.test.results`; nothing else. */
bool grants_reply_topic(const struct grants *g, const char *topic);

#endif
