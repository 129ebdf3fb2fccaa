#ifndef SERVICES_BUSINESS_AUTO_REPLY_METRICS_H
#define SERVICES_BUSINESS_AUTO_REPLY_METRICS_H

#include "common/service/metrics.h"

enum { M_ANSWERS, M_UNANSWERED, M_GAVE_UP, M_ACCOUNTS, M_SETS_READ, N_AUTO_REPLY_METRICS };
extern struct metric auto_reply_metrics[N_AUTO_REPLY_METRICS];

#endif
