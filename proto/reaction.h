#ifndef PROTO_REACTION_H
#define PROTO_REACTION_H

#include <stdint.h>

/* What Weixin's errcode means for whoever called: one table. errmsg is never looked at, its text varies.
 * Sources: https://developers.weixin.qq.com/doc/oplatform/Return_codes/Return_code_descriptions_new.html and
 * https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html */
enum reaction {
	REACTION_OK,     /* done (also: it had been done before) */
	REACTION_AUTH,   /* the token is no longer good: compare-and-refresh, then once more. Nothing was done
			  */
	REACTION_TICKET, /* no component token without a newer ticket */
	REACTION_REAUTH, /* the authorization is gone */
	REACTION_CONF,   /* somebody must set something right: white list, permission set, punishment */
	REACTION_BUSY,   /* Weixin's own trouble: whether the call took effect is not known */
	REACTION_BACKOFF, /* too often, in some seconds again; nothing was done */
	REACTION_MINUTE,  /* this minute's number is used up; nothing was done */
	REACTION_QUOTA,   /* today's (or this month's) number is used up; nothing was done */
	REACTION_FINAL    /* the caller's mistake, or a refusal that stays */
};

/* An errcode that the table does not list is final: nobody may repeat what nobody understands. */
enum reaction reaction_of(int64_t errcode);
const char *reaction_name(enum reaction r); /* "auth", for metrics */

#endif
