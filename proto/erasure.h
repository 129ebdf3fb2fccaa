#ifndef PROTO_ERASURE_H
#define PROTO_ERASURE_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "proto/platforms.h"

#include <stdbool.h>
#include <stdint.h>

/* A fan is to be forgotten: the notice wxbus.user.erased on `platform-notices`,
 *     {"component_appid","appid","openid","before":"2026-11-20T08:15:30.000Z"}
 * Whoever keeps anything of this fan of this account deletes what is older than `before`, and from then on
 * settles older events of him unhandled, whatever topic they come from: topics keep what they hold to the end
 * of their time. The fan's unsubscription itself is not older, so it is still handled. It may come twice, and
 * once for each of our platforms that has the account; the openid is the account's, whoever asks.
 * That a fan who unsubscribes must be forgotten is Weixin's rule:
 * https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html */
#define ERASURE_TYPE      "wxbus.user.erased"
#define OPENID_MAX        128
#define ERASURE_KEPT_DAYS 30 /* for which its mark is kept; no topic keeps an event longer */

struct erasure {
	char component_appid[APPID_MAX + 1];
	char appid[APPID_MAX + 1];
	char openid[OPENID_MAX + 1];
	int64_t before_ms; /* wall clock */
};

void erasure_encode(const struct erasure *e, struct buf *out);
int erasure_parse(const void *value, size_t len, struct erasure *out, struct err *err);

/* An openid as it may stand in a record: 1 to OPENID_MAX bytes without blanks or control bytes. */
bool openid_ok(const char *openid);

#endif
