#include "tools/weixin-sim/faults.h"

#include "common/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define DELAY_MAX_MS 600000

void faults_init(struct faults *f)
{
	f->first = NULL;
	pthread_mutex_init(&f->lock, NULL);
}

static void fault_free(struct fault **fp)
{
	struct fault *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	free(f->path);
	free(f->body);
	free(f);
}

void faults_clear(struct faults *f)
{
	pthread_mutex_lock(&f->lock);
	while (f->first) {
		struct fault *gone = f->first;

		f->first = gone->next;
		fault_free(&gone);
	}
	pthread_mutex_unlock(&f->lock);
}

void faults_release(struct faults *f)
{
	faults_clear(f);
	pthread_mutex_destroy(&f->lock);
}

bool fault_answers(const struct fault *f)
{
	return f->errcode || f->http_status || f->body;
}

/* A whole number within [min, max], or the fallback if it is not there. */
static int number(const struct json *j, const char *name, int64_t fallback, int64_t min, int64_t max,
	int64_t *out, struct err *err)
{
	*out = fallback;
	if (!json_get(j, name))
		return 0;
	if (json_get_int(j, name, out) < 0 || *out < min || *out > max)
		return err_set(err, ERR_REJECT, 0, "%s is no number in its range", name);
	return 0;
}

static int read_fault(struct fault *f, const struct json *wanted, struct err *err)
{
	const char *path = json_get_str(wanted, "path"), *when = json_get_str(wanted, "when");
	int64_t errcode, http_status;

	if (!path || (path[0] != '/' && strcmp(path, "*") != 0))
		return err_set(err, ERR_REJECT, 0, "path is missing or begins without /");
	if (number(wanted, "errcode", 0, INT32_MIN, INT32_MAX, &errcode, err) < 0 ||
		number(wanted, "http_status", 0, 200, 599, &http_status, err) < 0 ||
		number(wanted, "delay_ms", 0, 0, DELAY_MAX_MS, &f->delay_ms, err) < 0 ||
		number(wanted, "count", 1, 1, INT32_MAX, &f->count, err) < 0)
		return -1;
	if (json_get(wanted, "when") &&
		(!when || (strcmp(when, "before") != 0 && strcmp(when, "after") != 0)))
		return err_set(err, ERR_REJECT, 0, "when is neither before nor after");
	f->errcode = (int)errcode;
	f->http_status = (int)http_status;
	f->after = when && strcmp(when, "after") == 0;
	f->path = xstrdup(path);
	if (json_get_str(wanted, "body"))
		f->body = xstrdup(json_get_str(wanted, "body"));
	if (!fault_answers(f) && !f->delay_ms)
		return err_set(err, ERR_REJECT, 0, "none of errcode, http_status, body and delay_ms");
	return 0;
}

int faults_add(struct faults *f, const struct json *wanted, struct err *err)
{
	struct fault *fault = xcalloc(1, sizeof(*fault)), **end;

	if (read_fault(fault, wanted, err) < 0) {
		fault_free(&fault);
		return -1;
	}
	pthread_mutex_lock(&f->lock);
	for (end = &f->first; *end; end = &(*end)->next)
		continue;
	*end = fault;
	pthread_mutex_unlock(&f->lock);
	return 0;
}

bool faults_take(struct faults *f, const char *path, struct fault *out)
{
	struct fault **at, *found;
	bool taken;

	pthread_mutex_lock(&f->lock);
	for (at = &f->first; *at; at = &(*at)->next)
		if (strcmp((*at)->path, "*") == 0 || strcmp((*at)->path, path) == 0)
			break;
	found = *at;
	taken = found != NULL;
	if (taken) {
		*out = *found;
		out->path = NULL;
		out->body = found->body ? xstrdup(found->body) : NULL;
		if (--found->count == 0) {
			*at = found->next;
			fault_free(&found);
		}
	}
	pthread_mutex_unlock(&f->lock);
	return taken;
}
