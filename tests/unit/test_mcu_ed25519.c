/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Ed25519 as microcontrollers check it, by each of two libraries, beside OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "dfu/crypto.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "hex.h"
#include "mcu_crypto.h"
#include "mcu_pair.h"

#define ORDER "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"
#define PRIME "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed"

struct library {
    struct mcu_scheme scheme;
    const struct dfu_sig_alg *pure;
    bool has_cofactor; /* in the equation; RFC 8032, 5.1.7, leaves that open */
    uint32_t step;     /* of the lengths of messages; c25519 takes its time */
};

static struct library monocypher = {
    { &dfu_ed25519_monocypher, &dfu_ed25519_openssl, "-ed25519", 32 },
    &dfu_ed25519_pure_monocypher,
    true,
    1,
};
static struct library c25519 = {
    { &dfu_ed25519_c25519, &dfu_ed25519_openssl, "-ed25519", 32 },
    &dfu_ed25519_pure_c25519,
    false,
    9,
};

static BIGNUM *number(const char *hex)
{
    BIGNUM *n = NULL;

    assert_int_equal(BN_hex2bn(&n, hex), 64);
    return n;
}

/* S is below the order L; S + L would satisfy the equation, too. */
static void an_s_of_the_order_or_above_is_refused(void **state)
{
    const struct library *library = *state;
    BIGNUM *order = number(ORDER), *s;
    struct mcu_pair pair;

    mcu_pair_make(&pair, &library->scheme, 21);
    s = BN_lebin2bn(pair.sig + 32, 32, NULL);
    for (int i = 1; i < 16; i++) { /* as long as it has 32 bytes */
        assert_int_equal(BN_add(s, s, order), 1);
        assert_int_equal(BN_bn2lebinpad(s, pair.sig + 32, 32), 32);
        assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
    }
    assert_int_equal(BN_bn2lebinpad(order, pair.sig + 32, 32), 32);
    assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
    BN_free(order);
    BN_free(s);
    EVP_PKEY_free(pair.pkey);
}

/* RFC 8032, 5.1.5: what a private key multiplies the base point by. */
static BIGNUM *scalar_of(const EVP_PKEY *pkey)
{
    uint8_t seed[32], hash[64];
    size_t len = sizeof(seed);

    assert_int_equal(EVP_PKEY_get_raw_private_key(pkey, seed, &len), 1);
    SHA512(seed, sizeof(seed), hash);
    hash[0] &= 0xf8;
    hash[31] = (uint8_t)((hash[31] & 0x7f) | 0x40);
    return BN_lebin2bn(hash, 32, NULL);
}

/* S = r + SHA-512(R, A, message) a, whatever R is; then Monocypher takes it where R is r B, or r B and
 * a point that the cofactor makes disappear. Frees r. */
static void sign_as(struct mcu_pair *pair, BIGNUM *r, const uint8_t point[32])
{
    BIGNUM *order = number(ORDER), *a = scalar_of(pair->pkey), *hash;
    BN_CTX *ctx = BN_CTX_new();
    uint8_t hashed[32 + 32 + 32], out[64];

    memcpy(hashed, point, 32);
    memcpy(hashed + 32, pair->der + pair->der_len - 32, 32);
    memcpy(hashed + 64, pair->digest, 32);
    SHA512(hashed, sizeof(hashed), out);
    hash = BN_lebin2bn(out, sizeof(out), NULL);
    assert_int_equal(BN_mod_mul(hash, hash, a, order, ctx), 1);
    assert_int_equal(BN_mod_add(hash, hash, r, order, ctx), 1);
    memcpy(pair->sig, point, 32);
    assert_int_equal(BN_bn2lebinpad(hash, pair->sig + 32, 32), 32);
    BN_free(hash);
    BN_free(a);
    BN_free(r);
    BN_free(order);
    BN_CTX_free(ctx);
}

/* The same y modulo the prime, negated, and the other x: the point and the one of order 2, (0, -1). */
static void add_the_point_of_order_two(uint8_t point[32])
{
    BIGNUM *p = number(PRIME), *y;
    uint8_t sign = point[31] & 0x80;

    point[31] &= 0x7f;
    y = BN_lebin2bn(point, 32, NULL);
    assert_int_equal(BN_sub(y, p, y), 1);
    assert_int_equal(BN_bn2lebinpad(y, point, 32), 32);
    point[31] |= sign ^ 0x80;
    BN_free(y);
    BN_free(p);
}

static void what_holds_by_the_cofactor_alone_is_no_signature_to_c25519(void **state)
{
    const struct library *library = *state;

    for (uint8_t i = 0; i < 4; i++) {
        const uint8_t seed[32] = { i };
        EVP_PKEY *nonce = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
        uint8_t point[32];
        size_t len = sizeof(point);
        struct mcu_pair pair;

        mcu_pair_make(&pair, &library->scheme, i);
        assert_int_equal(EVP_PKEY_get_raw_public_key(nonce, point, &len), 1);
        sign_as(&pair, scalar_of(nonce), point);
        assert_int_equal(mcu_pair_verify_both(&pair), 0);
        add_the_point_of_order_two(point);
        sign_as(&pair, scalar_of(nonce), point);
        if (library->has_cofactor) {
            assert_int_equal(mcu_pair_verify(&pair), 0);
        } else {
            assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
        }
        EVP_PKEY_free(nonce);
        EVP_PKEY_free(pair.pkey);
    }
}

/* A nonce of zero makes R the neutral point (0, 1), of which there are four spellings. */
static void r_has_one_encoding_to_c25519(void **state)
{
    static const char *const encodings[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    const struct library *library = *state;

    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        struct mcu_pair pair;
        uint8_t point[32];

        assert_int_equal(hex_bytes(encodings[i], point, sizeof(point)), 32);
        mcu_pair_make(&pair, &library->scheme, 9);
        sign_as(&pair, BN_new(), point);
        if (library->has_cofactor) {
            assert_int_equal(mcu_pair_verify(&pair), 0);
        } else {
            assert_int_equal(mcu_pair_verify_both(&pair), i == 0 ? 0 : DFU_ERR_VERIFY);
        }
        EVP_PKEY_free(pair.pkey);
    }
}

/* With the neutral point for a key the equation is S B = R; of R = -B the S is L - 1. */
static void s_may_be_one_less_than_the_order(void **state)
{
    const struct library *library = *state;
    BIGNUM *s = number(ORDER);
    struct mcu_pair pair;

    mcu_pair_make(&pair, &library->scheme, 23);
    memset(pair.der + pair.der_len - 32, 0, 32);
    pair.der[pair.der_len - 32] = 1;
    memset(pair.sig, 0x66, 32);
    pair.sig[0] = 0x58;
    pair.sig[31] = 0xe6;
    assert_int_equal(BN_sub_word(s, 1), 1);
    assert_int_equal(BN_bn2lebinpad(s, pair.sig + 32, 32), 32);
    assert_int_equal(mcu_pair_verify_both(&pair), 0);
    pair.sig[32]--; /* - 2 B */
    assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
    BN_free(s);
    EVP_PKEY_free(pair.pkey);
}

/* No x goes with some y: 2 is one. Monocypher does not say why it refuses. */
static void a_key_is_a_point_on_the_curve(void **state)
{
    const struct library *library = *state;
    struct mcu_pair pair;

    mcu_pair_make(&pair, &library->scheme, 23);
    memset(pair.der + pair.der_len - 32, 0, 32);
    pair.der[pair.der_len - 32] = 2;
    assert_int_equal(mcu_pair_verify(&pair),
                     library->has_cofactor ? DFU_ERR_VERIFY : DFU_ERR_INVAL);
    EVP_PKEY_free(pair.pkey);
}

struct message {
    uint8_t bytes[600];
    uint32_t fails_at;
};

static int read_message(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct message *message = ctx;

    if (off + len > message->fails_at) {
        return DFU_ERR_IO;
    }
    memcpy(buf, message->bytes + off, len);
    return 0;
}

static void tables_of_pure_signatures_are_of_no_hash(void **state)
{
    const struct library *library = *state;

    assert_null(library->scheme.alg->verify_message); /* each of the two takes its own */
    assert_int_equal(library->pure->hash_types[0], 0);
    assert_int_equal(library->pure->tlv_type, dfu_ed25519_openssl.tlv_type);
    assert_string_equal(library->pure->name, dfu_ed25519_openssl.name);
    assert_int_equal(library->pure->min_len, 64);
    assert_int_equal(library->pure->max_len, 64);
    assert_non_null(library->pure->verify);
}

static void a_pure_signature_is_of_all_bytes_of_the_image(void **state)
{
    const struct library *library = *state;
    struct mcu_pair pair;
    uint8_t sig[64];
    struct message message = { .fails_at = sizeof(message.bytes) };
    struct dfu_reader reader = { read_message, &message, sizeof(message.bytes) };
    struct dfu_key key = { library->pure, pair.der, 0 };
    struct dfu_signer signer;

    mcu_pair_make(&pair, &library->scheme, 22);
    key.der_len = pair.der_len;
    assert_int_equal(dfu_openssl_signer(pair.pkey, pair.der, pair.der_len, &signer), 0);
    for (size_t i = 0; i < sizeof(message.bytes); i++) {
        message.bytes[i] = (uint8_t)(i * 31 + i / 256);
    }
    for (uint32_t len = 0; len < 600; len += len < 260 ? library->step : 53) {
        assert_int_equal(signer.sign(signer.ctx, message.bytes, len, sig, sizeof(sig)), 64);
        assert_int_equal(key.alg->verify_message(&key, &reader, len, sig, 64), 0);
        assert_int_equal(key.alg->verify_message(&key, &reader, len + 1, sig, 64), DFU_ERR_VERIFY);
        for (uint32_t at = len % 61; at < len; at += 61) {
            message.bytes[at] ^= 0x10;
            assert_int_equal(key.alg->verify_message(&key, &reader, len, sig, 64), DFU_ERR_VERIFY);
            message.bytes[at] ^= 0x10;
        }
    }
    message.fails_at = 100;
    assert_int_equal(key.alg->verify_message(&key, &reader, 101, sig, 64), DFU_ERR_IO);
    EVP_PKEY_free(pair.pkey);
}

static void a_pure_signature_has_one_length_and_one_type_of_key(void **state)
{
    const struct library *library = *state;
    struct mcu_pair pair;
    uint8_t sig[65] = { 0 };
    struct message message = { .bytes = "image", .fails_at = sizeof(message.bytes) };
    struct dfu_reader reader = { read_message, &message, sizeof(message.bytes) };
    struct dfu_key key = { library->pure, pair.der, 0 };
    struct dfu_signer signer;

    mcu_pair_make(&pair, &library->scheme, 24);
    assert_int_equal(dfu_openssl_signer(pair.pkey, pair.der, pair.der_len, &signer), 0);
    assert_int_equal(signer.sign(signer.ctx, message.bytes, 5, sig, sizeof(sig)), 64);
    key.der_len = pair.der_len;
    assert_int_equal(key.alg->verify_message(&key, &reader, 5, sig, 64), 0);
    assert_int_equal(key.alg->verify_message(&key, &reader, 5, sig, 63), DFU_ERR_VERIFY);
    assert_int_equal(key.alg->verify_message(&key, &reader, 5, sig, 65), DFU_ERR_VERIFY);
    key.der_len--;
    assert_int_equal(key.alg->verify_message(&key, &reader, 5, sig, 64), DFU_ERR_INVAL);
    key.der_len = pair.der_len;
    pair.der[8] ^= 1; /* Ed448 */
    assert_int_equal(key.alg->verify_message(&key, &reader, 5, sig, 64), DFU_ERR_INVAL);
    EVP_PKEY_free(pair.pkey);
}

#define WITH_EACH(test)                                        \
    { #test "_by_monocypher", test, NULL, NULL, &monocypher }, \
    {                                                          \
#test "_by_c25519", test, NULL, NULL, &c25519          \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        WITH_EACH(an_s_of_the_order_or_above_is_refused),
        WITH_EACH(s_may_be_one_less_than_the_order),
        WITH_EACH(a_key_is_a_point_on_the_curve),
        WITH_EACH(what_holds_by_the_cofactor_alone_is_no_signature_to_c25519),
        WITH_EACH(r_has_one_encoding_to_c25519),
        WITH_EACH(tables_of_pure_signatures_are_of_no_hash),
        WITH_EACH(a_pure_signature_is_of_all_bytes_of_the_image),
        WITH_EACH(a_pure_signature_has_one_length_and_one_type_of_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
