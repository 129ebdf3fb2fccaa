#ifndef TOOLS_WXBUS_MIGRATE_MANIFEST_H
#define TOOLS_WXBUS_MIGRATE_MANIFEST_H

#include "common/base/err.h"
#include "proto/topics.h"

#include <stdbool.h>
#include <stddef.h>

/* What a service installs for `wxbus migrate`: share/wxbus/migrations/<service>/manifest.json,
 * {"group":"shop","delays":["10s","5m"],"topics":["dead-letter","replay","results"]}, and beside it, if it
 * keeps anything, its numbered *.sql. A delay makes the topic <group>.retry.<delay>. A business has a folder
 * sdk/ there too, with what the business SDK keeps beside the business's own tables, if it has any.
 * "once":true says that all its handlers take effect once (the SDK holds it to that). */
#define MANIFEST_ITEMS_MAX 16

struct manifest {
	char service[GROUP_NAME_MAX + 1]; /* the folder's name */
	char group[GROUP_NAME_MAX + 1];
	char what[MANIFEST_ITEMS_MAX][32]; /* topics of the group: "dead-letter", "retry.10s" */
	size_t n_what;
	bool once;    /* a business whose effects all happen once for each event: replays may tell what is
			 missing */
	char *folder; /* owned */
	bool has_schema;
	char *sdk_folder;                  /* owned; NULL: no business */
	char schema[GROUP_NAME_MAX + 1];   /* the service's name, '-' as '_' */
	char role[GROUP_NAME_MAX + 1 + 6]; /* "wxbus_" and the schema's name */
};

int manifest_parse(const char *json, size_t len, struct manifest *out, struct err *err);

struct manifests {
	struct manifest *list; /* by the services' names */
	size_t n;
};

/* Every folder below `root` that holds a manifest. ERR_REJECT: none, or a malformed one, by name. */
int manifests_read(const char *root, struct manifests *out, struct err *err);
void manifests_release(struct manifests *m);

/* The folder for a binary at `program` (its own path): ../share/wxbus/migrations. The caller frees it. */
char *manifests_default_root(const char *program);
/* manifests_read() of this folder; NULL: of that for this very program. */
int manifests_installed(const char *root, struct manifests *out, struct err *err);

#endif
