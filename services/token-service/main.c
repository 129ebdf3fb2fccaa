/* wxbus-token-service: keeps tickets, tokens and authorizations, and refreshes every token exactly once. */
#include "common/service/service.h"
#include "services/token-service/conf.h"
#include "services/token-service/token_service.h"

int main(int argc, char **argv)
{
	const struct service_def def = {
		.name = "token-service",
		.summary =
			"Keeps Weixin's tickets and tokens and the directory of accounts; nobody else does.",
		.items = token_service_items,
		.n_items = n_token_service_items,
		.conf_size = sizeof(struct token_service_conf),
		.admin_listen = "0.0.0.0:9081",
		.check = token_service_conf_check,
		.print = kafka_conf_print,
	};
	struct token_service *token_service = NULL;
	struct service *svc = NULL;
	struct token_service_conf conf;
	struct err err;
	int rc;

	rc = service_start(&svc, &def, argc, argv, &conf, &err);
	if (rc == 0)
		rc = token_service_new(&token_service, svc, &conf, &err);
	if (rc == 0)
		rc = service_run(svc, &err);
	token_service_free(&token_service);
	return service_stop(&svc, rc, &err);
}
