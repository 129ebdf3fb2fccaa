#ifndef API_PROXY_CONF_H
#define API_PROXY_CONF_H

#include "common/kafka/kafka_conf.h"
#include "services/sealed/keyring.h"

#include <stdint.h>

struct api_proxy_conf {
	struct kafka_conf kafka;
	char *listen;
	char *internal_listen;
	char *database_url;
	char *master_keys_file;
	char *internal_keys_file;
	char *token_service_url;
	char *api_base;
	char *egress_proxy; /* "": none */
	char *spool_dir;
	int64_t call_timeout_ms;
	int64_t transfer_timeout_ms;
	int64_t audit_days;
	int64_t http_threads;
	int64_t topic_threads;
	int64_t account_in_flight;
	int64_t caller_in_flight;
	int64_t person_in_flight;
	int64_t person_rate;
};

extern const struct conf_item api_proxy_items[];
extern const size_t n_api_proxy_items;

/* Borrowed from `c`. */
struct keyring_files api_proxy_files(const struct api_proxy_conf *c);

/* What one row cannot say: the key files parse, a key of scope `token` is there, Kafka's properties keep our
 * promises. */
int api_proxy_conf_check(const void *conf, struct err *err);

#endif
