#ifndef COMMON_XML_XML_H
#define COMMON_XML_XML_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#include <stddef.h>

/* A small tree of elements (expat behind it). Attributes, comments and processing instructions are passed
 * over; DOCTYPE is refused before anything in it is read. All lives in the arena given to xml_parse(). */
struct xml_node {
	char *name;
	char *text; /* the element's own character data, joined; "" if none; kept exactly */
	size_t text_len;
	struct xml_node *child; /* first */
	struct xml_node *next;  /* sibling */
};

struct xml_limits {
	size_t max_bytes;
	int max_depth;
	int max_elements;
};

/* ERR_REJECT: not well-formed, not UTF-8 (or declared as something else), DOCTYPE, or past a limit; the text
 * says what and where, and quotes nothing of the input. On failure the arena may hold what had been read. */
int xml_parse(const void *bytes, size_t len, const struct xml_limits *limits, struct arena *arena,
	struct xml_node **root_out, struct err *err);

const struct xml_node *xml_child(const struct xml_node *node, const char *name); /* first; NULL: none */
const char *xml_child_text(const struct xml_node *node, const char *name);       /* NULL: no such element */

/* Writing. The caller names elements with constants or names that xml_name_ok() accepts: 1 if `name` is ASCII
 * letters, digits, '_', '-', '.', ':', the first a letter, '_' or ':'; else 0. */
int xml_name_ok(const char *name);
void xml_open(struct buf *out, const char *name);
void xml_close(struct buf *out, const char *name);

/* "]]>" inside is split; what XML forbids (control characters, bytes that are no UTF-8) becomes U+FFFD. */
void xml_cdata(struct buf *out, const char *text, size_t len);
void xml_text(struct buf *out, const char *text, size_t len); /* the same, escaped instead of split */
void xml_element_cdata(struct buf *out, const char *name, const char *text);
void xml_element_int(struct buf *out, const char *name, int64_t v);

#endif
