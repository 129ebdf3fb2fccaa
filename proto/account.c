#include "proto/account.h"

#include "common/base/alloc.h"
#include "common/json/json.h"
#include "proto/fields.h"
#include "proto/topics.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define USER_NAME_MAX 128
#define NICK_NAME_MAX 1024
#define REF_MAX       1024
#define FUNC_IDS_MAX  1024 /* Weixin's tables end below 200 */

static const char *const kind_names[] = {
	[ACCOUNT_SUBSCRIPTION] = "subscription",
	[ACCOUNT_SERVICE] = "service",
	[ACCOUNT_MINIPROGRAM] = "miniprogram",
	[ACCOUNT_OTHER] = "other",
};
static const char *const channel_names[] = {[CHANNEL_LIVE] = "live", [CHANNEL_TEST] = "test"};
static const char *const state_names[] = {"unauthorized", "authorized"};

#define N(names) (sizeof(names) / sizeof((names)[0]))

static int place_of(const char *name, const char *const *names, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return (int)i;
	return -1;
}

const char *account_kind_name(enum account_kind k)
{
	return kind_names[k];
}

int account_kind_parse(const char *name, enum account_kind *out)
{
	int place = place_of(name, kind_names, N(kind_names));

	if (place < 0)
		return -1;
	*out = (enum account_kind)place;
	return 0;
}

const char *account_channel_name(enum account_channel c)
{
	return channel_names[c];
}

int account_channel_parse(const char *name, enum account_channel *out)
{
	int place = place_of(name, channel_names, N(channel_names));

	if (place < 0)
		return -1;
	*out = (enum account_channel)place;
	return 0;
}

/* Encoding */

static struct json *func_ids_to_json(const struct account *a)
{
	struct json *list = json_new_array();
	size_t i;

	for (i = 0; i < a->n_func_ids; i++)
		json_push(list, json_new_int(a->func_ids[i]));
	return list;
}

static struct json *repliers_to_json(const struct account *a)
{
	struct json *list = json_new_array();
	size_t i;

	for (i = 0; i < REPLIERS_MAX && a->repliers[i]; i++)
		json_push(list, json_new_string(a->repliers[i]));
	return list;
}

void account_encode(const struct account *a, struct buf *out)
{
	struct json *j = json_new_object();

	json_set_str(j, "component_appid", a->component_appid);
	json_set_str(j, "appid", a->appid);
	json_set_int(j, "version", a->version);
	json_set_str(j, "user_name", a->user_name ? a->user_name : "");
	json_set_str(j, "nick_name", a->nick_name ? a->nick_name : "");
	json_set_str(j, "kind", kind_names[a->kind]);
	json_set_bool(j, "verified", a->verified);
	json_set_str(j, "state", state_names[a->authorized]);
	json_set(j, "func_ids", func_ids_to_json(a));
	json_set_str(j, "channel", channel_names[a->channel]);
	json_set(j, "repliers", repliers_to_json(a));
	json_set_str(j, "ref", a->ref);
	fields_set_time(j, "updated_at", a->updated_ms);
	json_write(j, out);
	json_free(&j);
}

/* Parsing */

static int take_func_ids(const struct json *j, struct account *a, struct err *err)
{
	const struct json *list = json_get(j, "func_ids");
	size_t n = json_len(list), i;

	if (json_kind(list) != JSON_ARRAY || n > FUNC_IDS_MAX)
		return err_set(
			err, ERR_REJECT, 0, "func_ids must be an array of at most %d numbers", FUNC_IDS_MAX);
	a->func_ids = xcalloc(n ? n : 1, sizeof(*a->func_ids));
	for (i = 0; i < n; i++)
		if (json_int(json_at(list, i), &a->func_ids[i]) < 0 || a->func_ids[i] < 0)
			return err_set(
				err, ERR_REJECT, 0, "func_ids[%zu] must be a permission set's number", i);
	a->n_func_ids = n;
	return 0;
}

static int take_repliers(const struct json *j, struct account *a, struct err *err)
{
	const struct json *list = json_get(j, "repliers");
	size_t n = json_len(list), i;

	if (json_kind(list) != JSON_ARRAY || n > REPLIERS_MAX)
		return err_set(
			err, ERR_REJECT, 0, "repliers must be an array of at most %d groups", REPLIERS_MAX);
	for (i = 0; i < n; i++) {
		const char *group = json_str(json_at(list, i));

		if (!group || !group_name_ok(group) ||
			place_of(group, (const char *const *)a->repliers, i) >= 0)
			return err_set(
				err, ERR_REJECT, 0, "repliers[%zu] must be a group that is not there yet", i);
		a->repliers[i] = xstrdup(group);
	}
	return 0;
}

static int take_names(const struct json *j, struct account *a, struct err *err)
{
	if (fields_str_or_null(j, "user_name", USER_NAME_MAX, &a->user_name, err) < 0 ||
		fields_str_or_null(j, "nick_name", NICK_NAME_MAX, &a->nick_name, err) < 0 ||
		fields_str_or_null(j, "ref", REF_MAX, &a->ref, err) < 0)
		return -1;
	if (!a->user_name)
		a->user_name = xstrdup("");
	if (!a->nick_name)
		a->nick_name = xstrdup("");
	return 0;
}

static int take_choices(const struct json *j, struct account *a, struct err *err)
{
	int kind, state, channel;

	if (fields_choice(j, "kind", kind_names, N(kind_names), "subscription, service, miniprogram or other",
		    &kind, err) < 0 ||
		fields_choice(j, "state", state_names, N(state_names), "authorized or unauthorized", &state,
			err) < 0 ||
		fields_choice(j, "channel", channel_names, N(channel_names), "live or test", &channel, err) <
			0)
		return -1;
	a->kind = (enum account_kind)kind;
	a->authorized = state == 1;
	a->channel = (enum account_channel)channel;
	return 0;
}

static int take_fields(const struct json *j, struct account *a, struct err *err)
{
	int rc;

	if ((rc = fields_appid(j, "component_appid", false, a->component_appid, err)) < 0 ||
		(rc = fields_appid(j, "appid", false, a->appid, err)) < 0 ||
		(rc = fields_int(j, "version", 0, INT64_MAX, &a->version, err)) < 0 ||
		(rc = take_names(j, a, err)) < 0 || (rc = take_choices(j, a, err)) < 0 ||
		(rc = fields_bool(j, "verified", &a->verified, err)) < 0 ||
		(rc = take_func_ids(j, a, err)) < 0 || (rc = take_repliers(j, a, err)) < 0)
		return rc;
	return fields_time(j, "updated_at", &a->updated_ms, err);
}

int account_parse(const void *value, size_t len, struct account **out, struct err *err)
{
	struct account *a = xcalloc(1, sizeof(*a));
	struct json *j = NULL;
	int rc;

	if ((rc = fields_parse(value, len, &j, err)) < 0 || (rc = take_fields(j, a, err)) < 0)
		goto out;
	*out = a;
	a = NULL;
out:
	account_free(&a);
	json_free(&j);
	return rc;
}

void account_free(struct account **ap)
{
	struct account *a = *ap;
	size_t i;

	*ap = NULL;
	if (!a)
		return;
	for (i = 0; i < REPLIERS_MAX; i++)
		free(a->repliers[i]);
	free(a->user_name);
	free(a->nick_name);
	free(a->func_ids);
	free(a->ref);
	free(a);
}

struct account *account_copy(const struct account *a)
{
	struct account *copy = xmemdup(a, sizeof(*a));
	size_t i;

	copy->user_name = a->user_name ? xstrdup(a->user_name) : NULL;
	copy->nick_name = a->nick_name ? xstrdup(a->nick_name) : NULL;
	copy->ref = a->ref ? xstrdup(a->ref) : NULL;
	copy->func_ids = a->n_func_ids ? xmemdup(a->func_ids, a->n_func_ids * sizeof(*a->func_ids)) : NULL;
	for (i = 0; i < REPLIERS_MAX; i++)
		copy->repliers[i] = a->repliers[i] ? xstrdup(a->repliers[i]) : NULL;
	return copy;
}

/* Permissions */

bool account_has_func(const struct account *a, int64_t id)
{
	size_t i;

	for (i = 0; i < a->n_func_ids; i++)
		if (a->func_ids[i] == id)
			return true;
	return false;
}

bool account_may_send_customer_service(const struct account *a)
{
	static const int64_t any_of[] = {1, 6, 19, 100, 101};
	bool official = a->kind == ACCOUNT_SUBSCRIPTION || a->kind == ACCOUNT_SERVICE;
	size_t i;

	if (!a->authorized || (official && !a->verified))
		return false;
	for (i = 0; i < N(any_of); i++)
		if (account_has_func(a, any_of[i]))
			return true;
	return false;
}
