#ifndef SERVICES_BUSINESS_SDK_HOUSEKEEPING_H
#define SERVICES_BUSINESS_SDK_HOUSEKEEPING_H

#include "common/pg/pg.h"
#include "services/business/sdk/marks.h"

/* A thread that looks after the SDK's tables: reads the marks of erased fans once, looks every second whether
 * the database can be used, and every minute forgets what is old enough. */
struct housekeeping;

int housekeeping_new(struct housekeeping **out, struct pg_pool *pool, struct marks *marks, struct err *err);
void housekeeping_free(struct housekeeping **h);

/* Any thread. */
bool housekeeping_marks_read(const struct housekeeping *h);
bool housekeeping_database_well(struct housekeeping *h, char *detail, size_t size);

#endif
