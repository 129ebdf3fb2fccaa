#ifndef SERVICES_BUSINESS_AUTO_REPLY_OCCASION_H
#define SERVICES_BUSINESS_AUTO_REPLY_OCCASION_H

#include "common/json/json.h"
#include "services/business/auto-reply/rules.h"

/* What a pushed event is to the rules. `type` is ce_type, `fields` are Weixin's. False: nothing that rules
 * answer (an event to which Weixin takes no reply, or none of a fan's). out->text is borrowed from fields.
 * Sources: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html
 * and https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Custom_Menu_Push_Events.html */
bool occasion_of(const char *type, const struct json *fields, int64_t at_ms, struct occasion *out);

#endif
