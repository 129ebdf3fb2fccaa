#ifndef SERVICES_TOKEN_SERVICE_CONF_H
#define SERVICES_TOKEN_SERVICE_CONF_H

#include "common/kafka/kafka_conf.h"
#include "services/sealed/keyring.h"

#include <stdint.h>

struct token_service_conf {
	struct kafka_conf kafka;
	char *database_url;
	char *platforms_file;
	char *master_keys_file;
	char *event_private_keys_file;
	char *internal_keys_file;
	char *api_base;
	char *mp_base;
	char *open_base;
	char *public_url;
	char *listen;
	char *address_header;
	char *verification_dir;
	int64_t public_threads;
	int64_t public_per_address;
	int64_t logins_per_address;
	int64_t visits_per_address;
	int64_t codes_per_address;
	int64_t codes_per_platform;
	char *internal_listen;
	int64_t threads;
	int64_t workers;
	int64_t refreshes_per_day;
	int64_t sync_every_s;
	int64_t sync_outage_s;
	int64_t audit_days;
	int64_t login_days;
	int64_t unauthorized_days;
};

extern const struct conf_item token_service_items[];
extern const size_t n_token_service_items;

/* Borrowed from `c`. */
struct keyring_files token_service_files(const struct token_service_conf *c);

/* What one row cannot say: the files parse, Kafka's properties keep our promises, the database's URI is one.
 */
int token_service_conf_check(const void *conf, struct err *err);

#endif
