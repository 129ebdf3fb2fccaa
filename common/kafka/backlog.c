#include "common/kafka/backlog.h"

#include "common/base/alloc.h"
#include "common/kafka/client.h"

#include <stdlib.h>

#include "common/base/banned.h"

#define ASK_MS     10000
#define DESTROY_MS 500

struct backlog {
	rd_kafka_t *rk;
	char *topic;
	int partitions;
};

int backlog_new(struct backlog **out, const struct kafka_conf *conf, const char *group, const char *topic,
	struct err *err)
{
	const struct kafka_property own[] = {
		{"group.id", group},
		{"enable.auto.commit", "false"},
		{"socket.timeout.ms", "10000"},
	};
	rd_kafka_conf_t *rk_conf = kafka_client_conf(conf, "wxbus", own, sizeof(own) / sizeof(own[0]), err);
	struct backlog *b = xcalloc(1, sizeof(*b));
	int rc = rk_conf ? kafka_client_new(&b->rk, RD_KAFKA_CONSUMER, rk_conf, err) : -1;

	b->topic = xstrdup(topic);
	if (rc == 0)
		rc = b->partitions = kafka_client_partitions(b->rk, topic, ASK_MS, err);
	if (rc < 0)
		backlog_free(&b);
	*out = b;
	return rc < 0 ? rc : 0;
}

void backlog_free(struct backlog **bp)
{
	struct backlog *b = *bp;

	*bp = NULL;
	if (!b)
		return;
	kafka_client_destroy(&b->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE, DESTROY_MS);
	free(b->topic);
	free(b);
}

static rd_kafka_resp_err_t look_up(struct backlog *b, int64_t time, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t code;

	for (int i = 0; i < b->partitions; i++)
		rd_kafka_topic_partition_list_add(list, b->topic, i)->offset = time;
	code = rd_kafka_offsets_for_times(b->rk, list, ASK_MS);
	for (int i = 0; i < list->cnt && !code; i++)
		code = list->elems[i].err;
	return code;
}

static rd_kafka_resp_err_t ask_committed(struct backlog *b, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t code;

	for (int i = 0; i < b->partitions; i++)
		rd_kafka_topic_partition_list_add(list, b->topic, i);
	code = rd_kafka_committed(b->rk, list, ASK_MS);
	for (int i = 0; i < list->cnt && !code; i++)
		code = list->elems[i].err;
	return code;
}

static int cannot_ask(rd_kafka_resp_err_t code, struct err *err)
{
	return kafka_err_set(err, ERR_RETRY, code, "how far the group is cannot be asked");
}

int backlog_committed(struct backlog *b, int64_t *offsets, int n, struct err *err)
{
	rd_kafka_topic_partition_list_t *done = rd_kafka_topic_partition_list_new(b->partitions);
	rd_kafka_resp_err_t code = ask_committed(b, done);

	for (int i = 0; i < n && !code; i++)
		offsets[i] = i < b->partitions ? done->elems[i].offset : -1;
	rd_kafka_topic_partition_list_destroy(done);
	return code ? cannot_ask(code, err) : 0;
}

int backlog_ask(struct backlog *b, int64_t *records_out, struct err *err)
{
	rd_kafka_topic_partition_list_t *done = rd_kafka_topic_partition_list_new(b->partitions);
	rd_kafka_topic_partition_list_t *begin = rd_kafka_topic_partition_list_new(b->partitions);
	rd_kafka_topic_partition_list_t *end = rd_kafka_topic_partition_list_new(b->partitions);
	int64_t records = 0, from;
	rd_kafka_resp_err_t code;

	/* The end last: what is written meanwhile counts as not committed. */
	if (!(code = ask_committed(b, done)) && !(code = look_up(b, RD_KAFKA_OFFSET_BEGINNING, begin)))
		code = look_up(b, RD_KAFKA_OFFSET_END, end);
	for (int i = 0; i < b->partitions && !code; i++) {
		from = begin->elems[i].offset;
		if (done->elems[i].offset > from) /* below 0: it has committed none */
			from = done->elems[i].offset;
		if (end->elems[i].offset > from)
			records += end->elems[i].offset - from;
	}
	rd_kafka_topic_partition_list_destroy(done);
	rd_kafka_topic_partition_list_destroy(begin);
	rd_kafka_topic_partition_list_destroy(end);
	if (code)
		return cannot_ask(code, err);
	*records_out = records;
	return 0;
}
