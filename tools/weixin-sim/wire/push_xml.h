#ifndef WEIXIN_SIM_WIRE_PUSH_XML_H
#define WEIXIN_SIM_WIRE_PUSH_XML_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/json/json.h"

#include <stdint.h>

/* The XML of pushes, written as Weixin writes it: strings in CDATA, numbers bare, a newline after each
 * element.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/message_push.html
 */

/* `fields` (an object, in its order) inside <xml>: strings CDATA, numbers text, objects nested elements,
 * arrays the element repeated, null an empty element. ERR_REJECT: a name or a value that has no XML form. */
int push_xml_write(const struct json *fields, struct buf *out, struct err *err);

/* The encrypted body: `element` is AppId or ToUserName. */
void push_xml_envelope(const char *element, const char *receiver, const char *encrypt, struct buf *out);

#endif
