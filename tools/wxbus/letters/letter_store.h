#ifndef TOOLS_WXBUS_LETTERS_LETTER_STORE_H
#define TOOLS_WXBUS_LETTERS_LETTER_STORE_H

#include "tools/wxbus/letters/letter.h"

/* What operators decided on the dead letters of one topic: rows in the schema `wxbus`. One thread. */
struct letter_store;

/* `topic`: the dead letters', whole; borrowed. */
int letter_store_open(struct letter_store **out, const char *url, const char *topic, struct err *err);
void letter_store_free(struct letter_store **s);

/* Nobody else may decide on this topic's letters until the store is freed, or its connection breaks.
 * ERR_REJECT: somebody does. */
int letter_store_lock(struct letter_store *s, struct err *err);

/* Read what is decided on letters that died in the last 35 days, longer than their topic keeps them. */
int letter_store_read(struct letter_store *s, struct err *err);

enum letter_state { LETTER_NEW, LETTER_CLAIMED, LETTER_REDRIVEN, LETTER_DROPPED };
const char *letter_state_name(enum letter_state state);

struct letter_decision {
	enum letter_state state;
	const char *by, *note, *at; /* of the run; "" for a new one; valid until the next read */
};
/* As last read. */
struct letter_decision letter_store_find(const struct letter_store *s, const struct kafka_record *letter);

/* Claims as last read, left by a run that did not end: how many, and the age of the oldest and of the
 * youngest. */
size_t letter_store_claims(const struct letter_store *s, int64_t *oldest_ms_out, int64_t *youngest_ms_out);
/* Settle each claim whose letter's name was found written, and give back the others, but for those of this
 * age. Read again afterwards. */
int letter_store_resolve(struct letter_store *s, bool (*written)(void *arg, const char *name), void *arg,
	int64_t keep_from_ms, struct err *err);

struct letter_run {
	const char *act; /* redrive, drop */
	const char *by, *note;
	size_t letters;
};
int letter_store_begin(struct letter_store *s, const struct letter_run *run, struct err *err);
/* Of the begun run, in one transaction: rows in this state. */
int letter_store_claim(struct letter_store *s, const struct letter *letters, size_t n,
	enum letter_state state, struct err *err);
/* What was claimed is redriven. */
int letter_store_settle(struct letter_store *s, const struct letter *letters, size_t n, struct err *err);
/* error NULL: it went well. */
int letter_store_end(struct letter_store *s, size_t done, size_t refused, const char *error, struct err *err);

#endif
