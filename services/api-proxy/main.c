/* wxbus-api-proxy: calls Weixin for accounts and platforms, over HTTP and over Kafka, without handing out a
 * token. */
#include "common/service/service.h"
#include "services/api-proxy/api_proxy.h"
#include "services/api-proxy/conf.h"

int main(int argc, char **argv)
{
	const struct service_def def = {
		.name = "api-proxy",
		.summary = "Calls Weixin for accounts and platforms, over HTTP and over Kafka; callers never "
			   "see a token.",
		.items = api_proxy_items,
		.n_items = n_api_proxy_items,
		.conf_size = sizeof(struct api_proxy_conf),
		.admin_listen = "0.0.0.0:9082",
		.check = api_proxy_conf_check,
		.print = kafka_conf_print,
	};
	struct service *svc = NULL;
	struct api_proxy *proxy = NULL;
	struct api_proxy_conf conf;
	struct err err;
	int rc;

	rc = service_start(&svc, &def, argc, argv, &conf, &err);
	if (rc == 0)
		rc = api_proxy_new(&proxy, svc, &conf, &err);
	if (rc == 0)
		rc = service_run(svc, &err);
	api_proxy_free(&proxy);
	return service_stop(&svc, rc, &err);
}
