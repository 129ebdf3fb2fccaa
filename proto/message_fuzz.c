#include "proto/message.h"

#include "common/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (16 * 1024 * 1024)

#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			abort();                                                                             \
	} while (0)

static void write_fields(const struct message *m, struct buf *out)
{
	json_write(m->fields, out);
	MUST(!out->overflow);
}

/* What is published must be readable by every reader, and stay the same when it is read as a push. */
static void check_readable(const struct message *m)
{
	static const struct json_limits limits = {.max_bytes = OUT_MAX, .max_depth = 32};
	struct buf text = BUF_INIT(OUT_MAX), again = BUF_INIT(OUT_MAX);
	struct json *j = NULL;
	struct message back;

	write_fields(m, &text);
	MUST(json_parse(text.data, text.len, &limits, &j, NULL) == 0);
	json_free(&j);
	if (text.len <= MESSAGE_MAX_BYTES) {
		MUST(message_parse(text.data, text.len, &back, NULL) == 0);
		write_fields(&back, &again);
		MUST(again.len == text.len && memcmp(again.data, text.data, text.len) == 0);
		MUST(back.create_time_s == m->create_time_s && strcmp(back.msg_id, m->msg_id) == 0);
		message_release(&back);
	}
	buf_release(&text);
	buf_release(&again);
}

static void parse_payload(const uint8_t *data, size_t size)
{
	char type[MESSAGE_TYPE_MAX], id[EVENT_ID_LEN + 1];
	struct message m;
	struct err err = {0};

	if (message_parse(data, size, &m, &err) < 0) {
		MUST(err.kind == ERR_REJECT && err.code >= MESSAGE_EMPTY && err.code <= MESSAGE_NOT_A_PUSH);
		return;
	}
	MUST(*m.msg_type || *m.info_type);
	message_type(&m, false, type);
	MUST(strlen(type) < sizeof(type));
	message_type(&m, true, type);
	MUST(strlen(type) < sizeof(type));
	message_event_id("wx1", "wx2", &m, data, size, id);
	MUST(strlen(id) == EVENT_ID_LEN);
	check_readable(&m);
	message_release(&m);
}

static void parse_envelope(const uint8_t *data, size_t size)
{
	struct buf encrypt = BUF_INIT(MESSAGE_MAX_BYTES);
	enum message_form form;
	struct err err = {0};

	if (message_envelope_parse(data, size, &form, &encrypt, &err) == 0)
		MUST(encrypt.len > 0);
	else
		MUST(err.kind == ERR_REJECT && err.code >= MESSAGE_EMPTY && err.code <= MESSAGE_NO_ENCRYPT);
	buf_release(&encrypt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse_payload(data, size);
	parse_envelope(data, size);
	return 0;
}
