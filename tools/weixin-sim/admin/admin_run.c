#include "tools/weixin-sim/admin/admin.h"
#include "tools/weixin-sim/scenario/play.h"

#include "common/base/banned.h"

int admin_run(struct admin_call *call)
{
	struct scenario s;
	const char *missing;

	if (scenario_init(&s, call->body, admin_knows, &call->err) < 0) {
		call->body = NULL; /* it was taken over */
		return 400;
	}
	call->body = NULL;
	if ((missing = scenario_missing(&s)) != NULL)
		admin_refuse(call, 400, "variables.%.60s: has no value", missing);
	else
		play(call->sim, &s, NULL, NULL, &call->answer);
	scenario_release(&s);
	return call->answer ? 200 : 400;
}
