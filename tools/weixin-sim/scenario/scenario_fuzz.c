#include "tools/weixin-sim/scenario/match.h"
#include "tools/weixin-sim/scenario/scenario.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool knows(const char *method, const char *path)
{
	(void)method;
	return path[0] == '/';
}

/* What passes the check can be read step by step, and its texts can be filled. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario_step step;
	struct json *root = NULL;
	struct scenario s;

	if (scenario_parse(data, size, &root, NULL) < 0 || scenario_init(&s, root, knows, NULL) < 0)
		return 0;
	for (size_t i = 0; i < scenario_steps(&s); i++) {
		struct json *filled;

		scenario_step(&s, i, &step);
		if (!step.name || (!step.path && (step.kind == STEP_POST || step.kind == STEP_GET)) ||
			(!step.record && step.kind == STEP_RECORD))
			abort();
		filled = match_fill(step.with, s.variables);
		json_free(&filled);
	}
	scenario_release(&s);
	return 0;
}
