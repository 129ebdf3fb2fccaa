#ifndef WEIXIN_SIM_SCENARIO_SCENARIO_H
#define WEIXIN_SIM_SCENARIO_SCENARIO_H

#include "common/base/err.h"
#include "common/json/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A scenario: what is to happen at Weixin, step by step, and what is expected to come of it, as JSON that
 * people write. The README describes it. Everything that can be judged without playing it is judged first. */
struct scenario {
	struct json *root;
	struct json *variables; /* a copy of those in `root`; what "${name}" stands for */
};

/* "${i}" in a repeated step: which time it is, from 0. */
#define SCENARIO_INDEX "i"

enum step_kind { STEP_POST, STEP_GET, STEP_RECORD, STEP_PAUSE };

/* One step; strings and values are borrowed from the scenario. */
struct scenario_step {
	enum step_kind kind;
	const char *name;          /* for people; never NULL */
	const char *path;          /* STEP_POST, STEP_GET: below /admin/, with its query */
	const struct json *with;   /* STEP_POST: the body; NULL: none */
	const struct json *record; /* STEP_RECORD: what an entry has to be like */
	const struct json *expect; /* NULL: anything */
	const struct json *save;   /* names to paths; NULL: nothing */
	int64_t status;            /* STEP_POST, STEP_GET */
	int64_t count;             /* STEP_RECORD: so many entries at least; 0: not one */
	int64_t ms;                /* STEP_RECORD: how long they may take; STEP_PAUSE: how long it lasts */
	int64_t times;             /* STEP_POST, STEP_GET: how often */
	int64_t at_once;           /* the same: so many of them under way at a time */
};

/* Whether the admin port has this method and path; for scenario_init(). */
typedef bool (*scenario_knows)(const char *method, const char *path);

/* ERR_REJECT: no JSON; the text names the line and the column. `root` is not checked yet. */
int scenario_parse(const void *bytes, size_t len, struct json **root_out, struct err *err);

/* Takes `root` over, also when it fails. ERR_REJECT: it is no scenario; the text begins with the place
 * ("steps[2].count: ..."). A variable that has no value yet (null) is not an error. */
int scenario_init(struct scenario *s, struct json *root, scenario_knows knows, struct err *err);
void scenario_release(struct scenario *s);

/* A value for one of its variables. ERR_REJECT: it has none of that name. */
int scenario_set(struct scenario *s, const char *name, const char *value, struct err *err);
/* The first variable without a value; NULL: none. */
const char *scenario_missing(const struct scenario *s);

size_t scenario_steps(const struct scenario *s);
/* After scenario_init(): cannot fail. */
void scenario_step(const struct scenario *s, size_t i, struct scenario_step *out);

#endif
