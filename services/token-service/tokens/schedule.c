#include "services/token-service/tokens/schedule.h"

#include "common/crypto/crypto.h"

#include <string.h>

#include "common/base/banned.h"

#define MINUTE_MS ((int64_t)60 * 1000)

static int64_t place(const char *component_appid, const char *appid, int64_t cycle_ms)
{
	const struct crypto_piece pieces[] = {
		{component_appid, strlen(component_appid)}, {"/", 1}, {appid, strlen(appid)}};
	uint8_t hash[CRYPTO_SHA256_LEN];
	uint64_t n;

	crypto_sha256(pieces, 3, hash);
	memcpy(&n, hash, sizeof(n));
	return (int64_t)(n % (uint64_t)cycle_ms);
}

int64_t schedule_refresh_ms(
	int64_t expires_in_s, int64_t now_ms, const char *component_appid, const char *appid)
{
	int64_t twelfth_ms = expires_in_s > 0 ? expires_in_s * 1000 / 12 : 0;
	int64_t cycle_ms = 10 * twelfth_ms, earliest_ms = now_ms + twelfth_ms, into_ms;

	if (cycle_ms == 0)
		return 0;
	into_ms = (earliest_ms - place(component_appid, appid, cycle_ms)) % cycle_ms;
	if (into_ms < 0)
		into_ms += cycle_ms;
	return twelfth_ms + (into_ms ? cycle_ms - into_ms : 0);
}

int64_t schedule_retry_ms(int failures, bool slow)
{
	int64_t least_ms = slow ? MINUTE_MS : 1000;
	int64_t most_ms = slow ? 60 * MINUTE_MS : 10 * MINUTE_MS;
	int64_t wait_ms = least_ms;
	uint32_t n;

	for (int i = 1; i < failures && wait_ms < most_ms; i++)
		wait_ms *= 2;
	if (wait_ms > most_ms)
		wait_ms = most_ms;
	crypto_random(&n, sizeof(n));
	return wait_ms / 2 + n % (wait_ms / 2 + 1);
}
