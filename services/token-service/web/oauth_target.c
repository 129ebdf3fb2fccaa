#include "services/token-service/web/oauth_target.h"

#include "common/base/web_url.h"

#include <string.h>

#include "common/base/banned.h"

/* "/a/..;x/b" is "/b" to some servers, and would lead out of a rule's path. */
static int parse(const char *text, struct web_url *out)
{
	if (web_url_parse(text, strlen(text), out) < 0)
		return -1;
	return out->path.len > 0 && memchr(out->path.p, ';', out->path.len) ? -1 : 0;
}

/* One way to write one origin: they are compared as text. */
static bool port_ok(struct str host_port, bool https)
{
	const char *colon = memchr(host_port.p, ':', host_port.len);
	struct str port;

	if (!colon)
		return true;
	port = (struct str){colon + 1, (size_t)(host_port.p + host_port.len - colon - 1)};
	return port.p[0] != '0' && !str_eq_cstr(port, https ? "443" : "80");
}

static bool this_machine(struct str host_port)
{
	const char *colon = memchr(host_port.p, ':', host_port.len);
	struct str host = {host_port.p, colon ? (size_t)(colon - host_port.p) : host_port.len};

	return str_eq_cstr(host, "localhost") || str_eq_cstr(host, "127.0.0.1");
}

bool oauth_target_rule_ok(const char *rule)
{
	bool https = str_starts_with(rule, "https://");
	struct str host_port;
	struct web_url u;

	if (strlen(rule) > OAUTH_TARGET_MAX || parse(rule, &u) < 0 || strchr(rule, '?'))
		return false;
	host_port.p = strstr(u.origin.p, "://") + 3;
	host_port.len = (size_t)(u.origin.p + u.origin.len - host_port.p);
	return port_ok(host_port, https) && (https || this_machine(host_port));
}

static bool path_within(struct str rule, struct str path)
{
	if (rule.len > 0 && rule.p[rule.len - 1] == '/')
		rule.len--; /* what follows has to be a '/' all the same */
	else if (str_eq(rule, path))
		return true;
	if (rule.len == 0)
		return true;
	return path.len > rule.len && memcmp(path.p, rule.p, rule.len) == 0 && path.p[rule.len] == '/';
}

bool oauth_target_allows(const char *rule, const char *url)
{
	struct web_url r, u;

	return oauth_target_rule_ok(rule) && parse(rule, &r) == 0 && parse(url, &u) == 0 &&
	       str_eq(r.origin, u.origin) && path_within(r.path, u.path);
}

size_t oauth_target_origin_len(const char *url)
{
	struct web_url u;

	return parse(url, &u) < 0 ? 0 : u.origin.len;
}
