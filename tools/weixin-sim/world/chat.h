#ifndef WEIXIN_SIM_WORLD_CHAT_H
#define WEIXIN_SIM_WORLD_CHAT_H

#include "common/base/buf.h"
#include "common/json/json.h"

#include <stdint.h>

/* What one fan and one account have said to each other, as the fan's app shows it. The caller locks. */
#define CHAT_MAX 200 /* entries kept; older ones go */

enum chat_from { CHAT_FAN, CHAT_REPLY, CHAT_SERVICE, CHAT_TEMPLATE, CHAT_WEIXIN };

struct chat {
	char *entries[CHAT_MAX]; /* a ring of JSON; owned */
	uint64_t n;              /* so far */
};

void chat_release(struct chat *c);
/* `message`: a push's fields (CHAT_FAN), a passive reply's (CHAT_REPLY), the body of custom/send
 * (CHAT_SERVICE),
 * {"title","content","url"} (CHAT_TEMPLATE), {"text"} (CHAT_WEIXIN). */
void chat_add(struct chat *c, enum chat_from from, int64_t at_ms, const struct json *message);
/* {"next":N,"entries":[{"n","from","at_ms","message"},...]} of those above `since`. */
void chat_write(const struct chat *c, uint64_t since, struct buf *out);

#endif
