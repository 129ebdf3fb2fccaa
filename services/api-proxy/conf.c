#include "services/api-proxy/conf.h"

#include "common/pg/pg.h"
#include "services/sealed/keyring.h"

#include "common/base/banned.h"

#define CONF_STRUCT struct api_proxy_conf
const struct conf_item api_proxy_items[] = {
	CONF_LISTEN("WXBUS_LISTEN", listen, "0.0.0.0:8082", "where callers bring their calls"),
	CONF_LISTEN(
		"WXBUS_INTERNAL_LISTEN", internal_listen, "0.0.0.0:8182", "/v1, for our own processes only"),
	KAFKA_CONF_ROWS(kafka),
	CONF_SECRET("WXBUS_DATABASE_URL", database_url, NULL, "PostgreSQL, as a libpq connection URI",
		"postgresql://api_proxy@127.0.0.1/wxbus"),
	CONF_PATH("WXBUS_MASTER_KEYS_FILE", master_keys_file, NULL,
		"lines `key-id base64(32 bytes)`; the first seals callers' keys, all open them; reread on "
		"SIGHUP",
		"/etc/wxbus/master-keys"),
	CONF_PATH("WXBUS_INTERNAL_KEYS_FILE", internal_keys_file, NULL,
		"lines `name base64(32 bytes) scope,...`: our own key of scope token, and those whose /v1 "
		"calls we take; reread on SIGHUP",
		"/etc/wxbus/internal-keys"),
	CONF_URL("WXBUS_TOKEN_SERVICE_URL", token_service_url, NULL, "token-service's internal address",
		"http://127.0.0.1:8181"),
	CONF_URL("WXBUS_API_BASE", api_base, "https://api.weixin.qq.com", "Weixin's APIs", NULL),
	CONF_STR("WXBUS_EGRESS_PROXY", egress_proxy, "", "HTTP proxy for calls to Weixin; empty: none",
		"http://10.0.0.1:3128"),
	CONF_ROW(CONF_TYPE_PATH, "WXBUS_SPOOL_DIR", spool_dir, "/tmp", 0, 0, "dir",
		"folder for bodies above 256 KiB while they are passed on; its files have no names",
		"/var/spool/wxbus"),
	CONF_INT("WXBUS_CALL_TIMEOUT_MS", call_timeout_ms, "20000", 500, 300000,
		"milliseconds for one call with its token and its repetitions"),
	CONF_INT("WXBUS_TRANSFER_TIMEOUT_MS", transfer_timeout_ms, "60000", 500, 600000,
		"the same for calls that carry files, and the time in which a caller has to send us a body"),
	CONF_INT("WXBUS_AUDIT_DAYS", audit_days, "30", 1, 3650,
		"days for which the table of calls keeps them"),
	CONF_INT("WXBUS_HTTP_THREADS", http_threads, "640", 4, 2048, "HTTP connections served at once"),
	CONF_INT("WXBUS_TOPIC_THREADS", topic_threads, "128", 1, 512,
		"requests of the topic under way at once; a caller holds half of them at most, an account "
		"of its 32, and less beside others"),
	CONF_INT("WXBUS_ACCOUNT_IN_FLIGHT", account_in_flight, "128", 1, 2047,
		"calls of one account under way at once over HTTP; fewer than threads"),
	CONF_INT("WXBUS_CALLER_IN_FLIGHT", caller_in_flight, "320", 1, 2047,
		"calls of one caller under way at once over HTTP; fewer than threads"),
	CONF_INT("WXBUS_PERSON_IN_FLIGHT", person_in_flight, "64", 2, 2047,
		"calls under way at once that need no key, by a person's own token; of one client address "
		"half of them; fewer than threads"),
	CONF_INT("WXBUS_PERSON_RATE", person_rate, "200", 2, 100000,
		"such calls a second; of one client address half of them"),
};
const size_t n_api_proxy_items = sizeof(api_proxy_items) / sizeof(api_proxy_items[0]);

struct keyring_files api_proxy_files(const struct api_proxy_conf *c)
{
	return (struct keyring_files){
		.master_keys = c->master_keys_file,
		.internal_keys = c->internal_keys_file,
		.signs_as_token = true,
	};
}

int api_proxy_conf_check(const void *conf, struct err *err)
{
	const struct api_proxy_conf *c = conf;
	const struct keyring_files files = api_proxy_files(c);
	struct keyring *keys = NULL;
	int rc;

	if ((rc = kafka_conf_check(&c->kafka, err)) < 0)
		return rc;
	if (pg_check_url(c->database_url, err) < 0)
		return err_prefix(err, "WXBUS_DATABASE_URL");
	if (c->account_in_flight >= c->http_threads || c->caller_in_flight >= c->http_threads ||
		c->person_in_flight >= c->http_threads)
		return err_set(err, ERR_REJECT, 0,
			"WXBUS_HTTP_THREADS: must be more than WXBUS_ACCOUNT_IN_FLIGHT, "
			"WXBUS_CALLER_IN_FLIGHT and WXBUS_PERSON_IN_FLIGHT; for example 640, 128, 320 and "
			"64");
	rc = keyring_new(&keys, &files, err);
	keyring_free(&keys);
	return rc;
}
