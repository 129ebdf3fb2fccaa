/* wxbus-ingress: receives Weixin's pushes, verifies and decrypts them, and acknowledges each only once Kafka
 * holds it. */
#include "common/service/service.h"
#include "services/ingress/conf.h"
#include "services/ingress/ingress.h"

int main(int argc, char **argv)
{
	const struct service_def def = {
		.name = "ingress",
		.summary = "Receives Weixin's pushes, verifies and decrypts them, writes them to Kafka, "
			   "answers in time.",
		.items = ingress_items,
		.n_items = n_ingress_items,
		.conf_size = sizeof(struct ingress_conf),
		.admin_listen = "0.0.0.0:9080",
		.check = ingress_conf_check,
		.print = kafka_conf_print,
	};
	struct service *svc = NULL;
	struct ingress *in = NULL;
	struct ingress_conf conf;
	struct err err;
	int rc;

	rc = service_start(&svc, &def, argc, argv, &conf, &err);
	if (rc == 0)
		rc = ingress_new(&in, svc, &conf, &err);
	if (rc == 0)
		rc = service_run(svc, &err);
	ingress_free(&in);
	return service_stop(&svc, rc, &err);
}
