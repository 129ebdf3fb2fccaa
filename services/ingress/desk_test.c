#include "common/testing/testing.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "services/ingress/desk.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID "0123456789abcdef0123456789abcdef"

/* What the desk wrote to `replies`. */
static struct {
	pthread_mutex_t lock;
	int n;
	enum verdict verdicts[64];
	char groups[64][65];
	char openid[65]; /* the last one's */
} written = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void record(void *arg, const struct reply_verdict *v, const struct desk_address *from)
{
	(void)arg;
	assert_string_equal(from->component_appid, "wxc");
	assert_string_equal(from->appid, "wxa");
	assert_string_equal(from->traceparent, "00-trace");
	pthread_mutex_lock(&written.lock);
	snprintf(written.openid, sizeof(written.openid), "%s", from->openid);
	if (written.n < 64) {
		written.verdicts[written.n] = v->verdict;
		snprintf(written.groups[written.n], 65, "%s", v->group);
		written.n++;
	}
	pthread_mutex_unlock(&written.lock);
}

static struct desk *desk;

static int setup(void **state)
{
	(void)state;
	written.n = 0;
	desk = desk_new(16, record, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	desk_free(&desk);
	return 0;
}

static const char *const three[] = {"desk", "shop", "auto-reply"};

static struct desk_push push_for(const char *id, size_t n_groups, int64_t answer_ms)
{
	int64_t now = clock_mono_ms();

	return (struct desk_push){
		.event_id = id,
		.from = {"wxc", "wxa", "o1", "00-trace"},
		.groups = three,
		.n_groups = n_groups,
		.publish_by_mono_ms = now + 100,
		.answer_by_mono_ms = now + answer_ms,
	};
}

static void verdict(const char *id, const char *group, enum verdict kind, const char *content)
{
	struct reply_verdict v = {.verdict = kind};

	snprintf(v.event_id, sizeof(v.event_id), "%s", id);
	snprintf(v.group, sizeof(v.group), "%s", group);
	if (content) {
		v.reply = json_new_object();
		json_set_str(v.reply, "Content", content);
	}
	desk_verdict(desk, &v);
	reply_verdict_release(&v);
}

/* A whole visit of a push that gets on its topic. */
static enum desk_answer_kind visit(struct desk_push *push, bool *published_out)
{
	struct desk_ticket *t = NULL;
	struct desk_answer answer;
	enum desk_arrival arrival = desk_enter(desk, push, &t);

	assert_true(arrival == DESK_PUBLISH || arrival == DESK_KNOWN);
	if (published_out)
		*published_out = arrival == DESK_PUBLISH;
	if (arrival == DESK_PUBLISH)
		desk_published(desk, t);
	desk_wait(desk, t, &answer);
	desk_leave(desk, &t);
	json_free(&answer.reply);
	return answer.kind;
}

static void without_repliers_the_answer_is_success_at_once_and_nothing_is_written(void **state)
{
	struct desk_push push = push_for(ID, 0, 5000);
	int64_t began = clock_mono_ms();

	(void)state;
	assert_int_equal(visit(&push, NULL), ANSWER_SUCCESS);
	assert_true(clock_mono_ms() - began < 1000);
	assert_int_equal(written.n, 0);
}

static void a_retry_is_not_published_again(void **state)
{
	struct desk_push push = push_for(ID, 0, 5000);
	bool published;

	(void)state;
	visit(&push, &published);
	assert_true(published);
	assert_int_equal(visit(&push, &published), ANSWER_SUCCESS);
	assert_false(published);
}

static void what_was_not_durable_is_published_by_the_retry(void **state)
{
	struct desk_push push = push_for(ID, 0, 5000);
	struct desk_ticket *t = NULL;
	bool published;

	(void)state;
	assert_int_equal(desk_enter(desk, &push, &t), DESK_PUBLISH);
	desk_failed(desk, t);
	desk_leave(desk, &t);
	visit(&push, &published);
	assert_true(published);
}

/* Says what it is told to after a while, as the reader of `replies` would. */
struct speaker {
	int after_ms;
	const char *group;
	enum verdict kind;
	const char *content;
};

static void *speak(void *arg)
{
	const struct speaker *s = arg;

	clock_sleep_ms(s->after_ms);
	verdict(ID, s->group, s->kind, s->content);
	return NULL;
}

static enum desk_answer_kind visit_with(
	struct desk_push *push, struct speaker *speakers, size_t n, int64_t *took_ms_out)
{
	pthread_t threads[4];
	enum desk_answer_kind kind;
	int64_t began = clock_mono_ms();

	for (size_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, speak, &speakers[i]), 0);
	kind = visit(push, NULL);
	*took_ms_out = clock_mono_ms() - began;
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return kind;
}

static void the_first_group_that_is_not_none_wins_once_those_before_it_said_none(void **state)
{
	struct desk_push push = push_for(ID, 3, 5000);
	struct speaker speakers[] = {
		{150, "desk", VERDICT_NONE, NULL},
		{10, "shop", VERDICT_REPLY, "from shop"},
		{5, "auto-reply", VERDICT_REPLY, "from auto-reply"},
	};
	int64_t took;

	(void)state;
	assert_int_equal(visit_with(&push, speakers, 3, &took), ANSWER_REPLY);
	assert_true(took >= 145 && took < 3000);
	assert_int_equal(written.n, 1);
	assert_int_equal(written.verdicts[0], VERDICT_CHOSEN);
	assert_string_equal(written.groups[0], "shop");
}

static void an_empty_verdict_is_an_empty_answer(void **state)
{
	struct desk_push push = push_for(ID, 1, 5000);
	struct speaker speakers[] = {{10, "desk", VERDICT_EMPTY, NULL}};
	int64_t took;

	(void)state;
	assert_int_equal(visit_with(&push, speakers, 1, &took), ANSWER_EMPTY);
	assert_string_equal(written.groups[0], "desk");
}

static void when_all_say_none_the_answer_is_success_at_once(void **state)
{
	struct desk_push push = push_for(ID, 2, 5000);
	struct speaker speakers[] = {{10, "desk", VERDICT_NONE, NULL}, {20, "shop", VERDICT_NONE, NULL}};
	int64_t took;

	(void)state;
	assert_int_equal(visit_with(&push, speakers, 2, &took), ANSWER_SUCCESS);
	assert_true(took < 3000);
	assert_int_equal(written.n, 1);
	assert_string_equal(written.groups[0], "");
}

static void at_the_limit_the_best_that_is_there_is_sent(void **state)
{
	struct desk_push push = push_for(ID, 2, 200);
	struct speaker speakers[] = {{10, "shop", VERDICT_REPLY, "from shop"}};
	int64_t took;

	(void)state;
	assert_int_equal(visit_with(&push, speakers, 1, &took), ANSWER_REPLY);
	assert_true(took >= 195 && took < 1500);
	assert_string_equal(written.groups[0], "shop");
}

static void a_reply_after_success_is_written_back_once_as_late(void **state)
{
	struct desk_push push = push_for(ID, 1, 30);

	(void)state;
	push.may_send_customer_service = true;
	assert_int_equal(visit(&push, NULL), ANSWER_SUCCESS);
	verdict(ID, "desk", VERDICT_REPLY, "late");
	verdict(ID, "desk", VERDICT_REPLY, "late again");
	assert_int_equal(written.n, 2);
	assert_int_equal(written.verdicts[1], VERDICT_LATE);
	assert_string_equal(written.groups[1], "desk");
	push.answer_by_mono_ms = clock_mono_ms() + 5000;
	assert_int_equal(visit(&push, NULL), ANSWER_SUCCESS);
}

static void without_customer_service_a_retry_waits_anew_and_gets_the_late_reply(void **state)
{
	struct desk_push push = push_for(ID, 1, 30);
	bool published;

	(void)state;
	assert_int_equal(visit(&push, NULL), ANSWER_SUCCESS);
	verdict(ID, "desk", VERDICT_REPLY, "late");
	assert_int_equal(written.n, 1);
	push.answer_by_mono_ms = clock_mono_ms() + 5000;
	assert_int_equal(visit(&push, &published), ANSWER_REPLY);
	assert_false(published);
}

static void a_reply_after_another_outcome_is_dropped(void **state)
{
	struct desk_push push = push_for(ID, 2, 5000);

	(void)state;
	push.may_send_customer_service = true;
	verdict(ID, "desk", VERDICT_EMPTY, NULL);
	assert_int_equal(visit(&push, NULL), ANSWER_EMPTY);
	verdict(ID, "shop", VERDICT_REPLY, "too late");
	assert_int_equal(written.n, 1);
}

static void an_openid_of_any_length_is_told_whole_or_not_at_all(void **state)
{
	struct desk_push push = push_for(ID, 3, 50);
	char *openid = xmalloc(2001);

	(void)state;
	visit(&push, NULL);
	assert_string_equal(written.openid, "o1");
	memset(openid, 'o', 2000);
	openid[2000] = '\0';
	push = push_for("another0123456789abcdef012345678", 3, 50);
	push.from.openid = openid;
	visit(&push, NULL);
	assert_string_equal(written.openid, "");
	free(openid);
}

static void a_retry_at_another_ingress_gets_what_was_chosen_there(void **state)
{
	struct desk_push push = push_for(ID, 1, 5000);
	bool published;

	(void)state;
	verdict(ID, "desk", VERDICT_CHOSEN, "chosen elsewhere");
	assert_int_equal(visit(&push, &published), ANSWER_REPLY);
	assert_false(published);
	assert_int_equal(written.n, 0);
}

static void a_retry_after_the_other_ingress_died_is_answered_by_the_rule(void **state)
{
	struct desk_push push = push_for(ID, 2, 5000);
	bool published;

	(void)state;
	verdict(ID, "desk", VERDICT_NONE, NULL);
	verdict(ID, "shop", VERDICT_REPLY, "from shop");
	assert_int_equal(visit(&push, &published), ANSWER_REPLY);
	assert_false(published);
}

static void a_group_that_missed_five_times_is_passed_over_until_it_speaks(void **state)
{
	struct desk_stats stats;
	char id[33];
	int64_t began;

	(void)state;
	for (int i = 0; i < DESK_MISSES; i++) {
		snprintf(id, sizeof(id), "%032d", i);
		struct desk_push push = push_for(id, 1, 10);
		assert_int_equal(visit(&push, NULL), ANSWER_SUCCESS);
	}
	desk_get_stats(desk, &stats);
	assert_int_equal(stats.passed_over, 1);
	assert_int_equal(stats.missed, DESK_MISSES);

	struct desk_push push = push_for(ID, 1, 5000);
	began = clock_mono_ms();
	assert_int_equal(visit(&push, NULL), ANSWER_SUCCESS);
	assert_true(clock_mono_ms() - began < 1000);

	verdict(ID, "desk", VERDICT_NONE, NULL);
	desk_get_stats(desk, &stats);
	assert_int_equal(stats.passed_over, 0);
}

/* Pushes that wait, each in a thread of its own. */
static void *visit_thread(void *arg)
{
	struct desk_push *push = arg;

	visit(push, NULL);
	return NULL;
}

static void places_are_bounded_for_a_group_and_for_replies_and_for_all(void **state)
{
	static char ids[16][33];
	struct desk_push pushes[16];
	struct desk_ticket *t = NULL;
	struct desk_stats stats;
	pthread_t threads[16];

	(void)state;
	for (int i = 0; i < 4; i++) {
		snprintf(ids[i], sizeof(ids[i]), "%032d", i);
		pushes[i] = push_for(ids[i], 1, 600);
		assert_int_equal(pthread_create(&threads[i], NULL, visit_thread, &pushes[i]), 0);
	}
	clock_sleep_ms(150);
	desk_get_stats(desk, &stats);
	assert_int_equal(stats.replying, 4);
	/* W = 16: a fifth event for that group does not wait for it; one for another group does. */
	struct desk_push fifth = push_for(ID, 1, 5000);
	int64_t began = clock_mono_ms();
	assert_int_equal(visit(&fifth, NULL), ANSWER_SUCCESS);
	assert_true(clock_mono_ms() - began < 400);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);

	/* All 16 slots taken: the next is told at once. */
	struct desk_ticket *tickets[16];
	for (int i = 0; i < 16; i++) {
		snprintf(ids[i], sizeof(ids[i]), "%032d", 100 + i);
		pushes[i] = push_for(ids[i], 0, 5000);
		assert_int_equal(desk_enter(desk, &pushes[i], &tickets[i]), DESK_PUBLISH);
	}
	struct desk_push next = push_for("f123456789abcdef0123456789abcdef", 0, 5000);
	assert_int_equal(desk_enter(desk, &next, &t), DESK_FULL);
	for (int i = 0; i < 16; i++) {
		desk_failed(desk, tickets[i]);
		desk_leave(desk, &tickets[i]);
	}
}

static void a_retry_waits_for_the_request_that_is_publishing(void **state)
{
	struct desk_push push = push_for(ID, 0, 5000);
	struct desk_ticket *first = NULL, *second = NULL;

	(void)state;
	assert_int_equal(desk_enter(desk, &push, &first), DESK_PUBLISH);
	assert_int_equal(desk_enter(desk, &push, &second), DESK_TOO_LATE);
	assert_null(second);
	desk_published(desk, first);
	desk_leave(desk, &first);
	assert_int_equal(desk_enter(desk, &push, &second), DESK_KNOWN);
	desk_leave(desk, &second);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_repliers_the_answer_is_success_at_once_and_nothing_is_written),
		TEST(a_retry_is_not_published_again),
		TEST(what_was_not_durable_is_published_by_the_retry),
		TEST(the_first_group_that_is_not_none_wins_once_those_before_it_said_none),
		TEST(an_empty_verdict_is_an_empty_answer),
		TEST(when_all_say_none_the_answer_is_success_at_once),
		TEST(at_the_limit_the_best_that_is_there_is_sent),
		TEST(a_reply_after_success_is_written_back_once_as_late),
		TEST(without_customer_service_a_retry_waits_anew_and_gets_the_late_reply),
		TEST(a_reply_after_another_outcome_is_dropped),
		TEST(an_openid_of_any_length_is_told_whole_or_not_at_all),
		TEST(a_retry_at_another_ingress_gets_what_was_chosen_there),
		TEST(a_retry_after_the_other_ingress_died_is_answered_by_the_rule),
		TEST(a_group_that_missed_five_times_is_passed_over_until_it_speaks),
		TEST(places_are_bounded_for_a_group_and_for_replies_and_for_all),
		TEST(a_retry_waits_for_the_request_that_is_publishing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
