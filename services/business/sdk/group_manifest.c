#include "services/business/sdk/group_manifest.h"

#include "common/base/str.h"
#include "common/json/json.h"

#include <string.h>

#include "common/base/banned.h"

#define MANIFEST_MAX_BYTES 65536
#define DELAY_MAX          (7 * 24 * 60 * 60) /* the topic keeps 7 days */

static int delay_parse(const char *word, struct retry_delay *out)
{
	static const struct {
		char letter;
		int64_t ms;
	} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
	size_t len = word ? strlen(word) : 0;
	int64_t n;

	if (len < 2 || str_to_int64(word, len - 1, 1, DELAY_MAX, &n) < 0 ||
		str_copy(out->name, sizeof(out->name), word) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (word[len - 1] == units[i].letter) {
			out->ms = n * units[i].ms;
			return 0;
		}
	}
	return -1;
}

static int take_delays(const struct json *list, struct group_manifest *m, struct err *err)
{
	if (json_len(list) > DELAYS_MAX)
		return err_set(err, ERR_REJECT, 0, "more than %d delays", DELAYS_MAX);
	for (size_t i = 0; i < json_len(list); i++, m->n_delays++) {
		if (delay_parse(json_str(json_at(list, i)), &m->delays[i]) < 0)
			return err_set(err, ERR_REJECT, 0,
				"a delay is a number of s, m, h or d, as in \"5s\", \"10m\"");
		if (i > 0 && m->delays[i].ms <= m->delays[i - 1].ms)
			return err_set(err, ERR_REJECT, 0, "each delay is longer than the one before");
	}
	return 0;
}

static bool names(const struct json *list, const char *word)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const char *s = json_str(json_at(list, i));

		if (s && strcmp(s, word) == 0)
			return true;
	}
	return false;
}

int group_manifest_parse(const char *text, const char *group, struct group_manifest *out, struct err *err)
{
	const struct json_limits limits = {.max_bytes = MANIFEST_MAX_BYTES, .max_depth = 4};
	struct group_manifest m = {.n_delays = 0};
	struct json *root = NULL;
	const struct json *topics;
	const char *s;
	int rc;

	if ((rc = json_parse(text, strlen(text), &limits, &root, err)) < 0)
		return err_prefix(err, "manifest.json");
	s = json_get_str(root, "group");
	topics = json_get(root, "topics");
	m.has_results = names(topics, "results");
	m.has_replay = names(topics, "replay");
	m.once = json_get_bool(root, "once", false);
	if (!s || strcmp(s, group) != 0)
		rc = err_set(err, ERR_REJECT, 0, "its group is not %s", group);
	else if (!names(topics, "dead-letter"))
		rc = err_set(err, ERR_REJECT, 0, "its topics lack dead-letter");
	else
		rc = take_delays(json_get(root, "delays"), &m, err);
	json_free(&root);
	if (rc < 0)
		return err_prefix(err, "manifest.json");
	*out = m;
	return 0;
}
