/* bench-push push|openssl N: the work on one text push N times, in memory and on one thread; prints
 * nanoseconds of processor time for each.
 *
 * - `push`: what the ingress does with it: query, envelope, signature, decryption, XML to JSON, record.
 * - `openssl`: bare OpenSSL on the same bytes: SHA-1 and AES-256-CBC, contexts made once.
 *
 * Under callgrind with two N, the difference is the instructions of a push. */
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/crypto/crypto.h"
#include "proto/push_crypto.h"
#include "services/ingress/event.h"
#include "services/ingress/push.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/banned.h"

#define COMPONENT "wxd3a0c0ffee000001"
#define APPID     "wxload000000000001"
#define TOKEN     "benchtoken"
#define TIMESTAMP "1795162530"
#define NONCE     "1234567890"

static const char payload[] = "<xml><ToUserName><![CDATA[gh_load00000001]]></ToUserName>\n"
			      "<FromUserName><![CDATA[oLoadFan00000000000000000001]]></FromUserName>\n"
			      "<CreateTime>1795162530</CreateTime>\n<MsgType><![CDATA[text]]></MsgType>\n"
			      "<Content><![CDATA[你好，请问今天几点关门？]]></Content>\n"
			      "<MsgId>24000000000000001</MsgId>\n</xml>";

/* One push as it comes in. */
struct sample {
	uint8_t key[32];
	struct buf encrypt, body, query;
};

static void sample_init(struct sample *s)
{
	const struct str timestamp = str_of(TIMESTAMP), nonce = str_of(NONCE);
	char signature[PUSH_SIGNATURE_LEN + 1];

	memset(s->key, 7, sizeof(s->key));
	push_seal(s->key, NULL, payload, strlen(payload), COMPONENT, &s->encrypt);
	push_signature(TOKEN, timestamp, nonce, &(struct str){s->encrypt.data, s->encrypt.len}, signature);
	buf_addf(&s->body,
		"<xml><ToUserName><![CDATA[gh_load00000001]]></ToUserName><Encrypt><![CDATA[%s]]></Encrypt></"
		"xml>",
		buf_cstr(&s->encrypt));
	buf_addf(&s->query, "signature=%s&timestamp=%s&nonce=%s&openid=%s&encrypt_type=aes&msg_signature=%s",
		signature, TIMESTAMP, NONCE, "oLoadFan00000000000000000001", signature);
}

static void sample_release(struct sample *s)
{
	buf_release(&s->encrypt);
	buf_release(&s->body);
	buf_release(&s->query);
}

static int one_push(const struct sample *s, const struct platform *platform, struct directory *directory,
	struct arena *arena)
{
	static const uint8_t event_key[32] = {9};
	struct route route = {.component_appid = COMPONENT, .appid = APPID};
	struct kafka_record record;
	struct event_plan plan;
	struct err err;
	struct push p;
	int rc = push_accept(platform, &route, s->query.data, s->body.data, s->body.len,
		(struct push_time){.now_s = 0, .window_s = 0}, arena, &p);

	if (rc != ACCEPTED)
		return -1;
	rc = event_plan(&p, directory, "", &plan) == ACCEPTED
		     ? event_record(&p, &plan, "wx.messages", event_key, 1795162530123, arena, &record, &err)
		     : -1;
	push_release(&p);
	arena_reset(arena);
	return rc;
}

static int run_push(const struct sample *s, long n)
{
	char token[] = TOKEN, component[] = COMPONENT;
	struct platform_key key = {.token = token};
	struct platform platform = {.component_appid = component, .keys = &key, .n_keys = 1};
	struct directory *directory = directory_new();
	struct arena arena = ARENA_INIT;
	int rc = 0;

	memcpy(key.aes_key, s->key, sizeof(key.aes_key));
	for (long i = 0; i < n && rc == 0; i++)
		rc = one_push(s, &platform, directory, &arena);
	arena_release(&arena);
	directory_free(&directory);
	return rc;
}

/* Over as many bytes as the signature has and the cipher gets. */
static int run_openssl(const struct sample *s, long n)
{
	EVP_MD *sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	EVP_CIPHER *aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	size_t signed_len = strlen(TOKEN TIMESTAMP NONCE) + s->encrypt.len,
	       len = s->encrypt.len / 4 * 3 / 16 * 16;
	uint8_t *bytes = xcalloc(1, signed_len + 64), digest[EVP_MAX_MD_SIZE];
	int ok = sha1 && aes && md && cipher, out;

	for (long i = 0; i < n && ok; i++) {
		ok = EVP_DigestInit_ex2(md, sha1, NULL) && EVP_DigestUpdate(md, bytes, signed_len) &&
		     EVP_DigestFinal_ex(md, digest, NULL);
		ok = ok && EVP_DecryptInit_ex2(cipher, aes, s->key, s->key, NULL) &&
		     EVP_CIPHER_CTX_set_padding(cipher, 0) &&
		     EVP_DecryptUpdate(cipher, bytes, &out, bytes, (int)len) &&
		     EVP_DecryptFinal_ex(cipher, bytes + out, &out);
	}
	free(bytes);
	EVP_CIPHER_CTX_free(cipher);
	EVP_MD_CTX_free(md);
	EVP_CIPHER_free(aes);
	EVP_MD_free(sha1);
	return ok ? 0 : -1;
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct sample s = {.encrypt = BUF_INIT(65536), .body = BUF_INIT(65536), .query = BUF_INIT(65536)};
	long n = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	bool push = argc == 3 && strcmp(argv[1], "push") == 0;
	int64_t began;
	int rc;

	if (n <= 0 || (!push && strcmp(argv[1], "openssl") != 0)) {
		fprintf(stderr, "usage: bench-push push|openssl N\n");
		return 2;
	}
	sample_init(&s);
	began = cpu_ns();
	rc = (push ? run_push : run_openssl)(&s, n);
	printf("%" PRId64 "\n", (cpu_ns() - began) / n);
	sample_release(&s);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
