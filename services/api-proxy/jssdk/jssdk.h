#ifndef API_PROXY_JSSDK_JSSDK_H
#define API_PROXY_JSSDK_JSSDK_H

#include "common/pg/pg.h"
#include "services/api-proxy/calls/call.h"
#include "services/sealed/keyring.h"

#include <stdbool.h>

/* GET /accounts/{appid}/jssdk?url=: the signed configuration of a web page. Its ticket is one for each
 * account and all processes, in the database; it is asked for anew ten minutes before its end by one of
 * those who come then, while the others use the old one. Any thread. Source:
 * https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/JS-SDK.html */
struct jssdk {
	struct pg_pool *pool;
	struct keyring *keys;
	const struct caller_of_weixin *weixin;
};

#define JSSDK_PATH        "/jssdk"
#define JSSDK_TICKET_PATH "/cgi-bin/ticket/getticket" /* who may call it may ask here */
bool jssdk_is(const char *path);

/* {"appId","timestamp","nonceStr","signature"} in answer->body with errcode 0; or Weixin's own answer to the
 * question for a ticket, or a refusal. `ask` is a call with whose names and deadline Weixin is asked. */
void jssdk_answer(const struct jssdk *j, const struct call *ask, const char *url, struct answer *answer);

/* Tickets that ended a day ago are forgotten: nobody has asked for another, the account may have left. */
int jssdk_sweep(struct pg_pool *pool, struct err *err);

#endif
