#ifndef SERVICES_TOKEN_SERVICE_EVENTS_NOTICE_H
#define SERVICES_TOKEN_SERVICE_EVENTS_NOTICE_H

#include "common/base/buf.h"
#include "common/json/json.h"
#include "services/token-service/accounts/account_store.h"

/* Notices: what a push told, for everybody, so without anything with which somebody could act in our name. */

/* Take every member that carries a ticket, code, token or secret out of the tree, at any depth, by its name;
 * names that only look alike (a company's `code`, an item's `ret_code`) stay. */
void notice_strip(struct json *fields);

/* The notice of a push: its fields, stripped. With a difference also {"added":[...],"removed":[...]}:
 * permission sets that the authorization brought and took. `fields` is changed. */
void notice_write(struct json *fields, const struct func_difference *difference, struct buf *out);

#endif
