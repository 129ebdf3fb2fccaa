#ifndef API_PROXY_CALLERS_CALLER_MEMORY_H
#define API_PROXY_CALLERS_CALLER_MEMORY_H

#include "services/api-proxy/callers/callers.h"

/* What the database said of callers, by names of our own making: it is not asked at each call, and what
 * strangers do bounds neither how often those are found who are callers, nor how often it is asked. A caller
 * once found is asked for again when its time is over, whatever strangers do; for any other name the database
 * is asked only so often, for each origin and for all. For one name it is asked once, however many come with
 * it at the same time. Any thread. */
struct caller_memory;

#define CALLER_MEMORY_NONE_MS  1000 /* "no such caller" is forgotten sooner: it may have been added since */
#define CALLER_MEMORY_MAX      4096 /* of callers; as many of names that are nobody's */
#define STRANGERS_PER_S        200  /* look-ups that find nobody ... */
#define STRANGERS_OF_ONE_PER_S 20   /* ... and those of one origin */

struct caller_memory *caller_memory_new(void);
void caller_memory_free(struct caller_memory **m);

/* MEMORY_KNOWN: *out is held, or NULL for "no such caller". MEMORY_ASK: this thread is to ask the database
 * and to tell caller_memory_learn() or caller_memory_fail(); who comes with the same name meanwhile waits for
 * that, at most until the deadline. MEMORY_FAILED: it was waited for and *err says why there is no answer.
 * MEMORY_BUSY: not at this moment; too many came that are nobody. `origin`: whence the name comes; NULL:
 * something else bounds how often that is. */
enum memory { MEMORY_KNOWN, MEMORY_ASK, MEMORY_FAILED, MEMORY_BUSY };
enum memory caller_memory_find(struct caller_memory *m, const char *name, const char *origin,
	int64_t deadline_mono_ms, struct caller **out, struct err *err);
/* After MEMORY_ASK. NULL: there is none. */
void caller_memory_learn(struct caller_memory *m, const char *name, struct caller *caller);
/* After MEMORY_ASK: the database could not be asked. That does not count. */
void caller_memory_fail(struct caller_memory *m, const char *name, const struct err *why);
/* Something was changed: all is to be asked for anew. What is being asked at this moment is an answer to
 * those who already wait for it, and to nobody after this. */
void caller_memory_expire(struct caller_memory *m);

#endif
