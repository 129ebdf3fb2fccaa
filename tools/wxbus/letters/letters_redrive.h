#ifndef TOOLS_WXBUS_LETTERS_LETTERS_REDRIVE_H
#define TOOLS_WXBUS_LETTERS_LETTERS_REDRIVE_H

#include "common/kafka/kafka_conf.h"
#include "tools/wxbus/letters/letter_store.h"

/* Dead letters handled once more, at a rate, each exactly once although we may be killed at any moment: a
 * letter is claimed in the database, written to the group's replay topic under its name, and settled. Whoever
 * comes next finds the claims that were left, and looks on that topic which of them were written. */

/* Look up claims that a run has left; the store is locked, has read, and reads again. Waits until a claim is
 * so old that whoever made it writes no more. *unsure_out: claims so old that the topic no longer tells; they
 * stay. */
int letters_resolve(struct letter_store *s, const struct kafka_conf *conf, const char *replay_topic,
	size_t *unsure_out, struct err *err);

/* Called after each batch. */
typedef void (*letters_progress)(void *arg, size_t done, size_t all);

/* In their order. *done_out is right also on failure; what is not done is for the next run. */
int letters_redrive(struct letter_store *s, const struct kafka_conf *conf, const char *replay_topic,
	const struct letter *letters, size_t n, int rate, letters_progress progress, void *arg,
	size_t *done_out, struct err *err);

#endif
