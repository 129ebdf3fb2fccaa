#ifndef WEIXIN_SIM_SIM_H
#define WEIXIN_SIM_SIM_H

#include "common/base/clock.h"
#include "common/httpc/httpc.h"
#include "tools/weixin-sim/admin/faults.h"
#include "tools/weixin-sim/admin/record.h"
#include "tools/weixin-sim/conf.h"
#include "tools/weixin-sim/push/delivery.h"
#include "tools/weixin-sim/push/ticker.h"
#include "tools/weixin-sim/world/state.h"

#include <stdatomic.h>

/* What happens first after an administrator has consented on Weixin's page. */
enum push_order { PUSH_FIRST, REDIRECT_FIRST, PUSH_ONLY, REDIRECT_ONLY };

/* All that the parts share. Each member locks for itself; the lock of `state` is never held while waiting for
 * the network. */
struct sim {
	struct sim_conf conf;
	struct state state;
	struct record record;
	struct faults faults;
	struct delivery delivery;
	struct httpc *httpc;
	struct ticker *ticker; /* of tickets */
	struct ticker *jobs;   /* of what else nobody waits for */
	atomic_ullong pushes;  /* made so far, for their ids */
	atomic_ullong msg_ids; /* the same for MsgId */
	atomic_int push_order; /* enum push_order */
	atomic_llong clock_offset_ms;
	atomic_bool stopping;
};

/* `conf` is loaded; the servers and clients are the caller's. Releases `conf` too. */
void sim_init(struct sim *sim);
void sim_release(struct sim *sim);

/* Ends what waits within it: for time to pass, an entry of the record, a message to a fan. Any thread. */
void sim_stop(struct sim *sim);

/* What Weixin takes for now, in all that it tells a platform. Its own terms run on the true clock. */
static inline int64_t sim_told_ms(const struct sim *sim)
{
	return clock_wall_ms() + atomic_load(&sim->clock_offset_ms);
}

/* As far as the simulator is not told to stop. */
static inline void sim_sleep(const struct sim *sim, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;

	while (!atomic_load(&sim->stopping) && clock_mono_ms() < until)
		clock_sleep_ms(until - clock_mono_ms() < 50 ? until - clock_mono_ms() : 50);
}

#endif
