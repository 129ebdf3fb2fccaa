#ifndef WEIXIN_SIM_WORLD_OFFICE_H
#define WEIXIN_SIM_WORLD_OFFICE_H

#include "common/json/json.h"
#include "tools/weixin-sim/world/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

/* Weixin's back office: options of accounts, open-platform accounts, registrations of mini programs under
 * way. The caller locks (struct state). */

/* A small text under a name: an option's value, the open-platform account that an account is bound to. */
struct office_text {
	char name[3 * NAME_MAX_LEN];
	char value[NAME_MAX_LEN];
	UT_hash_handle hh;
};

enum registration_kind { REGISTRATION_ENTERPRISE, REGISTRATION_PERSONAL, REGISTRATION_TRIAL };
struct registration {
	enum registration_kind kind;
	char component_appid[NAME_MAX_LEN];
	char id[NAME_MAX_LEN]; /* taskid or unique_id */
	struct json *fields;   /* as they were sent */
	bool ended;
	struct registration *next;
};

struct office {
	struct office_text *texts;
	struct registration *registrations; /* the newest first */
};

void office_release(struct office *o);

/* "" if there is none. */
const char *office_get(const struct office *o, const char *name);
void office_set(struct office *o, const char *name, const char *value); /* "": forgets it */
/* Whether anybody has this value under a name that begins so. */
bool office_has_value(const struct office *o, const char *beginning, const char *value);

/* Takes `fields` over. */
struct registration *office_register(struct office *o, enum registration_kind kind,
	const char *component_appid, const char *id, struct json *fields);
/* The newest with this field, and the oldest that has not ended; NULL: none. */
struct registration *office_find(const struct office *o, enum registration_kind kind,
	const char *component_appid, const char *field, const char *value);
struct registration *office_oldest(
	const struct office *o, enum registration_kind kind, const char *component_appid);

#endif
