#include "tools/wxbus/migrate/manifest.h"

#include "common/base/alloc.h"
#include "common/base/conf.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define MANIFEST_MAX ((size_t)64 * 1024)

static const struct json_limits limits = {.max_bytes = MANIFEST_MAX, .max_depth = 4};

static int add_what(struct manifest *m, const char *prefix, const char *word, struct err *err)
{
	char *slot = m->what[m->n_what];
	char whole[TOPIC_NAME_MAX + 1];

	if (m->n_what == MANIFEST_ITEMS_MAX)
		return err_set(err, ERR_REJECT, 0, "more than %d topics of a group", MANIFEST_ITEMS_MAX);
	if (!word || snprintf(slot, sizeof(m->what[0]), "%s%s", prefix, word) >= (int)sizeof(m->what[0]) ||
		topic_of_group(m->group, slot, "", whole, err) < 0)
		return err_set(err, ERR_REJECT, 0,
			"topics and delays are short words, as in \"dead-letter\", \"10s\"");
	m->n_what++;
	return 0;
}

static int add_list(struct manifest *m, const struct json *list, const char *prefix, struct err *err)
{
	int rc = 0;

	if (json_kind(list) != JSON_ARRAY && json_kind(list) != JSON_ABSENT)
		return err_set(err, ERR_REJECT, 0, "topics and delays are lists");
	for (size_t i = 0; rc == 0 && i < json_len(list); i++)
		rc = add_what(m, prefix, json_str(json_at(list, i)), err);
	return rc;
}

int manifest_parse(const char *json, size_t len, struct manifest *out, struct err *err)
{
	struct manifest m = {.n_what = 0};
	struct json *root = NULL;
	const char *group;
	int rc;

	if ((rc = json_parse(json, len, &limits, &root, err)) < 0)
		return rc;
	group = json_get_str(root, "group");
	if (!group || !group_name_ok(group) || str_copy(m.group, sizeof(m.group), group) < 0)
		rc = err_set(err, ERR_REJECT, 0, "no \"group\" like \"shop\"");
	m.once = json_get_bool(root, "once", false);
	if (rc == 0)
		rc = add_list(&m, json_get(root, "topics"), "", err);
	if (rc == 0)
		rc = add_list(&m, json_get(root, "delays"), "retry.", err);
	json_free(&root);
	if (rc == 0)
		*out = m;
	return rc;
}

static bool holds_sql(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool found = false;
	size_t len;

	while (dir && !found && (entry = readdir(dir)) != NULL) {
		len = strlen(entry->d_name);
		found = len > 4 && strcmp(entry->d_name + len - 4, ".sql") == 0;
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

static void name_schema(struct manifest *m)
{
	(void)str_copy(m->schema, sizeof(m->schema), m->service);
	for (char *c = m->schema; *c; c++) {
		if (*c == '-' || *c == '.')
			*c = '_';
	}
	(void)snprintf(m->role, sizeof(m->role), "wxbus_%s", m->schema);
	m->has_schema = holds_sql(m->folder);
}

static void find_sdk(struct manifest *m)
{
	m->sdk_folder = xasprintf("%s/sdk", m->folder);
	if (!holds_sql(m->sdk_folder)) {
		free(m->sdk_folder);
		m->sdk_folder = NULL;
	}
}

/* 1: the folder holds no manifest. */
static int read_one(const char *root, const char *service, struct manifest *out, struct err *err)
{
	char *path = xasprintf("%s/%s/manifest.json", root, service);
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (access(path, F_OK) != 0) {
		free(path);
		return 1;
	}
	rc = conf_read_file(path, MANIFEST_MAX, &text, &len, err);
	if (rc == 0)
		rc = manifest_parse(text, len, out, err);
	if (rc == 0 && str_copy(out->service, sizeof(out->service), service) < 0)
		rc = err_set(err, ERR_REJECT, 0, "the folder's name is too long");
	if (rc == 0) {
		out->folder = xasprintf("%s/%s", root, service);
		find_sdk(out);
		name_schema(out);
	} else {
		err_prefix(err, "%s", path);
	}
	free(text);
	free(path);
	return rc;
}

static int by_service(const void *a, const void *b)
{
	return strcmp(((const struct manifest *)a)->service, ((const struct manifest *)b)->service);
}

static int read_all(const char *root, DIR *dir, struct manifests *m, struct err *err)
{
	struct dirent *entry;
	struct manifest one;
	int rc;

	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		rc = read_one(root, entry->d_name, &one, err);
		if (rc < 0)
			return rc;
		if (rc == 0) {
			m->list = xrealloc(m->list, (m->n + 1) * sizeof(*m->list));
			m->list[m->n++] = one;
		}
	}
	return 0;
}

int manifests_read(const char *root, struct manifests *out, struct err *err)
{
	struct manifests m = {NULL, 0};
	DIR *dir = opendir(root);
	int rc;

	if (!dir)
		return err_set(err, ERR_REJECT, errno, "%s: %s", root, strerror(errno));
	rc = read_all(root, dir, &m, err);
	(void)closedir(dir);
	if (rc == 0 && m.n == 0)
		rc = err_set(err, ERR_REJECT, 0, "%s holds no service's manifest.json", root);
	if (rc < 0) {
		manifests_release(&m);
		return rc;
	}
	qsort(m.list, m.n, sizeof(*m.list), by_service);
	*out = m;
	return 0;
}

void manifests_release(struct manifests *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->list[i].folder);
		free(m->list[i].sdk_folder);
	}
	free(m->list);
	*m = (struct manifests){NULL, 0};
}

char *manifests_default_root(const char *program)
{
	const char *slash = strrchr(program, '/');
	int folder = slash ? (int)(slash - program) : 1;

	return xasprintf("%.*s/../share/wxbus/migrations", folder, slash ? program : ".");
}

static char *own_path(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	return xstrndup(path, n > 0 ? (size_t)n : 0);
}

int manifests_installed(const char *root, struct manifests *out, struct err *err)
{
	char *program = own_path();
	char *folder = root ? xstrdup(root) : manifests_default_root(program);
	int rc = manifests_read(folder, out, err);

	free(folder);
	free(program);
	return rc;
}
