#ifndef TOOLS_WXBUS_EVENTS_EVENT_MASK_H
#define TOOLS_WXBUS_EVENTS_EVENT_MASK_H

#include "common/json/json.h"

#include <stddef.h>

/* What an operator may see of an event without asking for more: its kind, its numbers, the account; not who
 * the fan is, nor what he said or where he is. Fields are shown only if they are known to be harmless, so
 * that a new one of Weixin's is hidden until somebody has looked at it. */

/* A copy in which every other value is "*** (12)", with its length in characters. The caller's. */
struct json *event_masked(const struct json *fields);

/* An openid as "***" and its end: enough to tell fans apart, as those of one account begin alike. `out` has
 * EVENT_OPENID_SHOWN bytes. "" stays "". */
#define EVENT_OPENID_SHOWN 8
void event_mask_openid(const char *openid, char out[EVENT_OPENID_SHOWN]);

#endif
