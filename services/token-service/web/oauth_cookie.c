#include "services/token-service/web/oauth_cookie.h"

#include "common/base/str.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/banned.h"

#define PREFIX_LEN (sizeof(OAUTH_COOKIE_PREFIX) - 1)
#define NAME_LEN   (PREFIX_LEN + OAUTH_COOKIE_SUFFIX_LEN)
#define ATTRIBUTES "Path=/; Secure; HttpOnly; SameSite=Lax"
#define N_FIELDS   4

/* --- the value ---------------------------------------------------------------------------------------------
 */

static const char *purpose(struct arena *arena, const char *component_appid, const char *appid)
{
	return arena_printf(arena, "web authorization of %s/%s", component_appid, appid);
}

/* Fields a line each: none of them holds a control character. */
const char *oauth_visit_seal(const struct master_keys *keys, const char *component_appid, const char *appid,
	const struct oauth_visit *v, int64_t expires_ms, struct arena *arena)
{
	struct buf out = BUF_INIT(SIGNED_VALUE_MAX);
	const char *value;

	signed_value_make(keys, purpose(arena, component_appid, appid),
		arena_printf(arena, "%s\n%s\n%s\n%s", v->state, v->scope, v->return_url, v->site_state),
		expires_ms, &out);
	value = arena_strdup(arena, buf_cstr(&out));
	buf_release(&out);
	return value;
}

static int split(struct arena *arena, const struct buf *payload, struct oauth_visit *out)
{
	char *rest = arena_strdup(arena, buf_cstr(payload));
	const char *fields[N_FIELDS];

	for (size_t i = 0; i < N_FIELDS; i++) {
		char *end = strchr(rest, '\n');

		if (!end != (i + 1 == N_FIELDS))
			return -1;
		fields[i] = rest;
		if (end) {
			*end = '\0';
			rest = end + 1;
		}
	}
	*out = (struct oauth_visit){fields[0], fields[1], fields[2], fields[3]};
	return 0;
}

int oauth_visit_open(const struct master_keys *keys, const char *component_appid, const char *appid,
	const char *value, int64_t now_ms, struct arena *arena, struct oauth_visit *out)
{
	struct buf payload = BUF_INIT(SIGNED_VALUE_PAYLOAD_MAX);
	int rc = -1;

	if (signed_value_open(keys, purpose(arena, component_appid, appid), value, now_ms, &payload) ==
		SIGNED_VALUE_OK)
		rc = split(arena, &payload, out);
	buf_release(&payload);
	return rc;
}

/* --- the headers -------------------------------------------------------------------------------------------
 */

const char *oauth_cookie_set(struct arena *arena, const char *suffix, const char *value, int64_t life_s)
{
	return arena_printf(arena, "%s%.*s=%s; Max-Age=%" PRId64 "; " ATTRIBUTES, OAUTH_COOKIE_PREFIX,
		OAUTH_COOKIE_SUFFIX_LEN, suffix, value, life_s);
}

const char *oauth_cookie_drop(struct arena *arena, const char *suffix)
{
	return oauth_cookie_set(arena, suffix, "", 0);
}

/* The next "name=value" of a header Cookie, blanks around it left out; false at the end. */
static bool next_pair(const char **header, struct str *name_out, struct str *value_out)
{
	while (*header && **header) {
		size_t len = strcspn(*header, ";");
		struct str pair = str_trim((struct str){*header, len});
		const char *equals = pair.len > 0 ? memchr(pair.p, '=', pair.len) : NULL;

		*header += len + ((*header)[len] == ';');
		if (!equals)
			continue;
		*name_out = (struct str){pair.p, (size_t)(equals - pair.p)};
		*value_out = (struct str){equals + 1, (size_t)(pair.p + pair.len - equals - 1)};
		return true;
	}
	return false;
}

/* The suffix of a cookie of ours, as it may stand in Set-Cookie again; NULL: it is not one. */
static const char *suffix_of(struct str name)
{
	if (name.len != NAME_LEN || memcmp(name.p, OAUTH_COOKIE_PREFIX, PREFIX_LEN) != 0 ||
		strspn(name.p + PREFIX_LEN, "0123456789abcdef") < OAUTH_COOKIE_SUFFIX_LEN)
		return NULL;
	return name.p + PREFIX_LEN;
}

const char *oauth_cookie_find(struct arena *arena, const char *header, const char *state)
{
	struct str name, value;

	while (next_pair(&header, &name, &value)) {
		const char *suffix = suffix_of(name);

		if (suffix && strncmp(suffix, state, OAUTH_COOKIE_SUFFIX_LEN) == 0)
			return arena_strndup(arena, value.p, value.len);
	}
	return NULL;
}

size_t oauth_cookie_surplus(struct arena *arena, const char *header, const char *out[OAUTH_COOKIES_MAX])
{
	struct str name, value;
	const char *rest = header;
	size_t n = 0, found = 0;

	while (next_pair(&rest, &name, &value))
		found += suffix_of(name) != NULL;
	while (found >= OAUTH_COOKIES_MAX && n < OAUTH_COOKIES_MAX && next_pair(&header, &name, &value)) {
		const char *suffix = suffix_of(name);

		if (!suffix)
			continue;
		out[n++] = arena_strndup(arena, suffix, OAUTH_COOKIE_SUFFIX_LEN);
		found--;
	}
	return n;
}
