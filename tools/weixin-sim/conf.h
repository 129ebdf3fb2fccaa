#ifndef WEIXIN_SIM_CONF_H
#define WEIXIN_SIM_CONF_H

#include "common/base/err.h"
#include "tools/weixin-sim/push/delivery.h"
#include "tools/weixin-sim/world/state.h"

#include <stdbool.h>
#include <stdint.h>

/* The simulator's own settings: WEIXIN_SIM_X_Y, or --x-y VALUE on the command line, which wins. */
struct sim_conf {
	char *listen;
	char *admin_listen;
	int64_t api_threads;
	int64_t admin_threads;
	int64_t ticket_interval_s;
	int64_t token_life_s;
	int64_t token_overlap_s;
	int64_t code_life_s;
	bool code_reusable;
	bool refresh_token_rotates;
	int64_t preauth_life_s;
	int64_t media_life_s;
	int64_t ticket_life_s;
	int64_t ticket_keep_s;
	int64_t push_timeout_ms;
	int64_t push_retries;
	int64_t mark_fail_after, mark_fail_s;
	char *unrepeated;
	int64_t message_allowance, message_window_s;
	int64_t action_allowance, action_window_s;
	int64_t session_allowance;
	int64_t record_max;
	char *log_level;
	char *log_format;
};

/* Positive result of sim_conf_load(): --help, --version or --check has done its work. */
#define SIM_CONF_DONE 1

/* Fills *c (zeroed here) and starts the log. ERR_REJECT or ERR_FATAL: one line for people. */
int sim_conf_load(struct sim_conf *c, int argc, char **argv, struct err *err);
void sim_conf_release(struct sim_conf *c);

void sim_conf_rules(const struct sim_conf *c, struct rules *out);
void sim_conf_delivery(const struct sim_conf *c, struct delivery_rules *out);

#endif
