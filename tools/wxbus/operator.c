#include "tools/wxbus/operator.h"

#include "common/base/str.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define PRINTED_MAX (1024 * 1024)

#define CONF_STRUCT struct operator_settings
static const struct conf_item items[] = {
	CONF_PATH("WXBUS_INTERNAL_KEYS_FILE", internal_keys_file, NULL,
		"lines `name base64(32 bytes) scope,...`: our own key of scope admin",
		"/etc/wxbus/internal-keys"),
	CONF_URL("WXBUS_TOKEN_SERVICE_URL", token_service_url, NULL, "token-service's internal address",
		"http://127.0.0.1:8181"),
};
#define N_ITEMS (sizeof(items) / sizeof(items[0]))

int operator_main(const struct argp *argp, int argc, char **argv, void *o,
	int (*run)(const struct operator_settings *s, void *o, struct err *err))
{
	struct operator_settings settings;
	struct err err;
	int rc = command_parse(argp, argc, argv, o, items, N_ITEMS, &settings, sizeof(settings));

	if (rc != 0)
		return rc;
	rc = run(&settings, o, &err);
	conf_release(items, N_ITEMS, &settings);
	return rc < 0 ? command_failed(&err) : rc;
}

int operator_call(const struct operator_settings *s, const char *method, const char *path,
	const struct json *body, struct json **answer_out, struct err *err)
{
	return v1_call(s->internal_keys_file, s->token_service_url, method, path, body, answer_out, err);
}

void operator_check_appid(struct argp_state *state, const char *appid)
{
	if (!appid_ok(appid, strlen(appid)))
		argp_error(state, "'%s' is no appid", appid);
}

bool operator_take_account(
	struct argp_state *state, const char *word, const char **component, const char **appid)
{
	if (state->arg_num > 1)
		return false;
	operator_check_appid(state, word);
	*(state->arg_num == 0 ? component : appid) = word;
	return true;
}

int operator_platforms(const struct operator_settings *s, struct json **answer_out, struct err *err)
{
	return operator_call(s, "GET", "/v1/platforms", NULL, answer_out, err);
}

int operator_platform(
	const struct operator_settings *s, const char *named, char out[APPID_MAX + 1], struct err *err)
{
	const struct json *list;
	struct json *answer = NULL;
	const char *only;
	int rc;

	if (named)
		return str_copy(out, APPID_MAX + 1, named);
	if ((rc = operator_platforms(s, &answer, err)) < 0)
		return rc;
	list = json_get(answer, "platforms");
	only = json_get_str(json_at(list, 0), "component_appid");
	if (json_len(list) != 1 || !only || str_copy(out, APPID_MAX + 1, only) < 0)
		rc = err_set(err, ERR_REJECT, 0,
			"there are %zu platforms: --component COMPONENT says which one is meant",
			json_len(list));
	json_free(&answer);
	return rc;
}

const char *operator_name(const char *by, char *room, size_t size)
{
	const char *name = by ? by : getenv("SUDO_USER");
	struct passwd entry, *found = NULL;

	if (!name || !name[0])
		name = getenv("USER");
	if (name && name[0])
		return name;
	if (getpwuid_r(getuid(), &entry, room, size, &found) == 0 && found)
		return entry.pw_name;
	(void)snprintf(room, size, "uid %ld", (long)getuid());
	return room;
}

void operator_print(const struct json *j)
{
	struct buf text = BUF_INIT(PRINTED_MAX);

	json_write(j, &text);
	(void)printf("%s\n", buf_cstr(&text));
	buf_release(&text);
}

void operator_print_text(const char *text)
{
	for (; *text; text++) {
		/* C0, DEL, and C1 as UTF-8 has it: 0xc2 0x80 to 0x9f. */
		if ((unsigned char)text[0] == 0xc2 && (unsigned char)text[1] >= 0x80 &&
			(unsigned char)text[1] <= 0x9f) {
			(void)putchar('?');
			text++;
		} else {
			(void)putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
		}
	}
}
