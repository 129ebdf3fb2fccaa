#ifndef SERVICES_TOKEN_SERVICE_SEAL_ROWS_H
#define SERVICES_TOKEN_SERVICE_SEAL_ROWS_H

#include "services/sealed/sealed.h"

/* Every sealed column of the schema, one row each: what its values are bound to, how they are counted by key
 * and sealed anew. A column that seal.h or anybody else seals and that is missing here keeps an old master
 * key needed for ever without saying so; the integration test of `wxbus keys rotate` looks for such ones. */
extern const struct sealed_schema token_service_sealed;

#endif
