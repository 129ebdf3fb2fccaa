#ifndef WEIXIN_SIM_SERVER_H
#define WEIXIN_SIM_SERVER_H

#include "common/base/err.h"
#include "common/httpd/httpd.h"
#include "tools/weixin-sim/sim.h"

#include <signal.h>

/* A whole simulator with its two ports. Main thread. */
struct server {
	struct sim sim;
	struct httpd *api;
	struct httpd *admin;
};

/* Blocks SIGTERM and SIGINT for this thread and every one that is made later; *set_out is to wait for. */
void server_hold_signals(sigset_t *set_out);

/* The ports listen and are printed to standard output. s->sim.conf was loaded, the rest is zero. Whatever it
 * returns, server_stop() follows. */
int server_start(struct server *s, struct err *err);
void server_stop(struct server *s); /* ends what is under way */

#endif
