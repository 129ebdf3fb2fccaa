/* The custom menu of an account.
 * https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Creating_Custom-Defined_Menu.html */
#include "tools/weixin-sim/api/api.h"

#include <string.h>

#include "common/base/banned.h"

#define BUTTONS_MAX     3
#define SUB_BUTTONS_MAX 5
#define NAME_BYTES      16 /* of a button; a sub-button has 60 */
#define SUB_NAME_BYTES  60
#define KEY_BYTES       128
#define URL_BYTES       1024

/* A text of 1 to `max` bytes. */
static bool has_text(const struct json *button, const char *name, size_t max)
{
	const char *text = json_get_str(button, name);

	return text && text[0] && strlen(text) <= max;
}

static int check_action(const struct json *button)
{
	static const char *const with_key[] = {"click", "scancode_push", "scancode_waitmsg", "pic_sysphoto",
		"pic_photo_or_album", "pic_weixin", "location_select"};
	const char *type = json_get_str(button, "type");

	if (!type)
		return 40017;
	if (strcmp(type, "view") == 0)
		return has_text(button, "url", URL_BYTES) ? 0 : 40020;
	if (strcmp(type, "miniprogram") == 0)
		return has_text(button, "url", URL_BYTES) && has_text(button, "appid", KEY_BYTES) &&
				       has_text(button, "pagepath", URL_BYTES)
			       ? 0
			       : 40020;
	for (size_t i = 0; i < sizeof(with_key) / sizeof(with_key[0]); i++)
		if (strcmp(type, with_key[i]) == 0)
			return has_text(button, "key", KEY_BYTES) ? 0 : 40019;
	return 40017; /* what shows media or articles has none here */
}

static int check_sub_buttons(const struct json *list)
{
	int errcode = 0;

	if (json_len(list) > SUB_BUTTONS_MAX)
		return 40023;
	for (size_t i = 0; i < json_len(list) && errcode == 0; i++) {
		const struct json *button = json_at(list, i);

		errcode = has_text(button, "name", SUB_NAME_BYTES) ? check_action(button) : 40025;
	}
	return errcode;
}

static int check_menu(const struct json *menu)
{
	const struct json *list = json_get(menu, "button");
	int errcode = 0;

	if (json_kind(list) != JSON_ARRAY || json_len(list) == 0 || json_len(list) > BUTTONS_MAX)
		return 40016;
	for (size_t i = 0; i < json_len(list) && errcode == 0; i++) {
		const struct json *button = json_at(list, i), *subs = json_get(button, "sub_button");

		if (!has_text(button, "name", NAME_BYTES))
			return 40018;
		errcode = json_len(subs) ? check_sub_buttons(subs) : check_action(button);
	}
	return errcode;
}

int api_menu_create(struct api_call *call)
{
	struct account *a = state_account(&call->sim->state, call->appid);
	int errcode = check_menu(call->body);

	if (errcode)
		return errcode;
	json_free(&a->menu);
	a->menu = json_copy(call->body);
	return 0;
}

int api_menu_get(struct api_call *call)
{
	const struct account *a = state_account(&call->sim->state, call->appid);

	if (!a->menu)
		return 46003;
	call->answer = json_new_object();
	json_set(call->answer, "menu", json_copy(a->menu));
	return 0;
}

/* Also what stands on the console: here there is nothing else than what the API has made. */
int api_menu_current(struct api_call *call)
{
	const struct account *a = state_account(&call->sim->state, call->appid);

	call->answer = json_new_object();
	json_set_int(call->answer, "is_menu_open", a->menu != NULL);
	json_set(call->answer, "selfmenu_info", a->menu ? json_copy(a->menu) : json_new_object());
	return 0;
}

int api_menu_delete(struct api_call *call)
{
	struct account *a = state_account(&call->sim->state, call->appid);

	json_free(&a->menu);
	return 0;
}
