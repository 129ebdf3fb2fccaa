#include "services/token-service/web/authorize_link.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

/* Numbers joined by '|'. */
static bool categories_ok(const char *s)
{
	if (!s[0])
		return true;
	for (;;) {
		size_t digits = strspn(s, "0123456789");

		if (digits == 0 || digits > 6)
			return false;
		s += digits;
		if (*s == '\0')
			return true;
		if (*s++ != '|')
			return false;
	}
}

int authorize_choice_read(const struct query *q, struct authorize_choice *choice)
{
	const char *type = query_get(q, "auth_type"), *biz = query_get(q, "biz_appid");
	const char *categories = query_get(q, "category_id_list"), *device = query_get(q, "device");
	struct authorize_choice c = {.auth_type = 3, .phone = choice->phone};

	if (type) {
		if (strlen(type) != 1 || !strchr("1234568", type[0]))
			return -1;
		c.auth_type = type[0] - '0';
	}
	if (biz && (!appid_ok(biz, strlen(biz)) || str_copy(c.biz_appid, sizeof(c.biz_appid), biz) < 0))
		return -1;
	if (categories &&
		(!categories_ok(categories) || str_copy(c.categories, sizeof(c.categories), categories) < 0))
		return -1;
	if (device) {
		c.phone = strcmp(device, "phone") == 0;
		if (!c.phone && strcmp(device, "pc") != 0)
			return -1;
	}
	*choice = c;
	return 0;
}

static void add(struct buf *out, const char *name, const char *value)
{
	if (!value[0])
		return;
	buf_addf(out, "&%s=", name);
	query_encode(out, value, strlen(value));
}

void authorize_choice_write(const struct authorize_choice *choice, struct buf *out)
{
	buf_addf(out, "auth_type=%d&device=%s", choice->auth_type, choice->phone ? "phone" : "pc");
	add(out, "biz_appid", choice->biz_appid);
	add(out, "category_id_list", choice->categories);
}

void authorize_link(const struct authorize_choice *choice, const char *mp_base, const char *open_base,
	const char *component_appid, const char *pre_auth_code, const char *redirect_uri, struct buf *out)
{
	if (choice->phone)
		buf_addf(out, "%s/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1", open_base);
	else
		buf_addf(out, "%s/cgi-bin/componentloginpage", mp_base);
	buf_addf(out, "%scomponent_appid=%s", choice->phone ? "&" : "?", component_appid);
	add(out, "pre_auth_code", pre_auth_code);
	add(out, "redirect_uri", redirect_uri);
	buf_addf(out, "&auth_type=%d", choice->auth_type);
	add(out, "biz_appid", choice->biz_appid);
	add(out, "category_id_list", choice->categories);
	if (choice->phone)
		buf_add_str(out, "#wechat_redirect");
}
