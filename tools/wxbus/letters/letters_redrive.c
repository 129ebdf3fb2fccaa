#include "tools/wxbus/letters/letters_redrive.h"

#include "common/base/clock.h"
#include "common/kafka/producer.h"
#include "tools/wxbus/events/topic_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

#define BATCH_MAX  50
#define PUBLISH_MS 10000
#define BATCH_MS   15000 /* after its claim nothing more of a batch is written ... */
#define SHOWN_MS   47000 /* ... and then no replica that lags hides any of it: see replay_store.h */
#define CLAIM_MS   (BATCH_MS + SHOWN_MS)
#define TOLD_MS    (6LL * 24 * 60 * 60 * 1000) /* the replay topic keeps 7 days */
#define MARGIN_MS  (10LL * 60 * 1000)          /* between the clocks of two operators' machines */
#define FLUSH_MS   2000

/* --- what a run has left
 * -----------------------------------------------------------------------------------------
 */

struct written {
	UT_hash_handle hh;
	char name[LETTER_NAME_SIZE];
};

struct written_set {
	struct written *names;
	struct arena arena;
};

static void note_written(void *arg, const struct kafka_record *r)
{
	const struct kafka_header *h = kafka_record_header(r, ORIGIN_LETTER);
	struct written_set *set = arg;
	struct written *w, *known;

	if (!h || !h->value || h->value_len >= LETTER_NAME_SIZE)
		return;
	w = arena_alloc(&set->arena, sizeof(*w));
	memcpy(w->name, h->value, h->value_len);
	HASH_FIND_STR(set->names, w->name, known);
	if (!known)
		HASH_ADD_STR(set->names, name, w);
}

static bool is_written(void *arg, const char *name)
{
	struct written_set *set = arg;
	struct written *w;

	HASH_FIND_STR(set->names, name, w);
	return w != NULL;
}

static int wait_for_claims(struct letter_store *s, size_t *n_out, int64_t *oldest_ms_out, struct err *err)
{
	int64_t youngest_ms;

	*n_out = letter_store_claims(s, oldest_ms_out, &youngest_ms);
	if (*n_out == 0 || youngest_ms >= CLAIM_MS)
		return 0;
	(void)fprintf(stderr,
		"wxbus: a run ended while it wrote: waiting %" PRId64 " s until it surely writes no more\n",
		(CLAIM_MS - youngest_ms) / 1000 + 1);
	clock_sleep_ms(CLAIM_MS - youngest_ms);
	if (letter_store_read(s, err) < 0)
		return -1;
	*n_out = letter_store_claims(s, oldest_ms_out, &youngest_ms);
	return 0;
}

int letters_resolve(struct letter_store *s, const struct kafka_conf *conf, const char *replay_topic,
	size_t *unsure_out, struct err *err)
{
	struct written_set set = {.names = NULL, .arena = ARENA_INIT};
	struct topic_scan scan = {.topic = replay_topic, .record = note_written, .arg = &set};
	int64_t oldest_ms, ignored;
	size_t n;
	int rc = wait_for_claims(s, &n, &oldest_ms, err);

	*unsure_out = 0;
	if (rc < 0 || n == 0)
		return rc;
	scan.back_ms = oldest_ms + MARGIN_MS;
	rc = topic_scan(conf, &scan, err);
	if (rc == 0)
		rc = letter_store_resolve(s, is_written, &set, TOLD_MS, err);
	if (rc == 0)
		rc = letter_store_read(s, err);
	if (rc == 0)
		*unsure_out = letter_store_claims(s, &oldest_ms, &ignored);
	HASH_CLEAR(hh, set.names);
	arena_release(&set.arena);
	return rc;
}

/* --- writing
 * -----------------------------------------------------------------------------------------------------
 */

static int write_one(struct producer *p, const struct letter *l, const char *topic, int64_t claimed_ms,
	struct arena *arena, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + PUBLISH_MS;
	struct kafka_record r;
	int rc;

	if (deadline_ms > claimed_ms + BATCH_MS)
		deadline_ms = claimed_ms + BATCH_MS;
	letter_redriven(l, topic, clock_wall_ms(), arena, &r);
	rc = producer_publish(p, &r, deadline_ms, err);
	arena_reset(arena);
	return rc;
}

static int redrive_batch(struct letter_store *s, struct producer *p, const char *topic,
	const struct letter *letters, size_t n, struct arena *arena, size_t *done_out, struct err *err)
{
	int64_t claimed_ms = clock_mono_ms();
	struct err settling;
	size_t k = 0;
	int rc = letter_store_claim(s, letters, n, LETTER_CLAIMED, err);

	while (rc == 0 && k < n) {
		rc = write_one(p, &letters[k], topic, claimed_ms, arena, err);
		k += rc == 0;
	}
	/* The others stay claimed: one of them may have been written. */
	if (k > 0 && letter_store_settle(s, letters, k, &settling) < 0) {
		if (rc == 0)
			*err = settling;
		return -1;
	}
	*done_out += k;
	return rc;
}

static size_t batch_at(int rate)
{
	size_t n = (size_t)rate / 10;

	return n < 1 ? 1 : n > BATCH_MAX ? BATCH_MAX : n;
}

int letters_redrive(struct letter_store *s, const struct kafka_conf *conf, const char *replay_topic,
	const struct letter *letters, size_t n, int rate, letters_progress progress, void *arg,
	size_t *done_out, struct err *err)
{
	const struct producer_options options = {.client_id = "wxbus"};
	int64_t began_ms = clock_mono_ms();
	struct arena arena = ARENA_INIT;
	struct producer *p = NULL;
	int rc = producer_new(&p, conf, &options, err);

	*done_out = 0;
	for (size_t i = 0; rc == 0 && i < n;) {
		size_t batch = n - i < batch_at(rate) ? n - i : batch_at(rate);
		int64_t due_ms = began_ms + (int64_t)i * 1000 / rate, now_ms = clock_mono_ms();

		if (due_ms > now_ms)
			clock_sleep_ms(due_ms - now_ms);
		rc = redrive_batch(s, p, replay_topic, letters + i, batch, &arena, done_out, err);
		i += batch;
		progress(arg, *done_out, n);
	}
	producer_free(&p, FLUSH_MS);
	arena_release(&arena);
	return rc;
}
