#ifndef COMMON_XML_INTERNAL_H
#define COMMON_XML_INTERNAL_H

#include "common/xml/xml.h"

#include <stdbool.h>

/* Shared by the files of this folder, and by the fuzz target that compares the two readers. Both want UTF-8
 * without NUL, at most max_bytes of it. */

/* expat: decides about every document that the other does not read. */
int xml_expat_parse(const void *bytes, size_t len, const struct xml_limits *limits, struct arena *arena,
	struct xml_node **root_out, struct err *err);

/* The plain form only. False: not of it, whatever else it may be; the arena may hold what had been read. */
bool xml_plain_parse(const char *bytes, size_t len, const struct xml_limits *limits, struct arena *arena,
	struct xml_node **root_out);

#endif
