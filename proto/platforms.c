#include "proto/platforms.h"

#include "common/base/alloc.h"
#include "common/base/conf.h"
#include "common/base/secret.h"
#include "common/json/json.h"
#include "proto/push_crypto.h"
#include "proto/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define FILE_MAX_BYTES (1024 * 1024)
#define SECRET_MAX     256
#define KEYS_MAX       8 /* old and new, test and live; more is a mistake */
#define FILE_DEPTH     8

int appid_ok(const char *appid, size_t len)
{
	size_t i;

	if (len == 0 || len > APPID_MAX)
		return 0;
	for (i = 0; i < len; i++) {
		char c = appid[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '_' || c == '-'))
			return 0;
	}
	return 1;
}

/* An unknown name is most often a known one misspelt, whose effect would be missed silently. */
static int only_known(const struct json *object, const char *place, const char *const *known, struct err *err)
{
	const struct json *value;
	const char *key;
	size_t it = 0, i;

	if (json_kind(object) != JSON_OBJECT)
		return err_set(err, ERR_REJECT, 0, "%s must be an object", place);
	while (json_next(object, &it, &key, &value)) {
		for (i = 0; known[i] && strcmp(known[i], key) != 0; i++)
			;
		if (!known[i])
			return err_set(err, ERR_REJECT, 0,
				"%s has a name that is not known; known begins with \"%s\"", place, known[0]);
	}
	return 0;
}

/* A non-empty string without blanks or control bytes, copied. */
static int take_string(
	const struct json *object, const char *key, const char *place, char **out, struct err *err)
{
	const char *s = json_get_str(object, key);
	size_t i, len = s ? strlen(s) : 0;

	if (len == 0 || len > SECRET_MAX)
		return err_set(err, ERR_REJECT, 0, "%s.%s must be a string of 1 to %d characters", place, key,
			SECRET_MAX);
	for (i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return err_set(
				err, ERR_REJECT, 0, "%s.%s must be of visible ASCII characters", place, key);
	*out = xmemdup(s, len);
	return 0;
}

static int parse_key(const struct json *j, const char *place, struct platform_key *key, struct err *err)
{
	static const char *const known[] = {"token", "encoding_aes_key", NULL};
	const char *aes_key = json_get_str(j, "encoding_aes_key");

	if (only_known(j, place, known, err) < 0 || take_string(j, "token", place, &key->token, err) < 0)
		return -1;
	if (push_aes_key_decode(aes_key ? aes_key : "", key->aes_key, err) < 0)
		return err_prefix(err, "%s.encoding_aes_key", place);
	return 0;
}

static int parse_keys(const struct json *keys, const char *place, struct platform *p, struct err *err)
{
	char at[64];
	size_t n = json_len(keys), i;

	if (json_kind(keys) != JSON_ARRAY || n == 0 || n > KEYS_MAX)
		return err_set(err, ERR_REJECT, 0,
			"%s.keys must be an array of 1 to %d {\"token\":...,\"encoding_aes_key\":...}", place,
			KEYS_MAX);
	p->keys = xcalloc(n, sizeof(*p->keys));
	p->n_keys = n;
	for (i = 0; i < n; i++) {
		snprintf(at, sizeof(at), "%s.keys[%zu]", place, i);
		if (parse_key(json_at(keys, i), at, &p->keys[i], err) < 0)
			return -1;
	}
	return 0;
}

static int parse_repliers(const struct json *list, const char *place, struct platform *p, struct err *err)
{
	size_t n = json_len(list), i, k;

	if (json_kind(list) == JSON_ABSENT)
		return 0;
	if (json_kind(list) != JSON_ARRAY || n > REPLIERS_MAX)
		return err_set(err, ERR_REJECT, 0,
			"%s.default_repliers must be an array of at most %d groups", place, REPLIERS_MAX);
	for (i = 0; i < n; i++) {
		const char *group = json_str(json_at(list, i));

		if (!group || !group_name_ok(group))
			return err_set(err, ERR_REJECT, 0,
				"%s.default_repliers[%zu] must be a group, as in \"auto-reply\"", place, i);
		for (k = 0; k < i; k++)
			if (strcmp(p->default_repliers[k], group) == 0)
				return err_set(err, ERR_REJECT, 0,
					"%s.default_repliers[%zu] stands there already", place, i);
		p->default_repliers[i] = xstrdup(group);
	}
	return 0;
}

static int parse_secret(
	const struct json *j, const char *place, bool need_secrets, struct platform *p, struct err *err)
{
	if (need_secrets)
		return take_string(j, "app_secret", place, &p->app_secret, err);
	if (json_get(j, "app_secret"))
		return err_set(err, ERR_REJECT, 0,
			"%s.app_secret must not be in this process's copy of the file: take it out", place);
	return 0;
}

static int parse_platform(
	const struct json *j, const char *place, bool need_secrets, struct platform *p, struct err *err)
{
	static const char *const known[] = {
		"component_appid", "app_secret", "keys", "default_repliers", NULL};
	const char *appid = json_get_str(j, "component_appid");

	if (only_known(j, place, known, err) < 0)
		return -1;
	if (!appid || !appid_ok(appid, strlen(appid)))
		return err_set(err, ERR_REJECT, 0,
			"%s.component_appid must be an appid, as in \"wx134c8103faa5a59e\"", place);
	p->component_appid = xstrdup(appid);
	if (parse_secret(j, place, need_secrets, p, err) < 0 ||
		parse_keys(json_get(j, "keys"), place, p, err) < 0)
		return -1;
	return parse_repliers(json_get(j, "default_repliers"), place, p, err);
}

static int parse_list(const struct json *root, bool need_secrets, struct platforms *p, struct err *err)
{
	static const char *const known[] = {"platforms", NULL};
	const struct json *list = json_get(root, "platforms");
	char place[32];
	size_t n = json_len(list), i;

	if (only_known(root, "the file", known, err) < 0)
		return -1;
	if (json_kind(list) != JSON_ARRAY || n == 0)
		return err_set(
			err, ERR_REJECT, 0, "must be {\"platforms\":[...]} with at least one platform");
	p->list = xcalloc(n, sizeof(*p->list));
	for (i = 0; i < n; i++) {
		struct platform *next = &p->list[i];

		snprintf(place, sizeof(place), "platforms[%zu]", i);
		/* Counted first: what a failure leaves half done is freed too. */
		p->n = i + 1;
		if (parse_platform(json_at(list, i), place, need_secrets, next, err) < 0)
			return -1;
		if (platforms_find(p, next->component_appid) != next)
			return err_set(err, ERR_REJECT, 0, "%s.component_appid stands there already", place);
	}
	return 0;
}

int platforms_parse(const char *json, size_t len, bool need_secrets, struct platforms **out, struct err *err)
{
	static const struct json_limits limits = {.max_bytes = FILE_MAX_BYTES, .max_depth = FILE_DEPTH};
	struct platforms *p = xcalloc(1, sizeof(*p));
	struct json *root = NULL;
	int rc;

	if ((rc = json_parse(json, len, &limits, &root, err)) < 0 ||
		(rc = parse_list(root, need_secrets, p, err)) < 0)
		goto out;
	*out = p;
	p = NULL;
out:
	json_free(&root);
	platforms_free(&p);
	return rc;
}

int platforms_read(const char *path, bool need_secrets, struct platforms **out, struct err *err)
{
	char *text = NULL;
	size_t len = 0;
	int rc;

	if ((rc = conf_read_file(path, FILE_MAX_BYTES, &text, &len, err)) < 0)
		return rc;
	if ((rc = platforms_parse(text, len, need_secrets, out, err)) < 0)
		err_prefix(err, "%s", path);
	secret_wipe(text, len);
	free(text);
	return rc;
}

static void platform_release(struct platform *p)
{
	size_t i;

	for (i = 0; i < p->n_keys; i++) {
		secret_free(&p->keys[i].token);
		secret_wipe(p->keys[i].aes_key, sizeof(p->keys[i].aes_key));
	}
	free(p->keys);
	for (i = 0; i < REPLIERS_MAX; i++)
		free(p->default_repliers[i]);
	secret_free(&p->app_secret);
	free(p->component_appid);
}

void platforms_free(struct platforms **pp)
{
	struct platforms *p = *pp;
	size_t i;

	*pp = NULL;
	if (!p)
		return;
	for (i = 0; i < p->n; i++)
		platform_release(&p->list[i]);
	free(p->list);
	free(p);
}

const struct platform *platforms_find(const struct platforms *p, const char *component_appid)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->list[i].component_appid, component_appid) == 0)
			return &p->list[i];
	return NULL;
}
