#include "common/xml/internal.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <assert.h>
#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

/* Expat 2.9 counts in 64 bits everywhere and deprecates the function that older ones have. */
#if XML_MAJOR_VERSION > 2 || (XML_MAJOR_VERSION == 2 && XML_MINOR_VERSION >= 9)
#define BYTE_INDEX(expat) XML_GetCurrentByteIndex64(expat)
#else
#define BYTE_INDEX(expat) XML_GetCurrentByteIndex(expat)
#endif

/* An element whose end has not come. Its text arrives in many pieces and is gathered in a buf that its later
 * siblings use again: joining pieces in the arena would be quadratic. */
struct open_element {
	struct xml_node *node;
	struct xml_node *last_child;
	struct buf text;
};

struct reader {
	XML_Parser expat;
	struct arena *arena;
	const struct xml_limits *limits;
	struct open_element *open; /* limits->max_depth of them */
	int depth, elements;
	struct xml_node *root;
	const char *refused; /* why we, not expat, stopped */
};

/* expat may still call handlers after this: each looks at `refused` first. */
static void refuse(struct reader *r, const char *why)
{
	r->refused = why;
	XML_StopParser(r->expat, XML_FALSE);
}

static void XMLCALL on_doctype(
	void *arg, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid, int has_internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_internal;
	refuse(arg, "DOCTYPE");
}

static void XMLCALL on_declaration(
	void *arg, const XML_Char *version, const XML_Char *encoding, int standalone)
{
	(void)version;
	(void)standalone;
	if (encoding && strcasecmp(encoding, "UTF-8") != 0)
		refuse(arg, "an encoding other than UTF-8");
}

static void link_node(struct reader *r, struct xml_node *node)
{
	struct open_element *parent = r->depth ? &r->open[r->depth - 1] : NULL;

	if (!parent)
		r->root = node;
	else if (parent->last_child)
		parent->last_child->next = node;
	else
		parent->node->child = node;
	if (parent)
		parent->last_child = node;
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reader *r = arg;
	struct open_element *e;

	(void)attributes;
	if (r->refused)
		return;
	if (r->depth == r->limits->max_depth) {
		refuse(r, "too deep nesting");
		return;
	}
	if (r->elements++ == r->limits->max_elements) {
		refuse(r, "too many elements");
		return;
	}
	e = &r->open[r->depth];
	e->node = arena_alloc(r->arena, sizeof(*e->node));
	e->node->name = arena_strdup(r->arena, name);
	e->last_child = NULL;
	buf_reset(&e->text);
	link_node(r, e->node);
	r->depth++;
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int len)
{
	struct reader *r = arg;

	if (!r->refused && r->depth)
		buf_add(&r->open[r->depth - 1].text, s, (size_t)len);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct reader *r = arg;
	struct open_element *e;

	(void)name;
	if (r->refused)
		return;
	e = &r->open[--r->depth];
	e->node->text = arena_strndup(r->arena, buf_cstr(&e->text), e->text.len);
	e->node->text_len = e->text.len;
}

static int feed(struct reader *r, const void *bytes, size_t len, struct err *err)
{
	enum XML_Error code;

	XML_SetUserData(r->expat, r);
	XML_SetElementHandler(r->expat, on_start, on_end);
	XML_SetCharacterDataHandler(r->expat, on_text);
	XML_SetStartDoctypeDeclHandler(r->expat, on_doctype);
	XML_SetXmlDeclHandler(r->expat, on_declaration);
	if (XML_Parse(r->expat, bytes, (int)len, 1) == XML_STATUS_OK)
		return 0;
	code = XML_GetErrorCode(r->expat);
	if (code == XML_ERROR_NO_MEMORY)
		alloc_failed();
	return err_set(err, ERR_REJECT, (int)code, "%s at byte %lld",
		r->refused ? r->refused : XML_ErrorString(code), (long long)BYTE_INDEX(r->expat));
}

static void open_elements_free(struct open_element *open, int n)
{
	int i;

	for (i = 0; i < n; i++)
		buf_release(&open[i].text);
	free(open);
}

int xml_expat_parse(const void *bytes, size_t len, const struct xml_limits *limits, struct arena *arena,
	struct xml_node **root_out, struct err *err)
{
	struct reader r = {.arena = arena, .limits = limits};
	int rc, i;

	if ((r.expat = XML_ParserCreate("UTF-8")) == NULL)
		alloc_failed();
	r.open = xcalloc((size_t)limits->max_depth, sizeof(*r.open));
	/* References only shrink: all text together is shorter than the input. */
	for (i = 0; i < limits->max_depth; i++)
		buf_init(&r.open[i].text, len);
	rc = feed(&r, bytes, len, err);
	open_elements_free(r.open, limits->max_depth);
	XML_ParserFree(r.expat);
	if (rc == 0)
		*root_out = r.root;
	return rc;
}

int xml_parse(const void *bytes, size_t len, const struct xml_limits *limits, struct arena *arena,
	struct xml_node **root_out, struct err *err)
{
	assert(limits->max_bytes <= INT_MAX && limits->max_depth > 0);
	if (len > limits->max_bytes)
		return err_set(err, ERR_REJECT, 0, "more than %zu bytes", limits->max_bytes);
	/* expat takes "<" and a NUL byte for UTF-16, whatever encoding it is told. */
	if (!str_is_utf8(bytes, len) || (len && memchr(bytes, '\0', len)))
		return err_set(err, ERR_REJECT, 0, "not UTF-8");
	if (xml_plain_parse(bytes, len, limits, arena, root_out))
		return 0;
	return xml_expat_parse(bytes, len, limits, arena, root_out, err);
}

const struct xml_node *xml_child(const struct xml_node *node, const char *name)
{
	const struct xml_node *c;

	for (c = node->child; c; c = c->next)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

const char *xml_child_text(const struct xml_node *node, const char *name)
{
	const struct xml_node *c = xml_child(node, name);

	return c ? c->text : NULL;
}
