#ifndef API_PROXY_API_PROXY_H
#define API_PROXY_API_PROXY_H

#include "common/service/service.h"
#include "services/api-proxy/conf.h"

/* The process put together: keys, database, tokens, producer, both doors and /v1. */
struct api_proxy;

int api_proxy_new(
	struct api_proxy **out, struct service *svc, const struct api_proxy_conf *conf, struct err *err);
void api_proxy_free(struct api_proxy **p);

#endif
