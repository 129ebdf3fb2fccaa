#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <stdbool.h>
#include <stdint.h>

/* What Weixin pushes, outside and inside, XML or JSON, as one JSON form.
 * Sources:
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/message_push.html
 * and https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html */

enum message_form { MESSAGE_XML, MESSAGE_JSON }; /* told by the first byte that is not white space */

#define MESSAGE_MAX_BYTES (256 * 1024)

/* The outer envelope of a push: only Encrypt counts; ToUserName or AppId and any plain fields are passed over
 * (they are not signed). ERR_REJECT; code is one of enum message_fault. */
enum message_fault {
	MESSAGE_EMPTY = 1,
	MESSAGE_MALFORMED,  /* neither well-formed XML nor JSON, DOCTYPE, invalid UTF-8, NUL, past a limit */
	MESSAGE_NO_ENCRYPT, /* outer: no Encrypt, or twice */
	MESSAGE_NOT_A_PUSH  /* inner: well-formed, but no InfoType and no MsgType */
};
int message_envelope_parse(
	const void *body, size_t len, enum message_form *form_out, struct buf *encrypt_out, struct err *err);

/* The decrypted payload as JSON under Weixin's own names: CreateTime a number, MsgId a string, other XML text
 * as strings, nested elements as objects; item, List, list, material and repeated elements always arrays, at
 * any depth; MsgType, Event and InfoType trimmed; an empty element is "". Members stand in the order in which
 * they came first. Nothing is dropped: where an element holds both elements and text, the text, unless it is
 * blank, stands under "#text", which no element can be called. A JSON payload keeps its types, MsgId aside
 * (with the digits that were sent); one object under a list's name becomes an array of one there too.
 * The tree is at most 32 containers deep and has at most 10,000 values; more is MESSAGE_MALFORMED. */
struct message {
	enum message_form form;
	struct json *fields;
	/* Borrowed from fields; "" where absent. */
	const char *to_user_name;
	const char *from_user_name; /* the openid */
	const char *msg_type;
	const char *event;
	const char *info_type;
	const char *msg_id;    /* decimal digits as sent */
	int64_t create_time_s; /* 0: absent, not a number or after the year 9999 */
};

/* ERR_REJECT; code is one of enum message_fault. Release with message_release(). */
int message_parse(const void *payload, size_t len, struct message *out, struct err *err);
void message_release(struct message *m);

/* weixin.message.<msgtype>, weixin.event.<event>, weixin.platform.<infotype>, in lower case; bytes other than
 * a-z 0-9 . _ - become '_'. `platform`: it goes to the platform's own topic; some of these come as an Event,
 * and are named by it. out has MESSAGE_TYPE_MAX bytes. */
#define MESSAGE_TYPE_MAX 160
void message_type(const struct message *m, bool platform, char *out);

/* ce_id: the same for each of Weixin's retries of one push, on every ingress: 32 lower-case hex digits. With
 * MsgId: the first 16 bytes of SHA-256 over component, appid, FromUserName and MsgId joined by "\n"; without:
 * over component, appid and the whole payload, joined alike. (MsgID, of job results, is another field.) */
#define EVENT_ID_LEN 32
void message_event_id(const char *component_appid, const char *appid, const struct message *m,
	const void *payload, size_t payload_len, char out[EVENT_ID_LEN + 1]);

#endif
