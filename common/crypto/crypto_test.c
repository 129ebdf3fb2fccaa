#include "common/crypto/crypto.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEX_MAX 256

static void expect_hex(const void *bytes, size_t len, const char *hex)
{
	char text[2 * HEX_MAX + 1];

	assert_true(len <= HEX_MAX);
	str_hex(bytes, len, text);
	assert_string_equal(text, hex);
}

static size_t from_hex(const char *hex, uint8_t *out)
{
	assert_int_equal(crypto_hex_decode(hex, strlen(hex), out, strlen(hex) / 2), 0);
	return strlen(hex) / 2;
}

/* --- digests: FIPS 180-4 and RFC 4231
 * ------------------------------------------------------------------------ */

static const char TWO_BLOCKS[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

static void digests_follow_fips_180(void **state)
{
	const struct crypto_piece abc = {"abc", 3}, two = {TWO_BLOCKS, sizeof(TWO_BLOCKS) - 1};
	uint8_t out[CRYPTO_SHA256_LEN];

	(void)state;
	crypto_sha1(&abc, 1, out);
	expect_hex(out, CRYPTO_SHA1_LEN, "a9993e364706816aba3e25717850c26c9cd0d89d");
	crypto_sha1(&two, 1, out);
	expect_hex(out, CRYPTO_SHA1_LEN, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	crypto_sha1(NULL, 0, out);
	expect_hex(out, CRYPTO_SHA1_LEN, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	crypto_sha256(&abc, 1, out);
	expect_hex(out, sizeof(out), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	crypto_sha256(&two, 1, out);
	expect_hex(out, sizeof(out), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_digest_over_pieces_is_that_of_the_whole(void **state)
{
	const struct crypto_piece pieces[] = {{"a", 1}, {"", 0}, {"bc", 2}};
	uint8_t out[CRYPTO_SHA256_LEN];

	(void)state;
	crypto_sha256(pieces, 3, out);
	expect_hex(out, sizeof(out), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hmac_sha256_follows_rfc4231(void **state)
{
	static const char large[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	const struct crypto_piece hi = {"Hi There", 8}, large_piece = {large, sizeof(large) - 1};
	const struct crypto_piece what[] = {{"what do ya want ", 16}, {"for nothing?", 12}};
	uint8_t key[131], out[CRYPTO_SHA256_LEN];

	(void)state;
	memset(key, 0x0b, 20);
	crypto_hmac_sha256(key, 20, &hi, 1, out);
	expect_hex(out, sizeof(out), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	crypto_hmac_sha256("Jefe", 4, what, 2, out);
	expect_hex(out, sizeof(out), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	crypto_hmac_sha256(key, sizeof(key), &large_piece, 1, out);
	expect_hex(out, sizeof(out), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_with_an_empty_key_is_that_of_an_empty_key(void **state)
{
	uint8_t out[CRYPTO_SHA256_LEN];

	(void)state;
	crypto_hmac_sha256(NULL, 0, NULL, 0, out);
	expect_hex(out, sizeof(out), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 5869, cases 1 and 3. */
static void hkdf_follows_rfc5869(void **state)
{
	uint8_t secret[22], salt[13], info[10], out[42];

	(void)state;
	memset(secret, 0x0b, sizeof(secret));
	from_hex("000102030405060708090a0b0c", salt);
	from_hex("f0f1f2f3f4f5f6f7f8f9", info);
	crypto_hkdf_sha256(secret, sizeof(secret), salt, sizeof(salt), info, sizeof(info), out, sizeof(out));
	expect_hex(out, sizeof(out),
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	crypto_hkdf_sha256(secret, sizeof(secret), NULL, 0, "", 0, out, sizeof(out));
	expect_hex(out, sizeof(out),
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void random_bytes_differ(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	crypto_random(a, sizeof(a));
	crypto_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

/* --- AES
 * ----------------------------------------------------------------------------------------------------- */

/* NIST SP 800-38A, F.2.5 and F.2.6, first two blocks. */
static void cbc_follows_sp800_38a(void **state)
{
	uint8_t key[32], iv[16], text[32];

	(void)state;
	from_hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", key);
	from_hex("000102030405060708090a0b0c0d0e0f", iv);
	from_hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51", text);
	assert_int_equal(crypto_aes256_cbc(true, key, iv, text, sizeof(text), text), 0);
	expect_hex(text, sizeof(text), "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d");
	assert_int_equal(crypto_aes256_cbc(false, key, iv, text, sizeof(text), text), 0);
	expect_hex(text, sizeof(text), "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
}

static void cbc_refuses_a_broken_block(void **state)
{
	uint8_t key[32] = {0}, iv[16] = {0}, text[32] = {0};

	(void)state;
	assert_int_equal(crypto_aes256_cbc(false, key, iv, text, 31, text), -1);
	assert_int_equal(crypto_aes256_cbc(true, key, iv, text, 1, text), -1);
	assert_int_equal(crypto_aes256_cbc(true, key, iv, text, 0, text), 0);
}

/* The GCM specification's test case 14 (256-bit zero key, one zero block). */
static void gcm_opens_the_published_vector(void **state)
{
	uint8_t key[32] = {0}, sealed[44], zero[16] = {0};
	struct buf out = BUF_INIT(16);
	struct err err;

	(void)state;
	from_hex("000000000000000000000000cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
		sealed);
	assert_int_equal(crypto_gcm_open(key, NULL, 0, sealed, sizeof(sealed), &out, &err), 0);
	assert_int_equal(out.len, 16);
	assert_memory_equal(out.data, zero, 16);
	buf_release(&out);
}

static void gcm_opens_what_it_sealed(void **state)
{
	struct buf sealed = BUF_INIT(1000), again = BUF_INIT(1000), plain = BUF_INIT(1000);
	uint8_t key[32] = {7};
	struct err err;

	(void)state;
	crypto_gcm_seal(key, "row 1", 5, "secret", 6, &sealed);
	crypto_gcm_seal(key, "row 1", 5, "secret", 6, &again);
	assert_int_equal(sealed.len, 6 + CRYPTO_GCM_OVERHEAD);
	assert_memory_not_equal(sealed.data, again.data, sealed.len);
	assert_int_equal(crypto_gcm_open(key, "row 1", 5, sealed.data, sealed.len, &plain, &err), 0);
	assert_string_equal(buf_cstr(&plain), "secret");
	buf_release(&sealed);
	buf_release(&again);
	buf_release(&plain);
}

static void gcm_refuses_every_flipped_bit_and_every_truncation(void **state)
{
	struct buf sealed = BUF_INIT(1000), plain = BUF_INIT(1000);
	uint8_t key[32] = {7};
	struct err err;

	(void)state;
	crypto_gcm_seal(key, "aad", 3, "secret", 6, &sealed);
	for (size_t bit = 0; bit < sealed.len * 8; bit++) {
		sealed.data[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(crypto_gcm_open(key, "aad", 3, sealed.data, sealed.len, &plain, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
		assert_int_equal(plain.len, 0);
		sealed.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(crypto_gcm_open(key, "aad", 3, sealed.data, len, &plain, &err), -1);
	buf_release(&sealed);
	buf_release(&plain);
}

static void gcm_refuses_another_key_or_other_data(void **state)
{
	struct buf sealed = BUF_INIT(1000), plain = BUF_INIT(1000);
	uint8_t key[32] = {7}, other[32] = {8};
	struct err err;

	(void)state;
	crypto_gcm_seal(key, "row 1", 5, "", 0, &sealed);
	assert_int_equal(crypto_gcm_open(other, "row 1", 5, sealed.data, sealed.len, &plain, &err), -1);
	assert_int_equal(crypto_gcm_open(key, "row 2", 5, sealed.data, sealed.len, &plain, &err), -1);
	assert_int_equal(crypto_gcm_open(key, NULL, 0, sealed.data, sealed.len, &plain, &err), -1);
	assert_int_equal(crypto_gcm_open(key, "row 1", 5, sealed.data, sealed.len, &plain, &err), 0);
	assert_int_equal(plain.len, 0);
	buf_release(&sealed);
	buf_release(&plain);
}

static void gcm_seal_marks_overflow(void **state)
{
	struct buf out = BUF_INIT(33);
	uint8_t key[32] = {7};

	(void)state;
	crypto_gcm_seal(key, NULL, 0, "secret", 6, &out);
	assert_true(out.overflow);
	buf_release(&out);
}

/* --- X25519 and the box
 * -------------------------------------------------------------------------------------- */

/* RFC 7748, section 6.1. */
#define ALICE_PRIVATE "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
#define ALICE_PUBLIC  "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
#define BOB_PRIVATE   "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
#define BOB_PUBLIC    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"

/* Made with another implementation (pyca/cryptography): Alice's key as the ephemeral one, nonce 00..0b, data
 * "event-1", "a ticket" within. */
#define GOLDEN_BOX                                                                                           \
	"f35e5616160a30bf" ALICE_PUBLIC "000102030405060708090a0b"                                           \
	"c85fc02ba7eb090701f7cd7bc5e58612c0d3894176cda9b0"

static void x25519_public_follows_rfc7748(void **state)
{
	uint8_t private_key[32], public_key[32];

	(void)state;
	from_hex(ALICE_PRIVATE, private_key);
	crypto_x25519_public(private_key, public_key);
	expect_hex(public_key, 32, ALICE_PUBLIC);
	from_hex(BOB_PRIVATE, private_key);
	crypto_x25519_public(private_key, public_key);
	expect_hex(public_key, 32, BOB_PUBLIC);
}

static void box_opens_what_another_implementation_sealed(void **state)
{
	uint8_t keys[2][32], sealed[HEX_MAX];
	size_t len = from_hex(GOLDEN_BOX, sealed);
	struct buf out = BUF_INIT(100);
	struct err err;

	(void)state;
	from_hex(ALICE_PRIVATE, keys[0]);
	from_hex(BOB_PRIVATE, keys[1]);
	assert_int_equal(
		crypto_box_open((const uint8_t(*)[32])keys, 2, "event-1", 7, sealed, len, &out, &err), 0);
	assert_string_equal(buf_cstr(&out), "a ticket");
	buf_release(&out);
}

static void seal_to_bob(const char *plain, const char *aad, struct buf *out)
{
	uint8_t public_key[32];
	struct err err;

	from_hex(BOB_PUBLIC, public_key);
	assert_int_equal(crypto_box_seal(public_key, aad, strlen(aad), plain, strlen(plain), out, &err), 0);
}

static int open_with(
	const char *private_hex, const char *aad, const void *sealed, size_t len, struct buf *out)
{
	uint8_t key[1][32];
	struct err err = {0};
	int rc;

	from_hex(private_hex, key[0]);
	rc = crypto_box_open((const uint8_t(*)[32])key, 1, aad, strlen(aad), sealed, len, out, &err);
	assert_true(rc == 0 || err.kind == ERR_REJECT);
	return rc;
}

static void box_opens_what_it_sealed_and_never_repeats_itself(void **state)
{
	struct buf a = BUF_INIT(1000), b = BUF_INIT(1000), out = BUF_INIT(100);

	(void)state;
	seal_to_bob("a ticket", "id", &a);
	seal_to_bob("a ticket", "id", &b);
	assert_int_equal(a.len, 8 + CRYPTO_BOX_OVERHEAD);
	assert_memory_equal(a.data, b.data, CRYPTO_BOX_KEY_ID_LEN);
	assert_memory_not_equal(a.data + CRYPTO_BOX_KEY_ID_LEN, b.data + CRYPTO_BOX_KEY_ID_LEN, 32);
	assert_int_equal(open_with(BOB_PRIVATE, "id", a.data, a.len, &out), 0);
	assert_string_equal(buf_cstr(&out), "a ticket");
	buf_release(&a);
	buf_release(&b);
	buf_release(&out);
}

static void box_refuses_other_data_other_keys_and_changed_bytes(void **state)
{
	struct buf sealed = BUF_INIT(1000), out = BUF_INIT(100);

	(void)state;
	seal_to_bob("a ticket", "id", &sealed);
	assert_int_equal(open_with(BOB_PRIVATE, "id2", sealed.data, sealed.len, &out), -1);
	assert_int_equal(open_with(ALICE_PRIVATE, "id", sealed.data, sealed.len, &out), -1);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		assert_int_equal(open_with(BOB_PRIVATE, "id", sealed.data, sealed.len, &out), -1);
		sealed.data[i] ^= 1;
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(open_with(BOB_PRIVATE, "id", sealed.data, len, &out), -1);
	assert_int_equal(out.len, 0);
	buf_release(&sealed);
	buf_release(&out);
}

static void box_refuses_public_keys_of_low_order(void **state)
{
	uint8_t zero[32] = {0}, sealed[HEX_MAX];
	size_t len = from_hex(GOLDEN_BOX, sealed);
	struct buf out = BUF_INIT(1000);
	struct err err;

	(void)state;
	assert_int_equal(crypto_box_seal(zero, "", 0, "x", 1, &out, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	memset(sealed + CRYPTO_BOX_KEY_ID_LEN, 0, 32);
	assert_int_equal(open_with(BOB_PRIVATE, "event-1", sealed, len, &out), -1);
	buf_release(&out);
}

static void box_seal_refuses_what_does_not_fit(void **state)
{
	struct buf out = BUF_INIT(CRYPTO_BOX_OVERHEAD + 1);
	uint8_t public_key[32];
	struct err err;

	(void)state;
	from_hex(BOB_PUBLIC, public_key);
	assert_int_equal(crypto_box_seal(public_key, "", 0, "xy", 2, &out, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(crypto_box_seal(public_key, "", 0, "x", 1, &out, &err), 0);
	buf_release(&out);
}

struct ed25519_vector {
	const char *private_key, *public_key, *message, *signature;
};

/* RFC 8032, section 7.1, tests 1 to 3. */
static const struct ed25519_vector ed25519_vectors[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
		"b46b"
		"d25bf5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
		"1d8c"
		"387b2eaeb4302aeeb00d291612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
		"c659"
		"4a7c15e9716ed28dc027beceea1ec40a"},
};

static void ed25519_follows_rfc8032(void **state)
{
	uint8_t private_key[32], public_key[32], made_key[32], message[2], signature[64], made[64];

	(void)state;
	for (size_t i = 0; i < sizeof(ed25519_vectors) / sizeof(ed25519_vectors[0]); i++) {
		const struct ed25519_vector *v = &ed25519_vectors[i];
		size_t len = strlen(v->message) / 2;

		assert_int_equal(crypto_hex_decode(v->private_key, 64, private_key, 32), 0);
		assert_int_equal(crypto_hex_decode(v->public_key, 64, public_key, 32), 0);
		assert_int_equal(crypto_hex_decode(v->message, 2 * len, message, len), 0);
		assert_int_equal(crypto_hex_decode(v->signature, 128, signature, 64), 0);
		crypto_ed25519_public(private_key, made_key);
		assert_memory_equal(made_key, public_key, 32);
		crypto_ed25519_sign(private_key, message, len, made);
		assert_memory_equal(made, signature, 64);
		assert_true(crypto_ed25519_verify(public_key, message, len, signature));
	}
}

static void ed25519_refuses_changed_bytes_and_other_keys(void **state)
{
	uint8_t private_key[32] = {1}, public_key[32], other_key[32], signature[64];

	(void)state;
	crypto_ed25519_public(private_key, public_key);
	crypto_ed25519_sign(private_key, "message", 7, signature);
	assert_true(crypto_ed25519_verify(public_key, "message", 7, signature));
	assert_false(crypto_ed25519_verify(public_key, "Message", 7, signature));
	assert_false(crypto_ed25519_verify(public_key, "message", 6, signature));
	for (int bit = 0; bit < 512; bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(crypto_ed25519_verify(public_key, "message", 7, signature));
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	private_key[0] = 2;
	crypto_ed25519_public(private_key, other_key);
	assert_false(crypto_ed25519_verify(other_key, "message", 7, signature));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_follow_fips_180),
		cmocka_unit_test(a_digest_over_pieces_is_that_of_the_whole),
		cmocka_unit_test(hmac_sha256_follows_rfc4231),
		cmocka_unit_test(hmac_with_an_empty_key_is_that_of_an_empty_key),
		cmocka_unit_test(hkdf_follows_rfc5869),
		cmocka_unit_test(random_bytes_differ),
		cmocka_unit_test(cbc_follows_sp800_38a),
		cmocka_unit_test(cbc_refuses_a_broken_block),
		cmocka_unit_test(gcm_opens_the_published_vector),
		cmocka_unit_test(gcm_opens_what_it_sealed),
		cmocka_unit_test(gcm_refuses_every_flipped_bit_and_every_truncation),
		cmocka_unit_test(gcm_refuses_another_key_or_other_data),
		cmocka_unit_test(gcm_seal_marks_overflow),
		cmocka_unit_test(x25519_public_follows_rfc7748),
		cmocka_unit_test(box_opens_what_another_implementation_sealed),
		cmocka_unit_test(box_opens_what_it_sealed_and_never_repeats_itself),
		cmocka_unit_test(box_refuses_other_data_other_keys_and_changed_bytes),
		cmocka_unit_test(box_refuses_public_keys_of_low_order),
		cmocka_unit_test(box_seal_refuses_what_does_not_fit),
		cmocka_unit_test(ed25519_follows_rfc8032),
		cmocka_unit_test(ed25519_refuses_changed_bytes_and_other_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
