#include "services/ingress/platform_set.h"

#include "common/base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/banned.h"

struct platform_lease {
	struct platforms *platforms;
	int users; /* the set itself is one of them while this is the current reading */
};

struct platform_set {
	pthread_mutex_t lock;
	char *path;
	struct platform_lease *current;
};

static void lease_drop(struct platform_lease *l)
{
	if (--l->users > 0)
		return;
	platforms_free(&l->platforms);
	free(l);
}

int platform_set_reload(struct platform_set *s, struct err *err)
{
	struct platform_lease *fresh;
	struct platforms *platforms;
	int rc;

	if ((rc = platforms_read(s->path, false, &platforms, err)) < 0)
		return rc;
	fresh = xcalloc(1, sizeof(*fresh));
	fresh->platforms = platforms;
	fresh->users = 1;
	pthread_mutex_lock(&s->lock);
	if (s->current)
		lease_drop(s->current);
	s->current = fresh;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int platform_set_new(struct platform_set **out, const char *path, struct err *err)
{
	struct platform_set *s = xcalloc(1, sizeof(*s));
	int rc;

	pthread_mutex_init(&s->lock, NULL);
	s->path = xstrdup(path);
	if ((rc = platform_set_reload(s, err)) < 0) {
		platform_set_free(&s);
		return rc;
	}
	*out = s;
	return 0;
}

void platform_set_free(struct platform_set **sp)
{
	struct platform_set *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	if (s->current)
		lease_drop(s->current);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

struct platform_lease *platform_set_take(struct platform_set *s)
{
	struct platform_lease *l;

	pthread_mutex_lock(&s->lock);
	l = s->current;
	l->users++;
	pthread_mutex_unlock(&s->lock);
	return l;
}

const struct platforms *platform_lease_get(const struct platform_lease *l)
{
	return l->platforms;
}

void platform_set_give(struct platform_set *s, struct platform_lease **lp)
{
	struct platform_lease *l = *lp;

	*lp = NULL;
	if (!l)
		return;
	pthread_mutex_lock(&s->lock);
	lease_drop(l);
	pthread_mutex_unlock(&s->lock);
}
