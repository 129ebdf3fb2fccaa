#ifndef SERVICES_BUSINESS_AUTO_REPLY_BOOK_H
#define SERVICES_BUSINESS_AUTO_REPLY_BOOK_H

#include "common/pg/pg.h"
#include "services/business/auto-reply/rules.h"

#include <stdbool.h>

/* The rules of all accounts in memory, kept up to date by a thread of its own: it is told of each change by
 * the database, and asks by itself twice a second, so that a change acts within a second also where the word
 * of it was lost. While the database is away, what was read last stays in force. Any thread. */
struct book;

int book_new(struct book **out, struct pg_pool *pool, struct err *err); /* the pool stays the caller's */
void book_free(struct book **b);

/* True once all sets have been read; waits for that up to wait_ms. */
bool book_ready(struct book *b, int64_t wait_ms);
void book_detail(struct book *b, char *detail, size_t size); /* for /readyz */

/* The account's rules as they are now, or NULL. Given back with book_give(), which leaves NULL; a change
 * meanwhile does not touch it. */
struct book_entry;
struct book_entry *book_take(struct book *b, const char *component_appid, const char *appid);
const struct rule_set *book_rules(const struct book_entry *e);
void book_give(struct book *b, struct book_entry **e);

#endif
