#ifndef SERVICES_TOKEN_SERVICE_KEY_WATCH_H
#define SERVICES_TOKEN_SERVICE_KEY_WATCH_H

#include "common/crypto/crypto.h"
#include "proto/key_report.h"
#include "services/token-service/store.h"

/* Which keys are still needed, and sealing what old master keys have sealed anew, while everything goes on.
 * A master key that no longer seals is needed by the rows that it sealed, and for KEY_SIGNED_MS by what it
 * signed for browsers; an event key by the events that are not settled and as long as the topic may hold a
 * record that was sealed to it. */

/* The longest life of what is signed under a master key and kept by others: a page, a state, a cookie. */
#define KEY_SIGNED_MS ((int64_t)2 * 60 * 60 * 1000)

/* Now and then: this process's keys are in use now, or were found now. Any process may stand before the
 * others with a newer file: the one that seals with a key longest counts. */
int key_watch_note(const struct store *s, struct err *err);

/* A record sealed to this event key was written at `at_ms`. */
int key_watch_note_event(
	const struct store *s, const uint8_t key_id[CRYPTO_BOX_KEY_ID_LEN], int64_t at_ms, struct err *err);

int key_watch_report(const struct store *s, struct key_report *out, struct err *err);

/* One batch. KEY_NOT_CURRENT: this process does not seal with that key. */
#define KEY_NOT_CURRENT 1
int key_watch_reseal(const struct store *s, const struct reseal_request *request, struct reseal_answer *out,
	struct err *err);

#endif
