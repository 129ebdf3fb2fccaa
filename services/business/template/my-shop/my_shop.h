#ifndef SERVICES_BUSINESS_TEMPLATE_MY_SHOP_MY_SHOP_H
#define SERVICES_BUSINESS_TEMPLATE_MY_SHOP_MY_SHOP_H

#include "services/business/sdk/sdk.h"

/* What it does: README.md. */
extern const struct business_def my_shop_business;

#endif
