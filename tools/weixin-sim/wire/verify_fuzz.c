#include "tools/weixin-sim/wire/verify.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW "1763640000"
#define MAX ((size_t)1 << 20)

static struct verify_push push = {.token = "token",
	.component_appid = "wxc",
	.user_name = "gh_1",
	.openid = "oFan",
	.nonce = "12345",
	.is_message = true};

static enum answer judge(const char *body, size_t len)
{
	char why[VERIFY_WHY_SIZE];
	struct json *reply = NULL;
	enum answer a = verify_answer(&push, body, len, &reply, why);

	if ((a == ANSWER_ILLEGAL) != (why[0] != '\0') || (a == ANSWER_REPLY) != (reply != NULL))
		abort();
	if (a == ANSWER_REPLY &&
		(!json_get_str(reply, "MsgType") || strcmp(json_get_str(reply, "ToUserName"), "oFan")))
		abort();
	json_free(&reply);
	return a;
}

/* The bytes as the plaintext of a reply that is right around it. */
static void judge_inside(const uint8_t *key, const uint8_t *data, size_t size)
{
	struct buf encrypt = BUF_INIT(MAX), body = BUF_INIT(MAX);
	char signature[WEIXIN_SIGNATURE_LEN + 1];

	weixin_encrypt(key, "0123456789abcdef", (const char *)data, size, "wxc", &encrypt);
	weixin_signature((const char *const[]){"token", NOW, "12345", buf_cstr(&encrypt)}, 4, signature);
	buf_addf(&body,
		"<xml><Encrypt>%s</Encrypt><MsgSignature>%s</MsgSignature><TimeStamp>" NOW
		"</TimeStamp><Nonce>12345</Nonce></xml>",
		buf_cstr(&encrypt), signature);
	judge(buf_cstr(&body), body.len);
	buf_release(&encrypt);
	buf_release(&body);
}

/* The bytes as an answer, and again inside a right envelope, where they reach the checks of the reply itself.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[WEIXIN_KEY_LEN];

	clock_fake(INT64_C(1763640000000), 0);
	if (weixin_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", key) < 0)
		abort();
	push.key = key;
	judge((const char *)data, size);
	if (size < MAX / 2)
		judge_inside(key, data, size);
	return 0;
}
