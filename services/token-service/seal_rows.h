#ifndef SERVICES_TOKEN_SERVICE_SEAL_ROWS_H
#define SERVICES_TOKEN_SERVICE_SEAL_ROWS_H

#include "common/pg/pg_rewrite.h"

/* Every sealed column of the schema, one row each: what its values are bound to, how they are counted by key
 * and sealed anew. A column that seal.h or anybody else seals and that is missing here keeps an old master
 * key needed for ever without saying so; the integration test of `wxbus keys rotate` looks for such ones. */
struct sealed_rows {
	struct pg_rewrite rewrite; /* its third parameter is the id of the key not to look for, as bytes */
	const char *count;         /* columns: key id, how many rows */
};

extern const struct sealed_rows sealed_rows[];
extern const size_t n_sealed_rows;

#endif
