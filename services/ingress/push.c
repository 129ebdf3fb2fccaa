#include "services/ingress/push.h"

#include "common/base/str.h"
#include "proto/push_crypto.h"

#include <string.h>

#include "common/base/banned.h"

#define ECHOSTR_MAX 256

/* What every request of Weixin carries in its query. */
struct credentials {
	struct str timestamp, nonce, given;
	const char *nonce_text;
	const char *echostr;
};

static enum refusal read_credentials(
	const char *text, const char *signature_name, struct arena *arena, struct credentials *out)
{
	struct query query;
	const char *timestamp, *nonce, *given;

	if (query_parse(text, text ? strlen(text) : 0, arena, &query) != QUERY_OK)
		return REFUSE_QUERY;
	timestamp = query_get(&query, "timestamp");
	nonce = query_get(&query, "nonce");
	given = query_get(&query, signature_name);
	if (!timestamp || !nonce || !given)
		return REFUSE_SIGNATURE_MISSING;
	*out = (struct credentials){
		.timestamp = str_of(timestamp),
		.nonce = str_of(nonce),
		.given = str_of(given),
		.nonce_text = nonce,
		.echostr = query_get(&query, "echostr"),
	};
	return ACCEPTED;
}

static bool within_window(struct str timestamp, struct push_time time)
{
	int64_t sent;

	if (time.window_s == 0)
		return true;
	if (str_to_int64(timestamp.p, timestamp.len, 0, INT64_C(99999999999), &sent) < 0)
		return false;
	return sent >= time.now_s - time.window_s && sent <= time.now_s + time.window_s;
}

enum refusal push_handshake(const struct platform *platform, const char *query, struct push_time time,
	struct arena *arena, const char **echostr_out)
{
	struct credentials c;
	enum refusal refusal = read_credentials(query, "signature", arena, &c);
	bool matches = false;

	if (refusal)
		return refusal;
	for (size_t i = 0; i < platform->n_keys; i++)
		matches |=
			push_signature_matches(platform->keys[i].token, c.timestamp, c.nonce, NULL, c.given);
	if (!matches)
		return REFUSE_SIGNATURE;
	if (!within_window(c.timestamp, time))
		return REFUSE_TIMESTAMP;
	if (!c.echostr || !*c.echostr || strlen(c.echostr) > ECHOSTR_MAX)
		return REFUSE_ECHOSTR;
	*echostr_out = c.echostr;
	return ACCEPTED;
}

static enum refusal refusal_of(enum push_open_result r)
{
	switch (r) {
	case PUSH_OPENED:
		return ACCEPTED;
	case PUSH_BAD_BASE64:
		return REFUSE_BASE64;
	case PUSH_BAD_PADDING:
		return REFUSE_PADDING;
	case PUSH_BAD_LENGTH:
		return REFUSE_LENGTH;
	case PUSH_BAD_RECEIVER:
		break;
	}
	return REFUSE_RECEIVER;
}

/* A Token may stand with two AES keys (Weixin's test and live copies, a rotation), so signature and
 * decryption are tried for each key. The refusal is that of the key that came furthest: the rows of the table
 * stand in that order. */
static enum refusal decrypt(const struct platform *platform, const struct credentials *c, struct str encrypt,
	struct push_time time, const struct platform_key **key_out, struct buf *plain)
{
	enum refusal refusal = REFUSE_SIGNATURE;

	for (size_t i = 0; i < platform->n_keys; i++) {
		const struct platform_key *key = &platform->keys[i];

		if (!push_signature_matches(key->token, c->timestamp, c->nonce, &encrypt, c->given))
			continue;
		if (!within_window(c->timestamp, time))
			return REFUSE_TIMESTAMP;
		buf_reset(plain);
		enum refusal this_key =
			refusal_of(push_open(key->aes_key, encrypt, platform->component_appid, plain));

		if (this_key == ACCEPTED) {
			*key_out = key;
			return ACCEPTED;
		}
		if (this_key > refusal)
			refusal = this_key;
	}
	return refusal;
}

/* Authorization events name their account in the body, in one of three spellings. */
static const char *authorizer_of(const struct json *fields)
{
	static const char *const names[] = {"AuthorizerAppid", "authorizer_appid", "appid"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *appid = json_get_str(fields, names[i]);

		if (appid && appid_ok(appid, strlen(appid)))
			return appid;
	}
	return "";
}

static enum refusal decode(const struct buf *plain, struct push *out)
{
	const char *appid = out->route.appid;
	struct err err;

	if (message_parse(plain->data, plain->len, &out->message, &err) < 0)
		return REFUSE_PAYLOAD;
	out->platform_event = !out->route.appid[0] || out->message.info_type[0];
	if (out->platform_event)
		appid = authorizer_of(out->message.fields);
	str_copy(out->appid, sizeof(out->appid), appid);
	message_event_id(out->route.component_appid, out->appid, &out->message, plain->data, plain->len,
		out->event_id);
	return ACCEPTED;
}

static enum refusal open_envelope(const void *body, size_t len, struct buf *encrypt)
{
	enum message_form form;
	struct err err;

	if (len == 0)
		return REFUSE_EMPTY;
	return message_envelope_parse(body, len, &form, encrypt, &err) < 0 ? REFUSE_ENVELOPE : ACCEPTED;
}

enum refusal push_accept(const struct platform *platform, const struct route *route, const char *query,
	const void *body, size_t len, struct push_time time, struct arena *arena, struct push *out)
{
	struct push p = {.route = *route, .platform = platform};
	struct buf encrypt = BUF_INIT(MESSAGE_MAX_BYTES);
	struct buf plain = BUF_INIT(MESSAGE_MAX_BYTES);
	struct credentials c;
	enum refusal refusal;

	if ((refusal = read_credentials(query, "msg_signature", arena, &c)) ||
		(refusal = open_envelope(body, len, &encrypt)) ||
		(refusal = decrypt(
			 platform, &c, (struct str){encrypt.data, encrypt.len}, time, &p.key, &plain)) ||
		(refusal = decode(&plain, &p)))
		goto out;
	p.nonce = c.nonce_text;
	*out = p;
out:
	buf_release(&encrypt);
	buf_wipe_release(&plain); /* platform events carry tickets and codes */
	return refusal;
}

void push_release(struct push *p)
{
	message_release(&p->message);
}
