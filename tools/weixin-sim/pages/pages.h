#ifndef WEIXIN_SIM_PAGES_PAGES_H
#define WEIXIN_SIM_PAGES_PAGES_H

#include "common/httpd/httpd.h"
#include "tools/weixin-sim/sim.h"

#include <stdbool.h>

/* What people see of mp.weixin.qq.com and open.weixin.qq.com, on the API port: the page on which an
 * administrator authorizes a platform, and the one that sends a visitor back to a web page with a code. True:
 * `req` was one of them and is answered. Each is recorded as "page". */
bool pages_serve(struct httpd_request *req, struct sim *sim);

#endif
