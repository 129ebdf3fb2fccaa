/* A metric is a short list of series, one for each label value; a lock for all of them is enough, since a
 * service counts a few times a push and holds it for a few instructions. */
#include "common/service/metrics.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define SERIES_MAX 256
#define N_BUCKETS  14

static const double bucket_s[N_BUCKETS] = {
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 3.5, 5, 10};

struct metric_series {
	struct metric_series *next;
	char *label;  /* "" for a metric without one */
	double value; /* counters and gauges; the sum in seconds of a histogram */
	uint64_t count;
	uint64_t buckets[N_BUCKETS]; /* each value in the smallest bucket that holds it */
};

struct metric_table {
	struct metric_table *next;
	struct metric *metrics;
	size_t n;
};

/* As lock_init() makes them. */
static pthread_mutex_t lock = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
static struct metric_table *tables;

static void series_free(struct metric *m)
{
	struct metric_series *s = m->series;

	m->series = NULL;
	while (s) {
		struct metric_series *next = s->next;

		free(s->label);
		free(s);
		s = next;
	}
}

void metrics_release(void)
{
	pthread_mutex_lock(&lock);
	while (tables) {
		struct metric_table *t = tables;

		tables = t->next;
		for (size_t i = 0; i < t->n; i++)
			series_free(&t->metrics[i]);
		free(t);
	}
	pthread_mutex_unlock(&lock);
}

/* The series of this label value, made on first use. */
static struct metric_series *series_of(struct metric *m, const char *label_value)
{
	const char *label = label_value ? label_value : "";
	struct metric_series **end = &m->series;
	size_t n = 0;

	assert(!m->label == !label_value);
	for (; *end; end = &(*end)->next, n++)
		if (strcmp((*end)->label, label) == 0)
			return *end;
	if (n >= SERIES_MAX && strcmp(label, "other") != 0)
		return series_of(m, "other");
	*end = xcalloc(1, sizeof(**end));
	(*end)->label = xstrdup(label);
	return *end;
}

/* With the lock held. */
static void begin_series(struct metric *m)
{
	char value[64];
	const char *p = m->from_start;

	while (p && *p) {
		size_t len = strcspn(p, " ");

		assert(len < sizeof(value));
		memcpy(value, p, len);
		value[len] = '\0';
		series_of(m, value);
		p += len + strspn(p + len, " ");
	}
}

void metrics_register(struct metric *table, size_t n)
{
	struct metric_table *t = xcalloc(1, sizeof(*t));

	t->metrics = table;
	t->n = n;
	pthread_mutex_lock(&lock);
	struct metric_table **end = &tables;
	while (*end)
		end = &(*end)->next;
	*end = t;
	for (size_t i = 0; i < n; i++)
		begin_series(&table[i]);
	pthread_mutex_unlock(&lock);
}

void metric_add(struct metric *m, const char *label_value, double by)
{
	pthread_mutex_lock(&lock);
	series_of(m, label_value)->value += by;
	pthread_mutex_unlock(&lock);
}

void metric_set(struct metric *m, const char *label_value, double to)
{
	pthread_mutex_lock(&lock);
	series_of(m, label_value)->value = to;
	pthread_mutex_unlock(&lock);
}

void metric_observe_ms(struct metric *m, const char *label_value, int64_t ms)
{
	double seconds = (double)ms / 1000.0;

	pthread_mutex_lock(&lock);
	struct metric_series *s = series_of(m, label_value);
	s->value += seconds;
	s->count++;
	for (size_t i = 0; i < N_BUCKETS; i++) {
		if (seconds <= bucket_s[i]) {
			s->buckets[i]++;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

double metric_get(const struct metric *m, const char *label_value)
{
	const char *label = label_value ? label_value : "";
	double value = 0;

	pthread_mutex_lock(&lock);
	for (const struct metric_series *s = m->series; s; s = s->next)
		if (strcmp(s->label, label) == 0)
			value = m->type == METRIC_TYPE_HISTOGRAM ? (double)s->count : s->value;
	pthread_mutex_unlock(&lock);
	return value;
}

static void write_label(struct buf *out, const char *name, size_t name_len, const char *value, size_t len)
{
	buf_add(out, name, name_len);
	buf_add_str(out, "=\"");
	for (; len > 0; value++, len--) {
		if (*value == '\\' || *value == '"')
			buf_add_char(out, '\\');
		buf_add_char(out, (unsigned char)*value < ' ' ? '_' : *value);
	}
	buf_add_char(out, '"');
}

/* `name="value"`, or one such pair for each of two. */
static void write_own_labels(struct buf *out, const char *label, const char *value)
{
	const char *second = strchr(label, ','), *second_value = second ? strchr(value, ',') : NULL;
	size_t len = second_value ? (size_t)(second_value - value) : strlen(value);

	write_label(out, label, second ? (size_t)(second - label) : strlen(label), value, len);
	if (!second)
		return;
	buf_add_char(out, ',');
	if (second_value)
		write_label(out, second + 1, strlen(second + 1), second_value + 1, strlen(second_value + 1));
	else /* "other" */
		write_label(out, second + 1, strlen(second + 1), value, len);
}

/* `{label="value",le="0.1"} ` with either part left out where there is none. */
static void write_labels(
	struct buf *out, const struct metric *m, const struct metric_series *s, const char *le)
{
	if (m->label || le)
		buf_add_char(out, '{');
	if (m->label)
		write_own_labels(out, m->label, s->label);
	if (le)
		buf_addf(out, "%sle=\"%s\"", m->label ? "," : "", le);
	if (m->label || le)
		buf_add_char(out, '}');
	buf_add_char(out, ' ');
}

static void write_histogram(struct buf *out, const struct metric *m, const struct metric_series *s)
{
	uint64_t below = 0;

	for (size_t i = 0; i < N_BUCKETS; i++) {
		struct buf le = BUF_INIT(32);

		below += s->buckets[i];
		buf_addf(&le, "%g", bucket_s[i]);
		buf_addf(out, "%s_bucket", m->name);
		write_labels(out, m, s, buf_cstr(&le));
		buf_addf(out, "%llu\n", (unsigned long long)below);
		buf_release(&le);
	}
	buf_addf(out, "%s_bucket", m->name);
	write_labels(out, m, s, "+Inf");
	buf_addf(out, "%llu\n%s_sum", (unsigned long long)s->count, m->name);
	write_labels(out, m, s, NULL);
	buf_addf(out, "%.3f\n%s_count", s->value, m->name);
	write_labels(out, m, s, NULL);
	buf_addf(out, "%llu\n", (unsigned long long)s->count);
}

static void write_metric(struct buf *out, const struct metric *m)
{
	static const char *const type_names[] = {"counter", "gauge", "histogram"};

	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, type_names[m->type]);
	if (!m->series && !m->label && m->type != METRIC_TYPE_HISTOGRAM)
		buf_addf(out, "%s 0\n", m->name);
	for (const struct metric_series *s = m->series; s; s = s->next) {
		if (m->type == METRIC_TYPE_HISTOGRAM) {
			write_histogram(out, m, s);
			continue;
		}
		buf_add_str(out, m->name);
		write_labels(out, m, s, NULL);
		buf_addf(out, "%.15g\n", s->value);
	}
}

void metrics_write(struct buf *out)
{
	pthread_mutex_lock(&lock);
	for (const struct metric_table *t = tables; t; t = t->next)
		for (size_t i = 0; i < t->n; i++)
			write_metric(out, &t->metrics[i]);
	pthread_mutex_unlock(&lock);
}
