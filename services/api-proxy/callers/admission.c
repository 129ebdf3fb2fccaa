#include "services/api-proxy/callers/admission.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/api-proxy/callers/day_limit.h"
#include "services/api-proxy/callers/gate.h"
#include "services/api-proxy/callers/rate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/banned.h"

#define NAME_SIZE (sizeof("caller///") + sizeof(((struct caller *)0)->component_appid) + CALLER_ID_MAX + 65)

struct admission {
	struct gate *accounts, *callers, *persons;
	struct rate *rate;
	struct day_limit *day;
	struct admission_most most;
};

struct admission *admission_new(struct pg_pool *pool, const struct admission_most *most)
{
	struct admission *a = xcalloc(1, sizeof(*a));

	a->accounts = gate_new();
	a->callers = gate_new();
	a->persons = gate_new();
	a->rate = rate_new();
	a->day = day_limit_new(pool);
	a->most = *most;
	return a;
}

void admission_free(struct admission **ap)
{
	struct admission *a = *ap;

	*ap = NULL;
	if (!a)
		return;
	gate_free(&a->accounts);
	gate_free(&a->callers);
	gate_free(&a->persons);
	rate_free(&a->rate);
	day_limit_free(&a->day);
	free(a);
}

static void name_of(const struct caller *c, const char *appid, char out[NAME_SIZE])
{
	(void)snprintf(out, NAME_SIZE, "%s/%s/%s", c->component_appid, c->id, appid);
}

struct rates {
	char caller[NAME_SIZE], account[NAME_SIZE];
	struct rate_want wants[2];
};

static void rates_of(const struct caller *c, const char *appid, struct rates *out)
{
	name_of(c, "", out->caller);
	name_of(c, appid, out->account);
	out->wants[0] = (struct rate_want){out->caller, c->limits.rate_per_s};
	out->wants[1] = (struct rate_want){out->account, c->limits.account_rate_per_s};
}

int64_t admission_turn(struct admission *a, const struct caller *c, const char *appid, bool waited)
{
	struct rates rates;

	rates_of(c, appid, &rates);
	return rate_turn(a->rate, rates.wants, 2, waited);
}

/* The narrower number first: what it refuses is not counted in the other. */
enum refusal admission_day(struct admission *a, const struct caller *c, const char *appid, struct err *err)
{
	bool counted = false;
	int rc = 0;

	if (c->limits.account_per_day > 0) {
		rc = day_limit_take(a->day, c->component_appid, c->id, appid, c->limits.account_per_day, err);
		counted = rc == 0;
	}
	if (rc == 0 && c->limits.calls_per_day > 0)
		rc = day_limit_take(a->day, c->component_appid, c->id, "", c->limits.calls_per_day, err);
	if (rc < 0 && counted) /* whoever asks again is counted anew */
		day_limit_return(a->day, c->component_appid, c->id, appid, c->limits.account_per_day);
	return rc == 0 ? REFUSAL_NONE : rc == DAY_LIMIT_OVER ? REFUSAL_DAY : REFUSAL_STORE;
}

static enum refusal enter_gates(struct admission *a, const struct caller *c, const char *appid)
{
	char caller[NAME_SIZE];

	name_of(c, "", caller);
	if (!gate_enter(a->accounts, appid, a->most.account))
		return REFUSAL_IN_FLIGHT;
	if (gate_enter(a->callers, caller, a->most.caller))
		return REFUSAL_NONE;
	gate_leave(a->accounts, appid);
	return REFUSAL_IN_FLIGHT;
}

void admission_leave(struct admission *a, const struct caller *c, const char *appid)
{
	char caller[NAME_SIZE];

	name_of(c, "", caller);
	gate_leave(a->callers, caller);
	gate_leave(a->accounts, appid);
}

enum refusal admission_enter(
	struct admission *a, const struct caller *c, const char *appid, int64_t *retry_after_s)
{
	enum refusal refusal = enter_gates(a, c, appid);
	struct rates rates;
	int64_t wait_ms;
	struct err err;

	*retry_after_s = refusal == REFUSAL_NONE ? 0 : 1;
	if (refusal != REFUSAL_NONE)
		return refusal;
	rates_of(c, appid, &rates);
	if ((wait_ms = rate_take(a->rate, rates.wants, 2)) > 0) {
		*retry_after_s = (wait_ms + 999) / 1000;
		refusal = REFUSAL_RATE;
	} else if ((refusal = admission_day(a, c, appid, &err)) == REFUSAL_DAY) {
		*retry_after_s = day_limit_seconds_left(clock_wall_ms());
	} else if (refusal == REFUSAL_STORE) {
		log_warn(c->id, "today's calls cannot be counted: %s", err.text);
	}
	if (refusal != REFUSAL_NONE)
		admission_leave(a, c, appid);
	return refusal;
}

/* --- without a key ----------------------------------------------------------------------------------- */

#define ALL_PERSONS "" /* no address is empty, and no caller's name has no slash */

static bool enter_person(struct admission *a, const char *address)
{
	if (!gate_enter(a->persons, address, (a->most.person + 1) / 2))
		return false;
	if (gate_enter(a->persons, ALL_PERSONS, a->most.person))
		return true;
	gate_leave(a->persons, address);
	return false;
}

void admission_leave_person(struct admission *a, const char *address)
{
	gate_leave(a->persons, ALL_PERSONS);
	gate_leave(a->persons, address);
}

enum refusal admission_enter_person(struct admission *a, const char *address, int64_t *retry_after_s)
{
	const struct rate_want wants[] = {
		{address, (a->most.person_per_s + 1) / 2}, {ALL_PERSONS, a->most.person_per_s}};
	int64_t wait_ms;

	*retry_after_s = 1;
	if (!enter_person(a, address))
		return REFUSAL_IN_FLIGHT;
	wait_ms = rate_take(a->rate, wants, 2);
	*retry_after_s = (wait_ms + 999) / 1000;
	if (wait_ms == 0)
		return REFUSAL_NONE;
	admission_leave_person(a, address);
	return REFUSAL_RATE;
}
