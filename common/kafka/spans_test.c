#include "common/kafka/test_kit.h"

#include "common/base/clock.h"
#include "common/kafka/backlog.h"
#include "common/kafka/consumer.h"
#include "common/kafka/spans.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define KEYS    10
#define EACH    20
#define LONG_MS 20000

static void publish_all(const struct kit *kit)
{
	struct producer *p = kit_warm_producer(kit);

	for (int i = 0; i < EACH; i++) {
		for (int k = 0; k < KEYS; k++) {
			char key[] = {(char)('a' + k), '\0'}, value[16];

			snprintf(value, sizeof(value), "%d", i);
			struct kafka_record r = kit_record(KIT_TOPIC, key, value);
			kit_publish(p, &r);
		}
	}
	producer_free(&p, 1000);
}

static struct kafka_spans find(const struct kit *kit, int64_t since_ms)
{
	struct kafka_spans s;
	struct err err = {0};

	if (kafka_spans_find(&kit->conf, KIT_TOPIC, since_ms, 0, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

/* Reads `s` to its end; the records must be its own, each partition's in their order. */
static int64_t read_all(const struct kit *kit, const struct kafka_spans *s)
{
	int64_t until = clock_mono_ms() + LONG_MS, n = 0, next[5];
	const struct kafka_record *record;
	struct span_reader *r;
	struct err err;
	int rc;

	for (size_t i = 0; i < s->n; i++)
		next[i] = s->list[i].from;
	assert_int_equal(span_reader_new(&r, &kit->conf, KIT_TOPIC, s->list, s->n, &err), 0);
	while ((rc = span_reader_next(r, 100, &record, &err)) != SPAN_END && clock_mono_ms() < until) {
		if (rc != 0)
			continue;
		assert_int_equal(record->offset, next[record->partition]++);
		n++;
	}
	assert_int_equal(rc, SPAN_END);
	for (size_t i = 0; i < s->n; i++)
		assert_int_equal(next[i], s->list[i].to);
	span_reader_free(&r);
	return n;
}

static void what_was_there_is_read_once_and_no_more(void **state)
{
	struct kit *kit = *state;
	struct kafka_spans s;

	publish_all(kit);
	s = find(kit, 0);
	assert_int_equal(s.n, 5);
	assert_false(s.scans);
	publish_all(kit); /* comes after it */
	assert_int_equal(read_all(kit, &s), KEYS * EACH);
	kafka_spans_release(&s);
}

static void parts_of_partitions_are_read(void **state)
{
	struct kit *kit = *state;
	int64_t wanted = 0, lost;
	struct kafka_spans s;
	struct err err;

	publish_all(kit);
	s = find(kit, 0);
	for (size_t i = 0; i < s.n; i++) {
		int64_t end = s.list[i].to;

		s.list[i].from = i == 0 ? end : end / 3; /* of one nothing */
		s.list[i].to = i == 0 ? end : end / 2;
		wanted += s.list[i].to - s.list[i].from;
	}
	assert_true(wanted > 0);
	assert_int_equal(read_all(kit, &s), wanted);
	assert_int_equal(kafka_spans_lost(&kit->conf, KIT_TOPIC, s.list, s.n, &lost, &err), 0);
	assert_int_equal(lost, 0);
	kafka_spans_release(&s);
}

/* The topic was made anew: what is there now was never meant. */
static void a_log_that_ends_before_the_span_gives_nothing(void **state)
{
	const struct kafka_record *record;
	int64_t until = clock_mono_ms() + LONG_MS;
	struct kit *kit = *state;
	struct span_reader *r;
	struct kafka_spans s;
	struct err err;
	int rc;

	publish_all(kit);
	s = find(kit, 0);
	for (size_t i = 0; i < s.n; i++) {
		s.list[i].from = s.list[i].to + 1000;
		s.list[i].to += 2000;
	}
	assert_int_equal(span_reader_new(&r, &kit->conf, KIT_TOPIC, s.list, s.n, &err), 0);
	while ((rc = span_reader_next(r, 100, &record, &err)) != SPAN_END && clock_mono_ms() < until)
		assert_int_not_equal(rc, 0);
	assert_int_equal(rc, SPAN_END);
	span_reader_free(&r);
	kafka_spans_release(&s);
}

static void a_broker_without_look_up_by_time_is_read_whole(void **state)
{
	struct kit *kit = *state;
	struct kafka_spans s;

	publish_all(kit);
	s = find(kit, clock_wall_ms() - 1000);
	assert_true(s.scans);
	assert_int_equal(read_all(kit, &s), KEYS * EACH);
	kafka_spans_release(&s);
}

static void a_topic_that_is_not_there_is_told(void **state)
{
	struct kit *kit = *state;
	struct backlog *b;
	struct kafka_spans s;
	struct err err;

	kafka_mock_set_missing(kit->mock, "wx.nothing", true);
	assert_int_equal(kafka_spans_find(&kit->conf, "wx.nothing", 0, 0, &s, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(backlog_new(&b, &kit->conf, "wx.group", "wx.nothing", &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
}

static int64_t ask(struct backlog *b)
{
	int64_t n = -1;
	struct err err = {0};

	if (backlog_ask(b, &n, &err) < 0)
		fail_msg("%s", err.text);
	return n;
}

/* What it has committed on all partitions; -1: nothing on any. */
static int64_t committed(struct backlog *b)
{
	int64_t offsets[6], sum = -1;
	struct err err = {0};

	if (backlog_committed(b, offsets, 6, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(offsets[5] < 0); /* there is no such partition */
	for (int i = 0; i < 5; i++)
		if (offsets[i] >= 0)
			sum = sum < 0 ? offsets[i] : sum + offsets[i];
	return sum;
}

static void a_group_is_behind_by_what_it_has_not_committed(void **state)
{
	static const char *const topics[] = {KIT_TOPIC};
	const struct consumer_options options = {.client_id = "test",
		.group = "wx.group",
		.topics = topics,
		.n_topics = 1,
		.from_beginning = true};
	struct kit *kit = *state;
	const struct kafka_record *r;
	int64_t until = clock_mono_ms() + LONG_MS;
	struct consumer *c;
	struct backlog *b;
	struct err err;
	int n = 0;

	assert_int_equal(backlog_new(&b, &kit->conf, "wx.group", KIT_TOPIC, &err), 0);
	assert_int_equal(ask(b), 0);
	publish_all(kit);
	assert_int_equal(ask(b), KEYS * EACH); /* it has committed nothing */
	assert_int_equal(committed(b), -1);

	assert_int_equal(consumer_new(&c, &kit->conf, &options, &err), 0);
	while (n < KEYS * EACH && clock_mono_ms() < until)
		if (consumer_poll(c, 100, &r, &err) == 0 && ++n <= KEYS * EACH / 2)
			assert_int_equal(consumer_store(c, r, &err), 0);
	assert_int_equal(consumer_commit(c, &err), 0);
	assert_int_equal(ask(b), KEYS * EACH / 2);
	assert_int_equal(committed(b), KEYS * EACH / 2);
	consumer_free(&c, 2000);
	backlog_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_CASE(what_was_there_is_read_once_and_no_more),
		KIT_CASE(parts_of_partitions_are_read),
		KIT_CASE(a_log_that_ends_before_the_span_gives_nothing),
		KIT_CASE(a_broker_without_look_up_by_time_is_read_whole),
		KIT_CASE(a_topic_that_is_not_there_is_told),
		KIT_CASE(a_group_is_behind_by_what_it_has_not_committed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
