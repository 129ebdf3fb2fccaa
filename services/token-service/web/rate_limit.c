#include "services/token-service/web/rate_limit.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/crypto/crypto.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define SETS 1024
#define WAYS 8

struct bucket {
	uint64_t whom; /* 0: free */
	double left;
	int64_t at_ms; /* monotonic; when `left` was right */
};

struct rate_limit {
	pthread_mutex_t lock;
	double per_minute;
	uint8_t key[CRYPTO_KEY_LEN]; /* so that nobody can choose addresses that meet in one set */
	struct bucket sets[SETS][WAYS];
};

struct rate_limit *rate_limit_new(int per_minute)
{
	struct rate_limit *r = xcalloc(1, sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	r->per_minute = per_minute;
	crypto_random(r->key, sizeof(r->key));
	return r;
}

void rate_limit_free(struct rate_limit **rp)
{
	struct rate_limit *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct bucket *find(struct rate_limit *r, uint64_t whom, int64_t now_ms)
{
	struct bucket *set = r->sets[(whom >> 1) % SETS], *oldest = set;

	for (struct bucket *b = set; b < set + WAYS; b++) {
		if (b->whom == whom)
			return b;
		if (b->whom == 0 || (oldest->whom != 0 && b->at_ms < oldest->at_ms))
			oldest = b;
	}
	*oldest = (struct bucket){whom, r->per_minute, now_ms};
	return oldest;
}

bool rate_limit_take(struct rate_limit *r, const char *whom)
{
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct bucket *b;
	int64_t now_ms;
	uint64_t name;
	bool given;

	crypto_hmac_sha256(
		r->key, sizeof(r->key), &(const struct crypto_piece){whom, strlen(whom)}, 1, digest);
	memcpy(&name, digest, sizeof(name));
	pthread_mutex_lock(&r->lock);
	now_ms = clock_mono_ms(); /* behind the lock, or it could be before the bucket's own */
	b = find(r, name | 1, now_ms);
	b->left += (double)(now_ms - b->at_ms) * r->per_minute / 60000;
	if (b->left > r->per_minute)
		b->left = r->per_minute;
	b->at_ms = now_ms;
	given = b->left >= 1;
	if (given)
		b->left -= 1;
	pthread_mutex_unlock(&r->lock);
	return given;
}
