#ifndef SERVICES_TOKEN_SERVICE_EVENTS_EVENT_OPEN_H
#define SERVICES_TOKEN_SERVICE_EVENTS_EVENT_OPEN_H

#include "common/json/json.h"
#include "proto/keyfiles.h"

/* From a sealed platform event to its fields; bytes in, struct out. ERR_REJECT; code is one of these. */
enum event_fault { EVENT_BAD_SEAL = 1, EVENT_MALFORMED };

/* `event_id` is what it was sealed with. The fields hold credentials: the tree is the caller's, short-lived.
 */
int event_open(const struct event_private_keys *keys, const char *component_appid, const char *event_id,
	const void *sealed, size_t len, struct json **fields_out, struct err *err);
/* What follows the seal: an object with an InfoType, and with this AppId if it has one. */
int event_parse(
	const void *json, size_t len, const char *component_appid, struct json **fields_out, struct err *err);

/* A field under the first of these names that is there and a string; "" otherwise. */
const char *event_field(const struct json *fields, const char *name, const char *other_name);
int64_t event_create_time_s(const struct json *fields); /* 0: absent */

#endif
