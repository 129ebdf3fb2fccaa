/* Fans as their account sees them, and its tags.
 * https://developers.weixin.qq.com/doc/offiaccount/User_Management/Get_users_basic_information_UnionID.html
 * https://developers.weixin.qq.com/doc/offiaccount/User_Management/Getting_a_User_List.html
 * https://developers.weixin.qq.com/doc/offiaccount/User_Management/User_Tag_Management.html */
#include "tools/weixin-sim/api/api.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

#define LIST_MAX     10000 /* openids of one answer */
#define BATCH_MAX    100
#define TAGGED_MAX   50
#define REMARK_CHARS 30

static struct account *account_of(const struct api_call *call)
{
	return state_account(&call->sim->state, call->appid);
}

static struct fan *find_fan(const struct account *a, const char *openid)
{
	return openid ? state_fan(a, openid) : NULL;
}

static struct json *tag_ids(const struct fan *f)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < f->tags.n; i++)
		json_push(list, json_new_int(f->tags.id[i]));
	return list;
}

/* Name, picture, sex and city have not been delivered since 2021-12-27. */
static struct json *particulars(const struct fan *f, const char *lang)
{
	struct json *j = json_new_object();

	json_set_int(j, "subscribe", f->subscribed);
	json_set_str(j, "openid", f->openid);
	if (!f->subscribed)
		return j;
	json_set_str(j, "language", lang ? lang : "zh_CN");
	json_set_int(j, "subscribe_time", f->subscribed_ms / 1000);
	json_set_str(j, "remark", f->remark);
	json_set_int(j, "groupid", f->tags.n ? f->tags.id[0] : 0);
	json_set(j, "tagid_list", tag_ids(f));
	json_set_str(j, "subscribe_scene", "ADD_SCENE_SEARCH");
	json_set_int(j, "qr_scene", 0);
	json_set_str(j, "qr_scene_str", "");
	return j;
}

int api_user_info(struct api_call *call)
{
	const struct fan *f = find_fan(account_of(call), query_get(&call->query, "openid"));

	if (!f)
		return 40003;
	call->answer = particulars(f, query_get(&call->query, "lang"));
	return 0;
}

int api_user_batchget(struct api_call *call)
{
	const struct json *wanted = json_get(call->body, "user_list");
	struct json *list;

	if (json_kind(wanted) != JSON_ARRAY)
		return 40097;
	if (json_len(wanted) == 0 || json_len(wanted) > BATCH_MAX)
		return 40032;
	list = json_new_array();
	for (size_t i = 0; i < json_len(wanted); i++) {
		const struct fan *f = find_fan(account_of(call), json_get_str(json_at(wanted, i), "openid"));

		if (!f) {
			json_free(&list);
			return 40003;
		}
		json_push(list, particulars(f, json_get_str(json_at(wanted, i), "lang")));
	}
	call->answer = json_new_object();
	json_set(call->answer, "user_info_list", list);
	return 0;
}

/* Followers behind `next_openid` ("": from the first), with tag `tagid` (0: any). */
static int list_fans(struct api_call *call, const char *next_openid, int64_t tagid, struct json *answer)
{
	struct json *data = json_new_object(), *list = json_new_array();
	const struct fan *f = account_of(call)->fans, *last = NULL;

	if (next_openid && next_openid[0]) {
		f = find_fan(account_of(call), next_openid);
		if (!f) {
			json_free(&list);
			json_free(&data);
			return 40003;
		}
		f = f->hh.next;
	}
	for (; f && json_len(list) < LIST_MAX; f = f->hh.next) {
		if (!f->subscribed || (tagid && !fan_tags_has(&f->tags, tagid)))
			continue;
		json_push(list, json_new_string(f->openid));
		last = f;
	}
	json_set_int(answer, "count", (int64_t)json_len(list));
	json_set(data, "openid", list);
	if (last)
		json_set(answer, "data", data);
	else
		json_free(&data);
	json_set_str(answer, "next_openid", last ? last->openid : "");
	return 0;
}

int api_user_get(struct api_call *call)
{
	int64_t total = 0;

	for (const struct fan *f = account_of(call)->fans; f; f = f->hh.next)
		total += f->subscribed;
	call->answer = json_new_object();
	json_set_int(call->answer, "total", total);
	return list_fans(call, query_get(&call->query, "next_openid"), 0, call->answer);
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

int api_user_remark(struct api_call *call)
{
	struct fan *f = find_fan(account_of(call), json_get_str(call->body, "openid"));
	const char *remark = json_get_str(call->body, "remark");

	if (!f)
		return 40003;
	if (!remark || characters(remark) >= REMARK_CHARS ||
		str_copy(f->remark, sizeof(f->remark), remark) < 0)
		return 40097;
	return 0;
}

/* --- tags --------------------------------------------------------------------------------------------------
 */

static struct json *tag_json(const struct tag *tag)
{
	struct json *j = json_new_object();

	json_set_int(j, "id", tag->id);
	json_set_str(j, "name", tag->name);
	return j;
}

/* Of {"tag":{"id":N}}; -1, which no tag has, if there is none. */
static int64_t tag_id(const struct api_call *call)
{
	int64_t id;

	return json_get_int(json_get(call->body, "tag"), "id", &id) == 0 ? id : -1;
}

static const char *tag_name(const struct api_call *call)
{
	return json_get_str(json_get(call->body, "tag"), "name");
}

int api_tags_create(struct api_call *call)
{
	const struct tag *tag = NULL;
	int errcode = tags_create(&account_of(call)->tags, tag_name(call), &tag);

	if (errcode)
		return errcode;
	call->answer = json_new_object();
	json_set(call->answer, "tag", tag_json(tag));
	return 0;
}

int api_tags_get(struct api_call *call)
{
	const struct account *a = account_of(call);
	struct json *list = json_new_array();

	for (size_t i = 0; i < a->tags.n; i++) {
		struct json *tag = tag_json(&a->tags.tag[i]);
		int64_t count = 0;

		for (const struct fan *f = a->fans; f; f = f->hh.next)
			count += fan_tags_has(&f->tags, a->tags.tag[i].id);
		json_set_int(tag, "count", count);
		json_push(list, tag);
	}
	call->answer = json_new_object();
	json_set(call->answer, "tags", list);
	return 0;
}

int api_tags_update(struct api_call *call)
{
	return tags_rename(&account_of(call)->tags, tag_id(call), tag_name(call));
}

int api_tags_delete(struct api_call *call)
{
	struct account *a = account_of(call);
	int errcode = tags_delete(&a->tags, tag_id(call));

	for (struct fan *f = a->fans; f && errcode == 0; f = f->hh.next)
		fan_tags_remove(&f->tags, tag_id(call));
	return errcode;
}

/* The tag that the body's tagid names; 0, 1 and 2, Weixin's own, have no members here. */
static int find_tag(const struct api_call *call, int64_t *out)
{
	if (json_get_int(call->body, "tagid", out) < 0 || !tags_find(&account_of(call)->tags, *out))
		return 45159;
	return 0;
}

int api_tag_members(struct api_call *call)
{
	int64_t id;
	int errcode = find_tag(call, &id);

	if (errcode)
		return errcode;
	call->answer = json_new_object();
	return list_fans(call, json_get_str(call->body, "next_openid"), id, call->answer);
}

/* All of the openids, or none: with `tagging` they may all take one more tag. */
static int check_members(const struct api_call *call, const struct json *list, int64_t id, bool tagging)
{
	if (json_kind(list) != JSON_ARRAY || json_len(list) == 0 || json_len(list) > TAGGED_MAX)
		return 40032;
	for (size_t i = 0; i < json_len(list); i++) {
		const struct fan *f = find_fan(account_of(call), json_str(json_at(list, i)));

		if (!f)
			return 40003;
		if (tagging && f->tags.n == FAN_TAGS_MAX && !fan_tags_has(&f->tags, id))
			return 45059;
	}
	return 0;
}

static int change_members(struct api_call *call, bool tagging)
{
	const struct json *list = json_get(call->body, "openid_list");
	int64_t id;
	int errcode;

	if ((errcode = find_tag(call, &id)) != 0 || (errcode = check_members(call, list, id, tagging)) != 0)
		return errcode;
	for (size_t i = 0; i < json_len(list); i++) {
		struct fan *f = find_fan(account_of(call), json_str(json_at(list, i)));

		if (tagging)
			(void)fan_tags_add(&f->tags, id); /* there is room: check_members() */
		else
			fan_tags_remove(&f->tags, id);
	}
	return 0;
}

int api_tags_tag(struct api_call *call)
{
	return change_members(call, true);
}

int api_tags_untag(struct api_call *call)
{
	return change_members(call, false);
}

int api_tags_of_fan(struct api_call *call)
{
	const struct fan *f = find_fan(account_of(call), json_get_str(call->body, "openid"));

	if (!f)
		return 40003;
	call->answer = json_new_object();
	json_set(call->answer, "tagid_list", tag_ids(f));
	return 0;
}
