#include "services/token-service/events/notice.h"

#include "common/base/alloc.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define NAME_MAX_BYTES 64

/* In a member's name, lower case and without '_'. A name too long to look at is taken for one of these. */
static const char *const credentials[] = {"ticket", "token", "secret", "password", "authcode",
	"authorizationcode", "preauthcode", "sessionkey", "aeskey"};

static bool names_a_credential(const char *name)
{
	char plain[NAME_MAX_BYTES + 1];
	size_t n = 0;

	for (; *name; name++) {
		if (*name == '_' || *name == '-')
			continue;
		if (n == NAME_MAX_BYTES)
			return true;
		plain[n++] = (char)tolower((unsigned char)*name);
	}
	plain[n] = '\0';
	for (size_t i = 0; i < sizeof(credentials) / sizeof(credentials[0]); i++) {
		if (strstr(plain, credentials[i]))
			return true;
	}
	return false;
}

static bool strip_one_member(struct json *object)
{
	const struct json *value;
	const char *name;
	size_t it = 0;

	while (json_next(object, &it, &name, &value)) {
		if (names_a_credential(name)) {
			char *gone = xstrdup(name);

			json_del(object, gone);
			free(gone);
			return true;
		}
	}
	return false;
}

void notice_strip(struct json *fields)
{
	const struct json *value;
	const char *name;
	size_t it = 0;

	if (json_kind(fields) == JSON_ARRAY) {
		for (size_t i = 0; i < json_len(fields); i++)
			notice_strip((struct json *)(uintptr_t)json_at(fields, i));
		return;
	}
	if (json_kind(fields) != JSON_OBJECT)
		return;
	while (strip_one_member(fields))
		;
	while (json_next(fields, &it, &name, &value))
		notice_strip(json_get_mutable(fields, name));
}

static struct json *ids_array(const int64_t *ids, size_t n)
{
	struct json *array = json_new_array();

	for (size_t i = 0; i < n; i++)
		json_push(array, json_new_int(ids[i]));
	return array;
}

void notice_write(struct json *fields, const struct func_difference *difference, struct buf *out)
{
	notice_strip(fields);
	if (difference) {
		json_set(fields, "added", ids_array(difference->added, difference->n_added));
		json_set(fields, "removed", ids_array(difference->removed, difference->n_removed));
	}
	json_write(fields, out);
}
