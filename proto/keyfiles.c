#include "proto/keyfiles.h"

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "proto/platforms.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define FILE_MAX_BYTES (256 * 1024)
#define FIELDS_MAX     3
#define CALLER_KEY_MAX 256

/* A key file while it is read: line by line, each cut into its fields. */
struct key_file {
	const char *path;
	const char *form; /* what a right line is, for errors */
	size_t n_fields;  /* in a right line */
	char *text;
	size_t len;
	size_t pos;
	int line;
	struct str fields[FIELDS_MAX];
};

static int file_open(struct key_file *f, const char *path, const char *form, size_t n_fields, struct err *err)
{
	*f = (struct key_file){.path = path, .form = form, .n_fields = n_fields};
	if (conf_read_file(path, FILE_MAX_BYTES, &f->text, &f->len, err) < 0)
		return -1;
	if (memchr(f->text, '\0', f->len))
		return err_set(err, ERR_REJECT, 0, "%s: holds a NUL byte: not a text file", path);
	return 0;
}

static void file_close(struct key_file *f)
{
	if (f->text)
		secret_wipe(f->text, f->len);
	free(f->text);
}

static int line_wrong(const struct key_file *f, const char *what, struct err *err)
{
	return err_set(err, ERR_REJECT, 0, "%s:%d: %s; a line is \"%s\"", f->path, f->line, what, f->form);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* How many fields the line has; only the first FIELDS_MAX are kept. */
static size_t split(struct key_file *f, struct str line)
{
	size_t n = 0, start, i = 0;

	for (;;) {
		while (i < line.len && is_blank(line.p[i]))
			i++;
		if (i == line.len)
			return n;
		for (start = i; i < line.len && !is_blank(line.p[i]); i++)
			;
		if (n < FIELDS_MAX)
			f->fields[n] = (struct str){line.p + start, i - start};
		n++;
	}
}

/* 1: a line of n_fields stands in `fields`. 0: the end. -1: a line with more or fewer. */
static int file_next(struct key_file *f, struct err *err)
{
	while (f->pos < f->len) {
		struct str line = {f->text + f->pos, 0};
		const char *end = memchr(line.p, '\n', f->len - f->pos);
		size_t n;

		line.len = end ? (size_t)(end - line.p) : f->len - f->pos;
		f->pos += line.len + 1;
		f->line++;
		n = split(f, line);
		if (n == 0 || f->fields[0].p[0] == '#')
			continue;
		if (n != f->n_fields)
			return line_wrong(f, n < f->n_fields ? "too few fields" : "too many fields", err);
		return 1;
	}
	return 0;
}

typedef int (*take_line)(const struct key_file *f, void *keys, struct err *err);

/* Each line of the file to `take`. A file with no key at all is a mistake (an empty mount), never a wish. */
static int read_lines(
	const char *path, const char *form, size_t n_fields, take_line take, void *keys, struct err *err)
{
	struct key_file f;
	size_t n = 0;
	int rc = file_open(&f, path, form, n_fields, err);

	if (rc < 0)
		goto out;
	while ((rc = file_next(&f, err)) == 1) {
		if ((rc = take(&f, keys, err)) < 0)
			goto out;
		n++;
	}
	if (rc == 0 && n == 0)
		rc = err_set(err, ERR_REJECT, 0, "%s: holds no key; a line is \"%s\"", path, form);
out:
	file_close(&f);
	return rc;
}

static int take_key32(const struct key_file *f, struct str field, uint8_t out[32], struct err *err)
{
	struct buf key = BUF_INIT(64);
	int rc = 0;

	if (crypto_base64_decode(field.p, field.len, &key, NULL) < 0 || key.len != CRYPTO_KEY_LEN)
		rc = line_wrong(f, "the key must be base64 of 32 bytes", err);
	else
		memcpy(out, key.data, CRYPTO_KEY_LEN);
	buf_wipe_release(&key);
	return rc;
}

static bool name_ok(struct str s, size_t max)
{
	size_t i;

	if (s.len == 0 || s.len > max)
		return false;
	for (i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '_' || c == '.'))
			return false;
	}
	return true;
}

static int take_name(const struct key_file *f, struct str field, char *out, size_t size, struct err *err)
{
	if (!name_ok(field, size - 1))
		return line_wrong(f, "a name is of letters, digits, '-', '_' and '.'", err);
	return str_ncopy(out, size, field.p, field.len);
}

/* Grown into a new block, so that no copy of a key stays in freed memory. */
static void *grown(void *list, size_t n, size_t size)
{
	char *bigger = xcalloc(n + 1, size);

	if (n) {
		memcpy(bigger, list, n * size);
		secret_wipe(list, n * size);
	}
	free(list);
	return bigger;
}

static void wipe_list(void *list, size_t n, size_t size)
{
	if (n)
		secret_wipe(list, n * size);
	free(list);
}

/* Master keys */

static int take_master_key(const struct key_file *f, void *arg, struct err *err)
{
	struct master_keys *keys = arg;
	struct master_key *k;
	size_t i;

	keys->list = grown(keys->list, keys->n, sizeof(*k));
	k = &keys->list[keys->n++];
	if (take_name(f, f->fields[0], k->id, sizeof(k->id), err) < 0 ||
		take_key32(f, f->fields[1], k->key, err) < 0)
		return -1;
	for (i = 0; i + 1 < keys->n; i++)
		if (strcmp(keys->list[i].id, k->id) == 0)
			return line_wrong(f, "the key id stands there already", err);
	return 0;
}

int master_keys_read(const char *path, struct master_keys **out, struct err *err)
{
	struct master_keys *keys = xcalloc(1, sizeof(*keys));
	int rc = read_lines(path, "key-id base64(32 bytes)", 2, take_master_key, keys, err);

	if (rc == 0)
		*out = keys;
	else
		master_keys_free(&keys);
	return rc;
}

void master_keys_free(struct master_keys **k)
{
	if (*k) {
		wipe_list((*k)->list, (*k)->n, sizeof((*k)->list[0]));
		free(*k);
	}
	*k = NULL;
}

void master_seal(const struct master_keys *k, const char *row, const void *plain, size_t len, struct buf *out)
{
	const struct master_key *first = &k->list[0];

	buf_add_char(out, (char)strlen(first->id));
	buf_add_str(out, first->id);
	crypto_gcm_seal(first->key, row, strlen(row), plain, len, out);
}

static const struct master_key *master_find(const struct master_keys *k, const char *id, size_t id_len)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (str_eq_cstr((struct str){id, id_len}, k->list[i].id))
			return &k->list[i];
	return NULL;
}

int master_open(const struct master_keys *k, const char *row, const void *sealed, size_t len, struct buf *out,
	struct err *err)
{
	const uint8_t *p = sealed;
	const struct master_key *key;
	size_t id_len;

	if (len == 0 || (id_len = p[0]) > len - 1)
		return err_set(err, ERR_REJECT, 0, "not a sealed value");
	if ((key = master_find(k, (const char *)p + 1, id_len)) == NULL)
		return err_set(
			err, ERR_REJECT, 0, "sealed with a master key that this process does not hold");
	return crypto_gcm_open(key->key, row, strlen(row), p + 1 + id_len, len - 1 - id_len, out, err);
}

int master_reseal(const struct master_keys *k, const char *row, const void *sealed, size_t len,
	struct buf *out, struct err *err)
{
	struct buf plain = BUF_INIT(len);
	int rc = master_open(k, row, sealed, len, &plain, err);

	if (rc == 0)
		master_seal(k, row, plain.data, plain.len, out);
	buf_wipe_release(&plain);
	return rc;
}

bool master_keys_hold(const struct master_keys *k, const char *id)
{
	return master_find(k, id, strlen(id)) != NULL;
}

/* Event keys */

static int take_event_key(const struct key_file *f, void *arg, struct err *err)
{
	struct event_private_keys *keys = arg;

	keys->list = grown(keys->list, keys->n, sizeof(keys->list[0]));
	return take_key32(f, f->fields[0], keys->list[keys->n++], err);
}

int event_public_key_read(const char *path, uint8_t key_out[32], struct err *err)
{
	struct event_private_keys *keys = xcalloc(1, sizeof(*keys));
	int rc = read_lines(path, "base64(32 bytes)", 1, take_event_key, keys, err);

	if (rc == 0 && keys->n != 1)
		rc = err_set(
			err, ERR_REJECT, 0, "%s: holds %zu keys; one public key is right", path, keys->n);
	if (rc == 0)
		memcpy(key_out, keys->list[0], sizeof(keys->list[0]));
	event_private_keys_free(&keys);
	return rc;
}

int event_private_keys_read(const char *path, struct event_private_keys **out, struct err *err)
{
	struct event_private_keys *keys = xcalloc(1, sizeof(*keys));
	int rc = read_lines(path, "base64(32 bytes)", 1, take_event_key, keys, err);

	if (rc == 0)
		*out = keys;
	else
		event_private_keys_free(&keys);
	return rc;
}

void event_private_keys_free(struct event_private_keys **k)
{
	if (*k) {
		wipe_list((*k)->list, (*k)->n, sizeof((*k)->list[0]));
		free(*k);
	}
	*k = NULL;
}

/* Keys of the internal interface */

static const struct {
	const char *name;
	enum internal_scope scope;
} scopes[] = {
	{"token", SCOPE_TOKEN},
	{"exchange", SCOPE_EXCHANGE},
	{"admin", SCOPE_ADMIN},
	{"ref", SCOPE_REF},
};

static unsigned scope_of(struct str name)
{
	size_t i;

	for (i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if (str_eq_cstr(name, scopes[i].name))
			return scopes[i].scope;
	return 0;
}

static int take_scopes(const struct key_file *f, struct str field, unsigned *out, struct err *err)
{
	size_t start = 0, i;
	unsigned all = 0, one;

	for (i = 0; i <= field.len; i++) {
		if (i < field.len && field.p[i] != ',')
			continue;
		if ((one = scope_of((struct str){field.p + start, i - start})) == 0)
			return line_wrong(f, "a scope is token, exchange, admin or ref", err);
		all |= one;
		start = i + 1;
	}
	*out = all;
	return 0;
}

static int take_internal_key(const struct key_file *f, void *arg, struct err *err)
{
	struct internal_keys *keys = arg;
	struct internal_key *k;

	keys->list = grown(keys->list, keys->n, sizeof(*k));
	k = &keys->list[keys->n++];
	if (take_name(f, f->fields[0], k->name, sizeof(k->name), err) < 0 ||
		take_key32(f, f->fields[1], k->key, err) < 0 ||
		take_scopes(f, f->fields[2], &k->scopes, err) < 0)
		return -1;
	if (internal_keys_find(keys, k->name) != k)
		return line_wrong(f, "the name stands there already", err);
	return 0;
}

int internal_keys_read(const char *path, struct internal_keys **out, struct err *err)
{
	struct internal_keys *keys = xcalloc(1, sizeof(*keys));
	int rc = read_lines(path, "name base64(32 bytes) scope,...", 3, take_internal_key, keys, err);

	if (rc == 0)
		*out = keys;
	else
		internal_keys_free(&keys);
	return rc;
}

void internal_keys_free(struct internal_keys **k)
{
	if (*k) {
		wipe_list((*k)->list, (*k)->n, sizeof((*k)->list[0]));
		free(*k);
	}
	*k = NULL;
}

const struct internal_key *internal_keys_find(const struct internal_keys *k, const char *name)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (strcmp(k->list[i].name, name) == 0)
			return &k->list[i];
	return NULL;
}

const struct internal_key *internal_keys_with(const struct internal_keys *k, enum internal_scope scope)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (k->list[i].scopes & scope)
			return &k->list[i];
	return NULL;
}

/* Keys of callers of the API proxy */

static int take_caller_key(const struct key_file *f, void *arg, struct err *err)
{
	struct caller_keys *keys = arg;
	struct str appid = f->fields[0], key = f->fields[2];
	struct caller_key *k;

	keys->list = grown(keys->list, keys->n, sizeof(*k));
	k = &keys->list[keys->n++];
	if (!appid_ok(appid.p, appid.len))
		return line_wrong(f, "the component appid is wrong", err);
	str_ncopy(k->component_appid, sizeof(k->component_appid), appid.p, appid.len);
	if (take_name(f, f->fields[1], k->caller_id, sizeof(k->caller_id), err) < 0)
		return -1;
	if (key.len > CALLER_KEY_MAX)
		return line_wrong(f, "the key is too long", err);
	k->key = xmemdup(key.p, key.len);
	if (caller_keys_find(keys, k->component_appid) != k)
		return line_wrong(f, "the component has a key already", err);
	return 0;
}

int caller_keys_read(const char *path, struct caller_keys **out, struct err *err)
{
	struct caller_keys *keys = xcalloc(1, sizeof(*keys));
	int rc = read_lines(path, "component-appid caller-id key", 3, take_caller_key, keys, err);

	if (rc == 0)
		*out = keys;
	else
		caller_keys_free(&keys);
	return rc;
}

void caller_keys_free(struct caller_keys **k)
{
	size_t i;

	if (*k) {
		for (i = 0; i < (*k)->n; i++)
			secret_free(&(*k)->list[i].key);
		free((*k)->list);
		free(*k);
	}
	*k = NULL;
}

const struct caller_key *caller_keys_find(const struct caller_keys *k, const char *component_appid)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (strcmp(k->list[i].component_appid, component_appid) == 0)
			return &k->list[i];
	return NULL;
}
