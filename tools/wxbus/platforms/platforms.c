/* wxbus platforms: what an operator enters in Weixin's console for a platform, and what stands in ours. */
#include "tools/wxbus/command.h"

#include "common/base/secret.h"
#include "common/base/web_url.h"
#include "common/json/json.h"
#include "proto/platforms.h"
#include "tools/wxbus/platforms/platform_keys.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define ROW_MAX 4096

struct platforms_settings {
	char *public_url;
	char *platforms_file; /* show only */
};

#define CONF_STRUCT struct platforms_settings
#define PUBLIC_URL                                                                                           \
	CONF_URL("WXBUS_PUBLIC_URL", public_url, NULL, "what Weixin and people see of us, with https",       \
		"https://wx.example.com")
static const struct conf_item new_items[] = {PUBLIC_URL};
static const struct conf_item show_items[] = {
	PUBLIC_URL,
	CONF_PATH("WXBUS_PLATFORMS_FILE", platforms_file, NULL,
		"JSON: the platforms, with or without app secrets", "/etc/wxbus/platforms.json"),
};
#define N_NEW_ITEMS  (sizeof(new_items) / sizeof(new_items[0]))
#define N_SHOW_ITEMS (sizeof(show_items) / sizeof(show_items[0]))

/* --- the console -----------------------------------------------------------------------------------------
 */

/* The base without a '/' at its end; -1: no address that Weixin would take. */
static int read_base(const char *url, struct web_url *out, struct err *err)
{
	if (web_url_parse(url, strlen(url), out) < 0 || out->query.len > 0 ||
		(out->path.len > 0 && !str_eq_cstr(out->path, "/")))
		return err_set(err, ERR_REJECT, 0,
			"WXBUS_PUBLIC_URL: an address without a path is needed; for example "
			"https://wx.example.com");
	return 0;
}

/* Weixin reaches ports 80 and 443 only, and takes bare hosts as domains. */
static struct str host_of(const struct web_url *url)
{
	const char *host = strstr(url->origin.p, "://") + 3;
	size_t len = url->origin.len - (size_t)(host - url->origin.p);
	const char *port = memchr(host, ':', len);

	return (struct str){host, port ? (size_t)(port - host) : len};
}

static bool weixin_reaches(const struct web_url *url)
{
	return str_starts_with(url->origin.p, "https://") &&
	       host_of(url).len + strlen("https://") == url->origin.len;
}

/* Names as in the console, "development configuration" (https://open.weixin.qq.com; the fields are described
 * at
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/operation/thirdparty/config.html)
 */
static void print_console(const struct web_url *base, const char *component)
{
	struct str o = base->origin, host = host_of(base);

	(void)printf("To be entered in Weixin's console (open.weixin.qq.com, the platform's development "
		     "configuration):\n\n");
	(void)printf("  authorization-event URL (授权事件接收URL)\n      %.*s/push/%s/authorization\n",
		(int)o.len, o.p, component);
	(void)printf("  message-and-event URL (消息与事件接收URL), with $APPID$ as it stands\n"
		     "      %.*s/push/%s/accounts/$APPID$\n",
		(int)o.len, o.p, component);
	(void)printf("  authorization page's domain (授权发起页域名)\n      %.*s\n", (int)host.len, host.p);
	(void)printf("  web development domain (公众号开发域名), where web authorization comes back to\n"
		     "      %.*s\n",
		(int)host.len, host.p);
	(void)printf("  white list of addresses (白名单IP地址列表)\n"
		     "      every address from which token-service and api-proxy reach api.weixin.qq.com\n");
	if (!weixin_reaches(base))
		(void)printf("\nWeixin pushes to ports 80 and 443 only, and people's browsers expect https: "
			     "WXBUS_PUBLIC_URL is not such an address.\n");
}

static void print_notes(const struct web_url *base, const char *component)
{
	struct str o = base->origin;

	(void)printf("\nThen\n"
		     "  - the files with which Weixin verifies domains go into token-service's "
		     "WXBUS_VERIFICATION_DIR;\n"
		     "  - merchants authorize at %.*s/authorize/%s;\n"
		     "  - before the network-wide release is requested, wxbus-release-check must run with a "
		     "caller "
		     "key of this platform:\n"
		     "    Weixin's ten test accounts are its own, nothing has to be entered for them;\n"
		     "  - changed keys count for Weixin's test accounts at once and for all after a release: "
		     "keep old "
		     "and new under\n"
		     "    `keys` until wxbus_ingress_key_used_total shows that one is no longer used.\n",
		(int)o.len, o.p, component);
}

/* --- new -------------------------------------------------------------------------------------------------
 */

struct platform_options {
	const char *component;
};

static error_t parse_component(int key, char *arg, struct argp_state *state)
{
	struct platform_options *o = state->input;

	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (state->arg_num > 0)
		argp_error(state, "'%s' is one word too many", arg);
	if (!appid_ok(arg, strlen(arg)))
		argp_error(state, "'%s' is no appid", arg);
	o->component = arg;
	return 0;
}

static error_t parse_new(int key, char *arg, struct argp_state *state)
{
	const struct platform_options *o = state->input;

	if (key != ARGP_KEY_END)
		return parse_component(key, arg, state);
	if (!o->component)
		argp_error(state, "the platform's appid is needed");
	return 0;
}

static const struct argp new_argp = {
	.parser = parse_new,
	.args_doc = "COMPONENT",
	.doc = "Make a Token and an EncodingAESKey for the platform COMPONENT, print each value to enter in "
	       "Weixin's console, and, as the last line, its row for WXBUS_PLATFORMS_FILE. Secrets stand in "
	       "that "
	       "line only; nothing is kept here.\v"
	       "The row lacks the AppSecret, which Weixin's console shows: services refuse the row until it "
	       "is "
	       "filled in. The ingress's copy of the file has no `app_secret` at all.",
};

static void print_row(const char *component)
{
	char token[PLATFORM_TOKEN_LEN + 1], aes_key[PLATFORM_AES_KEY_LEN + 1];
	struct json *row = json_new_object(), *keys = json_new_array(), *key = json_new_object();
	struct buf text = BUF_INIT(ROW_MAX);

	platform_token_make(token);
	platform_aes_key_make(aes_key);
	json_set_str(row, "component_appid", component);
	json_set_str(row, "app_secret", "");
	json_set_str(key, "token", token);
	json_set_str(key, "encoding_aes_key", aes_key);
	json_push(keys, key);
	json_set(row, "keys", keys);
	json_write(row, &text);
	(void)printf("%s\n", buf_cstr(&text));
	buf_wipe_release(&text);
	json_free(&row);
	secret_wipe(token, sizeof(token));
	secret_wipe(aes_key, sizeof(aes_key));
}

int platforms_new_main(int argc, char **argv)
{
	struct platform_options o = {.component = NULL};
	struct platforms_settings settings;
	struct web_url base;
	struct err err;
	int rc =
		command_parse(&new_argp, argc, argv, &o, new_items, N_NEW_ITEMS, &settings, sizeof(settings));

	if (rc != 0)
		return rc;
	rc = read_base(settings.public_url, &base, &err);
	if (rc == 0) {
		print_console(&base, o.component);
		(void)printf("  Token (消息校验Token) and EncodingAESKey (消息加解密Key)\n"
			     "      `token` and `encoding_aes_key` of the last line\n");
		print_notes(&base, o.component);
		(void)printf(
			"\nThe row for WXBUS_PLATFORMS_FILE, with secrets; its app_secret is the console's "
			"AppSecret:\n\n");
		print_row(o.component);
	}
	conf_release(new_items, N_NEW_ITEMS, &settings);
	return rc < 0 ? command_failed(&err) : 0;
}

/* --- show ------------------------------------------------------------------------------------------------
 */

static const struct argp show_argp = {
	.parser = parse_component,
	.args_doc = "[COMPONENT]",
	.doc = "Print what stands in Weixin's console for each platform of WXBUS_PLATFORMS_FILE (or for "
	       "COMPONENT): "
	       "addresses and domains as they are, secrets as fingerprints, the first 8 digits of their "
	       "SHA-256.",
};

static void print_platform(const struct web_url *base, const struct platform *p)
{
	char token[FINGERPRINT_SIZE], aes_key[FINGERPRINT_SIZE], secret[FINGERPRINT_SIZE];

	(void)printf("%s\n\n", p->component_appid);
	print_console(base, p->component_appid);
	for (size_t i = 0; i < p->n_keys; i++) {
		fingerprint(p->keys[i].token, strlen(p->keys[i].token), token);
		fingerprint(p->keys[i].aes_key, sizeof(p->keys[i].aes_key), aes_key);
		(void)printf("  key %zu: Token (消息校验Token) %s, EncodingAESKey (消息加解密Key), its 32 "
			     "bytes, %s\n",
			i, token, aes_key);
	}
	if (p->app_secret) {
		fingerprint(p->app_secret, strlen(p->app_secret), secret);
		(void)printf("  AppSecret %s\n", secret);
	}
	print_notes(base, p->component_appid);
}

static int show(const struct platforms_settings *s, const struct platform_options *o, struct err *err)
{
	struct platforms *platforms = NULL;
	struct web_url base;
	struct err ignored;
	bool found = false;
	int rc;

	if ((rc = read_base(s->public_url, &base, err)) < 0)
		return rc;
	if (platforms_read(s->platforms_file, false, &platforms, &ignored) < 0 && /* the ingress's copy */
		(rc = platforms_read(s->platforms_file, true, &platforms, err)) < 0)
		return err_prefix(err, "WXBUS_PLATFORMS_FILE");
	for (size_t i = 0; i < platforms->n; i++) {
		if (o->component && strcmp(o->component, platforms->list[i].component_appid) != 0)
			continue;
		(void)printf("%s", found ? "\n" : "");
		print_platform(&base, &platforms->list[i]);
		found = true;
	}
	platforms_free(&platforms);
	return found ? 0
		     : err_set(err, ERR_REJECT, 0, "WXBUS_PLATFORMS_FILE: there is no platform %s",
			       o->component);
}

int platforms_show_main(int argc, char **argv)
{
	struct platform_options o = {.component = NULL};
	struct platforms_settings settings;
	struct err err;
	int rc = command_parse(
		&show_argp, argc, argv, &o, show_items, N_SHOW_ITEMS, &settings, sizeof(settings));

	if (rc != 0)
		return rc;
	rc = show(&settings, &o, &err);
	conf_release(show_items, N_SHOW_ITEMS, &settings);
	return rc < 0 ? command_failed(&err) : 0;
}
