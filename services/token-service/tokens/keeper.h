#ifndef SERVICES_TOKEN_SERVICE_TOKENS_KEEPER_H
#define SERVICES_TOKEN_SERVICE_TOKENS_KEEPER_H

#include "services/token-service/conf.h"
#include "services/token-service/tokens/credentials.h"

#include <stdbool.h>

/* What goes on by itself: threads that refresh whatever token is due; one that looks at the database,
 * forgets what is old and sets the metrics that are read from rows; one that asks Weixin for tickets. */
struct keeper;

int keeper_new(struct keeper **out, const struct store *s, struct credentials *c, struct weixin_api *w,
	const struct token_service_conf *conf, struct err *err);
void keeper_free(struct keeper **k); /* after the calls under way */

/* The database answers and its schema is there. Any thread. */
bool keeper_database_ok(struct keeper *k, char *detail, size_t size);
/* No platform's ticket is missing or old; the detail tells each one's age. Any thread. */
bool keeper_tickets_ok(struct keeper *k, char *detail, size_t size);

#endif
