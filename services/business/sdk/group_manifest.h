#ifndef SERVICES_BUSINESS_SDK_GROUP_MANIFEST_H
#define SERVICES_BUSINESS_SDK_GROUP_MANIFEST_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the SDK takes from the business's manifest.json, the file that `wxbus migrate` makes the topics from,
 * so that both speak of the same ones: {"group":"shop","delays":["5s","1m","10m","1h"],"topics":[...]}. A
 * delay is a number of s, m, h or d. */
#define DELAYS_MAX 8

struct retry_delay {
	char name[8]; /* as in the topic's name */
	int64_t ms;
};

struct group_manifest {
	struct retry_delay delays[DELAYS_MAX]; /* rising */
	size_t n_delays;
	bool has_results, has_replay;
	bool once; /* all its routes are BUSINESS_ONCE */
};

/* ERR_REJECT: malformed, another group, no dead letters, delays that do not rise. */
int group_manifest_parse(const char *json, const char *group, struct group_manifest *out, struct err *err);

#endif
