#include "common/testing/testing.h"

#include "common/service/metrics.h"

#include <stdio.h>
#include <string.h>

enum { PUSHES, WAITING, ANSWER, CALLS, ENDS, N_METRICS };
static struct metric metrics[N_METRICS] = {
	[PUSHES] = METRIC_COUNTER("t_pushes_total", "result", "Pushes."),
	[WAITING] = METRIC_GAUGE("t_waiting", NULL, "Waiting now."),
	[ANSWER] = METRIC_HISTOGRAM("t_answer_seconds", NULL, "Time to answer."),
	[CALLS] = METRIC_COUNTER("t_calls_total", "api,class", "Calls."),
	[ENDS] = METRIC_COUNTER_FROM_START("t_ends_total", "outcome", "done dead_letter", "Ends."),
};

static int setup(void **state)
{
	(void)state;
	metrics_register(metrics, N_METRICS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	metrics_release();
	return 0;
}

static void metrics_write_gives_prometheus_text(void **state)
{
	struct buf out = BUF_INIT(16384);

	(void)state;
	metric_add(&metrics[PUSHES], "success", 2);
	metric_add(&metrics[PUSHES], "re\"fused", 1);
	metric_set(&metrics[WAITING], NULL, 7);
	metrics_write(&out);
	assert_non_null(strstr(out.data, "# TYPE t_pushes_total counter\n"));
	assert_non_null(strstr(out.data, "t_pushes_total{result=\"success\"} 2\n"));
	assert_non_null(strstr(out.data, "t_pushes_total{result=\"re\\\"fused\"} 1\n"));
	assert_non_null(strstr(out.data, "t_waiting 7\n"));
	buf_release(&out);
}

static void a_series_that_is_watched_is_there_before_its_first_event(void **state)
{
	struct buf out = BUF_INIT(16384);

	(void)state;
	metrics_write(&out);
	assert_non_null(strstr(
		out.data, "t_ends_total{outcome=\"done\"} 0\nt_ends_total{outcome=\"dead_letter\"} 0\n"));
	assert_null(strstr(out.data, "t_pushes_total{"));
	buf_reset(&out);
	metric_add(&metrics[ENDS], "dead_letter", 1);
	metrics_write(&out);
	assert_non_null(strstr(out.data, "t_ends_total{outcome=\"dead_letter\"} 1\n"));
	buf_release(&out);
}

static void two_labels_take_values_joined_by_a_comma(void **state)
{
	struct buf out = BUF_INIT(16384);

	(void)state;
	metric_add(&metrics[CALLS], "menu,ok", 2);
	metric_add(&metrics[CALLS], "menu,bu\"sy", 1);
	metric_add(&metrics[CALLS], "other", 3);
	metrics_write(&out);
	assert_non_null(strstr(out.data, "t_calls_total{api=\"menu\",class=\"ok\"} 2\n"));
	assert_non_null(strstr(out.data, "t_calls_total{api=\"menu\",class=\"bu\\\"sy\"} 1\n"));
	assert_non_null(strstr(out.data, "t_calls_total{api=\"other\",class=\"other\"} 3\n"));
	assert_true(metric_get(&metrics[CALLS], "menu,ok") == 2);
	buf_release(&out);
}

static void histogram_buckets_are_cumulative(void **state)
{
	struct buf out = BUF_INIT(16384);

	(void)state;
	metric_observe_ms(&metrics[ANSWER], NULL, 1);
	metric_observe_ms(&metrics[ANSWER], NULL, 40);
	metric_observe_ms(&metrics[ANSWER], NULL, 60000);
	metrics_write(&out);
	assert_non_null(strstr(out.data, "t_answer_seconds_bucket{le=\"0.001\"} 1\n"));
	assert_non_null(strstr(out.data, "t_answer_seconds_bucket{le=\"0.05\"} 2\n"));
	assert_non_null(strstr(out.data, "t_answer_seconds_bucket{le=\"10\"} 2\n"));
	assert_non_null(strstr(out.data, "t_answer_seconds_bucket{le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(out.data, "t_answer_seconds_sum 60.041\n"));
	buf_release(&out);
}

static void label_values_past_the_most_are_counted_as_other(void **state)
{
	char value[16];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(value, sizeof(value), "v%d", i);
		metric_add(&metrics[PUSHES], value, 1);
	}
	assert_true(metric_get(&metrics[PUSHES], "v0") == 1);
	assert_true(metric_get(&metrics[PUSHES], "v299") == 0);
	assert_true(metric_get(&metrics[PUSHES], "other") == 300 - 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(metrics_write_gives_prometheus_text, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_series_that_is_watched_is_there_before_its_first_event, setup, teardown),
		cmocka_unit_test_setup_teardown(two_labels_take_values_joined_by_a_comma, setup, teardown),
		cmocka_unit_test_setup_teardown(histogram_buckets_are_cumulative, setup, teardown),
		cmocka_unit_test_setup_teardown(
			label_values_past_the_most_are_counted_as_other, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
