#include "common/base/conf.h"

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/secret.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/banned.h"

#define CONF_VALUE_BYTES (64 * 1024)
#define CONF_QUOTED_MAX  40 /* of a wrong value, in an error's one line */

static int read_all(int fd, size_t max, struct buf *text, const char *path, struct err *err)
{
	ssize_t n;
	char *room;

	for (;;) {
		size_t left = max + 1 - text->len;

		/* One byte past max is room enough to see that there is more. */
		if (left == 0)
			return err_set(err, ERR_REJECT, 0, "%s is larger than %zu bytes", path, max);
		room = buf_reserve(text, left < 4096 ? left : 4096);
		n = read(fd, room, left < 4096 ? left : 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, ERR_REJECT, errno, "cannot read %s: %s", path, strerror(errno));
		if (n == 0)
			break;
		buf_grown(text, (size_t)n);
	}
	if (strlen(buf_cstr(text)) != text->len)
		return err_set(err, ERR_REJECT, 0, "%s contains a NUL byte", path);
	return 0;
}

int conf_read_file(const char *path, size_t max, char **text_out, size_t *len_out, struct err *err)
{
	struct buf text = BUF_INIT(max + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_set(err, ERR_REJECT, errno, "cannot open %s: %s", path, strerror(errno));
	rc = read_all(fd, max, &text, path, err);
	if (rc == 0) {
		*len_out = text.len;
		*text_out = buf_detach(&text);
	}
	close(fd);
	buf_wipe_release(&text);
	return rc;
}

/* A wrong value as an error may show it: short, one line. */
static const char *quoted(const char *value, char *out, size_t size)
{
	size_t i, n;

	for (i = 0; value[i] && i < CONF_QUOTED_MAX; i += n) {
		n = str_utf8_char(value + i, strlen(value + i), NULL);
		if (n == 0)
			n = 1;
	}
	snprintf(out, size, "\"%.*s\"%s", (int)i, value, value[i] ? "..." : "");
	return out;
}

static const char *fallback_example(const struct conf_item *item, char *out, size_t size)
{
	switch (item->type) {
	case CONF_TYPE_INT:
		snprintf(out, size, "%lld", (long long)item->min);
		break;
	case CONF_TYPE_ENUM:
		snprintf(out, size, "%.*s", (int)strcspn(item->choices, "|"), item->choices);
		break;
	case CONF_TYPE_BOOL:
		return "true";
	case CONF_TYPE_LISTEN:
		return "127.0.0.1:8080";
	case CONF_TYPE_URL:
		return "https://wx.example.com";
	case CONF_TYPE_PATH:
		return item->choices ? "/var/lib/wxbus" : "/etc/wxbus/file";
	case CONF_TYPE_SECRET:
		return "(a secret text)";
	case CONF_TYPE_STR:
		return "text";
	}
	return out;
}

static const char *example_of(const struct conf_item *item, char *out, size_t size)
{
	if (item->example)
		return item->example;
	if (item->preset && item->preset[0] && item->type != CONF_TYPE_SECRET)
		return item->preset;
	return fallback_example(item, out, size);
}

/* NAME: <what is wrong>[, not "value"]; for example NAME=example */
static int complain(const struct conf_item *item, const char *wrong, const char *value, struct err *err)
{
	char shown[CONF_QUOTED_MAX + 16], example[64];
	bool show = value && item->type != CONF_TYPE_SECRET;

	return err_set(err, ERR_FATAL, 0, "%s: %s%s%s; for example %s=%s", item->name, wrong,
		show ? ", not " : "", show ? quoted(value, shown, sizeof(shown)) : "", item->name,
		example_of(item, example, sizeof(example)));
}

static bool is_host(const char *s, size_t len)
{
	size_t i;

	if (len >= 2 && s[0] == '[' && s[len - 1] == ']')
		return strspn(s + 1, "0123456789abcdefABCDEF:.") == len - 2 && len > 3;
	for (i = 0; i < len; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
			    (s[i] >= '0' && s[i] <= '9') || s[i] == '.' || s[i] == '-' || s[i] == '_'))
			return false;
	return len > 0;
}

/* Where the ":port" of host:port begins; the end if there is none. Colons within [::1] do not count. */
static const char *port_at(const char *s)
{
	const char *colon = strrchr(s, ':');

	return colon && !strchr(colon, ']') ? colon : s + strlen(s);
}

/* Port 0 lets the kernel choose; only a listener may. */
static bool is_port(const char *colon, int64_t min)
{
	int64_t port;

	return *colon == ':' && str_to_int64(colon + 1, strlen(colon + 1), min, 65535, &port) == 0;
}

static bool is_listen(const char *s)
{
	const char *colon = port_at(s);

	return is_port(colon, 0) && (colon == s || is_host(s, (size_t)(colon - s)));
}

static bool is_url(const char *s)
{
	const char *host = NULL, *colon;

	if (str_starts_with(s, "https://"))
		host = s + strlen("https://");
	else if (str_starts_with(s, "http://"))
		host = s + strlen("http://");
	if (!host)
		return false;
	colon = port_at(host);
	return is_host(host, (size_t)(colon - host)) && (*colon == '\0' || is_port(colon, 1));
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value), n;

	for (;; choices += n + 1) {
		n = strcspn(choices, "|");
		if (n == len && memcmp(choices, value, n) == 0)
			return true;
		if (choices[n] == '\0')
			return false;
	}
}

static const char *path_fault(const struct conf_item *item, const char *value)
{
	bool want_dir = item->choices && strcmp(item->choices, "dir") == 0;
	struct stat st;

	if (stat(value, &st) < 0 || S_ISDIR(st.st_mode) != want_dir)
		return want_dir ? "must be an existing directory" : "must be an existing file";
	if (access(value, want_dir ? R_OK | X_OK : R_OK) < 0)
		return want_dir ? "must be a directory that this process may enter"
				: "must be a file that this process may read";
	return NULL;
}

/* What is wrong with a text value; NULL: nothing. `wrong` is room for a composed answer. */
static const char *text_fault(const struct conf_item *item, const char *value, char *wrong, size_t size)
{
	switch (item->type) {
	case CONF_TYPE_LISTEN:
		return is_listen(value) ? NULL : "must be host:port or :port";
	case CONF_TYPE_URL:
		return is_url(value) ? NULL : "must be http(s)://host or http(s)://host:port and no more";
	case CONF_TYPE_ENUM:
		snprintf(wrong, size, "must be one of %s", item->choices);
		return is_choice(item->choices, value) ? NULL : wrong;
	case CONF_TYPE_PATH:
		return path_fault(item, value);
	default:
		return str_is_utf8(value, strlen(value)) ? NULL : "must be UTF-8";
	}
}

static int set_int(const struct conf_item *item, const char *value, int64_t *field, struct err *err)
{
	char wrong[80];

	if (str_to_int64(value, strlen(value), item->min, item->max, field) == 0)
		return 0;
	snprintf(wrong, sizeof(wrong), "must be a number from %lld to %lld", (long long)item->min,
		(long long)item->max);
	return complain(item, wrong, value, err);
}

static int set_bool(const struct conf_item *item, const char *value, bool *field, struct err *err)
{
	bool yes = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;

	if (!yes && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
		return complain(item, "must be true or false", value, err);
	*field = yes;
	return 0;
}

static int set_value(const struct conf_item *item, const char *value, void *base, struct err *err)
{
	void *field = (char *)base + item->offset;
	char wrong[100];
	const char *fault;

	if (item->type == CONF_TYPE_INT)
		return set_int(item, value, field, err);
	if (item->type == CONF_TYPE_BOOL)
		return set_bool(item, value, field, err);
	/* An empty preset stands for "none": nothing to check. */
	fault = value[0] ? text_fault(item, value, wrong, sizeof(wrong)) : NULL;
	if (fault)
		return complain(item, fault, value, err);
	*(char **)field = xstrdup(value);
	return 0;
}

/* The value of X_FILE, without one final newline. */
static int load_file(const struct conf_item *item, const char *path, void *base, struct err *err)
{
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (conf_read_file(path, CONF_VALUE_BYTES, &text, &len, err) < 0) {
		if (err)
			err->kind = ERR_FATAL;
		err_prefix(err, "%s_FILE", item->name);
		return -1;
	}
	if (len && text[len - 1] == '\n')
		text[--len] = '\0';
	if (len && text[len - 1] == '\r')
		text[--len] = '\0';
	if (len)
		rc = set_value(item, text, base, err);
	else
		rc = complain(item, "must not be an empty file", NULL, err);
	secret_free(&text);
	return rc;
}

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

static int load_item(const struct conf_item *item, void *base, struct err *err)
{
	const char *value = env(item->name), *path;
	char *file_name = xasprintf("%s_FILE", item->name);

	path = env(file_name);
	free(file_name);
	if (value && path)
		return complain(item, "must not be set together with its _FILE", NULL, err);
	if (path)
		return load_file(item, path, base, err);
	if (!value)
		value = item->preset;
	if (!value)
		return complain(item, "must be set", NULL, err);
	return set_value(item, value, base, err);
}

int conf_load(const struct conf_item *items, size_t n, void *base, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		if ((rc = load_item(&items[i], base, err)) < 0) {
			conf_release(items, n, base);
			return rc;
		}
	}
	return 0;
}

static bool is_text(const struct conf_item *item)
{
	return item->type != CONF_TYPE_INT && item->type != CONF_TYPE_BOOL;
}

void conf_release(const struct conf_item *items, size_t n, void *base)
{
	size_t i;

	/* Every text is wiped: a database URL is no CONF_TYPE_SECRET everywhere, and carries a password. */
	for (i = 0; i < n; i++)
		if (is_text(&items[i]))
			secret_free((char **)((char *)base + items[i].offset));
}

#define HELP_WIDTH 100 /* columns */

static void help_limits(const struct conf_item *item, struct buf *out)
{
	if (!item->preset)
		buf_add_str(out, "required");
	else
		buf_addf(out, "default %s", item->preset[0] ? item->preset : "none");
	if (item->type == CONF_TYPE_INT)
		buf_addf(out, "; %lld to %lld", (long long)item->min, (long long)item->max);
	if (item->type == CONF_TYPE_ENUM)
		buf_addf(out, "; %s", item->choices);
}

/* The text in lines that stand under each other from column `indent` on; the cursor is there already. */
static void print_wrapped(const char *text, size_t indent, FILE *out)
{
	size_t column = indent;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column > indent && column + 1 + word > HELP_WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)word, text);
		column += word;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

void conf_help(const struct conf_item *items, size_t n, FILE *out)
{
	size_t i, width = 0, len;

	for (i = 0; i < n; i++)
		if ((len = strlen(items[i].name)) > width)
			width = len;
	for (i = 0; i < n; i++) {
		struct buf text = BUF_INIT(4096);

		buf_addf(&text, "%s (", items[i].help);
		help_limits(&items[i], &text);
		buf_add_char(&text, ')');
		fprintf(out, "  %-*s  ", (int)width, items[i].name);
		print_wrapped(buf_cstr(&text), width + 4, out);
		buf_release(&text);
	}
}

static void print_text(const struct conf_item *item, const char *value, FILE *out)
{
	if (!value || !value[0])
		fprintf(out, "%s=\n", item->name);
	else if (item->type == CONF_TYPE_SECRET)
		fprintf(out, "%s=(hidden)\n", item->name);
	else
		fprintf(out, "%s=%s\n", item->name, value);
}

void conf_print(const struct conf_item *items, size_t n, const void *base, FILE *out)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const void *field = (const char *)base + items[i].offset;

		if (items[i].type == CONF_TYPE_INT)
			fprintf(out, "%s=%lld\n", items[i].name, (long long)*(const int64_t *)field);
		else if (items[i].type == CONF_TYPE_BOOL)
			fprintf(out, "%s=%s\n", items[i].name, *(const bool *)field ? "true" : "false");
		else
			print_text(&items[i], *(char *const *)field, out);
	}
}
