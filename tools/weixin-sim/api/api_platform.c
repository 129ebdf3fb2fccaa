/* What a platform keeps at Weixin for its mini programs: domains and code templates.
 * https://developers.weixin.qq.com/doc/oplatform/openApi/thirdparty-management/domain-mgnt/api_modifythirdpartyserverdomain.html
 * https://developers.weixin.qq.com/doc/oplatform/openApi/thirdparty-management/template-mgnt/api_gettemplatelist.html
 */
#include "tools/weixin-sim/api/api.h"
#include "tools/weixin-sim/api/weixin_error.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define TEMPLATES_MAX 200
#define LIST_MAX      8192 /* bytes of domains with their ";" */

static struct platform *platform_of(const struct api_call *call)
{
	return state_platform(&call->sim->state, call->component_appid);
}

/* --- domains, kept as they are written: "a;b" --- */

/* The next of a list; false at its end. */
static bool next_domain(const char **list, const char **domain, size_t *len)
{
	*list += strspn(*list, ";");
	*domain = *list;
	*len = strcspn(*list, ";");
	*list += *len;
	return *len > 0;
}

static bool has_domain(const char *list, const char *wanted, size_t wanted_len)
{
	const char *domain;
	size_t len;

	while (next_domain(&list, &domain, &len))
		if (len == wanted_len && memcmp(domain, wanted, len) == 0)
			return true;
	return false;
}

/* Those of `from` that are in `other`, or are not. */
static void add_domains(struct buf *out, const char *from, const char *other, bool in_other)
{
	const char *domain;
	size_t len;

	while (next_domain(&from, &domain, &len)) {
		if (has_domain(other, domain, len) != in_other)
			continue;
		if (out->len)
			buf_add_char(out, ';');
		buf_add(out, domain, len);
	}
}

/* The list `name` of the platform after the action. */
static void change_list(struct platform *p, const char *name, const char *action, const char *domains)
{
	const char *own = json_get_str(p->domains, name);
	struct buf out = BUF_INIT(LIST_MAX);

	if (strcmp(action, "set") != 0)
		add_domains(&out, own ? own : "", domains, false);
	if (strcmp(action, "delete") != 0)
		add_domains(&out, domains, "", false);
	json_set_str(p->domains, name, buf_cstr(&out));
	buf_release(&out);
}

static void answer_list(struct api_call *call, const char *name)
{
	const char *list = json_get_str(platform_of(call)->domains, name);

	json_set_str(call->answer, name, list ? list : "");
}

/* `kind` is wxa_server_domain or wxa_jump_h5_domain: the body's member, and the end of the lists' names. */
static int modify_domains(struct api_call *call, const char *kind)
{
	const char *action = json_get_str(call->body, "action"), *domains = json_get_str(call->body, kind);
	struct platform *p = platform_of(call);
	char published[64], testing[64];

	if (!action || (strcmp(action, "add") != 0 && strcmp(action, "delete") != 0 &&
			       strcmp(action, "set") != 0 && strcmp(action, "get") != 0))
		return 40097;
	if (strcmp(action, "get") != 0 && (!domains || domains[0] == '\0' || strlen(domains) > LIST_MAX / 2))
		return 40097;
	snprintf(published, sizeof(published), "published_%s", kind);
	snprintf(testing, sizeof(testing), "testing_%s", kind);
	if (!p->domains)
		p->domains = json_new_object();
	if (strcmp(action, "get") != 0) {
		change_list(p, testing, action, domains);
		if (json_get_bool(call->body, "is_modify_published_together", false))
			change_list(p, published, action, domains);
	}
	call->answer = weixin_ok();
	answer_list(call, published);
	answer_list(call, testing);
	return 0;
}

int api_server_domain(struct api_call *call)
{
	return modify_domains(call, "wxa_server_domain");
}

int api_jump_domain(struct api_call *call)
{
	return modify_domains(call, "wxa_jump_h5_domain");
}

/* The same while this Weixin runs. */
int api_domain_confirmfile(struct api_call *call)
{
	struct buf name = BUF_INIT(128);

	buf_addf(&name, "%s.txt", call->component_appid);
	call->answer = weixin_ok();
	json_set_str(call->answer, "file_name", buf_cstr(&name));
	json_set_str(call->answer, "file_content", call->component_appid);
	buf_release(&name);
	return 0;
}

/* --- code templates --- */

/* The place of the one whose member `name` is `id`; the length if there is none. */
static size_t find_by_id(const struct json *list, const char *name, const struct json *id)
{
	int64_t wanted, own;
	size_t i;

	if (json_int(id, &wanted) < 0)
		return json_len(list);
	for (i = 0; i < json_len(list); i++)
		if (json_get_int(json_at(list, i), name, &own) == 0 && own == wanted)
			break;
	return i;
}

static int answer_templates(struct api_call *call, const char *name, const struct json *list)
{
	call->answer = weixin_ok();
	json_set(call->answer, name, list ? json_copy(list) : json_new_array());
	return 0;
}

int api_template_drafts(struct api_call *call)
{
	return answer_templates(call, "draft_list", platform_of(call)->code_drafts);
}

/* With template_type: those of that one. */
int api_code_templates(struct api_call *call)
{
	const char *type = query_get(&call->query, "template_type");
	const struct json *all = platform_of(call)->code_templates;
	struct json *list = json_new_array();

	for (size_t i = 0; i < json_len(all); i++) {
		int64_t own = 0;

		(void)json_get_int(json_at(all, i), "template_type", &own);
		if (!type || (own == 0) == (strcmp(type, "0") == 0))
			json_push(list, json_copy(json_at(all, i)));
	}
	(void)answer_templates(call, "template_list", list);
	json_free(&list);
	return 0;
}

int api_add_code_template(struct api_call *call)
{
	struct platform *p = platform_of(call);
	size_t i = find_by_id(p->code_drafts, "draft_id", json_get(call->body, "draft_id"));
	int64_t type = 0;
	struct json *template;

	if (i == json_len(p->code_drafts))
		return 85064;
	if (json_get(call->body, "template_type") &&
		(json_get_int(call->body, "template_type", &type) < 0 || type < 0 || type > 1))
		return 40097;
	if (json_len(p->code_templates) >= TEMPLATES_MAX)
		return 85065;
	template = json_copy(json_at(p->code_drafts, i));
	json_del(template, "draft_id");
	json_set_int(template, "create_time", call->now_ms / 1000);
	json_set_int(template, "template_id", p->last_code_template++);
	json_set_int(template, "template_type", type);
	if (!p->code_templates)
		p->code_templates = json_new_array();
	json_push(p->code_templates, template);
	return 0;
}

int api_delete_code_template(struct api_call *call)
{
	struct platform *p = platform_of(call);
	size_t at = find_by_id(p->code_templates, "template_id", json_get(call->body, "template_id"));
	struct json *rest;

	if (at == json_len(p->code_templates))
		return 85064;
	rest = json_new_array();
	for (size_t i = 0; i < json_len(p->code_templates); i++)
		if (i != at)
			json_push(rest, json_copy(json_at(p->code_templates, i)));
	json_free(&p->code_templates);
	p->code_templates = rest;
	return 0;
}
