#ifndef WEIXIN_SIM_LOAD_LOAD_H
#define WEIXIN_SIM_LOAD_LOAD_H

#include "common/base/err.h"
#include "tools/weixin-sim/wire/verify.h"
#include "tools/weixin-sim/world/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `weixin-sim load`: many pushes at one receiver over kept connections, at a rate or flat out. The requests
 * are encrypted and written before the first is sent, so that what is measured is the receiver. One thread:
 * where one core of ours is no match for the receiver, run several. Plain http only. */

struct load_options {
	const char *url; /* with or without $APPID$ */
	const char *component_appid, *token, *encoding_aes_key;
	const char *account; /* "appid=original id"; NULL: made up */
	const char *expect;  /* of answer_name(), or "any": each of the three legal ones */
	int64_t accounts;    /* that many made-up ones */
	int64_t fans;        /* of each account */
	int64_t connections;
	int64_t rate; /* pushes in a second; 0: flat out */
	int64_t duration_ms;
	int64_t pushes; /* prepared; 0: as many as the rate needs */
	int64_t timeout_ms;
	bool repeat; /* go round when the prepared ones are used up */
	bool json;
};

/* One prepared request, and what its answer is judged by. */
struct load_push {
	const char *bytes; /* within load_pushes.bytes, as are the strings below */
	uint32_t len;
	uint32_t account; /* its number, and the fan's */
	uint32_t fan;
	char nonce[12];
};

struct load_pushes {
	char *bytes;
	struct load_push *all;
	size_t n;
	uint8_t key[WEIXIN_KEY_LEN];
	char host[256];
	char port[8];
};

/* ERR_REJECT: an option is wrong. The caller releases *out, whatever came back. */
int load_pushes_init(struct load_pushes *out, const struct load_options *o, struct err *err);
void load_pushes_release(struct load_pushes *p);
/* Strings are borrowed from `space` and `o`. */
struct load_names {
	char user_name[NAME_MAX_LEN], openid[NAME_MAX_LEN];
};
void load_push_expectation(const struct load_pushes *p, const struct load_options *o,
	const struct load_push *push, struct load_names *space, struct verify_push *out);

/* What happened. Times in us; sorted. */
struct load_result {
	uint64_t answers[ANSWER_SHIELDED + 1];
	uint64_t unexpected; /* answers other than expected, and failures */
	uint64_t unsent;     /* due, but no connection could be had to the end */
	uint64_t reconnects;
	char why[VERIFY_WHY_SIZE]; /* of the first unexpected one */
	uint32_t *latency_us;      /* at a rate: from the time the push was due; else as service_us */
	uint32_t *service_us;      /* from the time it was sent */
	size_t n;
	int64_t took_us;
};

int load_run(
	const struct load_pushes *p, const struct load_options *o, struct load_result *out, struct err *err);
void load_result_release(struct load_result *r);

/* The commands; argv[0] is the command's word. The exit status: 0, 1 for unexpected answers or a failure, 2
 * for a wrong command line. */
int load_main(int argc, char **argv);
/* Answers every request with `success`, on one thread: what generators of load are compared on. */
int load_answer_main(int argc, char **argv);

#endif
