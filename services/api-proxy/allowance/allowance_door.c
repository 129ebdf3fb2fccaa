#include "services/api-proxy/allowance/allowance_door.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "services/api-proxy/allowance/allowance.h"
#include "services/api-proxy/allowance/allowance_rule.h"

#include <string.h>

#include "common/base/banned.h"

#define PREFIX "/allowance/"

bool allowance_door_is(const char *path)
{
	return str_starts_with(path, PREFIX);
}

static void set_count(struct json *j, const char *name, const struct allowance_reading *r, int reserve)
{
	if (r->known)
		json_set_int(j, name, r->left > reserve ? r->left - reserve : 0);
	else
		json_set(j, name, json_new_null());
}

static void write_answer(
	const char *appid, const char *openid, const struct allowance_reading *r, struct buf *out)
{
	struct json *j = json_new_object();
	char until[CLOCK_RFC3339_SIZE];

	json_set_str(j, "appid", appid);
	json_set_str(j, "openid", openid);
	set_count(j, "left", r, 0);
	set_count(j, "left_for_marketing", r, ALLOWANCE_RESERVED);
	if (r->until_ms > 0)
		clock_rfc3339(r->until_ms, until);
	json_set_str(j, "until", r->until_ms > 0 ? until : NULL);
	json_write(j, out);
	json_free(&j);
}

enum refusal allowance_door_read(
	struct pg_pool *pool, const char *appid, const char *method, const char *path, struct buf *answer_out)
{
	const char *openid = path + strlen(PREFIX);
	struct allowance_reading reading;
	struct err err;

	if (!appid[0] || !openid[0] || strchr(openid, '/') || strlen(openid) > ALLOWANCE_OPENID_MAX)
		return REFUSAL_NOT_FOUND;
	if (strcmp(method, "GET") != 0)
		return REFUSAL_METHOD;
	if (allowance_read(pool, appid, openid, &reading, &err) < 0) {
		log_warn(appid, "an allowance cannot be read: %s", err.text);
		return REFUSAL_STORE;
	}
	write_answer(appid, openid, &reading, answer_out);
	return REFUSAL_NONE;
}
