#include "services/api-proxy/jssdk/jssdk_sign.h"

#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define PIECE(s)                                                                                             \
	{                                                                                                    \
		(s), strlen(s)                                                                               \
	}

void jssdk_sign(const char *ticket, const char *nonce, int64_t timestamp_s, const char *url, char out[41])
{
	char timestamp[24];
	uint8_t hash[CRYPTO_SHA1_LEN];

	(void)snprintf(timestamp, sizeof(timestamp), "%lld", (long long)timestamp_s);
	const struct crypto_piece pieces[] = {PIECE("jsapi_ticket="), PIECE(ticket), PIECE("&noncestr="),
		PIECE(nonce), PIECE("&timestamp="), PIECE(timestamp), PIECE("&url="), PIECE(url)};

	crypto_sha1(pieces, sizeof(pieces) / sizeof(pieces[0]), hash);
	str_hex(hash, sizeof(hash), out);
}

int jssdk_page(const char *url, char out[JSSDK_URL_MAX + 1], struct err *err)
{
	const char *rest = str_starts_with(url, "https://")  ? url + 8
			   : str_starts_with(url, "http://") ? url + 7
							     : "";
	size_t len = strcspn(url, "#");

	if (!rest[0] || strchr("/?#", rest[0]))
		return err_set(err, ERR_REJECT, 0, "no http or https URL");
	return str_ncopy(out, JSSDK_URL_MAX + 1, url, len) < 0 ? err_set(err, ERR_REJECT, 0, "too long a URL")
							       : 0;
}
