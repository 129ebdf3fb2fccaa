#ifndef SERVICES_INGRESS_PLATFORM_SET_H
#define SERVICES_INGRESS_PLATFORM_SET_H

#include "proto/platforms.h"

/* The platforms as they stand in the file now. A reload swaps them under the pushes that still use the old
 * ones; the last user frees those. Any thread. */
struct platform_set;
struct platform_lease; /* keeps one reading of the file alive */

int platform_set_new(struct platform_set **out, const char *path, struct err *err);
void platform_set_free(struct platform_set **s);

/* On failure the old platforms stay. */
int platform_set_reload(struct platform_set *s, struct err *err);

struct platform_lease *platform_set_take(struct platform_set *s);
const struct platforms *platform_lease_get(const struct platform_lease *l);
void platform_set_give(struct platform_set *s, struct platform_lease **l);

#endif
