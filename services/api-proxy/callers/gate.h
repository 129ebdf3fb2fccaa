#ifndef API_PROXY_CALLERS_GATE_H
#define API_PROXY_CALLERS_GATE_H

#include <stdbool.h>
#include <stddef.h>

/* How many are inside by name, so that one account whose calls stall, or one caller, cannot hold every
 * thread. Any thread. */
struct gate;

struct gate *gate_new(void);
void gate_free(struct gate **g);

/* False: `most` of this name are inside, and nothing changed. */
bool gate_enter(struct gate *g, const char *name, size_t most);
void gate_leave(struct gate *g, const char *name);

#endif
