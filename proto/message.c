#include "proto/message.h"

#include "common/base/arena.h"
#include "common/crypto/crypto.h"
#include "common/xml/xml.h"

#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

/* The tree that comes out must be readable by everybody's json_parse(), whose deepest is 32. */
#define DEPTH_MAX  32
#define VALUES_MAX 10000 /* elements of one push; the largest documented has some dozens */

/* 9999-12-31: later times have no RFC 3339 form. */
#define CREATE_TIME_MAX_S INT64_C(253402300799)

/* Where an element stands among text, what is not blank of it is kept under a name that no element can have.
 */
#define MIXED_TEXT "#text"

static int fault(struct err *err, enum message_fault code, const char *what)
{
	return err_set(err, ERR_REJECT, code, "%s", what);
}

/* A parser below has filled `err` with what is wrong. */
static int malformed(struct err *err)
{
	if (err)
		err->code = MESSAGE_MALFORMED;
	return -1;
}

static int form_of(const void *bytes, size_t len, enum message_form *form_out, struct err *err)
{
	struct str text = str_trim((struct str){bytes, len});

	if (text.len == 0)
		return fault(err, MESSAGE_EMPTY, "an empty body");
	if (len > MESSAGE_MAX_BYTES)
		return fault(err, MESSAGE_MALFORMED, "larger than any push");
	if (text.p[0] != '<' && text.p[0] != '{')
		return fault(err, MESSAGE_MALFORMED, "neither XML nor a JSON object");
	if (memchr(bytes, '\0', len) || !str_is_utf8(bytes, len))
		return fault(err, MESSAGE_MALFORMED, "not UTF-8 text");
	*form_out = text.p[0] == '<' ? MESSAGE_XML : MESSAGE_JSON;
	return 0;
}

static int parse_xml(
	const void *bytes, size_t len, struct arena *arena, struct xml_node **root_out, struct err *err)
{
	static const struct xml_limits limits = {
		.max_bytes = MESSAGE_MAX_BYTES, .max_depth = DEPTH_MAX, .max_elements = VALUES_MAX};

	return xml_parse(bytes, len, &limits, arena, root_out, err) < 0 ? malformed(err) : 0;
}

static int parse_json(const void *bytes, size_t len, struct json **out, struct err *err)
{
	static const struct json_limits limits = {
		.max_bytes = MESSAGE_MAX_BYTES, .max_depth = DEPTH_MAX, .max_values = VALUES_MAX};

	return json_parse(bytes, len, &limits, out, err) < 0 ? malformed(err) : 0;
}

/* The outer envelope */

static int no_encrypt(struct err *err)
{
	return fault(err, MESSAGE_NO_ENCRYPT, "not exactly one Encrypt with text");
}

/* The text is taken as it stands: the signature is over these very bytes. */
static int encrypt_from_xml(const void *body, size_t len, struct buf *out, struct err *err)
{
	struct arena arena = ARENA_INIT;
	struct xml_node *root;
	const struct xml_node *child, *found = NULL;
	int rc, n = 0;

	if ((rc = parse_xml(body, len, &arena, &root, err)) < 0)
		goto out;
	for (child = root->child; child; child = child->next) {
		if (strcmp(child->name, "Encrypt") == 0) {
			found = child;
			n++;
		}
	}
	if (n != 1 || found->child || found->text_len == 0)
		rc = no_encrypt(err);
	else
		buf_add(out, found->text, found->text_len);
out:
	arena_release(&arena);
	return rc;
}

static int encrypt_from_json(const void *body, size_t len, struct buf *out, struct err *err)
{
	struct json *root = NULL;
	const struct json *encrypt;
	int rc;

	if ((rc = parse_json(body, len, &root, err)) < 0)
		return rc;
	encrypt = json_get(root, "Encrypt");
	if (json_str_len(encrypt) == 0)
		rc = no_encrypt(err);
	else
		buf_add(out, json_str(encrypt), json_str_len(encrypt));
	json_free(&root);
	return rc;
}

int message_envelope_parse(
	const void *body, size_t len, enum message_form *form_out, struct buf *encrypt_out, struct err *err)
{
	enum message_form form;
	int rc;

	if ((rc = form_of(body, len, &form, err)) < 0)
		return rc;
	rc = form == MESSAGE_XML ? encrypt_from_xml(body, len, encrypt_out, err)
				 : encrypt_from_json(body, len, encrypt_out, err);
	if (rc < 0)
		return rc;
	if (encrypt_out->overflow)
		return fault(err, MESSAGE_MALFORMED, "an Encrypt that is too long");
	*form_out = form;
	return 0;
}

/* The payload */

/* Names that stand for lists in Weixin's pushes, whether one element comes or many. */
static bool always_array(const char *name)
{
	static const char *const names[] = {"item", "List", "list", "material"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static struct json *array_of_one(struct json *value)
{
	struct json *array = json_new_array();

	json_push(array, value);
	return array;
}

/* An element's second appearance makes an array of both, where the first one stands. */
static void add_member(struct json *object, const char *name, struct json *value)
{
	struct json *there = json_get_mutable(object, name);
	struct json *array;

	if (!there) {
		json_set(object, name, always_array(name) ? array_of_one(value) : value);
		return;
	}
	if (json_kind(there) == JSON_ARRAY) {
		json_push(there, value);
		return;
	}
	array = array_of_one(json_copy(there));
	json_push(array, value);
	json_set(object, name, array);
}

static struct json *object_of(const struct xml_node *node)
{
	struct json *object = json_new_object();
	const struct xml_node *child;

	for (child = node->child; child; child = child->next)
		add_member(object, child->name,
			child->child ? object_of(child) : json_new_string_len(child->text, child->text_len));
	if (str_trim((struct str){node->text, node->text_len}).len)
		json_set(object, MIXED_TEXT, json_new_string_len(node->text, node->text_len));
	return object;
}

static int fields_from_xml(const void *payload, size_t len, struct json **out, struct err *err)
{
	struct arena arena = ARENA_INIT;
	struct xml_node *root;
	int rc;

	if ((rc = parse_xml(payload, len, &arena, &root, err)) == 0)
		*out = object_of(root);
	arena_release(&arena);
	return rc;
}

/* A copy in which one object under a list's name has become an array of one: JSON pushes send a list of one
 * either way. Everything else keeps its type. */
static struct json *with_arrays(const struct json *j)
{
	const struct json *value;
	struct json *copy;
	const char *key;
	size_t i = 0;

	if (json_kind(j) == JSON_ARRAY) {
		copy = json_new_array();
		for (i = 0; i < json_len(j); i++)
			json_push(copy, with_arrays(json_at(j, i)));
		return copy;
	}
	if (json_kind(j) != JSON_OBJECT)
		return json_copy(j);
	copy = json_new_object();
	while (json_next(j, &i, &key, &value)) {
		bool wrap = always_array(key) && json_kind(value) == JSON_OBJECT;

		json_set(copy, key, wrap ? array_of_one(with_arrays(value)) : with_arrays(value));
	}
	return copy;
}

static int fields_from_json(const void *payload, size_t len, struct json **out, struct err *err)
{
	struct json *root = NULL;
	int rc;

	if ((rc = parse_json(payload, len, &root, err)) < 0)
		return rc;
	*out = with_arrays(root);
	json_free(&root);
	return 0;
}

/* How deep the tree is: 1 for an object of plain values. Counts the values on the way. */
static int measure(const struct json *j, size_t *values)
{
	const struct json *value;
	const char *key;
	int deepest = 0, depth;
	size_t i = 0;

	*values += 1;
	if (json_kind(j) == JSON_ARRAY) {
		for (i = 0; i < json_len(j); i++)
			if ((depth = measure(json_at(j, i), values)) > deepest)
				deepest = depth;
		return deepest + 1;
	}
	if (json_kind(j) != JSON_OBJECT)
		return 0;
	while (json_next(j, &i, &key, &value))
		if ((depth = measure(value, values)) > deepest)
			deepest = depth;
	return deepest + 1;
}

/* Recorded card events have blanks around these three. */
static void trim_kinds(struct json *fields)
{
	static const char *const names[] = {"MsgType", "Event", "InfoType"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct json *value = json_get(fields, names[i]);
		struct str whole = {json_str(value), json_str_len(value)}, trimmed = str_trim(whole);

		if (trimmed.len != whole.len)
			json_set(fields, names[i], json_new_string_len(trimmed.p, trimmed.len));
	}
}

static int64_t read_create_time(const struct json *value)
{
	struct str text = str_trim((struct str){json_str(value), json_str_len(value)});
	int64_t s;

	if (json_int(value, &s) == 0)
		return s >= 0 && s <= CREATE_TIME_MAX_S ? s : 0;
	if (str_to_int64(text.p, text.len, 0, CREATE_TIME_MAX_S, &s) == 0)
		return s;
	return 0;
}

/* XML has no numbers; this one is fixed. What is no number stays as it was sent. */
static void create_time_to_number(struct json *fields)
{
	const struct json *value = json_get(fields, "CreateTime");
	struct str text = str_trim((struct str){json_str(value), json_str_len(value)});
	int64_t s;

	if (str_to_int64(text.p, text.len, 0, INT64_MAX, &s) == 0)
		json_set_int(fields, "CreateTime", s);
}

/* Readers in languages whose numbers are doubles would round it. */
static void msg_id_to_string(struct json *fields)
{
	const struct json *value = json_get(fields, "MsgId");
	struct buf digits = BUF_INIT(MESSAGE_MAX_BYTES);

	if (json_kind(value) != JSON_INT && json_kind(value) != JSON_DOUBLE)
		return;
	json_write(value, &digits);
	json_set(fields, "MsgId", json_new_string_len(buf_cstr(&digits), digits.len));
	buf_release(&digits);
}

static const char *text_field(const struct json *fields, const char *name)
{
	const char *s = json_get_str(fields, name);

	return s ? s : "";
}

static void take_fields(struct message *m)
{
	m->to_user_name = text_field(m->fields, "ToUserName");
	m->from_user_name = text_field(m->fields, "FromUserName");
	m->msg_type = text_field(m->fields, "MsgType");
	m->event = text_field(m->fields, "Event");
	m->info_type = text_field(m->fields, "InfoType");
	m->msg_id = text_field(m->fields, "MsgId");
	m->create_time_s = read_create_time(json_get(m->fields, "CreateTime"));
}

int message_parse(const void *payload, size_t len, struct message *out, struct err *err)
{
	struct message m = {0};
	size_t values = 0;
	int rc;

	if ((rc = form_of(payload, len, &m.form, err)) < 0)
		return rc;
	rc = m.form == MESSAGE_XML ? fields_from_xml(payload, len, &m.fields, err)
				   : fields_from_json(payload, len, &m.fields, err);
	if (rc < 0)
		return rc;
	if (measure(m.fields, &values) > DEPTH_MAX || values > VALUES_MAX) {
		rc = fault(err, MESSAGE_MALFORMED, "too deep or too many fields");
		goto out;
	}
	trim_kinds(m.fields);
	if (m.form == MESSAGE_XML)
		create_time_to_number(m.fields);
	msg_id_to_string(m.fields);
	take_fields(&m);
	if (!*m.msg_type && !*m.info_type) {
		rc = fault(err, MESSAGE_NOT_A_PUSH, "neither MsgType nor InfoType");
		goto out;
	}
	*out = m;
	m.fields = NULL;
out:
	json_free(&m.fields);
	return rc;
}

void message_release(struct message *m)
{
	json_free(&m->fields);
	*m = (struct message){0};
}

/* What the push is about */

static char type_char(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-')
		return c;
	return '_';
}

void message_type(const struct message *m, bool platform, char *out)
{
	const char *family, *kind;
	size_t n;

	if (platform) {
		family = "weixin.platform.";
		kind = *m->info_type ? m->info_type : *m->event ? m->event : m->msg_type;
	} else if (strcasecmp(m->msg_type, "event") == 0) {
		family = "weixin.event.";
		kind = *m->event ? m->event : "unknown";
	} else {
		family = "weixin.message.";
		kind = *m->msg_type ? m->msg_type : m->info_type;
	}
	n = strlen(family);
	memcpy(out, family, n);
	for (; *kind && n < MESSAGE_TYPE_MAX - 1; kind++)
		out[n++] = type_char(*kind);
	out[n] = '\0';
}

void message_event_id(const char *component_appid, const char *appid, const struct message *m,
	const void *payload, size_t payload_len, char out[EVENT_ID_LEN + 1])
{
	struct crypto_piece pieces[7] = {
		{component_appid, strlen(component_appid)},
		{"\n", 1},
		{appid, strlen(appid)},
		{"\n", 1},
	};
	uint8_t digest[CRYPTO_SHA256_LEN];
	size_t n = 4;

	if (*m->msg_id) {
		pieces[n++] = (struct crypto_piece){m->from_user_name, strlen(m->from_user_name)};
		pieces[n++] = (struct crypto_piece){"\n", 1};
		pieces[n++] = (struct crypto_piece){m->msg_id, strlen(m->msg_id)};
	} else {
		pieces[n++] = (struct crypto_piece){payload, payload_len};
	}
	crypto_sha256(pieces, n, digest);
	str_hex(digest, EVENT_ID_LEN / 2, out);
}
