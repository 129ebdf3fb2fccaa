#include "common/kafka/test_kit.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/kafka/backlog.h"
#include "common/kafka/consumer.h"
#include "common/kafka/spans.h"

#include <limits.h>
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
	for (size_t i = 0; i < s->n; i++) {
		assert_int_equal(next[i], s->list[i].to);
		assert_int_equal(span_reader_lost(r, s->list[i].partition), 0);
	}
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
	struct kafka_spans s;
	int64_t wanted = 0;

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
	kafka_spans_release(&s);
}

/* The topic was made anew: what is there now was never meant. */
static void a_log_that_ends_before_the_span_is_refused(void **state)
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
	while ((rc = span_reader_next(r, 100, &record, &err)) == SPAN_NONE && clock_mono_ms() < until)
		;
	assert_int_equal(rc, -1);
	assert_int_equal(err.kind, ERR_REJECT);
	print_message("      %s\n", err.text);
	span_reader_free(&r);
	kafka_spans_release(&s);
}

static void publish_one_each(const struct kit *kit, const char *topic, const char *value)
{
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(topic, "a", value);

	for (r.partition = 0; r.partition < KIT_PARTITIONS; r.partition++)
		kit_publish(p, &r);
	producer_free(&p, 1000);
}

static int check(const struct kit *kit, const char *topic, const struct kafka_spans *s, struct err *err)
{
	int rc = kafka_spans_check(&kit->conf, topic, s->list, s->n, err);

	if (rc < 0)
		print_message("      %s\n", err->text);
	return rc;
}

static void a_log_that_was_made_anew_is_told_from_the_one_that_was_there(void **state)
{
	static const char again[] = "wx.again";
	struct kit *kit = *state;
	struct kafka_spans s;
	struct err err;

	assert_int_equal(kafka_mock_create_topic(kit->mock, again, KIT_PARTITIONS, &err), 0);
	publish_one_each(kit, KIT_TOPIC, "first");
	publish_one_each(kit, KIT_TOPIC, "second");
	s = find(kit, 0);
	s.list[0].from = s.list[0].to; /* of one nothing */
	assert_int_equal(kafka_spans_mark(&kit->conf, KIT_TOPIC, s.list, s.n, &err), 0);
	assert_string_equal(s.list[0].mark, "");
	for (size_t i = 1; i < s.n; i++)
		assert_string_not_equal(s.list[i].mark, "");
	publish_one_each(kit, KIT_TOPIC, "third");
	assert_int_equal(check(kit, KIT_TOPIC, &s, &err), 0);

	publish_one_each(kit, again, "first");
	assert_int_equal(check(kit, again, &s, &err), -1); /* ends before them */
	assert_int_equal(err.kind, ERR_REJECT);
	publish_one_each(kit, again, "another");
	assert_int_equal(check(kit, again, &s, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	for (size_t i = 1; i < s.n; i++)
		s.list[i].mark[0] = '\0'; /* planned by a release that made none */
	assert_int_equal(check(kit, again, &s, &err), 0);
	kafka_spans_release(&s);
}

/* --- an end that comes too early, and records that are deleted
 * ----------------------------------------------------------------------------------------------------
 */

#define SEEN    10
#define ALL     40
#define BIG     ((size_t)256 * 1024)
#define BIG_ALL 120 /* more than the reader holds and the mock keeps of a partition (16 and 5 MB) */

static void publish_to_first(const struct kit *kit, int n, size_t size)
{
	struct producer *p = kit_warm_producer(kit);
	char *value = xcalloc(1, size + 1);

	memset(value, 'x', size);
	for (int i = 0; i < n; i++) {
		struct kafka_record r = kit_record(KIT_TOPIC, "a", value);

		r.partition = 0;
		kit_publish(p, &r);
	}
	free(value);
	producer_free(&p, 1000);
}

/* Reads on until so many have come, or the end; gives how many in all, and the last one's offset. */
static int read_on(struct span_reader *r, int n, int wanted, int64_t ms, int64_t *last, int *rc)
{
	int64_t until = clock_mono_ms() + ms;
	const struct kafka_record *record;
	struct err err;

	*rc = SPAN_NONE;
	while (n < wanted && *rc != SPAN_END && clock_mono_ms() < until)
		if ((*rc = span_reader_next(r, 50, &record, &err)) == 0) {
			assert_true(record->offset > *last);
			*last = record->offset;
			n++;
		}
	return n;
}

/* As where the one that was asked for the end was ahead of the one that is read. */
static void a_replica_that_lags_does_not_end_a_span(void **state)
{
	const struct kafka_span span = {.partition = 0, .from = 0, .to = ALL};
	struct kit *kit = *state;
	struct span_reader *r;
	int64_t last = -1;
	struct err err;
	int n, rc;

	publish_to_first(kit, SEEN, 10);
	assert_int_equal(span_reader_new(&r, &kit->conf, KIT_TOPIC, &span, 1, &err), 0);
	n = read_on(r, 0, SEEN, LONG_MS, &last, &rc);
	assert_int_equal(n, SEEN);
	n = read_on(r, n, ALL, 1000, &last, &rc); /* it is told where the partition ends now */
	assert_int_equal(n, SEEN);
	assert_int_not_equal(rc, SPAN_END);
	publish_to_first(kit, ALL, 10);
	n = read_on(r, n, ALL + 1, LONG_MS, &last, &rc);
	assert_int_equal(n, ALL);
	assert_int_equal(rc, SPAN_END);
	assert_int_equal(span_reader_lost(r, 0), 0);
	span_reader_free(&r);
}

static void what_is_deleted_before_it_is_read_is_counted(void **state)
{
	const struct kafka_span span = {.partition = 0, .from = 0, .to = SEEN + BIG_ALL};
	struct kafka_span early = {.partition = 0, .from = 0, .to = SEEN};
	struct kit *kit = *state;
	struct span_reader *r;
	int64_t last = -1;
	struct err err;
	int n, rc;

	publish_to_first(kit, SEEN, 10);
	assert_int_equal(span_reader_new(&r, &kit->conf, KIT_TOPIC, &span, 1, &err), 0);
	n = read_on(r, 0, SEEN, LONG_MS, &last, &rc);
	assert_int_equal(n, SEEN);
	assert_int_equal(span_reader_lost(r, 0), 0);
	assert_int_equal(kafka_spans_mark(&kit->conf, KIT_TOPIC, &early, 1, &err), 0);
	assert_string_not_equal(early.mark, "");
	publish_to_first(kit, BIG_ALL, BIG);
	assert_int_equal(
		kafka_spans_check(&kit->conf, KIT_TOPIC, &early, 1, &err), 0); /* it is the same log */
	n = read_on(r, n, INT_MAX, LONG_MS, &last, &rc);
	assert_int_equal(rc, SPAN_END);
	assert_int_equal(last, span.to - 1);
	assert_true(n < span.to);
	assert_int_equal(n + span_reader_lost(r, 0), span.to);
	span_reader_free(&r);
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
		KIT_CASE(a_log_that_ends_before_the_span_is_refused),
		KIT_CASE(a_log_that_was_made_anew_is_told_from_the_one_that_was_there),
		KIT_CASE(a_replica_that_lags_does_not_end_a_span),
		KIT_CASE(what_is_deleted_before_it_is_read_is_counted),
		KIT_CASE(a_broker_without_look_up_by_time_is_read_whole),
		KIT_CASE(a_topic_that_is_not_there_is_told),
		KIT_CASE(a_group_is_behind_by_what_it_has_not_committed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
