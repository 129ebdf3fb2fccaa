#include "tools/wxbus/migrate/topic_plan.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* Topics of a group, how long each is kept; the first match counts. */
static const struct {
	const char *what;
	int64_t kept_ms;
} of_group[] = {
	{"dead-letter", TOPIC_DAYS(30)},
	{"replay", TOPIC_DAYS(7)},
	{"results", TOPIC_DAYS(7)},
	{"retry.", TOPIC_DAYS(7)},
};

int64_t topic_segment_ms(int64_t kept_ms)
{
	if (kept_ms == TOPIC_COMPACTED || kept_ms > TOPIC_DAYS(4))
		return TOPIC_DAYS(1);
	return kept_ms / 4;
}

static void add(struct topic_plan *p, const char *name, int64_t kept_ms, int partitions, int replication)
{
	p->list = xrealloc(p->list, (p->n + 1) * sizeof(*p->list));
	p->list[p->n++] = (struct kafka_topic_spec){
		.name = xstrdup(name),
		.partitions = partitions,
		.replication = replication,
		.retention_ms = kept_ms,
		.segment_ms = topic_segment_ms(kept_ms),
		.compacted = kept_ms == TOPIC_COMPACTED,
	};
}

static int kept_of_group(const char *what, int64_t *kept_out, struct err *err)
{
	for (size_t i = 0; i < sizeof(of_group) / sizeof(of_group[0]); i++) {
		if (str_starts_with(what, of_group[i].what)) {
			*kept_out = of_group[i].kept_ms;
			return 0;
		}
	}
	return err_set(err, ERR_REJECT, 0, "a group has no topic \"%s\"", what);
}

/* Twice: a release on trial (WXBUS_CHANNEL=test) is a group of its own, with topics of its own. */
static int add_group(struct topic_plan *p, const struct manifest *m, const char *prefix, int partitions,
	int replication, struct err *err)
{
	char test[GROUP_NAME_MAX + sizeof(".test")], name[TOPIC_NAME_MAX + 1];
	const char *const groups[] = {m->group, test};
	int64_t kept_ms = 0;

	(void)snprintf(test, sizeof(test), "%s.test", m->group);
	for (size_t i = 0; i < 2 * m->n_what; i++) {
		const char *what = m->what[i / 2];

		if (kept_of_group(what, &kept_ms, err) < 0 ||
			topic_of_group(groups[i % 2], what, prefix, name, err) < 0)
			return err_prefix(err, "%s", m->service);
		add(p, name, kept_ms, partitions, replication);
	}
	return 0;
}

int topic_plan_make(const struct manifests *m, const char *prefix, int partitions, int replication,
	struct topic_plan *out, struct err *err)
{
	struct topic_plan p = {NULL, 0};
	char name[TOPIC_NAME_MAX + 1];
	int rc = 0;

	for (int i = 0; rc == 0 && i < N_TOPICS; i++) {
		rc = topic_name((enum topic)i, prefix, name, err);
		if (rc == 0)
			add(&p, name, topic_table[i].kept_ms, partitions, replication);
	}
	for (size_t i = 0; rc == 0 && i < m->n; i++)
		rc = add_group(&p, &m->list[i], prefix, partitions, replication, err);
	if (rc < 0)
		topic_plan_release(&p);
	else
		*out = p;
	return rc;
}

void topic_plan_release(struct topic_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		free((char *)(uintptr_t)p->list[i].name);
	free(p->list);
	*p = (struct topic_plan){NULL, 0};
}
