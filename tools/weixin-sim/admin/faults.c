#include "tools/weixin-sim/admin/faults.h"

#include "common/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define DELAY_MAX_MS   600000
#define DUPLICATES_MAX 20
#define RANDOM_START   UINT64_C(0x9e3779b97f4a7c15)

void faults_init(struct faults *f)
{
	f->first = NULL;
	f->random = RANDOM_START;
	pthread_mutex_init(&f->lock, NULL);
}

static void fault_free(struct fault **fp)
{
	struct fault *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	free(f->name);
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
	f->random = RANDOM_START;
	pthread_mutex_unlock(&f->lock);
}

void faults_release(struct faults *f)
{
	faults_clear(f);
	pthread_mutex_destroy(&f->lock);
}

bool fault_answers(const struct fault *f)
{
	return f->errcode || f->http_status || f->body || f->reset;
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

/* Whom it is for, and how often. */
static int read_scope(struct fault *f, const struct json *wanted, struct err *err)
{
	const char *path = json_get_str(wanted, "path"), *push = json_get_str(wanted, "push");
	int64_t percent;

	if (!path == !push)
		return err_set(err, ERR_REJECT, 0, "one of path and push is needed");
	if (path && path[0] != '/' && strcmp(path, "*") != 0)
		return err_set(err, ERR_REJECT, 0, "path begins without /");
	f->of = path ? FAULT_OF_CALL : FAULT_OF_PUSH;
	f->name = xstrdup(path ? path : push);
	if (number(wanted, "percent", FAULT_ALWAYS, 1, FAULT_ALWAYS, &percent, err) < 0)
		return -1;
	f->percent = (int)percent;
	/* A rate goes on until it is cleared. */
	return number(
		wanted, "count", json_get(wanted, "percent") ? FAULT_EVER : 1, 1, INT32_MAX, &f->count, err);
}

static int read_answer(struct fault *f, const struct json *wanted, struct err *err)
{
	const char *when = json_get_str(wanted, "when");
	int64_t errcode, http_status;

	if (number(wanted, "errcode", 0, INT32_MIN, INT32_MAX, &errcode, err) < 0 ||
		number(wanted, "http_status", 0, 200, 599, &http_status, err) < 0 ||
		number(wanted, "cut", FAULT_UNCUT, 0, INT32_MAX, &f->cut, err) < 0 ||
		number(wanted, "stall_ms", 0, 0, DELAY_MAX_MS, &f->stall_ms, err) < 0)
		return -1;
	if (json_get(wanted, "when") &&
		(!when || (strcmp(when, "before") != 0 && strcmp(when, "after") != 0)))
		return err_set(err, ERR_REJECT, 0, "when is neither before nor after");
	f->errcode = (int)errcode;
	f->http_status = (int)http_status;
	f->reset = json_get_bool(wanted, "reset", false);
	f->after = when && strcmp(when, "after") == 0;
	if (json_get_str(wanted, "body"))
		f->body = xstrdup(json_get_str(wanted, "body"));
	return 0;
}

static int read_fault(struct fault *f, const struct json *wanted, struct err *err)
{
	int64_t duplicates;

	if (read_scope(f, wanted, err) < 0 || read_answer(f, wanted, err) < 0 ||
		number(wanted, "delay_ms", 0, 0, DELAY_MAX_MS, &f->delay_ms, err) < 0 ||
		number(wanted, "jitter_ms", 0, 0, DELAY_MAX_MS, &f->jitter_ms, err) < 0 ||
		number(wanted, "duplicates", 0, 1, DUPLICATES_MAX, &duplicates, err) < 0)
		return -1;
	f->duplicates = (int)duplicates;
	if (f->of == FAULT_OF_PUSH && (fault_answers(f) || f->cut != FAULT_UNCUT || f->stall_ms))
		return err_set(err, ERR_REJECT, 0, "a push can be late or come twice, nothing else");
	if (f->of == FAULT_OF_CALL && f->duplicates)
		return err_set(err, ERR_REJECT, 0, "duplicates are of pushes");
	if (!fault_answers(f) && f->cut == FAULT_UNCUT && !f->delay_ms && !f->jitter_ms && !f->duplicates &&
		!f->stall_ms)
		return err_set(err, ERR_REJECT, 0, "it says nothing that goes wrong");
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

/* xorshift: below n. */
static int64_t random_below(struct faults *f, int64_t n)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return (int64_t)((f->random >> 1) % (uint64_t)n);
}

static bool hits(struct faults *f, const struct fault *fault, enum fault_of of, const char *name)
{
	if (fault->of != of || (strcmp(fault->name, "*") != 0 && strcmp(fault->name, name) != 0))
		return false;
	return fault->percent == FAULT_ALWAYS || random_below(f, 100) < fault->percent;
}

bool faults_take(struct faults *f, enum fault_of of, const char *name, struct fault *out)
{
	struct fault **at, *found;
	bool taken;

	pthread_mutex_lock(&f->lock);
	for (at = &f->first; *at; at = &(*at)->next)
		if (hits(f, *at, of, name))
			break;
	found = *at;
	taken = found != NULL;
	if (taken) {
		*out = *found;
		out->name = NULL;
		out->body = found->body ? xstrdup(found->body) : NULL;
		if (found->jitter_ms)
			out->delay_ms += random_below(f, found->jitter_ms + 1);
		if (found->count != FAULT_EVER && --found->count == 0) {
			*at = found->next;
			fault_free(&found);
		}
	}
	pthread_mutex_unlock(&f->lock);
	return taken;
}
