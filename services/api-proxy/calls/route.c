#include "services/api-proxy/calls/route.h"

#include "common/base/str.h"
#include "proto/api_call.h"
#include "services/api-proxy/calls/api_table.h"

#include <string.h>

#include "common/base/banned.h"

#define PATH_MAX_BYTES 512
#define ACCOUNTS       "/accounts/"
#define PLATFORMS      "/platforms/"

enum refusal route_parse(const char *request_path, struct route *out)
{
	struct route r = {.path = NULL};
	const char *rest, *slash;

	if (str_starts_with(request_path, PLATFORMS)) {
		r.path = request_path + strlen(PLATFORMS) - 1;
	} else if (str_starts_with(request_path, ACCOUNTS)) {
		rest = request_path + strlen(ACCOUNTS);
		slash = strchr(rest, '/');
		if (!slash || !appid_ok(rest, (size_t)(slash - rest)) ||
			str_ncopy(r.appid, sizeof(r.appid), rest, (size_t)(slash - rest)) < 0)
			return REFUSAL_NOT_FOUND;
		r.path = slash;
	} else {
		return REFUSAL_NOT_FOUND;
	}
	*out = r;
	return route_judge_path(r.path);
}

static bool plain_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("/._-", c));
}

/* As Weixin might read it: without regard to case and to slashes at the end. */
static void fold(const char *path, char *out, size_t size)
{
	size_t len;

	if (str_copy(out, size, path) < 0)
		return;
	str_lower_ascii(out);
	for (len = strlen(out); len > 1 && out[len - 1] == '/'; len--)
		out[len - 1] = '\0';
}

enum refusal route_judge_path(const char *path)
{
	char folded[PATH_MAX_BYTES + 1];
	const char *p;

	if (path[0] != '/' || path[1] == '\0' || strlen(path) > PATH_MAX_BYTES)
		return REFUSAL_BAD_PATH;
	for (p = path; *p; p++)
		if (!plain_byte(*p))
			return REFUSAL_BAD_PATH;
	if (httpc_path_check(path, strlen(path), NULL) != 0)
		return REFUSAL_BAD_PATH;
	fold(path, folded, sizeof(folded));
	return api_path_is_credential(folded) ? REFUSAL_CREDENTIAL : REFUSAL_NONE;
}

bool route_is_http_only(const char *path)
{
	char folded[PATH_MAX_BYTES + 1];
	const struct api_row *row;

	fold(path, folded, sizeof(folded));
	row = api_find_path(folded);
	return api_is(row, API_SECRET) || (row && row->body == API_BODY_FILE);
}

bool route_is_token(const char *name)
{
	char plain[64];
	size_t n = 0;

	for (; *name && n + 1 < sizeof(plain); name++)
		if (*name != ' ') /* padded with blanks it is still that name to a careless reader */
			plain[n++] = *name;
	plain[n] = '\0';
	str_lower_ascii(plain);
	return !*name && (strcmp(plain, "access_token") == 0 || strcmp(plain, "component_access_token") == 0);
}

enum refusal route_read_query(const char *query, struct arena *arena, struct httpc_pair *pairs, size_t *n_out,
	const char **token_out)
{
	struct query parsed = {.n = 0};
	size_t i, n = 0;

	if (query && query_parse(query, strlen(query), arena, &parsed) != QUERY_OK)
		return REFUSAL_BAD_REQUEST;
	for (i = 0; i < parsed.n; i++)
		if (!route_is_token(parsed.params[i].name))
			pairs[n++] = (struct httpc_pair){parsed.params[i].name, parsed.params[i].value};
	*n_out = n;
	if (token_out)
		*token_out = query_get(&parsed, "access_token");
	return REFUSAL_NONE;
}

const char *route_token_parameter(const char *path, bool platform)
{
	static const char *const prefixes[] = {
		"/cgi-bin/component/", "/sns/component/", "/sns/oauth2/component/"};
	size_t i;

	for (i = 0; platform && i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (str_starts_with(path, prefixes[i]))
			return "component_access_token";
	return "access_token";
}
