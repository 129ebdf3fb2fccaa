#ifndef SERVICES_TOKEN_SERVICE_WEB_AUTHORIZE_LINK_H
#define SERVICES_TOKEN_SERVICE_WEB_AUTHORIZE_LINK_H

#include "common/base/buf.h"
#include "common/httpd/query.h"
#include "proto/platforms.h"

#include <stdbool.h>

/* What may be chosen about an authorization, and the address at Weixin that follows from it.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Authorization_Process_Technical_Description.html
 */
#define CATEGORIES_MAX 200 /* bytes of "1|2|37" */

struct authorize_choice {
	int auth_type;                       /* 1 to 6, 8 */
	char biz_appid[APPID_MAX + 1];       /* "": any account */
	char categories[CATEGORIES_MAX + 1]; /* "": what the platform has released */
	bool phone;                          /* the form that opens within Weixin, without a code to scan */
};

/* auth_type (3 if it is left out), biz_appid, category_id_list, device=pc|phone. -1: malformed. `phone` is
 * kept as it is when the query does not choose. */
int authorize_choice_read(const struct query *q, struct authorize_choice *choice);
/* The same parameters again. */
void authorize_choice_write(const struct authorize_choice *choice, struct buf *out);

/* The address to which the administrator's click leads. */
void authorize_link(const struct authorize_choice *choice, const char *mp_base, const char *open_base,
	const char *component_appid, const char *pre_auth_code, const char *redirect_uri, struct buf *out);

#endif
