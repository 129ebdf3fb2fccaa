#include "tools/wxbus/release/release_advice.h"

#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

/* What the body of an answer looks like. */
enum shape {
	SHAPE_ANY,
	SHAPE_BOM,
	SHAPE_BLANKS,
	SHAPE_CASE,
	SHAPE_QUOTED,
	SHAPE_JSON,
	SHAPE_HTML,
	SHAPE_XML,
	SHAPE_NOTHING
};

enum {
	E = 1,
	M = 2,
	A = 4,
	ALL = 7
}; /* pushes to the authorization-event URL, texts and events, the API text */

struct row {
	int on;
	const char *answer; /* NULL: any */
	int status_from, status_to;
	enum shape shape;
	int64_t errcode; /* of one of the deployment's calls; 0: any */
	const char *why; /* a part of the reason; NULL: any */
	struct release_advice advice;
};

/* From the symptoms that developers report; the most telling first. */
static const struct row rows[] = {
	{ALL, "refused", 300, 399, SHAPE_ANY, 0, NULL,
		{"the URL answers with a redirect, to a login page or to https",
			"answer the registered URL itself; take it out of login and redirect rules"}},
	{ALL, "refused", 401, 403, SHAPE_ANY, 0, NULL,
		{"a filter refuses the POST: CSRF protection, a login, a firewall, or our key or signature "
		 "check",
			"exempt the URL from CSRF and login; compare token and EncodingAESKey with the "
			"console's"}},
	{ALL, "refused", 404, 405, SHAPE_ANY, 0, NULL,
		{"nothing takes a POST at this URL", "check --url (and the console's URLs) against the "
						     "routes; $APPID$ stands in the path"}},
	{ALL, "refused", 400, 499, SHAPE_ANY, 0, NULL,
		{"the deployment takes the push for malformed, or does not know platform or account",
			"look up the refusal in its log; query and XML body are needed together"}},
	{ALL, "refused", 500, 599, SHAPE_ANY, 0, NULL,
		{"the handler failed, or could not store the push",
			"look up the error in its log at this time"}},
	{ALL, "refused", 0, 0, SHAPE_ANY, 0, NULL,
		{"no connection, or it ended without an answer",
			"check address, port, firewall and certificate; Weixin itself uses port 80 or 443 "
			"only"}},
	{ALL, "timeout", 0, 599, SHAPE_ANY, 0, NULL,
		{"the answer comes too late: work is done before answering",
			"answer first, within five seconds in all, and do the work afterwards"}},

	{E, "illegal", 200, 200, SHAPE_BOM, 0, NULL,
		{"a byte-order mark stands before `success`",
			"save the source or template without a BOM; write exactly the seven bytes success"}},
	{E, "illegal", 200, 200, SHAPE_BLANKS, 0, NULL,
		{"blanks, a line end or more stand around `success`",
			"write without println and without a layout around it; turn debug output off"}},
	{E, "illegal", 200, 200, SHAPE_CASE, 0, NULL,
		{"`success` is spelled with other letters", "write it in lower case"}},
	{E, "illegal", 200, 200, SHAPE_QUOTED, 0, NULL,
		{"the framework wrote `success` as a JSON string, in quotes",
			"answer text/plain, not a serialized value"}},
	{E, "illegal", 200, 200, SHAPE_JSON, 0, NULL,
		{"the answer is JSON", "answer exactly success, for refused and repeated pushes as well"}},
	{E, "illegal", 200, 200, SHAPE_HTML, 0, NULL,
		{"the answer is a web page: an error page or a login",
			"look at the page; let the handler answer itself"}},
	{E, "illegal", 200, 200, SHAPE_NOTHING, 0, NULL,
		{"the body is empty",
			"pushes to the authorization-event URL are answered with exactly success"}},
	{E, "illegal", 200, 200, SHAPE_XML, 0, NULL,
		{"the message handler answers on the authorization-event URL",
			"send InfoType pushes to a handler of their own"}},

	{M, "success", 0, 599, SHAPE_ANY, 0, NULL,
		{"the handler does not know this text or event for this account",
			"answer it for all ten appids of Weixin's list; compare them without case"}},
	{M, "empty", 0, 599, SHAPE_ANY, 0, NULL,
		{"the handler leaves this text or event unanswered",
			"answer it with an encrypted passive reply, not by a customer-service message"}},
	{M | A, "illegal", 0, 599, SHAPE_ANY, 0, "not encrypted",
		{"the reply is sent in plain",
			"encrypt the whole reply: security mode holds during the check too"}},
	{M | A, "illegal", 0, 599, SHAPE_ANY, 0, "another appid",
		{"the reply is encrypted with the account's appid at its end",
			"put the platform's component appid there: use the component's crypto for every "
			"account"}},
	{M | A, "illegal", 0, 599, SHAPE_ANY, 0, "Nonce",
		{"the reply does not carry and sign the nonce of the push",
			"sign token, timestamp, the push's nonce and the new Encrypt, and write the same "
			"nonce"}},
	{M | A, "illegal", 0, 599, SHAPE_ANY, 0, "MsgSignature",
		{"the reply's signature covers something else: another token, or the push's Encrypt",
			"sign token, timestamp, nonce and the reply's own Encrypt, sorted, with SHA-1"}},
	{M | A, "illegal", 0, 599, SHAPE_ANY, 0, "padding",
		{"the reply is encrypted with another key, or padded to 16 bytes",
			"use the platform's EncodingAESKey and PKCS#7 padding to blocks of 32 bytes"}},
	{M | A, "illegal", 0, 599, SHAPE_ANY, 0, "ToUserName",
		{"the reply is not addressed to the fan", "swap the push's ToUserName and FromUserName"}},
	{M | A, "illegal", 0, 599, SHAPE_ANY, 0, "FromUserName",
		{"the reply does not come from the account's original id",
			"swap the push's ToUserName and FromUserName"}},
	{M | A, "illegal", 0, 599, SHAPE_ANY, 0, "TimeStamp",
		{"the reply's TimeStamp is not the time of now",
			"write seconds since 1970, and keep the clock right"}},
	{M | A, "illegal", 0, 599, SHAPE_ANY, 0, NULL,
		{"the answer is neither success, nothing at all, nor a right passive reply",
			"compare what came with the reason given above"}},
	{M, "reply", 0, 599, SHAPE_ANY, 0, "another text",
		{"the reply says something else", "answer TESTCOMPONENT_MSG_TYPE_TEXT_callback, or the "
						  "event's name and from_callback"}},
	{M, "reply", 0, 599, SHAPE_ANY, 0, NULL, {"the reply is no text", "answer with MsgType text"}},

	{A, "success", 0, 599, SHAPE_ANY, 0, NULL,
		{"the push is answered with success",
			"answer QUERY_AUTH_CODE with an empty body, then send the message"}},
	{A, "reply", 0, 599, SHAPE_ANY, 0, NULL,
		{"the push is answered by a passive reply",
			"answer with an empty body, then call custom/send"}},
	{A, NULL, 0, 599, SHAPE_ANY, 0, "does not say",
		{"the code is cut: it contains @@@, and all after the first colon belongs to it",
			"take everything after QUERY_AUTH_CODE: as it is, and send it with _from_api behind "
			"it"}},
	{A, NULL, 0, 599, SHAPE_ANY, 61004, NULL,
		{"Weixin refuses the server's address (61004)",
			"put it on the platform's IP white list, and release that"}},
	{A, NULL, 0, 599, SHAPE_ANY, 61009, NULL,
		{"the code was exchanged before (61009): the authorized push brings the same one",
			"use the token that the first exchange gave"}},
	{A, NULL, 0, 599, SHAPE_ANY, 61006, NULL,
		{"the ticket in use is another one (61006)",
			"keep the newest ticket per component appid; a deployment that has one of another "
			"Weixin needs --new-ticket"}},
	{A, NULL, 0, 599, SHAPE_ANY, 61007, NULL,
		{"the permission set for customer-service messages is missing (61007)",
			"tick sets 1 and 19 in the console"}},
	{A, NULL, 0, 599, SHAPE_ANY, 40001, NULL,
		{"an old access token is used (40001)",
			"replace the tokens of an account when it authorizes again"}},
	{A, NULL, 0, 599, SHAPE_ANY, -1, "no customer-service message",
		{"the deployment made no call at all here",
			"is its API base this tool's --api-listen? does a handler take the text?"}},
	{A, NULL, 0, 599, SHAPE_ANY, 0, "no customer-service message",
		{"custom/send did not come in time",
			"send it at once after the empty answer, with the token from the code"}},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static enum shape shape_of(const char *body)
{
	static const char word[] = "success";
	const char *found = strstr(body, word);

	if (body[0] == '\0')
		return SHAPE_NOTHING;
	if (strncmp(body, "\xef\xbb\xbf", 3) == 0)
		return SHAPE_BOM;
	if (strcmp(body, "\"success\"") == 0)
		return SHAPE_QUOTED;
	if (strcasecmp(body, word) == 0)
		return SHAPE_CASE;
	if (body[0] == '{' || body[0] == '[')
		return SHAPE_JSON;
	if (strncmp(body, "<xml>", 5) == 0)
		return SHAPE_XML;
	if (body[0] == '<')
		return SHAPE_HTML;
	return found ? SHAPE_BLANKS : SHAPE_ANY;
}

static int kind_of(const char *name)
{
	if (strcmp(name, "text") == 0 || strcmp(name, "event") == 0)
		return M;
	return strcmp(name, "api_text") == 0 ? A : E;
}

/* -1: there were no calls; 0: any; else one of them got this. */
static bool calls_fit(const struct json *calls, int64_t wanted)
{
	int64_t errcode;

	if (wanted == 0)
		return true;
	if (wanted == -1)
		return calls && json_len(calls) == 0;
	for (size_t i = 0; i < json_len(calls); i++)
		if (json_get_int(json_at(calls, i), "errcode", &errcode) == 0 && errcode == wanted)
			return true;
	return false;
}

static const char *text(const struct json *item, const char *name)
{
	const char *s = json_get_str(item, name);

	return s ? s : "";
}

static bool fits(const struct row *r, const struct json *item)
{
	int64_t status = 0;

	(void)json_get_int(item, "status", &status);
	return r->on & kind_of(text(item, "item")) &&
	       (!r->answer || strcmp(r->answer, text(item, "answer")) == 0) && status >= r->status_from &&
	       status <= r->status_to &&
	       (r->shape == SHAPE_ANY || r->shape == shape_of(text(item, "body"))) &&
	       calls_fit(json_get(item, "calls"), r->errcode) &&
	       (!r->why || strstr(text(item, "why"), r->why));
}

size_t release_advise(
	const struct json *item, bool first_group_passed, struct release_advice out[RELEASE_ADVICE_MAX])
{
	size_t n = 0;

	if (first_group_passed)
		out[n++] = (struct release_advice){"group 1 passes this item, so the accounts of this group "
						   "are not on the deployment's list",
			"handle all ten appids of Weixin's five groups: it draws a group by chance"};
	for (size_t i = 0; i < N_ROWS && n < RELEASE_ADVICE_MAX; i++)
		if (fits(&rows[i], item)) {
			out[n++] = rows[i].advice;
			break;
		}
	if (n == 0)
		out[n++] = (struct release_advice){"none of the usual causes",
			"compare what was sent and what came back; a second run "
			"that fails elsewhere points to a slow machine"};
	return n;
}
