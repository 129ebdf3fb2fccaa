#include "common/json/json.h"

#include "common/base/alloc.h"
#include "common/json/jsonc.h"

#include <assert.h>
#include <string.h>

#include "common/base/banned.h"

/* A struct json is json-c's json_object by another name. One thing differs: json-c's null is the NULL
 * pointer, which here means absent. The address of null_here stands for null outside; inside json-c's trees
 * it is NULL. */
static char null_here;
#define NULL_VALUE ((struct json *)(void *)&null_here)

static struct json *made(struct json_object *o)
{
	if (!o)
		alloc_failed();
	return (struct json *)o;
}

/* What is in a json-c tree, as seen from outside. */
static struct json *outside(struct json_object *o)
{
	return o ? (struct json *)o : NULL_VALUE;
}

static struct json_object *inside(struct json *j)
{
	return j == NULL_VALUE ? NULL : (struct json_object *)j;
}

/* NULL for absent and null: json-c's type of both is json_type_null. */
static const struct json_object *peek(const struct json *j)
{
	return j == NULL_VALUE ? NULL : (const struct json_object *)j;
}

/* Some of json-c's readers lack a const. */
static struct json_object *unconst(const struct json *j)
{
	return (struct json_object *)(uintptr_t)peek(j);
}

static bool is(const struct json *j, enum json_type type)
{
	return peek(j) && json_object_is_type(peek(j), type);
}

void json_free(struct json **j)
{
	struct json_object *o = inside(*j);

	*j = NULL;
	json_object_put(o);
}

struct json *json_new_object(void)
{
	return made(json_object_new_object());
}

struct json *json_new_array(void)
{
	return made(json_object_new_array());
}

struct json *json_new_string(const char *s)
{
	return json_new_string_len(s, strlen(s));
}

struct json *json_new_string_len(const char *s, size_t len)
{
	assert(len <= INT32_MAX);
	return made(json_object_new_string_len(s, (int)len));
}

struct json *json_new_int(int64_t v)
{
	return made(json_object_new_int64(v));
}

struct json *json_new_bool(bool v)
{
	return made(json_object_new_boolean(v));
}

struct json *json_new_null(void)
{
	return NULL_VALUE;
}

struct json *json_copy(const struct json *j)
{
	struct json_object *copy = NULL;

	if (!j || j == NULL_VALUE)
		return j ? NULL_VALUE : NULL;
	if (json_object_deep_copy(unconst(j), &copy, NULL) < 0)
		alloc_failed();
	return made(copy);
}

enum json_kind json_kind(const struct json *j)
{
	if (!j)
		return JSON_ABSENT;
	switch (json_object_get_type(peek(j))) {
	case json_type_null:
		return JSON_NULL;
	case json_type_boolean:
		return JSON_BOOL;
	case json_type_int:
		return JSON_INT;
	case json_type_double:
		return JSON_DOUBLE;
	case json_type_string:
		return JSON_STRING;
	case json_type_array:
		return JSON_ARRAY;
	case json_type_object:
		return JSON_OBJECT;
	}
	return JSON_ABSENT;
}

struct json *json_get_mutable(struct json *j, const char *key)
{
	struct json_object *value;

	if (!is(j, json_type_object) || !json_object_object_get_ex(peek(j), key, &value))
		return NULL;
	return outside(value);
}

const struct json *json_get(const struct json *j, const char *key)
{
	return json_get_mutable((struct json *)(uintptr_t)j, key);
}

const char *json_str(const struct json *j)
{
	return is(j, json_type_string) ? json_object_get_string(unconst(j)) : NULL;
}

size_t json_str_len(const struct json *j)
{
	return is(j, json_type_string) ? (size_t)json_object_get_string_len(peek(j)) : 0;
}

/* Up to 2^53 a double says which whole number was meant. */
static int whole_double(double d, int64_t *out)
{
	if (!(d >= -9007199254740992.0 && d <= 9007199254740992.0) || d != (double)(int64_t)d)
		return -1;
	*out = (int64_t)d;
	return 0;
}

int json_int(const struct json *j, int64_t *out)
{
	if (is(j, json_type_double))
		return whole_double(json_object_get_double(peek(j)), out);
	if (!is(j, json_type_int) || json_object_get_uint64(peek(j)) > INT64_MAX)
		return -1;
	*out = json_object_get_int64(peek(j));
	return 0;
}

bool json_bool(const struct json *j, bool fallback)
{
	return is(j, json_type_boolean) ? json_object_get_boolean(peek(j)) : fallback;
}

const char *json_get_str(const struct json *j, const char *key)
{
	return json_str(json_get(j, key));
}

int json_get_int(const struct json *j, const char *key, int64_t *out)
{
	return json_int(json_get(j, key), out);
}

bool json_get_bool(const struct json *j, const char *key, bool fallback)
{
	return json_bool(json_get(j, key), fallback);
}

size_t json_len(const struct json *j)
{
	if (is(j, json_type_array))
		return json_object_array_length(peek(j));
	return is(j, json_type_object) ? (size_t)json_object_object_length(peek(j)) : 0;
}

const struct json *json_at(const struct json *j, size_t i)
{
	if (!is(j, json_type_array) || i >= json_len(j))
		return NULL;
	return outside(json_object_array_get_idx(peek(j), i));
}

/* `*it` is the address of the member given last. */
bool json_next(const struct json *object, size_t *it, const char **key_out, const struct json **value_out)
{
	const struct lh_entry *e;

	if (!is(object, json_type_object))
		return false;
	if (*it)
		e = lh_entry_next((const struct lh_entry *)*it);
	else
		e = lh_table_head(json_object_get_object(peek(object)));
	if (!e)
		return false;
	*it = (size_t)e;
	*key_out = lh_entry_k(e);
	*value_out = outside(lh_entry_v(e));
	return true;
}

void json_set(struct json *object, const char *key, struct json *value)
{
	assert(is(object, json_type_object) && value && value != object);
	if (json_object_object_add(inside(object), key, inside(value)) < 0)
		alloc_failed();
}

void json_set_str(struct json *object, const char *key, const char *s)
{
	json_set(object, key, s ? json_new_string(s) : json_new_null());
}

void json_set_int(struct json *object, const char *key, int64_t v)
{
	json_set(object, key, json_new_int(v));
}

void json_set_bool(struct json *object, const char *key, bool v)
{
	json_set(object, key, json_new_bool(v));
}

void json_del(struct json *object, const char *key)
{
	assert(is(object, json_type_object));
	json_object_object_del(inside(object), key);
}

void json_push(struct json *array, struct json *value)
{
	assert(is(array, json_type_array) && value && value != array);
	if (json_object_array_add(inside(array), inside(value)) < 0)
		alloc_failed();
}

void json_write(const struct json *j, struct buf *out)
{
	size_t len;
	const char *text = json_object_to_json_string_length(
		unconst(j), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	if (!text)
		alloc_failed();
	buf_add(out, text, len);
}
