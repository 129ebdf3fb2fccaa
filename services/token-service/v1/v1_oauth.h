#ifndef SERVICES_TOKEN_SERVICE_V1_V1_OAUTH_H
#define SERVICES_TOKEN_SERVICE_V1_V1_OAUTH_H

#include "common/json/json.h"
#include "services/token-service/v1/v1.h"

/* What an operator says of web page authorization: to which sites an account's visitors may be sent back.
 * {"targets":[...]}, sorted, is the answer of both; instead of those there were in `body`, for the second. */
void v1_oauth_targets(const struct v1 *v, struct httpd_request *req, const struct credential_id *id);
void v1_oauth_targets_set(const struct v1 *v, struct httpd_request *req, const struct credential_id *id,
	const struct json *body);

#endif
