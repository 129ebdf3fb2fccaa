#ifndef SERVICES_INGRESS_DIRECTORY_H
#define SERVICES_INGRESS_DIRECTORY_H

#include "common/base/err.h"
#include "common/kafka/record.h"
#include "proto/account.h"

#include <stdbool.h>

/* The account directory as this ingress has read it from the topic `accounts`: the highest version of each
 * account. In memory only; any thread. */
struct directory;

struct directory *directory_new(void);
void directory_free(struct directory **d);

/* A record of the topic. ERR_REJECT: malformed (the old row stays). A record without value removes the row.
 */
int directory_apply(struct directory *d, const struct kafka_record *r, struct err *err);

/* What a push needs to know of its account; copied, so that nothing is held while it waits. */
#define DIRECTORY_NAME_MAX 64
struct directory_entry {
	bool known;
	char user_name[DIRECTORY_NAME_MAX + 1]; /* gh_...; "": not known */
	bool authorized;
	bool may_send_customer_service;
	enum account_channel channel;
	char repliers[REPLIERS_MAX][DIRECTORY_NAME_MAX + 1];
	size_t n_repliers;
};
void directory_find(
	struct directory *d, const char *component_appid, const char *appid, struct directory_entry *out);
size_t directory_count(struct directory *d);

#endif
