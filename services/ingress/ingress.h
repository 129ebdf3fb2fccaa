#ifndef SERVICES_INGRESS_INGRESS_H
#define SERVICES_INGRESS_INGRESS_H

#include "common/service/service.h"
#include "services/ingress/conf.h"

/* The process put together: platforms, directory, desk, producer, readers and the HTTP server, and what joins
 * them. */
struct ingress;

int ingress_new(struct ingress **out, struct service *svc, const struct ingress_conf *conf, struct err *err);
void ingress_free(struct ingress **in);

#endif
