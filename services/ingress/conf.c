#include "services/ingress/conf.h"

#include "proto/keyfiles.h"
#include "proto/platforms.h"

#include "common/base/banned.h"

/* Weixin's own test accounts of the network-wide release check, five of each kind. Source:
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/operation/thirdparty/releases_instructions.html
 */
#define RELEASE_CHECK_ACCOUNTS                                                                               \
	"wx570bc396a51b8ff8, wx9252c5e0bb1836fc, wx8e1097c5bc82cde9, wx14550af28c71a144, "                   \
	"wxa35b9c23cfe664eb, wxd101a85aa106f53e, wxc39235c15087f6f3, wx7720d01d4b2a4500, "                   \
	"wx05d483572dcd5d8b, wx5910277cae6fd970"

#define CONF_STRUCT struct ingress_conf
const struct conf_item ingress_items[] = {
	CONF_LISTEN("WXBUS_LISTEN", listen, "0.0.0.0:8080",
		"where Weixin's pushes come in, behind your TLS proxy"),
	CONF_PATH("WXBUS_PLATFORMS_FILE", platforms_file, NULL,
		"JSON with each platform's component appid and keys; here without app_secret; reread on "
		"SIGHUP",
		"/etc/wxbus/platforms.json"),
	CONF_PATH("WXBUS_EVENT_KEY_FILE", event_key_file, NULL,
		"token-service's X25519 public key, base64; platform events are sealed to it",
		"/etc/wxbus/event.pub"),
	KAFKA_CONF_ROWS(kafka),
	CONF_INT("WXBUS_PUSH_WINDOW_S", push_window_s, "600", 0, 86400,
		"seconds that a push's timestamp may be from now; 0 switches the check off"),
	CONF_STR("WXBUS_RELEASE_CHECK_ACCOUNTS", release_check_accounts, RELEASE_CHECK_ACCOUNTS,
		"appids of Weixin's release check, answered by release-check whatever the directory says",
		"wx570bc396a51b8ff8,..."),
	CONF_INT("WXBUS_HTTP_THREADS", threads, "512", 8, 4096, "connections served at once"),
	CONF_INT("WXBUS_WAITERS", waiters, "384", 4, 4095,
		"pushes that may wait for Kafka or for a reply at once; below WXBUS_HTTP_THREADS"),
};
const size_t n_ingress_items = sizeof(ingress_items) / sizeof(ingress_items[0]);

int ingress_conf_check(const void *conf, struct err *err)
{
	const struct ingress_conf *c = conf;
	struct platforms *platforms = NULL;
	uint8_t key[32];
	int rc;

	if (c->waiters >= c->threads)
		return err_set(err, ERR_REJECT, 0,
			"WXBUS_WAITERS: must be below WXBUS_HTTP_THREADS (%lld); for example "
			"WXBUS_WAITERS=%lld",
			(long long)c->threads, (long long)(c->threads * 3 / 4));
	if ((rc = kafka_conf_check(&c->kafka, err)) < 0)
		return rc;
	if ((rc = event_public_key_read(c->event_key_file, key, err)) < 0)
		return err_prefix(err, "WXBUS_EVENT_KEY_FILE");
	if ((rc = platforms_read(c->platforms_file, false, &platforms, err)) < 0)
		return err_prefix(err, "WXBUS_PLATFORMS_FILE");
	platforms_free(&platforms);
	return 0;
}
