#include "common/base/str.h"
#include "common/xml/internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_tree(struct buf *out, const struct xml_node *node, int cdata)
{
	const struct xml_node *c;

	if (strlen(node->text) != node->text_len)
		abort();
	xml_open(out, node->name);
	/* CDATA cannot carry a carriage return unchanged. */
	if (cdata && !strchr(node->text, '\r'))
		xml_cdata(out, node->text, node->text_len);
	else
		xml_text(out, node->text, node->text_len);
	for (c = node->child; c; c = c->next)
		write_tree(out, c, cdata);
	xml_close(out, node->name);
}

static void compare(const struct xml_node *a, const struct xml_node *b)
{
	for (; a && b; a = a->next, b = b->next) {
		if (strcmp(a->name, b->name) != 0 || strcmp(a->text, b->text) != 0)
			abort();
		compare(a->child, b->child);
	}
	if (a || b)
		abort();
}

/* What the reader of the plain form reads, expat reads alike. */
static void compare_readers(
	const char *bytes, size_t len, const struct xml_limits *limits, struct arena *arena)
{
	struct xml_node *plain = NULL, *root = NULL;
	struct err err;

	if (len > limits->max_bytes || !str_is_utf8(bytes, len) || (len && memchr(bytes, '\0', len)) ||
		!xml_plain_parse(bytes, len, limits, arena, &plain))
		return;
	if (xml_expat_parse(bytes, len, limits, arena, &root, &err) < 0)
		abort();
	compare(plain, root);
}

/* A tree that was read, written and read again is the same tree. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct xml_limits limits = {.max_bytes = 1 << 16, .max_depth = 8, .max_elements = 500};
	static const struct xml_limits wide = {.max_bytes = 1 << 22, .max_depth = 8, .max_elements = 500};
	struct xml_node *root = NULL, *again = NULL;
	struct arena arena = ARENA_INIT;
	struct buf out = BUF_INIT(1 << 22);
	struct err err;
	int cdata;

	compare_readers((const char *)data, size, &limits, &arena);
	if (xml_parse(data, size, &limits, &arena, &root, &err) == 0) {
		for (cdata = 0; cdata < 2; cdata++) {
			buf_reset(&out);
			write_tree(&out, root, cdata);
			if (out.overflow || xml_parse(out.data, out.len, &wide, &arena, &again, &err) < 0)
				abort();
			compare(root, again);
			compare_readers(out.data, out.len, &wide, &arena);
		}
	}
	/* Any bytes can be written as text. */
	buf_reset(&out);
	xml_open(&out, "a");
	xml_cdata(&out, (const char *)data, size);
	xml_text(&out, (const char *)data, size);
	xml_close(&out, "a");
	if (!out.overflow && xml_parse(out.data, out.len, &wide, &arena, &again, &err) < 0)
		abort();
	buf_release(&out);
	arena_release(&arena);
	return 0;
}
