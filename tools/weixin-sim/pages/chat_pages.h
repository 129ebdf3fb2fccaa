#ifndef WEIXIN_SIM_PAGES_CHAT_PAGES_H
#define WEIXIN_SIM_PAGES_CHAT_PAGES_H

#include "common/httpd/httpd.h"
#include "tools/weixin-sim/sim.h"

#include <stdbool.h>

/* The app of a fan, on the API port: a list of accounts, and a page on which to talk with one. True: `req`
 * was one of its pages and is answered. */
bool chat_pages_serve(struct httpd_request *req, struct sim *sim);

#endif
