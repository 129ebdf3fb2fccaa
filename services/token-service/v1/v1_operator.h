#ifndef SERVICES_TOKEN_SERVICE_V1_V1_OPERATOR_H
#define SERVICES_TOKEN_SERVICE_V1_V1_OPERATOR_H

#include "common/json/json.h"
#include "services/token-service/v1/v1.h"
#include "services/token-service/v1/v1_route.h"

/* The part of /v1 that is about no single account, for `wxbus`:
 *  POST /v1/users/forget {"appid","openid"} → 200 {"told":<platforms>}
 *  POST /v1/audit/list {"component_appid"?,"appid"?,"since"?,"before_id"?,"limit"} → 200 {"rows":[...]},
 * newest first (audit.h) POST /v1/keys/list, /v1/keys/reseal: proto/key_report.h */
void v1_operator_serve(
	const struct v1 *v, struct httpd_request *req, enum v1_action action, const struct json *body);

#endif
