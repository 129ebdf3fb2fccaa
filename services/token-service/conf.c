#include "services/token-service/conf.h"

#include "common/pg/pg.h"

#include "common/base/banned.h"

#define CONF_STRUCT struct token_service_conf
const struct conf_item token_service_items[] = {
	KAFKA_CONF_ROWS(kafka),
	CONF_SECRET("WXBUS_DATABASE_URL", database_url, NULL, "PostgreSQL, as a libpq connection URI",
		"postgresql://wxbus_token_service@127.0.0.1/wxbus"),
	CONF_PATH("WXBUS_PLATFORMS_FILE", platforms_file, NULL,
		"JSON: the platforms with their app secrets; reread on SIGHUP", "/etc/wxbus/platforms.json"),
	CONF_PATH("WXBUS_MASTER_KEYS_FILE", master_keys_file, NULL,
		"lines `key-id base64(32 bytes)`; the first seals, all open; reread on SIGHUP",
		"/etc/wxbus/master-keys"),
	CONF_PATH("WXBUS_EVENT_PRIVATE_KEYS_FILE", event_private_keys_file, NULL,
		"lines of base64: private keys (X25519) to which the ingress seals platform events; reread "
		"on SIGHUP",
		"/etc/wxbus/event-private-keys"),
	CONF_PATH("WXBUS_INTERNAL_KEYS_FILE", internal_keys_file, NULL,
		"lines `name base64(32 bytes) scope,...`: whose /v1 calls we take; reread on SIGHUP",
		"/etc/wxbus/internal-keys"),
	CONF_URL("WXBUS_API_BASE", api_base, "https://api.weixin.qq.com", "Weixin's APIs", NULL),
	CONF_URL("WXBUS_MP_BASE", mp_base, "https://mp.weixin.qq.com", "Weixin's pages with a code to scan",
		NULL),
	CONF_URL("WXBUS_OPEN_BASE", open_base, "https://open.weixin.qq.com", "Weixin's pages within Weixin",
		NULL),
	CONF_URL("WXBUS_PUBLIC_URL", public_url, NULL,
		"what people see of the public port; redirect addresses come from it only",
		"https://wx.example.com"),
	CONF_LISTEN("WXBUS_LISTEN", listen, "0.0.0.0:8081",
		"the public port: the pages of authorization; a proxy with TLS stands in front"),
	CONF_STR("WXBUS_CLIENT_ADDRESS_HEADER", address_header, "",
		"header in which the proxy in front names the client's address (its last value counts); "
		"empty: the "
		"connection's own",
		"X-Forwarded-For"),
	CONF_STR("WXBUS_VERIFICATION_DIR", verification_dir, "",
		"folder of the files NAME.txt with which Weixin verifies a domain; empty: none",
		"/etc/wxbus/verification"),
	CONF_INT("WXBUS_PUBLIC_THREADS", public_threads, "64", 4, 1024, "public connections served at once"),
	CONF_INT("WXBUS_PUBLIC_PER_ADDRESS", public_per_address, "120", 1, 1000000,
		"public requests a minute of one address"),
	CONF_INT("WXBUS_LOGINS_PER_ADDRESS", logins_per_address, "6000", 1, 1000000,
		"mini-program logins a minute of one address (of a mini program's server)"),
	CONF_INT("WXBUS_OAUTH_PER_ADDRESS", visits_per_address, "1200", 1, 1000000,
		"requests of web page authorization a minute of one address (of a carrier's, many phones "
		"share "
		"one); two a visitor"),
	CONF_INT("WXBUS_AUTHORIZE_PER_ADDRESS", codes_per_address, "10", 1, 1000000,
		"authorizations begun a minute by one address"),
	CONF_INT("WXBUS_AUTHORIZE_PER_PLATFORM", codes_per_platform, "120", 1, 1000000,
		"authorizations begun a minute for one platform"),
	CONF_LISTEN(
		"WXBUS_INTERNAL_LISTEN", internal_listen, "0.0.0.0:8181", "/v1, for our own processes only"),
	CONF_INT("WXBUS_HTTP_THREADS", threads, "64", 4, 1024, "/v1 connections served at once"),
	CONF_INT("WXBUS_REFRESH_THREADS", workers, "16", 1, 64, "tokens refreshed ahead of expiry at once"),
	CONF_INT("WXBUS_REFRESHES_PER_DAY", refreshes_per_day, "200", 30, 10000,
		"no token is refreshed more often on one day (UTC), whoever asks"),
	CONF_INT("WXBUS_SYNC_EVERY_S", sync_every_s, "86400", 0, 2592000,
		"how often the accounts are compared with Weixin's list, give or take a tenth; 0: only when "
		"asked "
		"for, or after an outage"),
	CONF_INT("WXBUS_SYNC_OUTAGE_S", sync_outage_s, "1500", 0, 86400,
		"the first ticket after a longer gap than this tells of an outage, and the accounts are "
		"compared (Weixin makes one every 600 s); 0: never"),
	CONF_INT("WXBUS_AUDIT_DAYS", audit_days, "30", 1, 3650,
		"days for which the audit keeps who authorized, refreshed and changed what"),
	CONF_INT("WXBUS_LOGIN_DAYS", login_days, "30", 1, 3650,
		"days for which a mini-program login and its session key are kept"),
	CONF_INT("WXBUS_UNAUTHORIZED_DAYS", unauthorized_days, "30", 0, 3650,
		"days after which what is known of an account that left is deleted (its tokens are at once)"),
};
const size_t n_token_service_items = sizeof(token_service_items) / sizeof(token_service_items[0]);

struct keyring_files token_service_files(const struct token_service_conf *c)
{
	return (struct keyring_files){
		.platforms = c->platforms_file,
		.master_keys = c->master_keys_file,
		.event_private_keys = c->event_private_keys_file,
		.internal_keys = c->internal_keys_file,
	};
}

int token_service_conf_check(const void *conf, struct err *err)
{
	const struct token_service_conf *c = conf;
	const struct keyring_files files = token_service_files(c);
	struct keyring *keyring = NULL;
	int rc;

	if ((rc = kafka_conf_check(&c->kafka, err)) < 0)
		return rc;
	if (pg_check_url(c->database_url, err) < 0)
		return err_prefix(err, "WXBUS_DATABASE_URL");
	rc = keyring_new(&keyring, &files, err);
	keyring_free(&keyring);
	return rc;
}
