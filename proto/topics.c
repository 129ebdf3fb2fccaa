#include "proto/topics.h"

#include "common/base/str.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define TOPIC(symbol, name, key, kept, writers, readers) [symbol] = {name, key, kept, writers, readers},
const struct topic_row topic_table[N_TOPICS] = {TOPIC_TABLE(TOPIC)};
const struct topic_row group_topic_table[N_GROUP_TOPICS] = {GROUP_TOPIC_TABLE(TOPIC)};
#undef TOPIC

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* What Kafka allows in a topic's name. */
static bool is_topic_char(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}

int group_name_ok(const char *group)
{
	size_t len = strlen(group), i;

	if (len == 0 || len > GROUP_NAME_MAX || !is_lower_or_digit(group[0]) ||
		!is_lower_or_digit(group[len - 1]))
		return 0;
	for (i = 0; i < len; i++)
		if (!is_lower_or_digit(group[i]) && group[i] != '-' && group[i] != '.')
			return 0;
	return 1;
}

/* `out` is written only when all is right. */
static int join(const char *prefix, const char *group, const char *name, char *out, struct err *err)
{
	char topic[TOPIC_NAME_MAX + 1];
	const char *p;
	int n;

	for (p = prefix; *p; p++)
		if (!is_topic_char(*p))
			return err_set(err, ERR_REJECT, 0,
				"a topic prefix holds letters, digits, '.', '_' and '-' only, as in \"wx.\"");
	n = snprintf(topic, sizeof(topic), "%s%s%s%s", prefix, group, *group ? "." : "", name);
	if (n < 0 || n > TOPIC_NAME_MAX)
		return err_set(err, ERR_REJECT, 0, "a topic's name has at most %d bytes", TOPIC_NAME_MAX);
	memcpy(out, topic, (size_t)n + 1);
	return 0;
}

int topic_name(enum topic topic, const char *prefix, char *out, struct err *err)
{
	return join(prefix, "", topic_table[topic].name, out, err);
}

static bool retry_delay_ok(const char *what)
{
	const char *delay = what + sizeof("retry.") - 1;

	if (!str_starts_with(what, "retry.") || !*delay)
		return false;
	while (is_lower_or_digit(*delay))
		delay++;
	return !*delay;
}

static bool group_topic_ok(const char *what)
{
	int i;

	if (retry_delay_ok(what))
		return true;
	for (i = GROUP_TOPIC_RETRY + 1; i < N_GROUP_TOPICS; i++)
		if (strcmp(what, group_topic_table[i].name) == 0)
			return true;
	return false;
}

int topic_of_group(const char *group, const char *what, const char *prefix, char *out, struct err *err)
{
	if (!group_name_ok(group))
		return err_set(err, ERR_REJECT, 0,
			"a group is 1 to %d of a-z, 0-9, '-' and '.', as in \"auto-reply\"", GROUP_NAME_MAX);
	if (!group_topic_ok(what))
		return err_set(err, ERR_REJECT, 0, "a group has no topic of that kind");
	return join(prefix, group, what, out, err);
}
