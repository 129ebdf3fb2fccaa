#ifndef COMMON_SERVICE_METRICS_H
#define COMMON_SERVICE_METRICS_H

#include "common/base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* Metrics in Prometheus text. A service keeps one table of `struct metric` and registers it once; any thread
 * may then count. Label values come from small closed sets (a reason, a result), never from input, accounts
 * or people.
 *
 *     enum { M_PUSHES, M_REFUSED, N_METRICS };
 *     static struct metric metrics[N_METRICS] = {
 *         [M_PUSHES]  = METRIC_COUNTER("wxbus_ingress_pushes_total", "result", "Pushes answered, by
 * result."),
 *     };
 */
enum metric_type { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE, METRIC_TYPE_HISTOGRAM };

struct metric {
	const char *name;
	const char *label; /* name of its one label; two joined by a comma, "api,class", take values joined by
			      one, "menu,ok"; NULL: none */
	const char *help;
	const char *from_start; /* label values, with spaces between, that are there from registration on, at
				   0; NULL: none */
	enum metric_type type;
	struct metric_series *series; /* owned by metrics.c */
};

#define METRIC_COUNTER(name_, label_, help_)                                                                 \
	{                                                                                                    \
		.name = (name_), .label = (label_), .help = (help_), .type = METRIC_TYPE_COUNTER,            \
		.series = NULL                                                                               \
	}
/* For what alerts go by: to Prometheus a series that begins with its first event has never risen. */
#define METRIC_COUNTER_FROM_START(name_, label_, values_, help_)                                             \
	{                                                                                                    \
		.name = (name_), .label = (label_), .help = (help_), .from_start = (values_),                \
		.type = METRIC_TYPE_COUNTER, .series = NULL                                                  \
	}
#define METRIC_GAUGE(name_, label_, help_)                                                                   \
	{                                                                                                    \
		.name = (name_), .label = (label_), .help = (help_), .type = METRIC_TYPE_GAUGE,              \
		.series = NULL                                                                               \
	}
/* Seconds; buckets from 1 ms to 10 s. */
#define METRIC_HISTOGRAM(name_, label_, help_)                                                               \
	{                                                                                                    \
		.name = (name_), .label = (label_), .help = (help_), .type = METRIC_TYPE_HISTOGRAM,          \
		.series = NULL                                                                               \
	}

void metrics_register(struct metric *table, size_t n);
void metrics_release(void); /* forgets every table and frees the series */

/* `value` of the label, or NULL for a metric without one. At most 256 values a metric; further ones are
 * counted under "other". */
void metric_add(struct metric *m, const char *label_value, double by);
/* A gauge's value; or the total of a counter that is counted elsewhere. */
void metric_set(struct metric *m, const char *label_value, double to);
void metric_observe_ms(struct metric *m, const char *label_value, int64_t ms);
double metric_get(const struct metric *m, const char *label_value); /* tests; 0 if never touched */

void metrics_write(struct buf *out);

#endif
