#include "tools/weixin-sim/sim.h"

#include "common/base/banned.h"

void sim_init(struct sim *sim)
{
	struct delivery_rules delivery;
	struct rules rules;

	sim_conf_rules(&sim->conf, &rules);
	state_init(&sim->state, &rules);
	record_init(&sim->record, (uint64_t)sim->conf.record_max);
	faults_init(&sim->faults);
	sim_conf_delivery(&sim->conf, &delivery);
	delivery_init(&sim->delivery, &delivery);
	/* Above those of an earlier run, so that a receiver does not take new messages for repeated ones. */
	atomic_init(&sim->msg_ids, (unsigned long long)clock_wall_ms() * 10000);
}

void sim_stop(struct sim *sim)
{
	atomic_store(&sim->stopping, true);
	record_stop(&sim->record);
	state_lock(&sim->state);
	pthread_cond_broadcast(&sim->state.received);
	state_unlock(&sim->state);
}

void sim_release(struct sim *sim)
{
	delivery_release(&sim->delivery);
	faults_release(&sim->faults);
	record_release(&sim->record);
	state_release(&sim->state);
	sim_conf_release(&sim->conf);
}
