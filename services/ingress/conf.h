#ifndef SERVICES_INGRESS_CONF_H
#define SERVICES_INGRESS_CONF_H

#include "common/kafka/kafka_conf.h"

#include <stdint.h>

struct ingress_conf {
	struct kafka_conf kafka;
	char *listen;
	char *platforms_file;
	char *event_key_file;
	int64_t push_window_s;
	char *release_check_accounts; /* appids joined by commas */
	int64_t threads;
	int64_t waiters;
};

extern const struct conf_item ingress_items[];
extern const size_t n_ingress_items;

/* What one row cannot say: the files parse, waiters stay below threads, Kafka's properties keep our promises.
 */
int ingress_conf_check(const void *conf, struct err *err);

#endif
