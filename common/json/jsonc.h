#ifndef COMMON_JSON_JSONC_H
#define COMMON_JSON_JSONC_H

/* json-c for this folder. It has a type of the name of one of our functions, which is renamed here. */
#define json_bool jsonc_bool
#include <json-c/json.h>
#undef json_bool

#endif
