#ifndef SERVICES_TOKEN_SERVICE_TOKEN_SERVICE_H
#define SERVICES_TOKEN_SERVICE_TOKEN_SERVICE_H

#include "common/service/service.h"
#include "services/token-service/conf.h"

/* The process put together: keys, database, Weixin, the outbox, events, refreshes and /v1. */
struct token_service;

int token_service_new(struct token_service **out, struct service *svc, const struct token_service_conf *conf,
	struct err *err);
void token_service_free(struct token_service **t);

#endif
