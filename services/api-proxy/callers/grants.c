#include "services/api-proxy/callers/grants.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "proto/platforms.h"
#include "proto/topics.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define PATH_PATTERN_MAX 512
#define RESULTS_SUFFIX   ".results"
#define TEST_SUFFIX      ".test"

static bool account_pattern_ok(const char *s)
{
	return strcmp(s, "*") == 0 || appid_ok(s, strlen(s));
}

static bool path_pattern_ok(const char *s)
{
	size_t len = strlen(s), i;

	if (strcmp(s, "*") == 0)
		return true;
	if (s[0] != '/' || len > PATH_PATTERN_MAX)
		return false;
	for (i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~' || (s[i] == '*' && i + 1 < len))
			return false;
	return true;
}

static bool group_pattern_ok(const char *s)
{
	return group_name_ok(s);
}

static int read_list(struct grant_list *out, const struct json *array, const char *what,
	bool (*ok)(const char *), struct err *err)
{
	size_t i, n = json_len(array);

	if (json_kind(array) == JSON_ABSENT)
		return 0;
	if (json_kind(array) != JSON_ARRAY || n > GRANTS_MAX)
		return err_set(
			err, ERR_REJECT, 0, "%s: an array of at most %d strings is needed", what, GRANTS_MAX);
	out->list = xcalloc(n + 1, sizeof(*out->list));
	for (i = 0; i < n; i++) {
		const char *s = json_str(json_at(array, i));

		if (!s || !ok(s))
			return err_set(
				err, ERR_REJECT, 0, "%s: element %zu is no valid pattern", what, i + 1);
		out->list[out->n++] = xstrdup(s);
	}
	return 0;
}

int grants_init(struct grants *g, const struct json *accounts, const struct json *paths,
	const struct json *groups, struct err *err)
{
	*g = (struct grants){.accounts = {NULL, 0}};
	if (read_list(&g->accounts, accounts, "accounts", account_pattern_ok, err) == 0 &&
		read_list(&g->paths, paths, "paths", path_pattern_ok, err) == 0 &&
		read_list(&g->groups, groups, "groups", group_pattern_ok, err) == 0)
		return 0;
	grants_release(g);
	return -1;
}

static void list_release(struct grant_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free(l->list[i]);
	free(l->list);
	*l = (struct grant_list){NULL, 0};
}

void grants_release(struct grants *g)
{
	list_release(&g->accounts);
	list_release(&g->paths);
	list_release(&g->groups);
}

bool grants_account(const struct grants *g, const char *appid)
{
	size_t i;

	for (i = 0; i < g->accounts.n; i++)
		if (strcmp(g->accounts.list[i], "*") == 0 || strcmp(g->accounts.list[i], appid) == 0)
			return true;
	return false;
}

static bool path_matches(const char *pattern, const char *path)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, path, len - 1) == 0;
	return strcmp(pattern, path) == 0;
}

bool grants_path(const struct grants *g, const char *path)
{
	size_t i;

	for (i = 0; i < g->paths.n; i++)
		if (path_matches(g->paths.list[i], path))
			return true;
	return false;
}

static bool is_group(const char *granted, const char *name, size_t len)
{
	size_t granted_len = strlen(granted), test_len = strlen(TEST_SUFFIX);

	if (len == granted_len && memcmp(name, granted, len) == 0)
		return true;
	return len == granted_len + test_len && memcmp(name, granted, granted_len) == 0 &&
	       memcmp(name + granted_len, TEST_SUFFIX, test_len) == 0;
}

bool grants_reply_topic(const struct grants *g, const char *topic)
{
	size_t i, len = strlen(topic), suffix = strlen(RESULTS_SUFFIX);

	if (strcmp(topic, topic_table[TOPIC_API_RESULTS].name) == 0)
		return true;
	if (len <= suffix || strcmp(topic + len - suffix, RESULTS_SUFFIX) != 0)
		return false;
	for (i = 0; i < g->groups.n; i++)
		if (is_group(g->groups.list[i], topic, len - suffix))
			return true;
	return false;
}
