#ifndef SERVICES_TOKEN_SERVICE_KEY_WATCH_H
#define SERVICES_TOKEN_SERVICE_KEY_WATCH_H

#include "common/crypto/crypto.h"
#include "proto/key_report.h"
#include "services/token-service/store.h"

/* Which keys are still needed (services/sealed): a master key by the rows that it sealed; an event key by the
 * events that are not settled, and as long as the topic may hold a record that was sealed to it; an internal
 * key of scope `ref` by the links that a business signed with it, of which only those are known here that
 * somebody has opened. */

/* Now and then: this process's keys are in use, or were seen. */
int key_watch_note(const struct store *s, struct err *err);

/* A record sealed to this event key was written at `at_ms`. */
int key_watch_note_event(
	const struct store *s, const uint8_t key_id[CRYPTO_BOX_KEY_ID_LEN], int64_t at_ms, struct err *err);

/* A link that this `ref` key signed was opened; it holds until then (unix seconds). */
int key_watch_note_ref(const struct store *s, const char *name, int64_t until_s, struct err *err);

/* *out is the caller's, also half-filled. */
int key_watch_report(const struct store *s, struct key_report *out, struct err *err);

/* One batch. SEALED_NOT_CURRENT (services/sealed/sealed.h). */
int key_watch_reseal(const struct store *s, const struct reseal_request *request, struct reseal_answer *out,
	struct err *err);

#endif
