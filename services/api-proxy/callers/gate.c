#include "services/api-proxy/callers/gate.h"

#include "common/base/alloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/base/banned.h"

struct name {
	char *text;
	size_t inside; /* never 0 */
	UT_hash_handle hh;
};

struct gate {
	pthread_mutex_t lock;
	struct name *names;
};

struct gate *gate_new(void)
{
	struct gate *g = xcalloc(1, sizeof(*g));

	pthread_mutex_init(&g->lock, NULL);
	return g;
}

void gate_free(struct gate **gp)
{
	struct gate *g = *gp;

	*gp = NULL;
	if (!g)
		return;
	assert(!g->names);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static struct name *name_new(struct gate *g, const char *text)
{
	struct name *n = xcalloc(1, sizeof(*n));

	n->text = xstrdup(text);
	HASH_ADD_KEYPTR(hh, g->names, n->text, strlen(n->text), n);
	return n;
}

bool gate_enter(struct gate *g, const char *text, size_t most)
{
	struct name *n;
	bool open;

	pthread_mutex_lock(&g->lock);
	HASH_FIND_STR(g->names, text, n);
	open = most > 0 && (!n || n->inside < most);
	if (open && !n)
		n = name_new(g, text);
	if (open)
		n->inside++;
	pthread_mutex_unlock(&g->lock);
	return open;
}

void gate_leave(struct gate *g, const char *text)
{
	struct name *n;

	pthread_mutex_lock(&g->lock);
	HASH_FIND_STR(g->names, text, n);
	assert(n);
	if (--n->inside == 0) {
		HASH_DELETE(hh, g->names, n);
		free(n->text);
		free(n);
	}
	pthread_mutex_unlock(&g->lock);
}
