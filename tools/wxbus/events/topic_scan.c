#include "tools/wxbus/events/topic_scan.h"

#include "common/base/clock.h"
#include "common/kafka/admin.h"

#include <stdatomic.h>
#include <stdio.h>

#include "common/base/banned.h"

#define SILENCE_MS 20000 /* brokers that say nothing for so long are away */
#define LOOK_MS    20

struct running {
	const struct topic_scan *scan;
	_Atomic int64_t heard_ms;
};

static void take(void *arg, const struct kafka_record *r)
{
	struct running *s = arg;

	atomic_store(&s->heard_ms, clock_mono_ms());
	s->scan->record(s->scan->arg, r);
}

static int wait_for_end(struct reader *reader, struct running *s, struct err *err)
{
	const struct topic_scan *scan = s->scan;
	char detail[160];

	while (!reader_caught_up(reader) && !(scan->enough && scan->enough(scan->arg))) {
		if (clock_mono_ms() - atomic_load(&s->heard_ms) > SILENCE_MS) {
			reader_detail(reader, detail, sizeof(detail));
			return err_set(err, ERR_RETRY, 0, "Kafka says nothing: %s", detail);
		}
		clock_sleep_ms(LOOK_MS);
	}
	return 0;
}

int topic_must_exist(const struct kafka_conf *conf, const char *topic, struct err *err)
{
	struct kafka_topic_state state;
	int rc = kafka_admin_describe(conf, topic, &state, err);

	if (rc == 0 && !state.exists)
		rc = err_set(err, ERR_REJECT, 0, "there is no topic %s", topic);
	return rc;
}

int64_t topic_back_ms(int64_t since_ms, int64_t otherwise)
{
	int64_t back_ms = clock_wall_ms() - since_ms;

	if (!since_ms)
		return otherwise;
	return back_ms < 0 ? 0 : back_ms; /* a time to come: nothing that is there already */
}

void topic_scans_say(const char *topic)
{
	(void)fprintf(
		stderr, "wxbus: this broker has no look-up by time: %s is read from its beginning\n", topic);
}

int topic_scan(const struct kafka_conf *conf, const struct topic_scan *scan, struct err *err)
{
	struct running s = {.scan = scan};
	const struct reader_options o = {.client_id = "wxbus",
		.topic = scan->topic,
		.back_ms = scan->back_ms,
		.until_ms = scan->until_ms,
		.record = take,
		.arg = &s};
	struct reader *reader = NULL;
	int rc;

	atomic_store(&s.heard_ms, clock_mono_ms());
	if ((rc = topic_must_exist(conf, scan->topic, err)) < 0 ||
		(rc = reader_new(&reader, conf, &o, err)) < 0)
		return rc;
	rc = wait_for_end(reader, &s, err);
	if (rc == 0 && reader_scans(reader))
		topic_scans_say(scan->topic);
	reader_free(&reader);
	return rc;
}
