#ifndef API_PROXY_WEB_V1_H
#define API_PROXY_WEB_V1_H

#include "common/httpd/httpd.h"
#include "common/pg/pg.h"
#include "services/api-proxy/callers/callers.h"
#include "services/sealed/keyring.h"

/* What our own commands ask of this service, on the internal port. Every request is signed
 * (proto/internal_auth.h). POST /v1/callers (scope admin)
 *     {"component_appid","caller_id","accounts":[...],"paths":[...],"groups":[...],"key"?,
 *      "rate_per_s"?,"calls_per_day"?,"account_rate_per_s"?,"account_per_day"?}
 *     201 {"caller_id","key"}; the key is made here unless given. 409: the caller (or its key) is there
 * already. Sent again with the same key it answers 409, so with a given key that answer after a lost one
 * means success.
 *  POST /v1/callers/list {"component_appid"} → 200 {"callers":[...]}, without keys
 *  POST /v1/callers/revoke {"component_appid","caller_id"} → 200
 *  POST /v1/callers/rotate {"component_appid","caller_id","key"?} → 200 {"caller_id","key"}: this key in
 * place of the old one, which ends at once (in other processes within CALLERS_CACHE_MS). 404: no such caller,
 * or revoked
 *  POST /v1/keys/list, /v1/keys/reseal: proto/key_report.h */
struct v1 {
	struct callers *callers;
	struct keyring *keys;
	struct pg_pool *pool;
};

void v1_serve(struct httpd_request *req, void *v1); /* an httpd_handler; v1 is a struct v1 */

#endif
