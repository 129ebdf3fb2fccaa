#include "proto/erasure.h"

#include "common/base/str.h"
#include "proto/fields.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

bool openid_ok(const char *openid)
{
	size_t i, len = strlen(openid);

	for (i = 0; i < len; i++)
		if (openid[i] <= ' ' || openid[i] > '~')
			return false;
	return len >= 1 && len <= OPENID_MAX;
}

void erasure_encode(const struct erasure *e, struct buf *out)
{
	struct json *j = json_new_object();

	json_set_str(j, "component_appid", e->component_appid);
	json_set_str(j, "appid", e->appid);
	json_set_str(j, "openid", e->openid);
	fields_set_time(j, "before", e->before_ms);
	json_write(j, out);
	json_free(&j);
}

static int take_openid(const struct json *j, struct erasure *e, struct err *err)
{
	const char *openid = json_get_str(j, "openid");

	if (!openid || !openid_ok(openid))
		return err_set(err, ERR_REJECT, 0,
			"openid must be 1 to %d visible ASCII characters without blanks", OPENID_MAX);
	return str_copy(e->openid, sizeof(e->openid), openid);
}

int erasure_parse(const void *value, size_t len, struct erasure *out, struct err *err)
{
	struct json *j = NULL;
	struct erasure e;
	int rc;

	if ((rc = fields_parse(value, len, &j, err)) < 0 ||
		(rc = fields_appid(j, "component_appid", false, e.component_appid, err)) < 0 ||
		(rc = fields_appid(j, "appid", false, e.appid, err)) < 0 ||
		(rc = take_openid(j, &e, err)) < 0 || (rc = fields_time(j, "before", &e.before_ms, err)) < 0)
		goto out;
	*out = e;
out:
	json_free(&j);
	return rc;
}
