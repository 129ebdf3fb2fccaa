#ifndef PROTO_ACCOUNT_H
#define PROTO_ACCOUNT_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "proto/platforms.h"

#include <stdbool.h>
#include <stdint.h>

/* A row of the account directory (topic `accounts`, compacted; key component appid/appid):
 * {"component_appid","appid","version","user_name","nick_name","kind":"subscription|service|miniprogram|other",
 *  "verified":bool,"state":"authorized|unauthorized","func_ids":[...],"channel":"live|test","repliers":[...],
 *  "ref":"..."|null,"updated_at"} */
enum account_kind { ACCOUNT_SUBSCRIPTION, ACCOUNT_SERVICE, ACCOUNT_MINIPROGRAM, ACCOUNT_OTHER };
enum account_channel { CHANNEL_LIVE, CHANNEL_TEST };

struct account {
	char component_appid[APPID_MAX + 1];
	char appid[APPID_MAX + 1];
	int64_t version; /* readers keep the highest */
	char *user_name; /* original id, gh_...; "" while not known */
	char *nick_name;
	enum account_kind kind;
	bool verified;
	bool authorized;
	int64_t *func_ids; /* permission sets granted */
	size_t n_func_ids;
	enum account_channel channel;
	char *repliers[REPLIERS_MAX]; /* NULL after the last */
	char *ref;                    /* NULL: none */
	int64_t updated_ms;
};

void account_encode(const struct account *a, struct buf *out);
int account_parse(const void *value, size_t len, struct account **out, struct err *err);
void account_free(struct account **a);
struct account *account_copy(const struct account *a);

bool account_has_func(const struct account *a, int64_t id);

/* May this account send customer-service messages (custom/send)? Permission sets 1, 6, 19, 100 or 101, any
 * of, and an official account must be verified. Source:
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/product/offical_account_authority.html
 */
bool account_may_send_customer_service(const struct account *a);

const char *account_kind_name(enum account_kind k);
int account_kind_parse(const char *name, enum account_kind *out);
const char *account_channel_name(enum account_channel c);
int account_channel_parse(const char *name, enum account_channel *out);

#endif
