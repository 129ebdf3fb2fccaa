#ifndef SERVICES_BUSINESS_RELEASE_CHECK_RELEASE_CHECK_H
#define SERVICES_BUSINESS_RELEASE_CHECK_RELEASE_CHECK_H

#include "services/business/sdk/sdk.h"

/* Answers each step of Weixin's network-wide release check, played on its ten test accounts. The ingress asks
 * this group for those accounts only; for all others it keeps silent. Source:
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/operation/thirdparty/releases_instructions.html
 */
extern const struct business_def release_check;

#endif
