#include "common/kafka/test_kit.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/kafka/reader.h"
#include "common/testing/lateness.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/banned.h"

#define DEADLINE_MS  700
#define TOLERANCE_MS 100
#define RETURN_MS    2000 /* after a broker's return everything works again */

/* Publishes until `timeout_ms`; the time it took. */
static int64_t publish(
	struct producer *p, const struct kafka_record *r, int64_t timeout_ms, int *rc, struct err *err)
{
	int64_t begin = clock_mono_ms();

	*err = (struct err){0};
	*rc = producer_publish(p, r, begin + timeout_ms, err);
	return clock_mono_ms() - begin;
}

static void assert_fails_at_its_deadline(
	struct producer *p, const struct kafka_record *r, enum err_kind *kind_out)
{
	struct err err;
	struct lateness *lateness;
	int64_t took;
	int rc, tries = 0;

	do {
		lateness = lateness_begin();
		took = publish(p, r, DEADLINE_MS, &rc, &err);
		assert_int_equal(rc, -1);
		print_message(
			"      after %lld ms: %s: %s\n", (long long)took, err_kind_name(err.kind), err.text);
	} while (lateness_end(&lateness) >= TOLERANCE_MS && took > DEADLINE_MS + TOLERANCE_MS &&
		 ++tries < LATENESS_TRIES);
	assert_in_range(took, DEADLINE_MS - 2, DEADLINE_MS + TOLERANCE_MS);
	assert_true(err.kind == ERR_RETRY || err.kind == ERR_UNCERTAIN);
	if (kind_out)
		*kind_out = err.kind;
}

static void assert_works_again(struct producer *p)
{
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "again");
	struct err err;
	int64_t took;
	int rc;

	took = publish(p, &r, RETURN_MS, &rc, &err);
	if (rc < 0)
		fail_msg("after %lld ms: %s", (long long)took, err.text);
	print_message("      works again after %lld ms\n", (long long)took);
}

/* What done() was told. */
struct tally {
	atomic_int acknowledged, unsure, failed;
};

static void count_done(void *arg, const struct err *failure)
{
	struct tally *t = arg;

	if (!failure)
		atomic_fetch_add(&t->acknowledged, 1);
	else if (failure->kind == ERR_UNCERTAIN)
		atomic_fetch_add(&t->unsure, 1);
	else
		atomic_fetch_add(&t->failed, 1);
}

static int tally_sum(struct tally *t)
{
	return atomic_load(&t->acknowledged) + atomic_load(&t->unsure) + atomic_load(&t->failed);
}

static void send_n(struct producer *p, int n, struct tally *t)
{
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "value");

	for (; n > 0; n--)
		assert_int_equal(producer_send(p, &r, count_done, t, NULL), 0);
}

/* A record that was acknowledged may have its place in the queue a moment longer. */
static void send_once_there_is_room(struct producer *p, struct tally *t)
{
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "value");
	int64_t until = clock_mono_ms() + 5000;
	int rc;

	while ((rc = producer_send(p, &r, count_done, t, NULL)) == PRODUCER_FULL && clock_mono_ms() < until)
		clock_sleep_ms(1);
	assert_int_equal(rc, 0);
}

static void send_once_accepted(struct producer *p, struct tally *t)
{
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "value");
	int64_t until = clock_mono_ms() + 5000;
	int rc;

	while ((rc = producer_send(p, &r, count_done, t, NULL)) != 0 && clock_mono_ms() < until)
		clock_sleep_ms(1);
	assert_int_equal(rc, 0);
}

static void wait_for(atomic_int *what, int at_least)
{
	int64_t until = clock_mono_ms() + 5000;

	while (atomic_load(what) < at_least && clock_mono_ms() < until)
		clock_sleep_ms(5);
	assert_true(atomic_load(what) >= at_least);
}

static void wait_for_all(struct tally *t, int n)
{
	int64_t until = clock_mono_ms() + 5000;

	while (tally_sum(t) < n && clock_mono_ms() < until)
		clock_sleep_ms(5);
	assert_int_equal(tally_sum(t), n);
}

/* ---- cases ---- */

static void publish_is_acknowledged_and_the_first_one_is_not_late_once_warm(void **state)
{
	struct producer *p = kit_warm_producer(*state);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	struct producer_stats stats;
	struct err err;
	int64_t took;
	int rc;

	took = publish(p, &r, 2000, &rc, &err);
	assert_int_equal(rc, 0);
	assert_in_range(took, 0, 800); /* a topic that is not warm takes a second */
	producer_get_stats(p, &stats);
	assert_int_equal(stats.queued, 0);
	assert_int_equal(stats.rebuilds, 0);
	assert_true(stats.last_ack_mono_ms > 0);
	assert_string_equal(stats.last_error, "");
	producer_free(&p, 0);
	assert_null(p);
	assert_int_equal(kit_warnings(), 0);
}

static void publish_to_a_refusing_broker_returns_at_its_deadline(void **state)
{
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	char address[32];
	struct kafka_conf conf = {.bootstrap_servers = address, .topic_prefix = NULL};
	struct producer_stats stats;
	struct producer *p;
	int fd;

	(void)state;
	fd = kit_dead_broker(false, address, sizeof(address));
	p = kit_producer(&conf, &(struct producer_options){0});
	assert_fails_at_its_deadline(p, &r, NULL);
	producer_get_stats(p, &stats);
	assert_true(stats.last_error[0]);
	producer_free(&p, 0);
	close(fd);
}

static void publish_to_a_broker_that_never_answers_returns_at_its_deadline(void **state)
{
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	char address[32];
	struct kafka_conf conf = {.bootstrap_servers = address, .topic_prefix = NULL};
	struct producer *p;
	int64_t begin;
	int fd, i;

	(void)state;
	fd = kit_dead_broker(true, address, sizeof(address));
	p = kit_producer(&conf, &(struct producer_options){0});
	for (i = 0; i < 4; i++) /* across the library's own time-outs */
		assert_fails_at_its_deadline(p, &r, NULL);
	begin = clock_mono_ms();
	producer_free(&p, 200);
	assert_in_range(clock_mono_ms() - begin, 0, 1500);
	close(fd);
}

static void publish_works_again_soon_after_a_broker_that_was_down(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	int i;

	kit_publish(p, &r);
	kafka_mock_set_down(kit->mock, true);
	for (i = 0; i < 5; i++)
		assert_fails_at_its_deadline(p, &r, NULL);
	kafka_mock_set_down(kit->mock, false);
	assert_works_again(p);
	producer_free(&p, 0);
}

static void publish_works_again_soon_after_a_stall_and_calls_it_uncertain(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	enum err_kind kind;
	int i;

	kit_publish(p, &r);
	kafka_mock_set_latency(kit->mock, 30000);
	assert_fails_at_its_deadline(p, &r, &kind);
	assert_int_equal(kind, ERR_UNCERTAIN);
	for (i = 0; i < 5; i++)
		assert_fails_at_its_deadline(p, &r, NULL);
	kafka_mock_set_latency(kit->mock, 0);
	assert_works_again(p);
	producer_free(&p, 0);
}

static void what_is_acknowledged_after_a_time_out_on_the_way_is_not_believed(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	struct tally first = {0}, later = {0};
	struct producer_stats stats;

	kit_publish(p, &r);
	kafka_mock_set_latency(kit->mock, 10000); /* longer than the library takes to notice a time-out */
	send_n(p, 1, &first);
	clock_sleep_ms(1000);
	send_n(p, 5, &later); /* have time enough left for a second try that is answered */
	wait_for(&first.unsure, 1);
	kafka_mock_set_latency(kit->mock, 0);
	wait_for_all(&later, 5); /* unsure, or failed if they were not sent yet */
	assert_int_equal(atomic_load(&later.acknowledged), 0);
	assert_works_again(p);
	producer_get_stats(p, &stats);
	assert_int_equal(stats.rebuilds, 1);
	producer_free(&p, 0);
}

static void publish_waits_for_room_in_a_full_queue_until_its_deadline(void **state)
{
	struct kit *kit = *state;
	const struct producer_options o = {.max_queued = 2, .delivery_timeout_ms = 20000};
	struct producer *p = kit_producer(&kit->conf, &o);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	struct tally t = {0};

	kit_publish(p, &r);
	kafka_mock_set_down(kit->mock, true);
	send_once_there_is_room(p, &t);
	send_once_there_is_room(p, &t);
	assert_int_equal(producer_send(p, &r, count_done, &t, NULL), PRODUCER_FULL);
	assert_fails_at_its_deadline(p, &r, NULL);
	kafka_mock_set_down(kit->mock, false);
	assert_works_again(p);
	producer_free(&p, 0);
	assert_int_equal(tally_sum(&t), 2);
	assert_int_equal(t.acknowledged, 2);
}

static void publish_to_a_missing_topic_fails_until_it_is_created(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_header header = {"ce_id", "1", 1};
	struct kafka_record r = kit_record("wx.later", "fan", "hello");
	struct err err;
	int64_t took;
	int i, rc;

	r.headers = &header;
	r.n_headers = 1;
	kafka_mock_set_missing(kit->mock, "wx.later", true);
	for (i = 0; i < 4; i++)
		assert_fails_at_its_deadline(p, &r, NULL);
	kafka_mock_set_missing(kit->mock, "wx.later", false);
	took = publish(p, &r, 5000, &rc, &err);
	assert_int_equal(rc, 0);
	print_message("      usable after %lld ms\n", (long long)took);
	assert_in_range(took, 0, 1500);
	producer_free(&p, 0);
}

static void a_record_for_a_missing_partition_is_refused_with_its_headers_freed_once(void **state)
{
	struct producer *p = kit_warm_producer(*state);
	struct kafka_header headers[] = {{"ce_id", "1", 1}, {"ce_type", "t", 1}};
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	struct tally t = {0};
	struct err err;

	r.partition = 99;
	r.headers = headers;
	r.n_headers = 2;
	assert_int_equal(producer_send(p, &r, count_done, &t, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_fails_at_its_deadline(p, &r, NULL);
	assert_int_equal(tally_sum(&t), 0);
	producer_free(&p, 0);
}

static void a_record_that_is_too_large_is_rejected_at_once(void **state)
{
	struct producer *p = kit_warm_producer(*state);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", NULL);
	struct err err;
	int64_t took;
	int rc;

	r.value = xcalloc(1, 2000000);
	r.value_len = 2000000;
	took = publish(p, &r, 2000, &rc, &err);
	assert_int_equal(rc, -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_in_range(took, 0, 200);
	producer_free(&p, 0);
	free((void *)(uintptr_t)r.value);
}

static void publish_survives_a_fatal_error(void **state)
{
	struct producer *p = kit_warm_producer(*state);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	struct producer_stats stats;
	int i;

	for (i = 0; i < 3; i++) {
		kit_publish(p, &r);
		producer_test_fatal(p);
		assert_works_again(p);
	}
	producer_get_stats(p, &stats);
	assert_int_equal(stats.rebuilds, 3);
	producer_free(&p, 0);
}

static void a_fatal_error_while_the_broker_is_away_is_survived_too(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");

	kafka_mock_set_down(kit->mock, true);
	producer_test_fatal(p);
	assert_fails_at_its_deadline(p, &r, NULL);
	assert_fails_at_its_deadline(p, &r, NULL);
	kafka_mock_set_down(kit->mock, false);
	assert_works_again(p);
	producer_free(&p, 0);
}

/* Those behind the first of their partition have not left the process yet: they are certainly not written. */
static void what_was_under_way_at_a_fatal_error_is_reported_as_uncertain(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	struct tally t = {0};

	kit_publish(p, &r);
	kafka_mock_set_latency(kit->mock, 30000);
	send_n(p, 20, &t);
	clock_sleep_ms(30); /* on its way */
	producer_test_fatal(p);
	wait_for_all(&t, 20);
	kafka_mock_set_latency(kit->mock, 0);
	assert_works_again(p);
	assert_int_equal(tally_sum(&t), 20);
	assert_int_equal(t.unsure, 1);
	assert_int_equal(t.failed, 19);
	producer_free(&p, 0);
}

static void a_late_acknowledgement_of_a_given_up_publish_is_forgotten(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	struct producer_stats before, after;
	struct err err;

	kit_publish(p, &r);
	producer_get_stats(p, &before);
	kafka_mock_set_latency(kit->mock, 400);
	assert_int_equal(producer_publish(p, &r, clock_mono_ms() + 100, &err), -1);
	assert_int_equal(err.kind, ERR_UNCERTAIN);
	clock_sleep_ms(1000);
	producer_get_stats(p, &after);
	assert_true(after.last_ack_mono_ms > before.last_ack_mono_ms);
	assert_int_equal(after.queued, 0);
	producer_free(&p, 0);
}

static void free_waits_for_what_is_under_way(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct tally t = {0};

	kafka_mock_set_latency(kit->mock, 200);
	send_n(p, 100, &t);
	producer_free(&p, 5000);
	assert_int_equal(t.acknowledged, 100);
}

static void free_with_the_broker_away_reports_every_record_as_failed_in_time(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "hello");
	struct tally t = {0};
	int64_t begin;

	kit_publish(p, &r);
	kafka_mock_set_down(kit->mock, true);
	send_n(p, 50, &t);
	begin = clock_mono_ms();
	producer_free(&p, 300);
	assert_in_range(clock_mono_ms() - begin, 0, 1500);
	assert_int_equal(tally_sum(&t), 50);
	assert_int_equal(t.acknowledged, 0);
}

static void a_dead_broker_neither_floods_the_log_nor_leaves_an_error_behind_once_back(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct producer_stats stats;
	int64_t until;

	kafka_mock_set_down(kit->mock, true);
	clock_sleep_ms(4000); /* at two attempts a second */
	producer_get_stats(p, &stats);
	assert_true(stats.last_error[0]);
	assert_in_range(kit_warnings(), 0, 6);
	kafka_mock_set_down(kit->mock, false);
	until = clock_mono_ms() + 4000;
	do {
		clock_sleep_ms(50);
		producer_get_stats(p, &stats);
	} while (stats.last_error[0] && clock_mono_ms() < until);
	assert_string_equal(stats.last_error, "");
	producer_free(&p, 0);
}

static void warm_says_that_a_topic_is_missing(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	static const char *const topics[] = {KIT_TOPIC, "wx.missing"};
	struct err err;

	kafka_mock_set_missing(kit->mock, "wx.missing", true);
	assert_int_equal(producer_warm(p, topics, 2, 300, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_non_null(strstr(err.text, "wx.missing"));
	producer_free(&p, 0);
}

/* What was read of ORDER_KEYS keys: the values of each count up from 0. */
#define ORDER_KEYS    7
#define ORDER_RECORDS 400
struct in_order {
	atomic_int read;
	int next[ORDER_KEYS];
	int disorder;
};

static void check_order(void *arg, const struct kafka_record *r)
{
	struct in_order *o = arg;
	char key[8], value[16];
	int *next;

	snprintf(key, sizeof(key), "%.*s", (int)r->key_len, (const char *)r->key);
	snprintf(value, sizeof(value), "%.*s", (int)r->value_len, (const char *)r->value);
	next = &o->next[strtol(key, NULL, 10) % ORDER_KEYS];
	o->disorder += strtol(value, NULL, 10) != (*next)++ || !kafka_record_header(r, "ce_id");
	atomic_fetch_add(&o->read, 1);
}

static void what_comes_while_a_batch_is_under_way_is_written_once_and_in_order(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	const struct kafka_header header = {"ce_id", "1", 1};
	struct in_order order = {0};
	struct reader_options o = {
		.topic = KIT_TOPIC, .back_ms = READER_FROM_BEGINNING, .record = check_order, .arg = &order};
	struct kafka_record r;
	struct tally t = {0};
	struct reader *reader;
	char key[8], value[16];

	kafka_mock_set_latency(kit->mock, 20);
	for (int i = 0; i < ORDER_RECORDS; i++) {
		snprintf(key, sizeof(key), "%d", i % ORDER_KEYS);
		snprintf(value, sizeof(value), "%d", i / ORDER_KEYS);
		r = kit_record(KIT_TOPIC, key, value);
		r.headers = &header;
		r.n_headers = 1;
		assert_int_equal(producer_send(p, &r, count_done, &t, NULL), 0);
		if (i % 50 == 0)
			clock_sleep_ms(5);
	}
	wait_for(&t.acknowledged, ORDER_RECORDS);
	kafka_mock_set_latency(kit->mock, 0);
	assert_int_equal(reader_new(&reader, &kit->conf, &o, NULL), 0);
	wait_for(&order.read, ORDER_RECORDS);
	reader_free(&reader);
	assert_int_equal(order.read, ORDER_RECORDS);
	assert_int_equal(order.disorder, 0);
	producer_free(&p, 0);
}

/* Whoever is told that the client is being rebuilt tries again at once: a partition of before is in use, with
 * records held, before the thread has looked at any. */
static void a_partition_with_records_held_works_again_after_a_rebuild(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "value");
	struct tally t = {0}, later = {0};

	kit_publish(p, &r);
	kafka_mock_set_latency(kit->mock, 300);
	send_n(p, 20, &t);
	clock_sleep_ms(30);
	producer_test_fatal(p);
	wait_for_all(&t, 20);
	kafka_mock_set_latency(kit->mock, 20);
	send_once_accepted(p, &later);
	send_n(p, 19, &later);
	wait_for(&later.acknowledged, 20);
	producer_free(&p, 0);
}

static void what_is_held_is_reported_in_the_time_of_what_is_not(void **state)
{
	struct kit *kit = *state;
	struct producer *p =
		kit_producer(&kit->conf, &(struct producer_options){.delivery_timeout_ms = 2000});
	static const char *const topics[] = {KIT_TOPIC};
	struct tally t = {0};
	int64_t began;

	assert_int_equal(producer_warm(p, topics, 1, 5000, NULL), 0);
	kafka_mock_set_latency(kit->mock, 30000);
	began = clock_mono_ms();
	send_n(p, 20, &t);
	wait_for_all(&t, 20);
	/* The library looks once in a second. */
	assert_in_range(clock_mono_ms() - began, 1500, 2000 + 200 + 1000 + TOLERANCE_MS);
	producer_free(&p, 0);
}

static int64_t processor_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void to_wait_for_what_is_under_way_costs_no_processor_time(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "value");
	struct tally t = {0};
	int64_t began;

	kit_publish(p, &r);
	kafka_mock_set_latency(kit->mock, 80);
	began = processor_ms();
	for (int i = 1; i <= 6; i++) {
		send_n(p, 20, &t);
		clock_sleep_ms(20);
		send_n(p, 20, &t);
		wait_for(&t.acknowledged, 40 * i);
	}
	assert_in_range(processor_ms() - began, 0, 250); /* of a second */
	producer_free(&p, 0);
}

static void the_queue_is_full_of_what_waits_for_its_turn_too(void **state)
{
	struct kit *kit = *state;
	static const char *const topics[] = {KIT_TOPIC};
	struct producer *p = kit_producer(&kit->conf, &(struct producer_options){.max_queued = 10});
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", "value");
	struct tally t = {0};

	assert_int_equal(producer_warm(p, topics, 1, 5000, NULL), 0);
	kafka_mock_set_latency(kit->mock, 300);
	send_n(p, 10, &t);
	assert_int_equal(producer_send(p, &r, count_done, &t, NULL), PRODUCER_FULL);
	wait_for(&t.acknowledged, 10);
	send_once_there_is_room(p, &t);
	wait_for(&t.acknowledged, 11);
	producer_free(&p, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_CASE(publish_is_acknowledged_and_the_first_one_is_not_late_once_warm),
		KIT_CASE(publish_to_a_refusing_broker_returns_at_its_deadline),
		KIT_CASE(publish_to_a_broker_that_never_answers_returns_at_its_deadline),
		KIT_CASE(publish_works_again_soon_after_a_broker_that_was_down),
		KIT_CASE(publish_works_again_soon_after_a_stall_and_calls_it_uncertain),
		KIT_CASE(what_is_acknowledged_after_a_time_out_on_the_way_is_not_believed),
		KIT_CASE(publish_waits_for_room_in_a_full_queue_until_its_deadline),
		KIT_CASE(publish_to_a_missing_topic_fails_until_it_is_created),
		KIT_CASE(a_record_for_a_missing_partition_is_refused_with_its_headers_freed_once),
		KIT_CASE(a_record_that_is_too_large_is_rejected_at_once),
		KIT_CASE(publish_survives_a_fatal_error),
		KIT_CASE(a_fatal_error_while_the_broker_is_away_is_survived_too),
		KIT_CASE(what_was_under_way_at_a_fatal_error_is_reported_as_uncertain),
		KIT_CASE(a_late_acknowledgement_of_a_given_up_publish_is_forgotten),
		KIT_CASE(free_waits_for_what_is_under_way),
		KIT_CASE(free_with_the_broker_away_reports_every_record_as_failed_in_time),
		KIT_CASE(a_dead_broker_neither_floods_the_log_nor_leaves_an_error_behind_once_back),
		KIT_CASE(warm_says_that_a_topic_is_missing),
		KIT_CASE(what_comes_while_a_batch_is_under_way_is_written_once_and_in_order),
		KIT_CASE(a_partition_with_records_held_works_again_after_a_rebuild),
		KIT_CASE(what_is_held_is_reported_in_the_time_of_what_is_not),
		KIT_CASE(to_wait_for_what_is_under_way_costs_no_processor_time),
		KIT_CASE(the_queue_is_full_of_what_waits_for_its_turn_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
