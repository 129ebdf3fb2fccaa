#include "tools/wxbus/events/topic_scan.h"

#include "common/base/clock.h"
#include "common/kafka/admin.h"

#include <stdio.h>

#include "common/base/banned.h"

#define SILENCE_MS 20000 /* brokers that bring nothing of what is wanted for so long are away */
#define LOOK_MS    20

/* Records alone do not tell: others may come for ever while one partition brings nothing. */
static int wait_for_end(struct reader *reader, const struct topic_scan *scan, struct err *err)
{
	int64_t silence_ms = scan->silence_ms ? scan->silence_ms : SILENCE_MS, left = READER_NOT_KNOWN, now;
	int64_t heard_ms = clock_mono_ms();
	char detail[140];

	while (!reader_caught_up(reader) && !(scan->enough && scan->enough(scan->arg))) {
		now = reader_left(reader);
		if (now != left)
			heard_ms = clock_mono_ms();
		left = now;
		if (clock_mono_ms() - heard_ms > silence_ms) {
			reader_detail(reader, detail, sizeof(detail));
			return err_set(err, ERR_RETRY, 0, "not read to the end: %s", detail);
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
	const struct reader_options o = {.client_id = "wxbus",
		.topic = scan->topic,
		.back_ms = scan->back_ms,
		.until_ms = scan->until_ms,
		.record = scan->record,
		.arg = scan->arg};
	struct reader *reader = NULL;
	int rc;

	if ((rc = topic_must_exist(conf, scan->topic, err)) < 0 ||
		(rc = reader_new(&reader, conf, &o, err)) < 0)
		return rc;
	rc = wait_for_end(reader, scan, err);
	if (rc == 0 && reader_scans(reader))
		topic_scans_say(scan->topic);
	reader_free(&reader);
	return rc;
}
