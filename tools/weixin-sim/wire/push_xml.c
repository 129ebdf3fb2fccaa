#include "tools/weixin-sim/wire/push_xml.h"

#include "common/xml/xml.h"

#include "common/base/banned.h"

static int write_members(const struct json *object, struct buf *out, struct err *err);

static int write_element(const char *name, const struct json *value, struct buf *out, struct err *err)
{
	int rc = 0;

	switch (json_kind(value)) {
	case JSON_ARRAY:
		for (size_t i = 0; i < json_len(value) && rc == 0; i++)
			rc = write_element(name, json_at(value, i), out, err);
		return rc;
	case JSON_ABSENT:
	case JSON_BOOL:
		return err_set(err, ERR_REJECT, 0, "%s: true and false have no form in Weixin's XML", name);
	default:
		break;
	}
	xml_open(out, name);
	if (json_kind(value) == JSON_OBJECT)
		rc = write_members(value, out, err);
	else if (json_kind(value) == JSON_STRING)
		xml_cdata(out, json_str(value), json_str_len(value));
	else if (json_kind(value) != JSON_NULL)
		json_write(value, out);
	xml_close(out, name);
	buf_add_char(out, '\n');
	return rc;
}

static int write_members(const struct json *object, struct buf *out, struct err *err)
{
	const struct json *value;
	const char *name;
	size_t it = 0;

	while (json_next(object, &it, &name, &value)) {
		if (!xml_name_ok(name))
			return err_set(err, ERR_REJECT, 0, "a field's name is no element's name");
		if (write_element(name, value, out, err) < 0)
			return -1;
	}
	return 0;
}

int push_xml_write(const struct json *fields, struct buf *out, struct err *err)
{
	buf_add_str(out, "<xml>");
	if (write_members(fields, out, err) < 0)
		return -1;
	buf_add_str(out, "</xml>");
	return out->overflow ? err_set(err, ERR_REJECT, 0, "the push is too large") : 0;
}

void push_xml_envelope(const char *element, const char *receiver, const char *encrypt, struct buf *out)
{
	buf_add_str(out, "<xml>\n    ");
	xml_element_cdata(out, element, receiver);
	buf_add_str(out, "\n    ");
	xml_element_cdata(out, "Encrypt", encrypt);
	buf_add_str(out, "\n</xml>");
}
