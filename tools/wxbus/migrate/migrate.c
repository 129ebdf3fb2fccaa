/* wxbus migrate: topics from the one table of topics, schemas from what each service has installed. */
#include "tools/wxbus/command.h"

#include "common/base/alloc.h"
#include "tools/wxbus/migrate/schemas.h"
#include "tools/wxbus/migrate/topic_plan.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/banned.h"

#define PARTITIONS_PRESET  12
#define REPLICATION_WANTED 3
#define CONNECT_WAIT_MS    5000

struct migrate_settings {
	struct kafka_conf kafka;
	char *database_url;
};

#define CONF_STRUCT struct migrate_settings
static const struct conf_item items[] = {
	KAFKA_CONF_ROWS(kafka),
	CONF_SECRET("WXBUS_DATABASE_URL", database_url, NULL,
		"PostgreSQL as one who may create schemas and roles, as a libpq connection URI",
		"postgresql://postgres@127.0.0.1/wxbus"),
};
#define N_ITEMS (sizeof(items) / sizeof(items[0]))

struct options {
	int partitions;
	bool partitions_given;
	int replication; /* 0: as many as there are brokers, up to REPLICATION_WANTED */
	bool skip_topics;
	const char *migrations; /* NULL: beside the program */
};

enum { OPT_PARTITIONS = 'p', OPT_REPLICATION = 'r', OPT_SKIP_TOPICS = 1000, OPT_MIGRATIONS };

static const struct argp_option argp_options[] = {
	{"partitions", OPT_PARTITIONS, "N", 0,
		"Partitions of a new topic (12). A topic keeps those that it has", 0},
	{"replication", OPT_REPLICATION, "N", 0, "Copies of a new topic (3, or as many as there are brokers)",
		0},
	{"skip-topics", OPT_SKIP_TOPICS, NULL, 0,
		"Schemas only: for brokers that make their topics themselves, as the embedded one does", 0},
	{"migrations", OPT_MIGRATIONS, "DIR", 0,
		"Where services have installed theirs (../share/wxbus/migrations)", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPT_PARTITIONS:
		o->partitions = command_number(state, "--partitions", arg, 1, 1000);
		o->partitions_given = true;
		return 0;
	case OPT_REPLICATION:
		o->replication = command_number(state, "--replication", arg, 1, 100);
		return 0;
	case OPT_SKIP_TOPICS:
		o->skip_topics = true;
		return 0;
	case OPT_MIGRATIONS:
		o->migrations = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.doc = "Create what is missing and bring the rest up to date: topics, and each service's schema and "
	       "role. Safe to "
	       "run again and in parallel. Topics are never deleted, and never get other partitions.",
};

/* --- topics ------------------------------------------------------------------------------------------------
 */

static void warn_replication(int replication, int brokers)
{
	if (replication >= REPLICATION_WANTED)
		return;
	(void)fprintf(stderr,
		"wxbus: warning: replication %d on %d broker%s: below %d with two in-sync replicas, losing "
		"one broker "
		"can lose acknowledged events\n",
		replication, brokers, brokers == 1 ? "" : "s", REPLICATION_WANTED);
}

static void print_kept(const struct kafka_topic_spec *spec)
{
	int64_t minutes = spec->retention_ms / 60000;

	if (spec->compacted)
		(void)printf("compacted\n");
	else if (minutes % (24 * 60) == 0)
		(void)printf("kept %" PRId64 " d\n", minutes / (24 * 60));
	else
		(void)printf("kept %" PRId64 " min\n", minutes);
}

static int ensure_topic(const struct migrate_settings *s, const struct options *o,
	const struct kafka_topic_spec *spec, struct err *err)
{
	static const char *const changes[] = {
		[KAFKA_TOPIC_SAME] = "unchanged",
		[KAFKA_TOPIC_CREATED] = "created",
		[KAFKA_TOPIC_CONFIGURED] = "configured",
	};
	enum kafka_topic_change change;
	struct kafka_topic_state state;

	if (kafka_admin_ensure(&s->kafka, spec, &change, err) < 0 ||
		kafka_admin_describe(&s->kafka, spec->name, &state, err) < 0)
		return err_prefix(err, "topic %s", spec->name);
	(void)printf("topic   %-36s %-11s %2d partitions, replication %d, ", spec->name, changes[change],
		state.partitions, state.replication);
	print_kept(spec);
	if (o->partitions_given && state.partitions != spec->partitions)
		(void)fprintf(stderr,
			"wxbus: warning: %s keeps its %d partitions: %d would break the order of its keys\n",
			spec->name, state.partitions, spec->partitions);
	return 0;
}

static int migrate_topics(
	const struct migrate_settings *s, const struct options *o, const struct manifests *m, struct err *err)
{
	struct topic_plan plan = {NULL, 0};
	int replication = o->replication;
	int brokers, rc;

	if ((rc = kafka_conf_check(&s->kafka, err)) < 0 ||
		(brokers = rc = kafka_admin_brokers(&s->kafka, err)) < 0)
		return rc;
	if (replication == 0)
		replication = brokers < REPLICATION_WANTED ? brokers : REPLICATION_WANTED;
	warn_replication(replication, brokers);
	rc = topic_plan_make(m, s->kafka.topic_prefix, o->partitions, replication, &plan, err);
	for (size_t i = 0; rc == 0 && i < plan.n; i++)
		rc = ensure_topic(s, o, &plan.list[i], err);
	topic_plan_release(&plan);
	return rc;
}

/* --- schemas -----------------------------------------------------------------------------------------------
 */

static int migrate_one(struct pg *pg, const struct manifest *m, struct err *err)
{
	struct pg_migration_report report;
	bool role_made;

	if (schema_migrate(pg, m, &report, &role_made, err) < 0)
		return -1;
	(void)printf("schema  %-36s %-11s %d applied, %d there already\n", m->schema,
		report.applied ? "migrated" : "unchanged", report.applied, report.already);
	(void)printf("role    %-36s %s\n", m->role, role_made ? "created" : "unchanged");
	return 0;
}

/* A business's release on trial (WXBUS_CHANNEL=test) has a schema and a role of its own: what it does wrong
 * does not reach the live rows. */
static int migrate_trial(struct pg *pg, const struct manifest *m, struct err *err)
{
	struct manifest trial = *m;

	if (snprintf(trial.schema, sizeof(trial.schema), "%s_test", m->schema) >= (int)sizeof(trial.schema) ||
		snprintf(trial.role, sizeof(trial.role), "%s_test", m->role) >= (int)sizeof(trial.role))
		return err_set(err, ERR_REJECT, 0, "%s_test: the name is too long", m->schema);
	return migrate_one(pg, &trial, err);
}

static int migrate_schemas(const struct migrate_settings *s, const struct manifests *m, struct err *err)
{
	struct pg_pool *pool = NULL;
	struct pg *pg = NULL;
	int rc;

	rc = pg_pool_new(&pool, s->database_url, 1, "wxbus migrate", err);
	if (rc < 0)
		return err_prefix(err, "WXBUS_DATABASE_URL");
	rc = pg_take(pool, CONNECT_WAIT_MS, &pg, err);
	for (size_t i = 0; rc == 0 && i < m->n; i++) {
		if (m->list[i].has_schema)
			rc = migrate_one(pg, &m->list[i], err);
		if (rc == 0 && m->list[i].has_schema && m->list[i].sdk_folder)
			rc = migrate_trial(pg, &m->list[i], err);
	}
	pg_give(pool, &pg);
	pg_pool_free(&pool);
	return rc;
}

int migrate_main(int argc, char **argv)
{
	struct options o = {.partitions = PARTITIONS_PRESET};
	struct manifests manifests = {NULL, 0};
	struct migrate_settings settings;
	struct err err;
	int rc;

	rc = command_parse(&argp, argc, argv, &o, items, N_ITEMS, &settings, sizeof(settings));
	if (rc != 0)
		return rc;
	rc = manifests_installed(o.migrations, &manifests, &err);
	if (rc == 0 && !o.skip_topics)
		rc = migrate_topics(&settings, &o, &manifests, &err);
	if (rc == 0)
		rc = migrate_schemas(&settings, &manifests, &err);
	manifests_release(&manifests);
	conf_release(items, N_ITEMS, &settings);
	return rc < 0 ? command_failed(&err) : 0;
}
