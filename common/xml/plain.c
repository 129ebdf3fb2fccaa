/* The form that Weixin's pushes have, read without expat, whose parser costs thirty allocations and two
 * thirds of the instructions of verifying and decrypting a push: elements without attributes, text without
 * references, CDATA. One walk over the bytes. Anything else (a declaration, a comment, '&', a carriage
 * return, an attribute, whatever is malformed or past a limit) is left to expat, which alone refuses.
 * Drawback: two readers must agree, which xml_fuzz.c checks of every input. */
#include "common/xml/internal.h"

#include <string.h>

#include "common/base/banned.h"

#define DEPTH_MAX 32

#define CDATA_OPEN  "<![CDATA["
#define CDATA_CLOSE "]]>"

/* A stretch of an element's text; its text is that of all of them. */
struct piece {
	const char *p;
	size_t len;
	struct piece *next;
};

struct open_element {
	struct xml_node *node;
	struct xml_node *last_child;
	struct piece first, *last;
	size_t text_len;
};

struct reader {
	const char *p, *end;
	struct arena *arena;
	const struct xml_limits *limits;
	struct open_element open[DEPTH_MAX];
	int depth, elements;
	struct xml_node *root;
};

static bool at(const struct reader *r, const char *word, size_t len)
{
	return (size_t)(r->end - r->p) >= len && memcmp(r->p, word, len) == 0;
}

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n'))
		r->p++;
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Behind the name. NULL: none. */
static const char *name_end(const struct reader *r)
{
	const char *p = r->p;

	if (p == r->end || !is_name_start(*p))
		return NULL;
	while (p < r->end && (is_name_start(*p) || (*p >= '0' && *p <= '9') || *p == '-' || *p == '.'))
		p++;
	return p;
}

/* Is the byte there as it is in XML, and means itself? U+FFFE and U+FFFF are forbidden; the bytes are UTF-8,
 * so the two that follow a lead byte are there. */
static bool is_plain(const char *p)
{
	unsigned char c = (unsigned char)*p;

	if (c < 0x20)
		return c == '\t' || c == '\n';
	return c != 0xef || (unsigned char)p[1] != 0xbf || (unsigned char)p[2] < 0xbe;
}

static void add_text(struct reader *r, const char *p, size_t len)
{
	struct open_element *e = &r->open[r->depth - 1];
	struct piece *piece = e->last ? arena_alloc(r->arena, sizeof(*piece)) : &e->first;

	*piece = (struct piece){p, len, NULL};
	if (e->last)
		e->last->next = piece;
	e->last = piece;
	e->text_len += len;
}

static bool read_cdata(struct reader *r)
{
	const char *from = r->p + strlen(CDATA_OPEN), *p;
	const char *close = memmem(from, (size_t)(r->end - from), CDATA_CLOSE, strlen(CDATA_CLOSE));

	if (!close)
		return false;
	for (p = from; p < close; p++)
		if (!is_plain(p))
			return false;
	if (close > from)
		add_text(r, from, (size_t)(close - from));
	r->p = close + strlen(CDATA_CLOSE);
	return true;
}

/* Up to the next '<'. */
static bool read_text(struct reader *r)
{
	const char *from = r->p;

	for (; r->p < r->end && *r->p != '<'; r->p++)
		if (!is_plain(r->p) || *r->p == '&' || *r->p == ']')
			return false;
	add_text(r, from, (size_t)(r->p - from));
	return r->p < r->end;
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

static bool read_start(struct reader *r)
{
	struct xml_node *node;
	const char *end;

	r->p++;
	end = name_end(r);
	if (!end || end == r->end || *end != '>' || r->depth == DEPTH_MAX ||
		r->depth == r->limits->max_depth || r->elements++ == r->limits->max_elements)
		return false;
	node = arena_alloc(r->arena, sizeof(*node));
	node->name = arena_strndup(r->arena, r->p, (size_t)(end - r->p));
	link_node(r, node);
	r->open[r->depth].node = node;
	r->open[r->depth].last_child = NULL;
	r->open[r->depth].last = NULL;
	r->open[r->depth].text_len = 0;
	r->depth++;
	r->p = end + 1;
	return true;
}

static void join_text(struct reader *r, const struct open_element *e)
{
	char *w = arena_alloc(r->arena, e->text_len + 1);
	const struct piece *piece;

	e->node->text = w;
	e->node->text_len = e->text_len;
	for (piece = e->last ? &e->first : NULL; piece; piece = piece->next) {
		memcpy(w, piece->p, piece->len);
		w += piece->len;
	}
}

static bool read_end(struct reader *r)
{
	const struct open_element *e = &r->open[r->depth - 1];
	size_t len = strlen(e->node->name);

	r->p += strlen("</");
	if (!at(r, e->node->name, len) || r->p + len == r->end || r->p[len] != '>')
		return false;
	r->p += len + 1;
	join_text(r, e);
	r->depth--;
	return true;
}

static bool read_next(struct reader *r)
{
	if (r->p == r->end)
		return false;
	if (*r->p != '<')
		return read_text(r);
	if (at(r, "</", strlen("</")))
		return read_end(r);
	if (at(r, CDATA_OPEN, strlen(CDATA_OPEN)))
		return read_cdata(r);
	return read_start(r);
}

bool xml_plain_parse(const char *bytes, size_t len, const struct xml_limits *limits, struct arena *arena,
	struct xml_node **root_out)
{
	struct reader r;

	/* `open` is filled as elements open. */
	r.p = bytes;
	r.end = bytes + len;
	r.arena = arena;
	r.limits = limits;
	r.depth = r.elements = 0;
	skip_space(&r);
	if (r.p == r.end || *r.p != '<' || !read_start(&r))
		return false;
	while (r.depth > 0)
		if (!read_next(&r))
			return false;
	skip_space(&r);
	if (r.p < r.end)
		return false;
	*root_out = r.root;
	return true;
}
