#ifndef SERVICES_TOKEN_SERVICE_SEAL_H
#define SERVICES_TOKEN_SERVICE_SEAL_H

#include "common/base/buf.h"
#include "common/pg/pg.h"
#include "proto/keyfiles.h"

/* Sealed columns. Each value is bound to what it is and whose: moved to another row or column it does not
 * open. */
#define SECRET_MAX_BYTES 4096 /* tickets and tokens have a few hundred */

enum sealed_column { SEALED_TICKET, SEALED_TOKEN, SEALED_REFRESH_TOKEN };

/* appid "": a platform's own. `plain` "" or NULL becomes an empty buf, for a NULL column. */
void seal_column(const struct master_keys *keys, enum sealed_column column, const char *component_appid,
	const char *appid, const char *plain, struct buf *out);

/* A NULL column gives NULL. The caller frees *plain_out with secret_free(). ERR_REJECT: copied here from
 * another row, changed, or sealed with a key that we no longer have. */
int seal_open_column(const struct master_keys *keys, enum sealed_column column, const char *component_appid,
	const char *appid, const struct pg_result *res, int row, int col, char **plain_out, struct err *err);

/* The parameter for a sealed value; NULL when it is empty. */
struct pg_param seal_param(const struct buf *sealed);

#endif
