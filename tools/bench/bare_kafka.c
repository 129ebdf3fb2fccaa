/* Bare librdkafka: what producers and consumers of ours are compared with, and what fills topics for them.
 *
 * - `produce`: N events of a ce_type, as the ingress writes them, with acks=all.
 * - `accounts`: N rows of the account directory.
 * - `consume`: N records from the beginning.
 *
 * Prints records in a second: from the first one handed over to the last acknowledgement, or from the first
 * one read to the last. */
#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define FANS    1000
#define IDLE_MS 20000

static long acknowledged, failed;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench-kafka: %s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void)rk;
	(void)opaque;
	*(m->err ? &failed : &acknowledged) += 1;
}

static rd_kafka_t *client(
	rd_kafka_type_t type, const char *servers, const char *const settings[][2], size_t n)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[200];
	rd_kafka_t *rk;

	if (rd_kafka_conf_set(conf, "bootstrap.servers", servers, why, sizeof(why)) != RD_KAFKA_CONF_OK)
		die("bootstrap.servers", why);
	for (size_t i = 0; i < n; i++)
		if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)) !=
			RD_KAFKA_CONF_OK)
			die(settings[i][0], why);
	if (type == RD_KAFKA_PRODUCER)
		rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rk = rd_kafka_new(type, conf, why, sizeof(why));
	if (!rk)
		die("no client", why);
	return rk;
}

/* --- producing --- */

struct shape {
	const char *type; /* of events; NULL: rows of the directory */
	const char *component;
};

static void add(rd_kafka_headers_t *headers, const char *name, const char *value)
{
	rd_kafka_header_add(headers, name, -1, value, -1);
}

static rd_kafka_headers_t *event_headers(const struct shape *s, long i, const char *appid, const char *openid)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(10);
	char text[128], now[CLOCK_RFC3339_SIZE];

	clock_rfc3339(clock_wall_ms(), now);
	add(headers, "ce_specversion", "1.0");
	snprintf(text, sizeof(text), "/platforms/wxd3a0c0ffee000001/accounts/%s", appid);
	add(headers, "ce_source", text);
	snprintf(text, sizeof(text), "%016" PRIx64 "%016lx", (uint64_t)clock_mono_us(), i);
	add(headers, "ce_id", text);
	add(headers, "ce_type", s->type);
	add(headers, "ce_time", now);
	add(headers, "ce_subject", openid);
	add(headers, "content-type", "application/json");
	add(headers, "ce_componentappid", "wxd3a0c0ffee000001");
	add(headers, "ce_appid", appid);
	add(headers, "ce_receivedtime", now);
	return headers;
}

static int value_of(const struct shape *s, long i, const char *openid, char *out, size_t size)
{
	if (s->type)
		return snprintf(out, size,
			"{\"ToUserName\":\"gh_load00000001\",\"FromUserName\":\"%s\",\"CreateTime\":"
			"1795162530,"
			"\"MsgType\":\"%s\",\"Content\":\"你好，请问今天几点关门？\",\"MsgId\":\"%ld\"}",
			openid, strrchr(s->type, '.') ? strrchr(s->type, '.') + 1 : s->type,
			24000000000000000 + i);
	return snprintf(out, size,
		"{\"component_appid\":\"%s\",\"appid\":\"wxbench%011ld\",\"version\":1,\"user_name\":\"gh_%"
		"012lx\","
		"\"nick_name\":\"某某旗舰店%ld\",\"kind\":\"service\",\"verified\":true,\"state\":"
		"\"authorized\","
		"\"func_ids\":[1,15,4,7,2,3,11,6,5,8,13,9,10,12],\"channel\":\"live\","
		"\"repliers\":[\"desk\",\"auto-reply\"],\"ref\":null,\"updated_at\":\"2026-11-21T00:00:00."
		"000Z\"}",
		s->component, i, i, i);
}

static int key_of(
	const struct shape *s, long i, const char *appid, const char *openid, char *out, size_t size)
{
	if (s->type)
		return snprintf(out, size, "%s/%s", appid, openid);
	return snprintf(out, size, "%s/wxbench%011ld", s->component, i);
}

static rd_kafka_resp_err_t hand_over(rd_kafka_t *rk, const char *topic, const struct shape *s, long i)
{
	char appid[32], openid[48], key[128], value[1024];
	rd_kafka_headers_t *headers;
	rd_kafka_resp_err_t code;
	int key_len, value_len;

	snprintf(appid, sizeof(appid), "wxload%012ld", i % 100);
	snprintf(openid, sizeof(openid), "oLoadFan%020ld", i / 100 % FANS);
	key_len = key_of(s, i, appid, openid, key, sizeof(key));
	value_len = value_of(s, i, openid, value, sizeof(value));
	headers = s->type ? event_headers(s, i, appid, openid) : rd_kafka_headers_new(0);
	code = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY(key, (size_t)key_len), RD_KAFKA_V_VALUE(value, (size_t)value_len),
		RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
	if (code)
		rd_kafka_headers_destroy(headers);
	return code;
}

static double produce(const char *servers, const char *topic, long n, const struct shape *s)
{
	static const char *const settings[][2] = {{"enable.idempotence", "true"}, {"linger.ms", "1"},
		{"partitioner", "murmur2_random"}, {"socket.nagle.disable", "true"}};
	rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, servers, settings, sizeof(settings) / sizeof(settings[0]));
	int64_t began = clock_mono_us();

	for (long i = 0; i < n;) {
		rd_kafka_resp_err_t code = hand_over(rk, topic, s, i);

		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(rk, 10);
		else if (code)
			die(topic, rd_kafka_err2str(code));
		else
			i++;
		rd_kafka_poll(rk, 0);
	}
	while (acknowledged + failed < n)
		rd_kafka_poll(rk, 100);
	began = clock_mono_us() - began;
	rd_kafka_destroy(rk);
	if (failed)
		die(topic, "not all were acknowledged");
	return (double)n * 1e6 / (double)began;
}

/* --- consuming --- */

static void assign_all(rd_kafka_t *rk, const char *topic)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
	const struct rd_kafka_metadata *md;
	rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(8);
	rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, rkt, &md, 10000);

	if (code)
		die(topic, rd_kafka_err2str(code));
	for (int i = 0; i < md->topics[0].partition_cnt; i++)
		rd_kafka_topic_partition_list_add(all, topic, md->topics[0].partitions[i].id)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, all);
	rd_kafka_topic_partition_list_destroy(all);
	rd_kafka_metadata_destroy(md);
	rd_kafka_topic_destroy(rkt);
}

static double consume(const char *servers, const char *topic, long n)
{
	static const char *const settings[][2] = {{"group.id", "bench-bare"}, {"enable.auto.commit", "false"},
		{"fetch.wait.max.ms", "10"}, {"socket.nagle.disable", "true"}};
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, servers, settings, sizeof(settings) / sizeof(settings[0]));
	int64_t began = 0, took;
	long got = 0;

	rd_kafka_poll_set_consumer(rk);
	assign_all(rk, topic);
	while (got < n) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, IDLE_MS);

		if (!m)
			die(topic, "fewer records than asked for");
		if (!m->err && got++ == 0)
			began = clock_mono_us();
		rd_kafka_message_destroy(m);
	}
	took = clock_mono_us() - began;
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return (double)n * 1e6 / (double)(took > 0 ? took : 1);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long n = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
	struct shape shape = {0};

	if (n > 0 && argc == 6 && strcmp(what, "produce") == 0)
		shape.type = argv[5];
	else if (n > 0 && argc == 6 && strcmp(what, "accounts") == 0)
		shape.component = argv[5];
	else if (n <= 0 || argc != 5 || strcmp(what, "consume") != 0) {
		fprintf(stderr, "usage: bench-kafka produce SERVERS TOPIC N TYPE | accounts SERVERS TOPIC N "
				"COMPONENT |"
				" consume SERVERS TOPIC N\n");
		return 2;
	}
	printf("%.0f\n", argc == 6 ? produce(argv[2], argv[3], n, &shape) : consume(argv[2], argv[3], n));
	return EXIT_SUCCESS;
}
