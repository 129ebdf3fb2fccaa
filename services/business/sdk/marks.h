#ifndef SERVICES_BUSINESS_SDK_MARKS_H
#define SERVICES_BUSINESS_SDK_MARKS_H

#include "proto/erasure.h"

#include <stdbool.h>
#include <stdint.h>

/* The fans that are to be forgotten, and from before when: their older events are settled unhandled. In
 * memory; filled from `platform-notices` and, where the business has a database, from its table. A mark is
 * kept ERASURE_KEPT_DAYS from when it was noted. Any thread. */
struct marks;

struct marks *marks_new(void);
void marks_free(struct marks **m);

void marks_note(struct marks *m, const char *appid, const char *openid, int64_t before_ms, int64_t noted_ms);
bool marks_cover(struct marks *m, const char *appid, const char *openid, int64_t time_ms, int64_t now_ms);

#endif
