#ifndef PROTO_REPLY_H
#define PROTO_REPLY_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/json/json.h"
#include "proto/message.h"
#include "proto/platforms.h"

/* Passive replies: what a replier decides, and how Weixin gets it.
 * Source: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html
 */

/* A reply's fields (JSON, under Weixin's names; MsgType text, image, voice, video, music, news or
 * transfer_customer_service) checked and completed: To and From are the message's swapped, CreateTime is now,
 * whatever the fields say of these. Strings become CDATA, numbers stand bare; Articles is an array of items,
 * any other array repeats its element. Checked: what Weixin requires of the kind (Content of 1 to 2048 bytes,
 * X.MediaId, Music.ThumbMediaId, 1 to 8 Articles with Title and Url; Description and PicUrl are added empty),
 * names that XML allows, no null, true or false. Fields that are not known go through. ERR_REJECT. */
int reply_check(const struct json *fields, struct err *err);
int reply_plain(const struct json *fields, const char *to_user, const char *from_user, int64_t now_s,
	enum message_form form, struct buf *out, struct err *err);

/* The encrypted and signed answer to a push: tail appid = component appid; nonce = the push's own. */
void reply_seal(const struct platform_key *key, const char *component_appid, const char *nonce, int64_t now_s,
	enum message_form form, const void *plain, size_t len, struct buf *out);

/* The same as a customer-service message (custom/send body) for a `late` verdict. ERR_REJECT for kinds that
 * have none (transfer_customer_service). */
int reply_to_custom_send(
	const struct json *fields, const char *openid, struct json **body_out, struct err *err);

/* Records of `replies`:
 * {"event_id","group":"<g>"|null,"verdict":"reply|none|empty|chosen|late","reply":{...}|null}
 * `chosen` is written by the ingress that answered: its group is null when that was "success"; with a group,
 * reply null means the empty body. `late` is the reply that came after a chosen null, for the SDK to send. */
enum verdict { VERDICT_REPLY, VERDICT_NONE, VERDICT_EMPTY, VERDICT_CHOSEN, VERDICT_LATE };

struct reply_verdict {
	char event_id[EVENT_ID_LEN + 1];
	char group[65]; /* "" for null */
	enum verdict verdict;
	struct json *reply; /* owned; NULL: none */
};
void reply_verdict_encode(const struct reply_verdict *v, struct buf *out);
int reply_verdict_parse(const void *value, size_t len, struct reply_verdict *out, struct err *err);
void reply_verdict_release(struct reply_verdict *v);

#endif
