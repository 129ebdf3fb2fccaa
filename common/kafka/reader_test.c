#include "common/kafka/test_kit.h"

#include "common/base/clock.h"
#include "common/kafka/reader.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

/* What a reader has seen, in order of arrival. */
struct seen {
	pthread_mutex_t lock;
	int n;
	char values[64][32];
	int32_t partitions[64];
	struct kafka_record last; /* numbers only */
	char last_key[32];
	char last_header[64];
};

static void see(void *arg, const struct kafka_record *r)
{
	struct seen *s = arg;
	const struct kafka_header *h = kafka_record_header(r, "ce_id");

	pthread_mutex_lock(&s->lock);
	if (s->n < 64) {
		snprintf(s->values[s->n], sizeof(s->values[0]), "%.*s", (int)r->value_len,
			(const char *)r->value);
		s->partitions[s->n] = r->partition;
	}
	s->n++;
	s->last = *r;
	snprintf(s->last_key, sizeof(s->last_key), "%.*s", (int)r->key_len, (const char *)r->key);
	if (h)
		snprintf(s->last_header, sizeof(s->last_header), "%zu headers, %.*s", r->n_headers,
			(int)h->value_len, h->value);
	pthread_mutex_unlock(&s->lock);
}

static int seen_count(struct seen *s)
{
	int n;

	pthread_mutex_lock(&s->lock);
	n = s->n;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void wait_seen(struct seen *s, int n)
{
	int64_t until = clock_mono_ms() + 5000;

	while (seen_count(s) < n && clock_mono_ms() < until)
		clock_sleep_ms(5);
	assert_int_equal(seen_count(s), n);
}

static void wait_caught_up(const struct reader *r)
{
	int64_t until = clock_mono_ms() + 5000;
	char detail[200];

	while (!reader_caught_up(r) && clock_mono_ms() < until)
		clock_sleep_ms(5);
	reader_detail(r, detail, sizeof(detail));
	print_message("      %s\n", detail);
	assert_true(reader_caught_up(r));
}

static struct reader *new_reader(const struct kit *kit, const char *topic, int64_t back_ms, struct seen *s)
{
	const struct reader_options o = {
		.client_id = "test", .topic = topic, .back_ms = back_ms, .record = see, .arg = s};
	struct reader *r = NULL;
	struct err err = {0};

	if (reader_new(&r, &kit->conf, &o, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

#define BEYOND 3

/* What is added to each partition's end where it is asked for: CMakeLists.txt puts this before the library's.
 */
static atomic_int ends_beyond;

rd_kafka_resp_err_t __real_rd_kafka_offsets_for_times(
	rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms);
rd_kafka_resp_err_t __wrap_rd_kafka_offsets_for_times(
	rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms);

rd_kafka_resp_err_t __wrap_rd_kafka_offsets_for_times(
	rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms)
{
	bool end = list->cnt > 0 && list->elems[0].offset == RD_KAFKA_OFFSET_END;
	rd_kafka_resp_err_t code = __real_rd_kafka_offsets_for_times(rk, list, timeout_ms);

	for (int i = 0; end && i < list->cnt; i++)
		list->elems[i].offset += atomic_load(&ends_beyond);
	return code;
}

#define SEEN_INIT                                                                                            \
	{                                                                                                    \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                            \
	}

static void reads_everything_and_says_when_it_has_caught_up(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_header headers[] = {{"ce_type", "t", 1}, {"ce_id", "7", 1}, {"empty", "", 0}};
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "value");
	struct seen s = SEEN_INIT;
	struct reader *reader;
	int i;

	r.headers = headers;
	r.n_headers = 3;
	r.timestamp_ms = 1700000000123;
	for (i = 0; i < 20; i++)
		kit_publish(p, &r);
	reader = new_reader(kit, KIT_TOPIC, READER_FROM_BEGINNING, &s);
	wait_caught_up(reader);
	assert_int_equal(seen_count(&s), 20);
	assert_string_equal(s.last_key, "fan");
	assert_string_equal(s.last_header, "3 headers, 7");
	assert_false(reader_scans(reader));
	assert_true(s.last.timestamp_ms == 1700000000123);
	kit_publish(p, &r);
	wait_seen(&s, 21);
	reader_free(&reader);
	assert_null(reader);
	producer_free(&p, 0);
	assert_int_equal(kit_warnings(), 0);
}

/* Kafka's own examples of murmur2, as other clients place these keys among 5 partitions. */
static void keys_go_where_other_clients_put_them(void **state)
{
	static const struct {
		const char *key;
		int32_t partition;
	} known[] = {{"21", 0}, {"foobar", 1}, {"abc", 2}};
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct seen s = SEEN_INIT;
	struct reader *reader = new_reader(kit, KIT_TOPIC, READER_FROM_BEGINNING, &s);
	size_t i;

	for (i = 0; i < 3; i++) {
		struct kafka_record r = kit_record(KIT_TOPIC, known[i].key, "value");

		kit_publish(p, &r);
		wait_seen(&s, (int)i + 1);
		assert_int_equal(s.partitions[i], known[i].partition);
	}
	reader_free(&reader);
	producer_free(&p, 0);
}

static void a_record_without_value_is_told_from_an_empty_one(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", NULL);
	struct seen s = SEEN_INIT;
	struct reader *reader = new_reader(kit, KIT_TOPIC, READER_FROM_BEGINNING, &s);

	kit_publish(p, &r);
	wait_seen(&s, 1);
	assert_null(s.last.value);
	r.value = "";
	kit_publish(p, &r);
	wait_seen(&s, 2);
	assert_non_null(s.last.value);
	assert_int_equal(s.last.value_len, 0);
	reader_free(&reader);
	producer_free(&p, 0);
}

static void an_empty_topic_is_caught_up_at_once(void **state)
{
	struct kit *kit = *state;
	struct seen s = SEEN_INIT;
	struct reader *reader = new_reader(kit, KIT_TOPIC, READER_FROM_BEGINNING, &s);

	wait_caught_up(reader);
	assert_int_equal(seen_count(&s), 0);
	reader_free(&reader);
}

/* The mock has no look-up by time and answers "the end". */
static void starts_a_moment_back_also_where_the_broker_has_no_look_up_by_time(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "old");
	struct seen s = SEEN_INIT;
	struct reader *reader;

	r.timestamp_ms = clock_wall_ms() - 60000;
	kit_publish(p, &r);
	r = kit_record(KIT_TOPIC, "fan", "recent");
	r.timestamp_ms = clock_wall_ms() - 5000;
	kit_publish(p, &r);
	reader = new_reader(kit, KIT_TOPIC, 20000, &s);
	wait_caught_up(reader);
	assert_int_equal(seen_count(&s), 1);
	assert_string_equal(s.values[0], "recent");
	assert_true(reader_scans(reader));
	/* Written after the start: new, whatever its clock says. */
	r = kit_record(KIT_TOPIC, "fan", "late clock");
	r.timestamp_ms = clock_wall_ms() - 60000;
	kit_publish(p, &r);
	wait_seen(&s, 2);
	assert_string_equal(s.values[1], "late clock");
	reader_free(&reader);
	producer_free(&p, 0);
}

static void a_topic_that_appears_later_is_read_within_a_second_or_so(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record("wx.later", "fan", "value");
	struct seen s = SEEN_INIT;
	struct reader *reader;
	char detail[200];
	int64_t begin;

	kafka_mock_set_missing(kit->mock, "wx.later", true);
	reader = new_reader(kit, "wx.later", READER_FROM_BEGINNING, &s);
	clock_sleep_ms(1500);
	assert_false(reader_caught_up(reader));
	reader_detail(reader, detail, sizeof(detail));
	print_message("      %s\n", detail);
	assert_non_null(strstr(detail, "wx.later"));
	kafka_mock_set_missing(kit->mock, "wx.later", false);
	begin = clock_mono_ms();
	kit_publish(p, &r);
	wait_seen(&s, 1);
	print_message("      after %lld ms\n", (long long)(clock_mono_ms() - begin));
	assert_in_range(clock_mono_ms() - begin, 0, 1500);
	wait_caught_up(reader);
	reader_free(&reader);
	producer_free(&p, 0);
}

static void survives_brokers_away_and_says_so(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "value");
	struct seen s = SEEN_INIT;
	struct reader *reader = new_reader(kit, KIT_TOPIC, READER_FROM_BEGINNING, &s);
	char detail[200];
	int64_t begin;

	kit_publish(p, &r);
	wait_seen(&s, 1);
	kafka_mock_set_down(kit->mock, true);
	clock_sleep_ms(2000);
	reader_detail(reader, detail, sizeof(detail));
	print_message("      %s\n", detail);
	assert_non_null(strstr(detail, ";"));
	assert_true(reader_caught_up(reader));
	kafka_mock_set_down(kit->mock, false);
	begin = clock_mono_ms();
	kit_publish(p, &r);
	wait_seen(&s, 2);
	assert_in_range(clock_mono_ms() - begin, 0, 2000);
	clock_sleep_ms(1500);
	reader_detail(reader, detail, sizeof(detail));
	assert_null(strstr(detail, ";"));
	reader_free(&reader);
	producer_free(&p, 0);
}

/* As after the death of a leader: where the ends were asked there were more records than there are to read.
 */
static struct reader *read_beyond_the_end(struct kit *kit, struct producer *p, struct seen *s)
{
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "value");
	int64_t until = clock_mono_ms() + 5000;
	struct reader *reader;
	char detail[200];

	atomic_store(&ends_beyond, BEYOND);
	for (int i = 0; i < 10; i++)
		kit_publish(p, &r);
	reader = new_reader(kit, KIT_TOPIC, READER_FROM_BEGINNING, s);
	wait_seen(s, 10);
	do {
		clock_sleep_ms(20);
		reader_detail(reader, detail, sizeof(detail));
	} while ((!strstr(detail, " ends at ") || reader_left(reader) > BEYOND * KIT_PARTITIONS) &&
		 !reader_caught_up(reader) && clock_mono_ms() < until);
	print_message("      %s\n", detail);
	assert_false(reader_caught_up(reader));
	assert_int_equal(reader_left(reader), BEYOND * KIT_PARTITIONS);
	return reader;
}

static void a_replica_that_lags_does_not_end_it(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "late");
	struct seen s = SEEN_INIT;
	struct reader *reader = read_beyond_the_end(kit, p, &s);

	for (int i = 0; i < BEYOND; i++)
		for (r.partition = 0; r.partition < KIT_PARTITIONS; r.partition++)
			kit_publish(p, &r);
	atomic_store(&ends_beyond, 0);
	wait_caught_up(reader);
	assert_int_equal(seen_count(&s), 10 + BEYOND * KIT_PARTITIONS);
	assert_int_equal(reader_left(reader), 0);
	reader_free(&reader);
	producer_free(&p, 0);
}

/* The last records were lost with their leader, or the log was made anew: it is not waited for them. */
static void ends_that_are_gone_are_not_waited_for(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct seen s = SEEN_INIT;
	struct reader *reader = read_beyond_the_end(kit, p, &s);

	atomic_store(&ends_beyond, 0);
	wait_caught_up(reader);
	assert_int_equal(seen_count(&s), 10);
	assert_int_equal(reader_left(reader), 0);
	reader_free(&reader);
	producer_free(&p, 0);
}

static void starts_and_ends_with_brokers_that_never_answer(void **state)
{
	char address[32];
	struct kit away = {.conf = {.bootstrap_servers = address}};
	struct seen s = SEEN_INIT;
	struct reader *reader;
	int fd = kit_dead_broker(true, address, sizeof(address));
	int64_t begin;

	(void)state;
	reader = new_reader(&away, KIT_TOPIC, 20000, &s);
	clock_sleep_ms(300);
	assert_false(reader_caught_up(reader));
	begin = clock_mono_ms();
	reader_free(&reader);
	assert_in_range(clock_mono_ms() - begin, 0, 3000);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_CASE(reads_everything_and_says_when_it_has_caught_up),
		KIT_CASE(keys_go_where_other_clients_put_them),
		KIT_CASE(a_record_without_value_is_told_from_an_empty_one),
		KIT_CASE(an_empty_topic_is_caught_up_at_once),
		KIT_CASE(starts_a_moment_back_also_where_the_broker_has_no_look_up_by_time),
		KIT_CASE(a_topic_that_appears_later_is_read_within_a_second_or_so),
		KIT_CASE(survives_brokers_away_and_says_so),
		KIT_CASE(a_replica_that_lags_does_not_end_it),
		KIT_CASE(ends_that_are_gone_are_not_waited_for),
		KIT_CASE(starts_and_ends_with_brokers_that_never_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
