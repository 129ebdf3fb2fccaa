/* Handlers, book and tables together, on a real PostgreSQL (as common/pg's tests: skipped without one). */
#include "services/business/auto-reply/auto_reply.h"

#include "common/base/clock.h"
#include "common/pg/pg_test_database.h"
#include "services/business/auto-reply/store.h"
#include "services/business/sdk/kit.h"

#include <string.h>

#include "common/base/banned.h"

#define COMPONENT "wxcomponent"
#define ACCOUNT   "wxaccount"
#define SCHEMA    "auto_reply_unit"

static const char rules[] =
	"{\"rules\":["
	"{\"name\":\"w\",\"on\":\"subscribe\",\"reply\":{\"MsgType\":\"text\",\"Content\":\"welcome\"},"
	"\"follow_ups\":[{\"MsgType\":\"text\",\"Content\":\"one\"},{\"MsgType\":\"image\",\"Image\":{"
	"\"MediaId\":\"m\"}}]},"
	"{\"name\":\"s\",\"on\":\"keyword\",\"exact\":[\"silent\"],\"follow_ups\":[{\"MsgType\":\"text\","
	"\"Content\":\"later\"}]},"
	"{\"name\":\"p\",\"on\":\"keyword\",\"contains\":[\"price\"],\"reply\":{\"MsgType\":\"text\","
	"\"Content\":\"99\"}}]}";

/* The SDK's, and ours. */
static struct pg_pool *new_tables(void)
{
	struct pg_pool *pool = test_tables(SCHEMA, WXBUS_SDK_MIGRATIONS, PG_MIGRATE_LIBRARY, 4);

	test_add_tables("", SCHEMA, WXBUS_OWN_MIGRATIONS, PG_MIGRATE_OWN);
	return pool;
}

static void put_rules(struct pg_pool *pool, const char *text)
{
	struct pg *pg = test_take(pool);
	struct err err;

	assert_int_equal(pg_begin(pg, &err), 0);
	assert_int_equal(store_lock(pg, &err), 0);
	assert_int_equal(store_put(pg, COMPONENT, ACCOUNT, text, 1, "test", &err), 0);
	assert_int_equal(store_announce(pg, &err), 0);
	assert_int_equal(pg_commit(pg, &err), 0);
	pg_give(pool, &pg);
}

struct world {
	struct pg_pool *pool;
	struct kit *kit;
};

static struct world new_world(const char *text)
{
	struct world w = {.pool = new_tables()};

	put_rules(w.pool, text);
	w.kit = kit_new(&auto_reply, NULL, w.pool);
	return w;
}

static void end_world(struct world *w)
{
	kit_free(&w->kit);
	pg_pool_free(&w->pool);
}

static void a_rule_answers_at_once_and_follows_up_in_order(void **state)
{
	const struct kit_event follow = {.type = "weixin.event.subscribe",
		.fields = "{\"MsgType\":\"event\",\"Event\":\"subscribe\",\"EventKey\":\"\"}"};
	struct world w;
	const struct kit_outcome *o;

	(void)state;
	w = new_world(rules);
	o = kit_feed(w.kit, &follow);
	assert_int_equal(o->settlement, SETTLE_DONE);
	assert_int_equal(o->verdict, VERDICT_REPLY);
	assert_string_equal(json_get_str(o->reply, "Content"), "welcome");
	assert_int_equal(o->n_calls, 2);
	assert_string_equal(o->calls[0].path, "/cgi-bin/message/custom/send");
	assert_string_equal(json_get_str(json_get(o->calls[0].body, "text"), "content"), "one");
	assert_string_equal(json_get_str(json_get(o->calls[1].body, "image"), "media_id"), "m");
	assert_string_equal(o->calls[0].lane, o->calls[1].lane);

	o = kit_text(w.kit, "silent"); /* taken, though there is nothing to say at once */
	assert_int_equal(o->verdict, VERDICT_EMPTY);
	assert_int_equal(o->n_calls, 1);
	o = kit_text(w.kit, "something else");
	assert_int_equal(o->verdict, VERDICT_NONE);
	end_world(&w);
}

static void who_is_not_asked_says_nothing(void **state)
{
	const struct kit_event not_asked = {
		.fields = "{\"MsgType\":\"text\",\"Content\":\"silent\"}", .not_asked = true};
	const struct kit_event of_another = {
		.fields = "{\"MsgType\":\"text\",\"Content\":\"price\"}", .appid = "wxother"};
	const struct kit_outcome *o;
	struct world w;

	(void)state;
	w = new_world(rules);
	o = kit_feed(w.kit, &not_asked);
	assert_int_equal(o->settlement, SETTLE_DONE);
	assert_false(o->has_verdict);
	assert_int_equal(o->n_calls, 0);
	o = kit_feed(w.kit, &of_another);
	assert_int_equal(o->verdict, VERDICT_NONE);
	end_world(&w);
}

static void a_change_is_in_force_for_the_next_message(void **state)
{
	int64_t until = clock_mono_ms() + 5000;
	const struct kit_outcome *o;
	struct world w;

	(void)state;
	w = new_world(rules);
	assert_string_equal(json_get_str(kit_text(w.kit, "price")->reply, "Content"), "99");
	put_rules(w.pool, "{\"rules\":[{\"name\":\"p\",\"on\":\"default\",\"reply\":{\"MsgType\":\"text\","
			  "\"Content\":\"88\"}}]}");
	do {
		clock_sleep_ms(5);
		o = kit_text(w.kit, "price");
	} while (strcmp(json_get_str(o->reply, "Content"), "88") != 0 && clock_mono_ms() < until);
	assert_string_equal(json_get_str(o->reply, "Content"), "88");
	put_rules(w.pool, NULL);
	do {
		clock_sleep_ms(5);
		o = kit_text(w.kit, "price");
	} while (o->verdict != VERDICT_NONE && clock_mono_ms() < until);
	assert_int_equal(o->verdict, VERDICT_NONE);
	end_world(&w);
}

static void rules_that_cannot_be_read_leave_the_former_ones(void **state)
{
	int64_t until = clock_mono_ms() + 5000;
	struct world w;

	(void)state;
	(void)test_database_url(); /* skips before anything is expected */
	testing_expect_log(LOG_LEVEL_ERROR, "cannot be read: line 1, column 18, rules[0].new: is not known");
	w = new_world(rules);
	assert_int_equal(kit_text(w.kit, "price")->verdict, VERDICT_REPLY);
	put_rules(w.pool, "{\"rules\":[{\"new\":1,\"name\":\"p\",\"on\":\"default\"}]}");
	while (!testing_logged("cannot be read") && clock_mono_ms() < until)
		clock_sleep_ms(5);
	assert_string_equal(json_get_str(kit_text(w.kit, "price")->reply, "Content"), "99");
	end_world(&w);
}

/* --- so many an hour
 * ---------------------------------------------------------------------------------------------
 */

#define HOUR_MS INT64_C(3600000)

static int note_of(struct pg_pool *pool, const char *openid, const char *event_id, int64_t received_ms)
{
	const struct answer_note n = {.appid = ACCOUNT,
		.openid = openid,
		.event_id = event_id,
		.received_ms = received_ms,
		.limit = 2};
	struct pg *pg = test_take(pool);
	struct err err;
	int rc = store_note_answer(pg, &n, &err);

	pg_give(pool, &pg);
	return rc;
}

static void within_any_hour_a_fan_has_at_most_so_many_answers(void **state)
{
	struct pg_pool *pool;
	int64_t t = 1763640000000;

	(void)state;
	pool = new_tables();
	assert_int_equal(note_of(pool, "oA", "1", t), 0);
	assert_int_equal(note_of(pool, "oA", "2", t + 1000), 0);
	assert_int_equal(note_of(pool, "oA", "3", t + 2000), STORE_OVER);
	assert_int_equal(note_of(pool, "oB", "4", t + 2000), 0);
	assert_int_equal(note_of(pool, "oA", "5", t + HOUR_MS - 1), STORE_OVER);
	assert_int_equal(note_of(pool, "oA", "6", t + HOUR_MS), 0);
	assert_int_equal(note_of(pool, "oA", "7", t + HOUR_MS + 500), STORE_OVER);
	assert_int_equal(note_of(pool, "oA", "8", t + HOUR_MS + 1000), 0);
	pg_pool_free(&pool);
}

static void a_repeated_delivery_is_decided_as_before(void **state)
{
	struct pg_pool *pool;
	int64_t t = 1763640000000;

	(void)state;
	pool = new_tables();
	assert_int_equal(note_of(pool, "oA", "1", t), 0);
	assert_int_equal(note_of(pool, "oA", "2", t), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(note_of(pool, "oA", "1", t), 0);
		assert_int_equal(note_of(pool, "oA", "3", t + 1), STORE_OVER);
	}
	pg_pool_free(&pool);
}

static void a_sweep_forgets_all_that_is_old_and_nothing_else(void **state)
{
	struct pg_pool *pool;
	struct pg_result *res = NULL;
	struct err err;
	struct pg *pg;

	(void)state;
	pool = new_tables();
	pg = test_take(pool);
	assert_int_equal(pg_exec(pg,
				 "INSERT INTO answers (fan, event_id, received_at)"
				 " SELECT decode(md5(n::text), 'hex'), n::text, now() - CASE WHEN n <= 25000"
				 "   THEN interval '3 hours' ELSE interval '1 hour' END"
				 " FROM generate_series(1, 25010) n",
				 NULL, 0, NULL, &err),
		0);
	assert_int_equal(store_sweep(pg, &err), 0);
	assert_int_equal(pg_exec(pg, "SELECT count(*) FROM answers", NULL, 0, &res, &err), 0);
	assert_int_equal(pg_value_int(res, 0, 0), 10);
	pg_result_free(&res);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

static void an_erased_fan_is_forgotten_from_before(void **state)
{
	struct pg_result *res = NULL;
	struct pg_pool *pool;
	int64_t t = 1763640000000;
	struct err err;
	struct pg *pg;

	(void)state;
	pool = new_tables();
	assert_int_equal(note_of(pool, "oA", "1", t), 0);
	assert_int_equal(note_of(pool, "oA", "2", t + 10), 0);
	assert_int_equal(note_of(pool, "oB", "3", t), 0);
	pg = test_take(pool);
	assert_int_equal(store_erase(pg, ACCOUNT, "oA", t + 10, &err), 0);
	assert_int_equal(
		pg_exec(pg, "SELECT event_id FROM answers ORDER BY event_id", NULL, 0, &res, &err), 0);
	assert_int_equal(pg_rows(res), 2);
	assert_string_equal(pg_value(res, 0, 0), "2");
	assert_string_equal(pg_value(res, 1, 0), "3");
	pg_result_free(&res);
	assert_int_equal(store_sweep(pg, &err), 0);
	assert_int_equal(pg_exec(pg, "SELECT 1 FROM answers", NULL, 0, &res, &err), 0);
	assert_int_equal(pg_rows(res), 0);
	pg_result_free(&res);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_rule_answers_at_once_and_follows_up_in_order),
		TESTING_CASE(who_is_not_asked_says_nothing),
		TESTING_CASE(a_change_is_in_force_for_the_next_message),
		TESTING_CASE(rules_that_cannot_be_read_leave_the_former_ones),
		TESTING_CASE(within_any_hour_a_fan_has_at_most_so_many_answers),
		TESTING_CASE(a_repeated_delivery_is_decided_as_before),
		TESTING_CASE(a_sweep_forgets_all_that_is_old_and_nothing_else),
		TESTING_CASE(an_erased_fan_is_forgotten_from_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
