#include "proto/reaction.h"

#include <stddef.h>

#include "common/base/banned.h"

/* Rows from `first` to `last`. What is not listed is REACTION_FINAL: the long lists of bad arguments, of
 * users' refusals and of content rules need no row each. */
static const struct {
	int64_t first, last;
	enum reaction reaction;
} reactions[] = {
	/* clang-format off */
	{    -1,    -1, REACTION_BUSY},    /* system busy */
	{ -1000, -1000, REACTION_BUSY},    /* system error */
	{     0,     0, REACTION_OK},
	{ 45065, 45065, REACTION_OK},      /* duplicate clientmsgid: it was sent before */

	{ 40001, 40001, REACTION_AUTH},    /* invalid credential, or not the latest */
	{ 40014, 40014, REACTION_AUTH},    /* invalid access_token */
	{ 42001, 42001, REACTION_AUTH},    /* access_token expired */
	{ 42006, 42006, REACTION_AUTH},    /* component_access_token expired */
	{ 40094, 40094, REACTION_AUTH},    /* invalid component credential */

	{ 40091, 40091, REACTION_TICKET},  /* invalid component ticket */
	{ 61005, 61006, REACTION_TICKET},  /* component ticket expired; invalid */

	{ 42007, 42007, REACTION_REAUTH},  /* the user changed the password: all tokens are dead */
	{ 61003, 61003, REACTION_REAUTH},  /* not authorized by this account */
	{ 61023, 61023, REACTION_REAUTH},  /* refresh token invalid */

	{ 40013, 40013, REACTION_CONF},    /* invalid appid */
	{ 40125, 40125, REACTION_CONF},    /* invalid appsecret */
	{ 40164, 40164, REACTION_CONF},    /* address not in the account's white list */
	{ 40243, 40243, REACTION_CONF},    /* AppSecret frozen */
	{ 43007, 43007, REACTION_CONF},    /* the account's owner must authorize */
	{ 45035, 45035, REACTION_CONF},    /* address not in the white list */
	{ 48001, 48001, REACTION_CONF},    /* the account lacks this API, or the wrong kind of token */
	{ 48003, 48004, REACTION_CONF},    /* mass-send protocol not agreed; API banned */
	{ 50001, 50002, REACTION_CONF},    /* API not authorized by the account; account restricted */
	{ 50004, 50004, REACTION_CONF},    /* punished: no access tokens */
	{ 61000, 61002, REACTION_CONF},    /* kind of third party, of appid */
	{ 61004, 61004, REACTION_CONF},    /* our egress address is not in the platform's white list */
	{ 61007, 61007, REACTION_CONF},    /* permission set not granted */
	{ 61011, 61011, REACTION_CONF},    /* invalid component */
	{ 61016, 61019, REACTION_CONF},    /* function category to be confirmed */
	{ 61021, 61022, REACTION_CONF},
	{ 61026, 61030, REACTION_CONF},    /* registration refused; component not published */
	{ 89503, 89503, REACTION_CONF},    /* an administrator must confirm a risky call */

	{ 45061, 45061, REACTION_BACKOFF}, /* updated too often */
	{ 61450, 61450, REACTION_BUSY},    /* customer service: system error */
	{ 89401, 89401, REACTION_BUSY},    /* system unstable */
	{9402202, 9402202, REACTION_BACKOFF}, /* too many at once */

	{ 45011, 45011, REACTION_MINUTE},  /* this minute's number */
	{ 45066, 45066, REACTION_MINUTE},  /* the same clientmsgid too soon */
	{ 45102, 45102, REACTION_MINUTE},  /* API blocked for a while */
	{ 45501, 45501, REACTION_MINUTE},  /* part of the requests blocked */
	{ 61039, 61039, REACTION_MINUTE},  /* privacy scan not finished */

	{ 40131, 40131, REACTION_QUOTA},   /* tickets */
	{ 45009, 45009, REACTION_QUOTA},   /* today's number */
	{ 45040, 45040, REACTION_QUOTA},   /* this month's */
	{ 45104, 45104, REACTION_QUOTA},   /* the domain's */
	{ 91030, 91030, REACTION_QUOTA},   /* registrations of one person */
	/* clang-format on */
};

enum reaction reaction_of(int64_t errcode)
{
	size_t i;

	for (i = 0; i < sizeof(reactions) / sizeof(reactions[0]); i++)
		if (errcode >= reactions[i].first && errcode <= reactions[i].last)
			return reactions[i].reaction;
	return REACTION_FINAL;
}

const char *reaction_name(enum reaction r)
{
	static const char *const names[] = {
		[REACTION_OK] = "ok",
		[REACTION_AUTH] = "auth",
		[REACTION_TICKET] = "ticket",
		[REACTION_REAUTH] = "reauth",
		[REACTION_CONF] = "conf",
		[REACTION_BUSY] = "busy",
		[REACTION_BACKOFF] = "backoff",
		[REACTION_MINUTE] = "minute",
		[REACTION_QUOTA] = "quota",
		[REACTION_FINAL] = "final",
	};

	return names[r];
}
