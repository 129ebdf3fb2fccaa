#ifndef SERVICES_BUSINESS_AUTO_REPLY_AUTO_REPLY_H
#define SERVICES_BUSINESS_AUTO_REPLY_AUTO_REPLY_H

#include "services/business/sdk/sdk.h"

/* Answers fans by the rules of each account: README.md. */
extern const struct business_def auto_reply;

#endif
