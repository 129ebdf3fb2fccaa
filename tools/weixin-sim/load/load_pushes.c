#include "tools/weixin-sim/load/load.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/weixin-sim/wire/push_xml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define REQUEST_MAX 8192
#define BYTES_MAX   ((size_t)16 << 30)
#define MARK        "$APPID$"

static void account_name(const struct load_options *o, uint32_t number, char *appid_out, char *user_name_out)
{
	const char *equals = o->account ? strchr(o->account, '=') : NULL;

	if (equals) {
		str_ncopy(appid_out, NAME_MAX_LEN, o->account, (size_t)(equals - o->account));
		str_copy(user_name_out, NAME_MAX_LEN, equals + 1);
		return;
	}
	snprintf(appid_out, NAME_MAX_LEN, "wxload%012" PRIu32, number);
	snprintf(user_name_out, NAME_MAX_LEN, "gh_load%08" PRIu32, number);
}

static void fan_name(uint32_t number, char out[NAME_MAX_LEN])
{
	snprintf(out, NAME_MAX_LEN, "oLoadFan%020" PRIu32, number);
}

void load_push_expectation(const struct load_pushes *p, const struct load_options *o,
	const struct load_push *push, struct load_names *space, struct verify_push *out)
{
	char appid[NAME_MAX_LEN];

	account_name(o, push->account, appid, space->user_name);
	fan_name(push->fan, space->openid);
	*out = (struct verify_push){.key = p->key,
		.token = o->token,
		.component_appid = o->component_appid,
		.user_name = space->user_name,
		.openid = space->openid,
		.nonce = push->nonce,
		.is_message = true};
}

/* http://host:port/path apart. */
static int split_url(struct load_pushes *p, const char *url, const char **path_out, struct err *err)
{
	const char *host = url + strlen("http://"), *slash, *colon;

	if (!str_starts_with(url, "http://") || !(slash = strchr(host, '/')) || strpbrk(url, "?#@ "))
		return err_set(
			err, ERR_REJECT, EINVAL, "--url is no http://host[:port]/path without a query");
	colon = memchr(host, ':', (size_t)(slash - host));
	if (str_ncopy(p->host, sizeof(p->host), host, (size_t)((colon ? colon : slash) - host)) < 0 ||
		p->host[0] == '\0')
		return err_set(err, ERR_REJECT, EINVAL, "--url has no host");
	if (!colon)
		str_copy(p->port, sizeof(p->port), "80");
	else if (str_ncopy(p->port, sizeof(p->port), colon + 1, (size_t)(slash - colon - 1)) < 0)
		return err_set(err, ERR_REJECT, EINVAL, "--url has no right port");
	*path_out = slash;
	return 0;
}

static void write_xml(const struct verify_push *to, uint64_t msg_id, struct buf *out)
{
	buf_addf(out,
		"<xml><ToUserName><![CDATA[%s]]></ToUserName>\n<FromUserName><![CDATA[%s]]></FromUserName>\n"
		"<CreateTime>%" PRId64 "</CreateTime>\n<MsgType><![CDATA[text]]></MsgType>\n"
		"<Content><![CDATA[你好，请问今天几点关门？]]></Content>\n<MsgId>%" PRIu64 "</MsgId>\n</xml>",
		to->user_name, to->openid, clock_wall_ms() / 1000, msg_id);
}

static void add_path(struct buf *out, const char *path, const char *appid)
{
	const char *mark = strstr(path, MARK);

	if (!mark) {
		buf_add_str(out, path);
		return;
	}
	buf_add(out, path, (size_t)(mark - path));
	buf_add_str(out, appid);
	buf_add_str(out, mark + strlen(MARK));
}

/* The whole request. */
static void write_request(const struct load_pushes *p, const struct load_options *o, const char *path,
	const struct load_push *push, uint64_t msg_id, struct buf *out)
{
	struct buf xml = BUF_INIT(REQUEST_MAX), encrypt = BUF_INIT(REQUEST_MAX), body = BUF_INIT(REQUEST_MAX);
	char timestamp[24], appid[NAME_MAX_LEN], user_name[NAME_MAX_LEN];
	char signature[WEIXIN_SIGNATURE_LEN + 1], msg_signature[WEIXIN_SIGNATURE_LEN + 1];
	struct load_names names;
	struct verify_push to;
	const char *parts[4] = {o->token, timestamp, push->nonce, NULL};

	account_name(o, push->account, appid, user_name);
	load_push_expectation(p, o, push, &names, &to);
	write_xml(&to, msg_id, &xml);
	weixin_encrypt(p->key, NULL, buf_cstr(&xml), xml.len, o->component_appid, &encrypt);
	push_xml_envelope("ToUserName", user_name, buf_cstr(&encrypt), &body);
	snprintf(timestamp, sizeof(timestamp), "%" PRId64, clock_wall_ms() / 1000);
	parts[3] = buf_cstr(&encrypt);
	weixin_signature(parts, 3, signature);
	weixin_signature(parts, 4, msg_signature);
	buf_add_str(out, "POST ");
	add_path(out, path, appid);
	buf_addf(out,
		"?signature=%s&timestamp=%s&nonce=%s&openid=%s&encrypt_type=aes&msg_signature=%s HTTP/1.1\r\n"
		"Host: %s:%s\r\nUser-Agent: Mozilla/4.0\r\nContent-Type: text/xml\r\nContent-Length: "
		"%zu\r\n\r\n",
		signature, timestamp, push->nonce, to.openid, msg_signature, p->host, p->port, body.len);
	buf_add(out, buf_cstr(&body), body.len);
	buf_release(&xml);
	buf_release(&encrypt);
	buf_release(&body);
}

static int prepare(struct load_pushes *p, const struct load_options *o, const char *path, struct err *err)
{
	/* Above those of an earlier run: a receiver would take them for repeated ones. */
	uint64_t msg_id = (uint64_t)clock_wall_ms() * 10000;
	struct buf bytes = BUF_INIT(BYTES_MAX);
	size_t at = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct load_push *push = &p->all[i];

		push->account = o->account ? 0 : (uint32_t)(i % (size_t)o->accounts);
		push->fan = (uint32_t)(i / (o->account ? 1 : (size_t)o->accounts) % (size_t)o->fans);
		weixin_random_digits(push->nonce, 10);
		write_request(p, o, path, push, msg_id + i, &bytes);
		push->len = (uint32_t)(bytes.len - at);
		at = bytes.len;
	}
	if (bytes.overflow) {
		buf_release(&bytes);
		return err_set(
			err, ERR_REJECT, ENOMEM, "so many pushes do not fit: give fewer with --pushes");
	}
	p->bytes = buf_detach(&bytes);
	at = 0;
	for (size_t i = 0; i < p->n; i++) {
		p->all[i].bytes = p->bytes + at;
		at += p->all[i].len;
	}
	return 0;
}

int load_pushes_init(struct load_pushes *p, const struct load_options *o, struct err *err)
{
	const char *path = NULL;

	memset(p, 0, sizeof(*p));
	if (split_url(p, o->url, &path, err) < 0)
		return -1;
	if (weixin_key(o->encoding_aes_key, p->key) < 0)
		return err_set(err, ERR_REJECT, EINVAL, "--key is not 43 letters and digits");
	if (o->account && !strchr(o->account, '='))
		return err_set(err, ERR_REJECT, EINVAL, "--account is no APPID=ORIGINAL_ID");
	p->n = (size_t)(o->pushes ? o->pushes : o->rate * o->duration_ms / 1000);
	if (p->n == 0)
		return err_set(err, ERR_REJECT, EINVAL, "flat out needs --pushes, how many to prepare");
	p->all = xcalloc(p->n, sizeof(*p->all));
	return prepare(p, o, path, err);
}

void load_pushes_release(struct load_pushes *p)
{
	free(p->bytes);
	free(p->all);
	memset(p, 0, sizeof(*p));
}
