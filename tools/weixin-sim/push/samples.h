#ifndef WEIXIN_SIM_PUSH_SAMPLES_H
#define WEIXIN_SIM_PUSH_SAMPLES_H

#include "common/json/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every message and event that a third-party platform is known to get, with content as it comes: one row of
 * one table each.
 * https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
 * https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html
 * https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Custom_Menu_Push_Events.html
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/code/audit_event.html
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Register_Mini_Programs/Fast_Registration_Interface_document.html
 */
enum sample_on { SAMPLE_MESSAGE, SAMPLE_EVENT, SAMPLE_PLATFORM };

struct sample {
	const char *name;   /* MsgType, Event or InfoType; a variant of it after a dot */
	enum sample_on on;  /* SAMPLE_PLATFORM: the authorization-event URL */
	const char *fields; /* after the common ones, as a JSON object, with words as sample_fields() fills
			       them */
};

/* The rows in their order; NULL past the last. */
const struct sample *sample_at(size_t i);
const struct sample *sample_find(const char *name); /* NULL: none */

/* What the words stand for; strings are borrowed. */
struct sample_words {
	const char *component_appid;
	const char *appid;
	const char *user_name; /* the account's original id */
	const char *openid;
	const char *code; /* an authorization code; "" unless sample_wants_code() */
	int64_t now_s;
};

bool sample_wants_code(const struct sample *s);

/* MsgType, Event or InfoType and the row's own fields, filled; the caller frees. */
struct json *sample_fields(const struct sample *s, const struct sample_words *words);

#endif
