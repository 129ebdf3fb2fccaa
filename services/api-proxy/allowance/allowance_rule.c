#include "services/api-proxy/allowance/allowance_rule.h"

#include "common/base/str.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define MESSAGES  "weixin.message."
#define MINUTE_MS INT64_C(60000)

static const struct allowance_rule message = {true, 5, ALLOWANCE_LONGEST_MS};

/* VIEW and the other kinds of menu entries open nothing; payment neither, its sources conflict. */
static const struct {
	const char *type;
	struct allowance_rule rule;
} actions[] = {
	{"weixin.event.subscribe", {false, 3, MINUTE_MS}}, {"weixin.event.scan", {false, 3, MINUTE_MS}},
	{"weixin.event.click", {false, 3, MINUTE_MS}}, {"weixin.event.scancode_push", {false, 3, MINUTE_MS}},
	{"weixin.event.scancode_waitmsg", {false, 3, MINUTE_MS}},
	{"weixin.event.user_enter_tempsession", {false, 2, MINUTE_MS}}, /* mini programs */
};

const struct allowance_rule *allowance_rule_of(const char *ce_type)
{
	size_t i;

	if (str_starts_with(ce_type, MESSAGES))
		return &message;
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(ce_type, actions[i].type) == 0)
			return &actions[i].rule;
	return NULL;
}

/* As Weixin might read it: without regard to case and to slashes at the end. */
static bool same_path(const char *path, const char *expected)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len == strlen(expected) && strncasecmp(path, expected, len) == 0;
}

bool allowance_applies(const char *method, const char *path)
{
	return strcmp(method, "POST") == 0 &&
	       (same_path(path, "/cgi-bin/message/custom/send") ||
		       same_path(path, "/cgi-bin/message/custom/business/send"));
}

int allowance_reserve_of(const char *priority)
{
	if (!priority || !*priority || strcmp(priority, "service") == 0 || strcmp(priority, "agent") == 0)
		return 0;
	return strcmp(priority, "marketing") == 0 ? ALLOWANCE_RESERVED : -1;
}
