#include "common/kafka/message.h"

#include "common/base/alloc.h"

#include <stdlib.h>

#include "common/base/banned.h"

static void read_headers(struct kafka_message *m)
{
	rd_kafka_headers_t *list = NULL;
	size_t n, i;

	if (rd_kafka_message_headers(m->raw, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	n = rd_kafka_header_cnt(list);
	if (n > m->n_room) {
		m->headers = xrealloc(m->headers, n * sizeof(*m->headers));
		m->n_room = n;
	}
	for (i = 0; i < n; i++) {
		struct kafka_header *h = &m->headers[i];
		const void *value = NULL;

		if (rd_kafka_header_get_all(list, i, &h->name, &value, &h->value_len) !=
			RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		h->value = value;
	}
	m->record.headers = m->headers;
	m->record.n_headers = i;
}

void kafka_message_take(struct kafka_message *m, rd_kafka_message_t *raw)
{
	rd_kafka_timestamp_type_t type;

	kafka_message_drop(m);
	m->raw = raw;
	m->record = (struct kafka_record){
		.topic = rd_kafka_topic_name(raw->rkt),
		.partition = raw->partition,
		.offset = raw->offset,
		.timestamp_ms = rd_kafka_message_timestamp(raw, &type),
		.key = raw->key,
		.key_len = raw->key_len,
		.value = raw->payload,
		.value_len = raw->len,
	};
	read_headers(m);
}

void kafka_message_drop(struct kafka_message *m)
{
	if (m->raw)
		rd_kafka_message_destroy(m->raw);
	m->raw = NULL;
}

void kafka_message_release(struct kafka_message *m)
{
	kafka_message_drop(m);
	free(m->headers);
	*m = (struct kafka_message){0};
}
