#include "services/token-service/tokens/weixin_decode.h"

#include "common/base/alloc.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "services/token-service/seal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define FUNC_IDS_MAX 1024

static const struct json_limits limits = {.max_bytes = WEIXIN_ANSWER_MAX, .max_depth = 16};

/* The root object, once it is known to tell of success. */
static int parse(const void *body, size_t len, struct json **out, struct err *err)
{
	struct json *root = NULL;
	struct err why;
	int64_t errcode = 0;

	if (json_parse(body, len, &limits, &root, &why) < 0 || json_kind(root) != JSON_OBJECT) {
		json_free(&root);
		return err_set(err, ERR_RETRY, 0, "Weixin's answer is no JSON object");
	}
	(void)json_get_int(root, "errcode", &errcode);
	if (errcode != 0) {
		json_free(&root);
		return err_set(err, ERR_REJECT,
			errcode >= INT32_MIN && errcode <= INT32_MAX ? (int)errcode : 0,
			"Weixin refused: errcode %" PRId64, errcode);
	}
	*out = root;
	return 0;
}

int weixin_decode_done(const void *body, size_t len, struct err *err)
{
	struct json *root = NULL;
	int rc = parse(body, len, &root, err);

	json_free(&root);
	return rc;
}

static int lacks(const char *what, struct err *err)
{
	return err_set(err, ERR_RETRY, 0, "Weixin's answer lacks %s", what);
}

/* A copy of a string that is there and not empty; NULL otherwise. */
static char *copy_str(const struct json *j, const char *name)
{
	const char *s = json_get_str(j, name);

	return s && s[0] && strlen(s) <= SECRET_MAX_BYTES ? xstrdup(s) : NULL;
}

static int take_token(const struct json *j, const char *token_name, struct weixin_token *out, struct err *err)
{
	struct weixin_token t = {NULL, NULL, 0};

	if (json_get_int(j, "expires_in", &t.expires_in_s) < 0 || t.expires_in_s <= 0 ||
		t.expires_in_s > 30 * 86400)
		return lacks("expires_in", err);
	t.token = copy_str(j, token_name);
	if (!t.token)
		return lacks(token_name, err);
	t.refresh_token = copy_str(j, "authorizer_refresh_token");
	*out = t;
	return 0;
}

static int decode_token(
	const void *body, size_t len, const char *name, struct weixin_token *out, struct err *err)
{
	struct json *root = NULL;
	int rc;

	if ((rc = parse(body, len, &root, err)) < 0)
		return rc;
	rc = take_token(root, name, out, err);
	json_free(&root);
	return rc;
}

int weixin_decode_component_token(const void *body, size_t len, struct weixin_token *out, struct err *err)
{
	return decode_token(body, len, "component_access_token", out, err);
}

int weixin_decode_authorizer_token(const void *body, size_t len, struct weixin_token *out, struct err *err)
{
	return decode_token(body, len, "authorizer_access_token", out, err);
}

void weixin_token_release(struct weixin_token *t)
{
	secret_free(&t->token);
	secret_free(&t->refresh_token);
	t->expires_in_s = 0;
}

/* func_info: [{"funcscope_category":{"id":1}},...] */
static int64_t *take_func_ids(const struct json *info, size_t *n_out)
{
	size_t n = json_len(info);
	int64_t *ids;
	size_t found = 0;

	if (json_kind(info) != JSON_ARRAY || n == 0 || n > FUNC_IDS_MAX) {
		*n_out = 0;
		return NULL;
	}
	ids = xcalloc(n, sizeof(*ids));
	for (size_t i = 0; i < n; i++) {
		if (json_get_int(json_get(json_at(info, i), "funcscope_category"), "id", &ids[found]) == 0)
			found++;
	}
	*n_out = found;
	return ids;
}

int weixin_decode_pre_auth_code(const void *body, size_t len, char **code_out, struct err *err)
{
	struct json *root = NULL;
	char *code;
	int rc;

	if ((rc = parse(body, len, &root, err)) < 0)
		return rc;
	code = copy_str(root, "pre_auth_code");
	json_free(&root);
	if (!code)
		return lacks("pre_auth_code", err);
	*code_out = code;
	return 0;
}

void weixin_session_release(struct weixin_session *s)
{
	free(s->openid);
	secret_free(&s->session_key);
	free(s->unionid);
	*s = (struct weixin_session){NULL, NULL, NULL};
}

int weixin_decode_session(const void *body, size_t len, struct weixin_session *out, struct err *err)
{
	struct weixin_session s;
	struct json *root = NULL;
	int rc;

	if ((rc = parse(body, len, &root, err)) < 0)
		return rc;
	s = (struct weixin_session){
		.openid = copy_str(root, "openid"),
		.session_key = copy_str(root, "session_key"),
		.unionid = copy_str(root, "unionid"),
	};
	if (!s.openid || !s.session_key) {
		/* An errcode as a string, as an old example has it, is a refusal too. */
		rc = json_get_str(root, "errcode") ? err_set(err, ERR_REJECT, 0, "Weixin refused")
						   : lacks("openid or session_key", err);
		weixin_session_release(&s);
	} else {
		*out = s;
	}
	json_free(&root);
	return rc;
}

void weixin_visitor_release(struct weixin_visitor *v)
{
	secret_free(&v->access_token);
	free(v->openid);
	free(v->unionid);
	free(v->scope);
	*v = (struct weixin_visitor){.access_token = NULL};
}

int weixin_decode_visitor(const void *body, size_t len, struct weixin_visitor *out, struct err *err)
{
	struct weixin_visitor v;
	struct json *root = NULL;
	int64_t snapshot = 0;
	int rc;

	if ((rc = parse(body, len, &root, err)) < 0)
		return rc;
	(void)json_get_int(root, "is_snapshotuser", &snapshot);
	v = (struct weixin_visitor){
		.access_token = copy_str(root, "access_token"),
		.openid = copy_str(root, "openid"),
		.unionid = copy_str(root, "unionid"),
		.scope = copy_str(root, "scope"),
		.snapshot = snapshot != 0,
	};
	json_free(&root);
	if (!v.access_token || !v.openid) {
		weixin_visitor_release(&v);
		return lacks("access_token or openid", err);
	}
	*out = v;
	return 0;
}

/* NULL when it is longer than `max`. */
static char *copy_short(const struct json *j, const char *name, size_t max)
{
	const char *s = json_get_str(j, name);

	return s && strlen(s) <= max ? copy_str(j, name) : NULL;
}

void weixin_profile_release(struct weixin_profile *p)
{
	free(p->nickname);
	free(p->head_img_url);
	free(p->unionid);
	*p = (struct weixin_profile){.nickname = NULL};
}

int weixin_decode_profile(const void *body, size_t len, struct weixin_profile *out, struct err *err)
{
	struct json *root = NULL;
	int rc;

	if ((rc = parse(body, len, &root, err)) < 0)
		return rc;
	*out = (struct weixin_profile){
		.nickname = copy_short(root, "nickname", WEIXIN_NICKNAME_MAX),
		.head_img_url = copy_short(root, "headimgurl", WEIXIN_PICTURE_MAX),
		.unionid = copy_str(root, "unionid"),
	};
	json_free(&root);
	return 0;
}

static int take_authorization(const struct json *root, struct weixin_authorization *out, struct err *err)
{
	const struct json *info = json_get(root, "authorization_info");
	const char *appid = json_get_str(info, "authorizer_appid");
	struct weixin_authorization a = {.func_ids = NULL};
	const char *token = json_get_str(info, "authorizer_access_token");
	int rc = 0;

	if (!appid || !appid_ok(appid, strlen(appid)))
		return lacks("authorizer_appid", err);
	(void)str_copy(a.appid, sizeof(a.appid), appid);
	if (token && token[0])
		rc = take_token(info, "authorizer_access_token", &a.token, err);
	else
		a.token.refresh_token = copy_str(info, "authorizer_refresh_token");
	if (rc < 0)
		return rc;
	a.func_ids = take_func_ids(json_get(info, "func_info"), &a.n_func_ids);
	*out = a;
	return 0;
}

int weixin_decode_authorization(
	const void *body, size_t len, struct weixin_authorization *out, struct err *err)
{
	struct json *root = NULL;
	int rc;

	if ((rc = parse(body, len, &root, err)) < 0)
		return rc;
	rc = take_authorization(root, out, err);
	json_free(&root);
	return rc;
}

void weixin_authorization_release(struct weixin_authorization *a)
{
	weixin_token_release(&a->token);
	free(a->func_ids);
	a->func_ids = NULL;
	a->n_func_ids = 0;
}

/* MiniProgramInfo is there exactly for mini programs; else service_type_info.id 0 and 1 are subscription
 * accounts, 2 service accounts. */
static enum account_kind kind_of(const struct json *info)
{
	int64_t type = -1;

	if (json_kind(json_get(info, "MiniProgramInfo")) == JSON_OBJECT)
		return ACCOUNT_MINIPROGRAM;
	(void)json_get_int(json_get(info, "service_type_info"), "id", &type);
	if (type == 0 || type == 1)
		return ACCOUNT_SUBSCRIPTION;
	return type == 2 ? ACCOUNT_SERVICE : ACCOUNT_OTHER;
}

int weixin_decode_info(const void *body, size_t len, struct weixin_info *out, struct err *err)
{
	const struct json *info, *authorization;
	struct json *root = NULL;
	int64_t verify = -1;
	int rc;

	if ((rc = parse(body, len, &root, err)) < 0)
		return rc;
	info = json_get(root, "authorizer_info");
	authorization = json_get(root, "authorization_info");
	if (json_kind(info) != JSON_OBJECT) {
		json_free(&root);
		return lacks("authorizer_info", err);
	}
	(void)json_get_int(json_get(info, "verify_type_info"), "id", &verify);
	*out = (struct weixin_info){
		.user_name = copy_str(info, "user_name"),
		.nick_name = copy_str(info, "nick_name"),
		.kind = kind_of(info),
		.verified = verify >= 0,
		.refresh_token = copy_str(authorization, "authorizer_refresh_token"),
	};
	out->func_ids = take_func_ids(json_get(authorization, "func_info"), &out->n_func_ids);
	json_free(&root);
	return 0;
}

void weixin_info_release(struct weixin_info *i)
{
	free(i->user_name);
	free(i->nick_name);
	secret_free(&i->refresh_token);
	free(i->func_ids);
	*i = (struct weixin_info){.user_name = NULL};
}

/* --- the list ----------------------------------------------------------------------------------------------
 */

static void take_listed(const struct json *entry, struct weixin_list *l)
{
	const char *appid = json_get_str(entry, "authorizer_appid");

	l->n_read++;
	if (!appid || !appid_ok(appid, strlen(appid)))
		return;
	(void)str_copy(l->list[l->n].appid, sizeof(l->list[l->n].appid), appid);
	l->list[l->n].refresh_token = copy_str(entry, "refresh_token");
	l->n++;
}

int weixin_decode_list(const void *body, size_t len, struct weixin_list *out, struct err *err)
{
	struct weixin_list l = {.total = 0};
	struct json *root = NULL;
	const struct json *list;
	int rc;

	if ((rc = parse(body, len, &root, err)) < 0)
		return rc;
	list = json_get(root, "list");
	if (json_get_int(root, "total_count", &l.total) < 0 || l.total < 0 || json_kind(list) != JSON_ARRAY ||
		json_len(list) > WEIXIN_LIST_COUNT) {
		json_free(&root);
		return lacks("total_count or a list", err);
	}
	l.list = xcalloc(json_len(list) + 1, sizeof(*l.list));
	for (size_t i = 0; i < json_len(list); i++)
		take_listed(json_at(list, i), &l);
	json_free(&root);
	*out = l;
	return 0;
}

void weixin_list_release(struct weixin_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		secret_free(&l->list[i].refresh_token);
	free(l->list);
	*l = (struct weixin_list){.total = 0};
}

int weixin_decode_any(const void *body, size_t len, struct json **root_out, struct err *err)
{
	return parse(body, len, root_out, err);
}
