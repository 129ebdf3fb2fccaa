#include "tools/wxbus/migrate/topic_plan.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static const struct kafka_topic_spec *find(const struct topic_plan *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->list[i].name, name) == 0)
			return &p->list[i];
	}
	return NULL;
}

static void every_row_of_the_table_and_every_group_has_its_topics(void **state)
{
	struct manifest shop = {
		.service = "shop", .group = "shop", .what = {"dead-letter", "retry.10s"}, .n_what = 2};
	struct manifests m = {&shop, 1};
	const struct kafka_topic_spec *spec;
	struct topic_plan plan;
	struct err err;

	(void)state;
	assert_int_equal(topic_plan_make(&m, "wx.", 12, 3, &plan, &err), 0);
	assert_int_equal(plan.n, N_TOPICS + 4);
	spec = find(&plan, "wx.accounts");
	assert_non_null(spec);
	assert_true(spec->compacted);
	assert_true(spec->retention_ms == 0);
	spec = find(&plan, "wx.messages");
	assert_non_null(spec);
	assert_int_equal(spec->partitions, 12);
	assert_int_equal(spec->replication, 3);
	assert_true(spec->retention_ms == TOPIC_DAYS(7));
	spec = find(&plan, "wx.shop.dead-letter");
	assert_non_null(spec);
	assert_true(spec->retention_ms == TOPIC_DAYS(30));
	assert_non_null(find(&plan, "wx.shop.retry.10s"));
	assert_non_null(find(&plan, "wx.shop.test.dead-letter"));
	assert_non_null(find(&plan, "wx.shop.test.retry.10s"));
	topic_plan_release(&plan);
}

static void a_topic_that_no_group_has_is_refused_by_the_service_s_name(void **state)
{
	struct manifest shop = {.service = "shop", .group = "shop", .what = {"messages"}, .n_what = 1};
	struct manifests m = {&shop, 1};
	struct topic_plan plan;
	struct err err;

	(void)state;
	assert_int_equal(topic_plan_make(&m, "wx.", 12, 3, &plan, &err), -1);
	assert_non_null(strstr(err.text, "shop"));
}

static void segments_are_short_enough_for_what_is_kept_to_be_true(void **state)
{
	(void)state;
	assert_true(topic_segment_ms(TOPIC_MINUTES(10)) == 150000);
	assert_true(topic_segment_ms(TOPIC_DAYS(7)) == TOPIC_DAYS(1));
	assert_true(topic_segment_ms(TOPIC_COMPACTED) == TOPIC_DAYS(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(every_row_of_the_table_and_every_group_has_its_topics),
		TESTING_CASE(a_topic_that_no_group_has_is_refused_by_the_service_s_name),
		TESTING_CASE(segments_are_short_enough_for_what_is_kept_to_be_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
