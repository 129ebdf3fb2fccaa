#include "services/token-service/seal.h"

#include "common/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

static char *row_name(enum sealed_column column, const char *component_appid, const char *appid)
{
	static const char *const names[] = {
		[SEALED_TICKET] = "ticket",
		[SEALED_TOKEN] = "token",
		[SEALED_REFRESH_TOKEN] = "refresh_token",
	};

	if (appid[0])
		return xasprintf("token_service.account/%s/%s/%s", component_appid, appid, names[column]);
	return xasprintf("token_service.platform/%s/%s", component_appid, names[column]);
}

void seal_column(const struct master_keys *keys, enum sealed_column column, const char *component_appid,
	const char *appid, const char *plain, struct buf *out)
{
	char *row;

	if (!plain || !plain[0])
		return;
	row = row_name(column, component_appid, appid);
	master_seal(keys, row, plain, strlen(plain), out);
	free(row);
}

int seal_open_column(const struct master_keys *keys, enum sealed_column column, const char *component_appid,
	const char *appid, const struct pg_result *res, int row, int col, char **plain_out, struct err *err)
{
	struct buf plain = BUF_INIT(SECRET_MAX_BYTES);
	const void *sealed;
	char *name;
	size_t len;
	int rc;

	if (pg_is_null(res, row, col)) {
		*plain_out = NULL;
		return 0;
	}
	sealed = pg_value_bytes(res, row, col, &len);
	name = row_name(column, component_appid, appid);
	rc = master_open(keys, name, sealed, len, &plain, err);
	if (rc == 0)
		*plain_out = xstrndup(buf_cstr(&plain), plain.len);
	else
		err_prefix(err, "%s", name);
	free(name);
	buf_wipe_release(&plain);
	return rc;
}

struct pg_param seal_param(const struct buf *sealed)
{
	return pg_bytea(sealed->len ? sealed->data : NULL, sealed->len);
}
