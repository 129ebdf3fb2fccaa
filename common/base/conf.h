#ifndef COMMON_BASE_CONF_H
#define COMMON_BASE_CONF_H

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Settings from environment variables: one row of one table gives parsing, range, --help, --check and docs.
 * For any variable X, X_FILE may name a file whose content (less one final newline) is the value. An empty
 * variable counts as not set (compose files pass those on); X and X_FILE together are refused. */
enum conf_type {
	CONF_TYPE_STR,    /* char *, heap */
	CONF_TYPE_SECRET, /* char *, heap; never printed */
	CONF_TYPE_INT,    /* int64_t within [min, max] */
	CONF_TYPE_BOOL,   /* bool: true|false|1|0 */
	CONF_TYPE_LISTEN, /* char *, heap: host:port or :port */
	CONF_TYPE_URL,    /* char *, heap: http(s)://host[:port] without path, query, user or fragment */
	CONF_TYPE_ENUM,   /* char *, heap; one of `choices` ("a|b|c") */
	CONF_TYPE_PATH    /* char *, heap: a readable file (or, with choices "dir", a directory) */
};

struct conf_item {
	const char *name; /* the environment variable */
	enum conf_type type;
	size_t offset;       /* of the field in the service's settings */
	const char *preset;  /* the default; NULL: must be set; "" for strings: may stay empty */
	int64_t min, max;    /* CONF_TYPE_INT */
	const char *choices; /* CONF_TYPE_ENUM */
	const char *help;    /* what it is for, with its unit */
	const char *example; /* a right value, for error messages; NULL: the default is shown */
};

/* Rows are written with CONF_STRUCT defined as the service's struct:
 *     #define CONF_STRUCT struct ingress_conf
 *     CONF_STR("WXBUS_TOPIC_PREFIX", topic_prefix, "wx.", "put before the name of every topic", "wx."), */
#define CONF_ROW(type_, name_, field_, preset_, min_, max_, choices_, help_, example_)                       \
	{                                                                                                    \
		.name = (name_), .type = (type_), .offset = offsetof(CONF_STRUCT, field_),                   \
		.preset = (preset_), .min = (min_), .max = (max_), .choices = (choices_), .help = (help_),   \
		.example = (example_)                                                                        \
	}
#define CONF_STR(name, field, preset, help, example)                                                         \
	CONF_ROW(CONF_TYPE_STR, name, field, preset, 0, 0, NULL, help, example)
#define CONF_SECRET(name, field, preset, help, example)                                                      \
	CONF_ROW(CONF_TYPE_SECRET, name, field, preset, 0, 0, NULL, help, example)
#define CONF_INT(name, field, preset, min, max, help)                                                        \
	CONF_ROW(CONF_TYPE_INT, name, field, preset, min, max, NULL, help, NULL)
#define CONF_BOOL(name, field, preset, help)                                                                 \
	CONF_ROW(CONF_TYPE_BOOL, name, field, preset, 0, 0, NULL, help, "true")
#define CONF_LISTEN(name, field, preset, help)                                                               \
	CONF_ROW(CONF_TYPE_LISTEN, name, field, preset, 0, 0, NULL, help, "0.0.0.0:8080")
#define CONF_URL(name, field, preset, help, example)                                                         \
	CONF_ROW(CONF_TYPE_URL, name, field, preset, 0, 0, NULL, help, example)
#define CONF_ENUM(name, field, preset, choices, help)                                                        \
	CONF_ROW(CONF_TYPE_ENUM, name, field, preset, 0, 0, choices, help, NULL)
#define CONF_PATH(name, field, preset, help, example)                                                        \
	CONF_ROW(CONF_TYPE_PATH, name, field, preset, 0, 0, NULL, help, example)

/* Fill the settings at `base` (zeroed by the caller). On failure `err` (ERR_FATAL) is one line: the variable,
 * what is wrong, an example of what is right; a secret's value is never quoted. Everything is released then.
 */
int conf_load(const struct conf_item *items, size_t n, void *base, struct err *err);
void conf_release(const struct conf_item *items, size_t n, void *base); /* frees strings, wipes secrets */

void conf_help(const struct conf_item *items, size_t n, FILE *out); /* aligned table, 100 columns */
/* NAME=value lines; secrets hidden. */
void conf_print(const struct conf_item *items, size_t n, const void *base, FILE *out);

/* Whole content of a file, at most max bytes, NUL-terminated; the caller frees it (secret_free for secrets).
 * ERR_REJECT: it cannot be read, is larger, or holds a NUL byte. */
int conf_read_file(const char *path, size_t max, char **text_out, size_t *len_out, struct err *err);

#endif
