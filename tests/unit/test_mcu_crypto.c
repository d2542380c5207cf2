/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Signatures and hashes as microcontrollers check them, beside OpenSSL, by the development keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "dfu/crypto.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "hex.h"
#include "mcu_crypto.h"

static const struct scheme {
    const struct dfu_sig_alg *alg, *host;
    const char *file;
    size_t digest_len;
} schemes[] = {
    { &dfu_ecdsa_p256_uecc, &dfu_ecdsa_p256_openssl, "", 32 },
    { &dfu_ecdsa_p256_p256m, &dfu_ecdsa_p256_openssl, "", 32 },
    { &dfu_ed25519_monocypher, &dfu_ed25519_openssl, "-ed25519", 32 },
    { &dfu_ed25519_monocypher, &dfu_ed25519_openssl, "-ed25519", 64 },
    { &dfu_rsa2048_bearssl, &dfu_rsa2048_openssl, "-rsa-2048", 32 },
    { &dfu_rsa3072_bearssl, &dfu_rsa3072_openssl, "-rsa-3072", 32 },
};

enum {
    SCHEMES = sizeof(schemes) / sizeof(schemes[0]),
    P256 = 0,
    P256M = 1,
    ED25519 = 2,
    RSA2048 = 4
};

struct pair {
    EVP_PKEY *pkey;
    uint8_t der[DFU_PUBLIC_KEY_MAX + 1], digest[DFU_HASH_MAX], sig[DFU_SIGNATURE_MAX + 1];
    size_t der_len, digest_len, sig_len;
    const struct scheme *scheme;
};

static EVP_PKEY *read_key(const char *file)
{
    char path[512];
    FILE *stream;
    EVP_PKEY *pkey;

    snprintf(path, sizeof(path), "%s/ports/mcu/development-key%s.pem", DFU_SOURCE_DIR, file);
    stream = fopen(path, "r");
    assert_non_null(stream);
    pkey = PEM_read_PrivateKey(stream, NULL, NULL, NULL);
    fclose(stream);
    assert_non_null(pkey);
    return pkey;
}

/* A key of the scheme, and its signature of a digest that seed gives. */
static void make_pair(struct pair *pair, size_t scheme, unsigned seed)
{
    struct dfu_signer signer;
    int len;

    memset(pair, 0, sizeof(*pair));
    pair->scheme = &schemes[scheme];
    pair->pkey = read_key(schemes[scheme].file);
    pair->digest_len = schemes[scheme].digest_len;
    for (size_t i = 0; i < pair->digest_len; i++) {
        pair->digest[i] = (uint8_t)(seed * 101 + i * 37 + (seed >> i % 8));
    }
    len = dfu_openssl_public_key(pair->pkey, pair->der, sizeof(pair->der));
    assert_true(len > 0);
    pair->der_len = (size_t)len;
    assert_int_equal(dfu_openssl_signer(pair->pkey, pair->der, pair->der_len, &signer), 0);
    len = signer.sign(signer.ctx, pair->digest, pair->digest_len, pair->sig, sizeof(pair->sig));
    assert_true(len > 0);
    pair->sig_len = (size_t)len;
}

static int verify(const struct pair *pair)
{
    struct dfu_key key = { pair->scheme->alg, pair->der, pair->der_len };

    return key.alg->verify(&key, pair->digest, pair->digest_len, pair->sig, pair->sig_len);
}

/* What OpenSSL says, too. */
static int verify_both(const struct pair *pair)
{
    struct dfu_key key = { pair->scheme->host, pair->der, pair->der_len };
    int ours = verify(pair);

    assert_int_equal(
        key.alg->verify(&key, pair->digest, pair->digest_len, pair->sig, pair->sig_len), ours);
    return ours;
}

static void what_openssl_signs_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        for (unsigned seed = 0; seed < 8; seed++) {
            struct pair pair;

            make_pair(&pair, i, seed);
            assert_in_range(pair.sig_len, pair.scheme->alg->min_len, pair.scheme->alg->max_len);
            assert_int_equal(verify_both(&pair), 0);
            EVP_PKEY_free(pair.pkey);
        }
    }
}

/* What a table says of its scheme before anything is computed. */
static void images_are_read_by_the_same_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        const struct dfu_sig_alg *ours = schemes[i].alg, *host = schemes[i].host;

        assert_int_equal(ours->tlv_type, host->tlv_type);
        assert_int_equal(ours->min_len, host->min_len);
        assert_int_equal(ours->max_len, host->max_len);
        assert_memory_equal(ours->hash_types, host->hash_types, sizeof ours->hash_types);
        assert_string_equal(ours->name, host->name);
    }
}

static void a_bit_that_is_wrong_anywhere_makes_a_signature_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        size_t step = i < RSA2048 ? 1 : 5; /* of signatures and keys that are long */
        struct pair pair;

        make_pair(&pair, i, 7);
        for (size_t at = 0; at < pair.sig_len; at += step) {
            pair.sig[at] ^= (uint8_t)(1u << at % 8);
            assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
            pair.sig[at] ^= (uint8_t)(1u << at % 8);
        }
        for (size_t at = 0; at < pair.digest_len; at++) {
            pair.digest[at] ^= (uint8_t)(1u << at % 8);
            assert_int_equal(verify(&pair), DFU_ERR_VERIFY);
            pair.digest[at] ^= (uint8_t)(1u << at % 8);
        }
        for (size_t at = 0; at < pair.der_len; at += at < 12 ? 1 : step) {
            pair.der[at] ^= (uint8_t)(1u << at % 8);
            assert_int_not_equal(verify(&pair), 0);
            pair.der[at] ^= (uint8_t)(1u << at % 8);
        }
        assert_int_equal(verify(&pair), 0);
        EVP_PKEY_free(pair.pkey);
    }
}

/* Buffers of just the length: a sanitizer sees a byte too many. (cmocka's have guards of their own,
 * which only writes are noticed in.) */
static int verify_cut(const struct pair *pair, size_t der_len, size_t sig_len, size_t digest_len)
{
    struct dfu_key key = { pair->scheme->alg, malloc(der_len), der_len };
    uint8_t *sig = malloc(sig_len ? sig_len : 1), *digest = malloc(digest_len);
    int err;

    assert_non_null(key.der);
    assert_non_null(sig);
    assert_non_null(digest);
    memcpy((uint8_t *)key.der, pair->der, der_len);
    memcpy(sig, pair->sig, sig_len);
    memcpy(digest, pair->digest, digest_len);
    err = key.alg->verify(&key, digest, digest_len, sig, sig_len);
    free((void *)key.der);
    free(sig);
    free(digest);
    return err;
}

static void what_is_too_short_or_too_long_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        struct pair pair;

        make_pair(&pair, i, 3);
        for (size_t len = 0; len < pair.sig_len; len++) {
            assert_int_equal(verify_cut(&pair, pair.der_len, len, pair.digest_len), DFU_ERR_VERIFY);
        }
        for (size_t len = 1; len < pair.der_len; len++) {
            assert_int_equal(verify_cut(&pair, len, pair.sig_len, pair.digest_len), DFU_ERR_INVAL);
        }
        assert_int_equal(verify_cut(&pair, pair.der_len, pair.sig_len, pair.digest_len - 1),
                         DFU_ERR_VERIFY);
        pair.der_len++;
        assert_int_equal(verify(&pair), DFU_ERR_INVAL);
        pair.der_len--;
        pair.sig_len++;
        pair.sig[pair.sig_len - 1] = 1;
        assert_int_equal(verify(&pair), DFU_ERR_VERIFY);
        EVP_PKEY_free(pair.pkey);
    }
}

static void keys_and_signatures_of_zeros_or_ones_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        for (int byte = 0; byte <= 0xff; byte += 0xff) {
            struct pair pair;

            make_pair(&pair, i, 5);
            memset(pair.sig, byte, pair.sig_len);
            assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
            EVP_PKEY_free(pair.pkey);
            make_pair(&pair, i, 5);
            memset(pair.der, byte, pair.der_len);
            assert_int_equal(verify_both(&pair), DFU_ERR_INVAL);
            EVP_PKEY_free(pair.pkey);
            /* only the key's number; RSA's ends in front of the exponent */
            make_pair(&pair, i, 5);
            memset(pair.der + pair.der_len - 32, byte, i < RSA2048 ? 32 : 27);
            assert_int_not_equal(verify(&pair), 0);
            EVP_PKEY_free(pair.pkey);
        }
    }
}

static void a_modulus_that_is_shorter_is_no_key(void **state)
{
    (void)state;
    for (size_t i = RSA2048; i < SCHEMES; i++) {
        struct pair pair;

        make_pair(&pair, i, 6);
        pair.der[9] ^= 0x80;
        assert_int_equal(verify(&pair), DFU_ERR_INVAL);
        EVP_PKEY_free(pair.pkey);
    }
}

/* ---- P-256 ---- */

#define P256_ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

static BIGNUM *p256_order(void)
{
    BIGNUM *n = NULL;

    assert_int_equal(BN_hex2bn(&n, P256_ORDER), 64);
    return n;
}

/* r and s into the pair's signature; frees them. */
static void set_numbers(struct pair *pair, BIGNUM *r, BIGNUM *s)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    uint8_t *p = pair->sig;

    assert_int_equal(ECDSA_SIG_set0(sig, r, s), 1);
    pair->sig_len = (size_t)i2d_ECDSA_SIG(sig, &p);
    ECDSA_SIG_free(sig);
}

static void get_numbers(const struct pair *pair, BIGNUM **r, BIGNUM **s)
{
    const uint8_t *p = pair->sig;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)pair->sig_len);

    assert_non_null(sig);
    *r = BN_dup(ECDSA_SIG_get0_r(sig));
    *s = BN_dup(ECDSA_SIG_get0_s(sig));
    ECDSA_SIG_free(sig);
}

static void numbers_outside_of_the_order_are_no_signature(void **state)
{
    size_t scheme = *(const size_t *)*state;

    for (int which = 0; which < 2; which++) {
        for (int wrong = 0; wrong < 4; wrong++) {
            BIGNUM *number[2], *n = p256_order();
            struct pair pair;

            make_pair(&pair, scheme, 11);
            get_numbers(&pair, &number[0], &number[1]);
            switch (wrong) {
            case 0: BN_zero(number[which]); break;
            case 1: BN_copy(number[which], n); break;
            case 2: /* the same number modulo the order */
                BN_add(number[which], number[which], n);
                break;
            default: BN_set_negative(number[which], 1); break;
            }
            set_numbers(&pair, number[0], number[1]);
            assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
            BN_free(n);
            EVP_PKEY_free(pair.pkey);
        }
    }
}

/* ECDSA has two for each; neither is forbidden in images. */
static void the_other_s_is_right_too(void **state)
{
    size_t scheme = *(const size_t *)*state;
    BIGNUM *r, *s, *n = p256_order();
    struct pair pair;

    make_pair(&pair, scheme, 12);
    get_numbers(&pair, &r, &s);
    BN_sub(s, n, s);
    set_numbers(&pair, r, s);
    assert_int_equal(verify_both(&pair), 0);
    BN_free(n);
    EVP_PKEY_free(pair.pkey);
}

static void zeros_may_follow_a_signature(void **state)
{
    size_t scheme = *(const size_t *)*state;
    struct pair pair;

    make_pair(&pair, scheme, 13);
    for (size_t len = pair.sig_len; pair.sig_len <= 128; pair.sig_len++) {
        assert_int_equal(verify_both(&pair), 0);
        if (pair.sig_len > len) {
            pair.sig[pair.sig_len - 1] = 1;
            assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
            pair.sig[pair.sig_len - 1] = 0;
        }
    }
    EVP_PKEY_free(pair.pkey);
}

/* Where the length of the number is. */
static size_t number_at(const struct pair *pair, int which)
{
    return which == 0 ? 3 : 5u + pair->sig[3];
}

/* With one zero more or less in front of a number, all lengths right. */
static void number_with_another_zero(struct pair *pair, int which, bool is_more)
{
    size_t at = number_at(pair, which);

    if (is_more) {
        memmove(pair->sig + at + 2, pair->sig + at + 1, pair->sig_len - at - 1);
        pair->sig[at + 1] = 0;
    } else {
        memmove(pair->sig + at + 1, pair->sig + at + 2, pair->sig_len - at - 2);
        pair->sig[pair->sig_len - 1] = 0;
    }
    pair->sig[at] = (uint8_t)(pair->sig[at] + (is_more ? 1 : -1));
    pair->sig[1] = (uint8_t)(pair->sig[1] + (is_more ? 1 : -1));
    pair->sig_len = is_more ? pair->sig_len + 1 : pair->sig_len - 1;
}

/* Its highest bit is the sign: a zero stands in front where it is set, and only there. */
static void numbers_have_one_encoding(void **state)
{
    size_t scheme = *(const size_t *)*state;
    int made[2][2] = { { 0 } };

    for (unsigned seed = 13; seed < 40; seed++) {
        for (int which = 0; which < 2; which++) {
            struct pair pair;
            bool has_zero;

            make_pair(&pair, scheme, seed);
            has_zero = pair.sig[number_at(&pair, which) + 1] == 0;
            number_with_another_zero(&pair, which, !has_zero);
            assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
            number_with_another_zero(&pair, which, has_zero);
            assert_int_equal(verify_both(&pair), 0);
            made[which][has_zero]++;
            EVP_PKEY_free(pair.pkey);
        }
    }
    for (int i = 0; i < 4; i++) {
        assert_in_range(made[i / 2][i % 2], 1, 26);
    }
}

/* One in 128 has fewer bytes; those in front are zeros, whatever lay there before. */
static void short_numbers_are_right(void **state)
{
    size_t scheme = *(const size_t *)*state;
    bool are_seen[2] = { false };

    for (unsigned seed = 13; !are_seen[0] || !are_seen[1]; seed++) {
        struct pair pair;

        make_pair(&pair, scheme, seed);
        for (int which = 0; which < 2; which++) {
            if (pair.sig[number_at(&pair, which)] < 32) {
                are_seen[which] = true;
                assert_int_equal(verify_both(&pair), 0);
            }
        }
        EVP_PKEY_free(pair.pkey);
    }
}

static void tags_and_lengths_have_one_value(void **state)
{
    size_t scheme = *(const size_t *)*state;

    for (unsigned seed = 13; seed < 15; seed++) {
        struct pair pair;

        make_pair(&pair, scheme, seed);
        for (size_t i = 0; i < 6; i++) {
            size_t at = i < 4 ? i : number_at(&pair, 1) + i - 5;
            uint8_t right = pair.sig[at];

            for (unsigned value = 0; value <= 0xff; value++) {
                pair.sig[at] = (uint8_t)value;
                assert_int_equal(verify_cut(&pair, pair.der_len, pair.sig_len, pair.digest_len),
                                 value == right ? 0 : DFU_ERR_VERIFY);
            }
            pair.sig[at] = right;
        }
        for (size_t len = 2; len < pair.sig_len; len++) { /* numbers that reach behind the end */
            pair.sig[1] = (uint8_t)(len - 2);
            assert_int_equal(verify_cut(&pair, pair.der_len, len, pair.digest_len), DFU_ERR_VERIFY);
        }
        EVP_PKEY_free(pair.pkey);
    }
}

static void what_is_hardly_a_signature_is_refused(void **state)
{
    size_t scheme = *(const size_t *)*state;
    static const char *const encodings[] = {
        "30",     "3000",         "300102",           "30020200",         "3003020100",
        "300102", "300402000200", "3006020100020100", "3006020101020100", "3006020100020101",
        "3080",   "30ff",         "300602010102017f", "3005020101020101", "30060201010201",
    };
    struct pair pair;

    make_pair(&pair, scheme, 14);
    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        size_t len = strlen(encodings[i]) / 2;

        assert_int_equal(hex_bytes(encodings[i], pair.sig, sizeof(pair.sig)), (int)len);
        assert_int_equal(verify_cut(&pair, pair.der_len, len, pair.digest_len), DFU_ERR_VERIFY);
    }
    EVP_PKEY_free(pair.pkey);
}

/* ---- Ed25519 ---- */

/* RFC 8032: S is below the order L; S + L would satisfy the equation, too. */
static void an_s_of_the_order_or_above_is_refused(void **state)
{
    uint8_t order[32];
    struct pair pair;
    unsigned carry = 0;

    (void)state;
    assert_int_equal(
        hex_bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order, 32),
        32);
    make_pair(&pair, ED25519, 21);
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)pair.sig[32 + i] + order[i];
        pair.sig[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
    memcpy(pair.sig + 32, order, 32);
    assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
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

static void a_pure_signature_is_of_all_bytes_of_the_image(void **state)
{
    EVP_PKEY *pkey = read_key("-ed25519");
    uint8_t der[64], sig[64];
    struct message message = { .fails_at = sizeof(message.bytes) };
    struct dfu_reader reader = { read_message, &message, sizeof(message.bytes) };
    struct dfu_key key = { &dfu_ed25519_pure_monocypher, der,
                           (size_t)dfu_openssl_public_key(pkey, der, sizeof(der)) };
    struct dfu_signer signer;

    (void)state;
    assert_null(dfu_ed25519_monocypher.verify_message); /* each of the two takes its own */
    assert_int_equal(dfu_ed25519_pure_monocypher.hash_types[0], 0);
    assert_int_equal(dfu_ed25519_pure_monocypher.tlv_type, dfu_ed25519_openssl.tlv_type);
    assert_int_equal(dfu_ed25519_pure_monocypher.min_len, 64);
    assert_int_equal(dfu_ed25519_pure_monocypher.max_len, 64);
    assert_non_null(dfu_ed25519_pure_monocypher.verify);
    assert_int_equal(dfu_openssl_signer(pkey, der, key.der_len, &signer), 0);
    for (size_t i = 0; i < sizeof(message.bytes); i++) {
        message.bytes[i] = (uint8_t)(i * 31 + i / 256);
    }
    for (uint32_t len = 0; len < 600; len += len < 260 ? 1 : 53) {
        assert_int_equal(signer.sign(signer.ctx, message.bytes, len, sig, sizeof(sig)), 64);
        assert_int_equal(key.alg->verify_message(&key, &reader, len, sig, 64), 0);
        assert_int_equal(key.alg->verify_message(&key, &reader, len + 1, sig, 64), DFU_ERR_VERIFY);
        for (uint32_t at = 0; at < len; at += 61) {
            message.bytes[at] ^= 0x10;
            assert_int_equal(key.alg->verify_message(&key, &reader, len, sig, 64), DFU_ERR_VERIFY);
            message.bytes[at] ^= 0x10;
        }
    }
    message.fails_at = 100;
    assert_int_equal(key.alg->verify_message(&key, &reader, 101, sig, 64), DFU_ERR_IO);
    EVP_PKEY_free(pkey);
}

/* ---- RSA ---- */

/* What is encoded, otherwise than PSS has it. */
struct encoding {
    size_t salt_len;
    uint8_t first, one, trailer;
    int padding_at; /* this byte of the padding is not zero; -1: all are */
    const char *mask;
    size_t wrong_hash; /* the byte of the hash that is wrong; 0: none */
};

static void hash_of(const char *name, const void *a, size_t a_len, const void *b, size_t b_len,
                    const void *c, size_t c_len, uint8_t *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = EVP_get_digestbyname(name);

    assert_int_equal(EVP_DigestInit_ex(ctx, md, NULL), 1);
    EVP_DigestUpdate(ctx, a, a_len);
    EVP_DigestUpdate(ctx, b, b_len);
    EVP_DigestUpdate(ctx, c, c_len);
    EVP_DigestFinal_ex(ctx, out, NULL);
    EVP_MD_CTX_free(ctx);
}

static void encode(const struct pair *pair, const struct encoding *how, uint8_t *em, size_t size)
{
    static const uint8_t zeros[8] = { 0 };
    size_t masked = size - 33, padding = masked - how->salt_len - 1;
    uint8_t mask[64];
    size_t step = strcmp(how->mask, "SHA1") == 0 ? 20 : 32;

    memset(em, 0, size);
    memset(em + padding + 1, 0x5a, how->salt_len);
    hash_of("SHA256", zeros, 8, pair->digest, 32, em + padding + 1, how->salt_len, em + masked);
    if (how->wrong_hash > 0) {
        em[masked + how->wrong_hash] ^= 1;
    }
    em[padding] = how->one;
    if (how->padding_at >= 0) {
        em[how->padding_at] = 0x40;
    }
    for (size_t i = 0; i < masked; i++) {
        uint8_t count[4] = { 0, 0, 0, (uint8_t)(i / step) };

        hash_of(how->mask, em + masked, 32, count, 4, "", 0, mask);
        em[i] ^= mask[i % step];
    }
    em[0] = (uint8_t)((em[0] & 0x7f) | how->first);
    em[size - 1] = how->trailer;
}

/* The private operation, which does not ask what it is done to. */
static int sign_raw(struct pair *pair, const uint8_t *em)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair->pkey, NULL);
    int done;

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
    done = EVP_PKEY_sign(ctx, pair->sig, &pair->sig_len, em, pair->sig_len);
    EVP_PKEY_CTX_free(ctx);
    return done;
}

static void another_encoding_than_that_of_images_is_refused(void **state)
{
    static const struct encoding right = { 32, 0, 1, 0xbc, -1, "SHA256", 0 };
    static const struct encoding wrong[] = {
        { 0, 0, 1, 0xbc, -1, "SHA256", 0 },   { 20, 0, 1, 0xbc, -1, "SHA256", 0 },
        { 31, 0, 1, 0xbc, -1, "SHA256", 0 },  { 33, 0, 1, 0xbc, -1, "SHA256", 0 },
        { 64, 0, 1, 0xbc, -1, "SHA256", 0 },  { 222, 0, 1, 0xbc, -1, "SHA256", 0 },
        { 32, 0, 0, 0xbc, -1, "SHA256", 0 },  { 32, 0, 2, 0xbc, -1, "SHA256", 0 },
        { 32, 0, 1, 0xbd, -1, "SHA256", 0 },  { 32, 0, 1, 0xcc, -1, "SHA256", 0 },
        { 32, 0, 1, 0xbc, 0, "SHA256", 0 },   { 32, 0, 1, 0xbc, 1, "SHA256", 0 },
        { 32, 0, 1, 0xbc, 100, "SHA256", 0 }, { 32, 0, 1, 0xbc, 189, "SHA256", 0 },
        { 32, 0, 1, 0xbc, -1, "SHA1", 0 },    { 32, 0, 1, 0xbc, -1, "SHA256", 1 },
        { 32, 0, 1, 0xbc, -1, "SHA256", 31 },
    };

    (void)state;
    for (size_t scheme = RSA2048; scheme < SCHEMES; scheme++) {
        uint8_t em[384];
        struct pair pair;

        make_pair(&pair, scheme, 31);
        encode(&pair, &right, em, pair.sig_len);
        assert_int_equal(sign_raw(&pair, em), 1);
        assert_int_equal(verify_both(&pair), 0);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
            encode(&pair, &wrong[i], em, pair.sig_len);
            assert_int_equal(sign_raw(&pair, em), 1);
            assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
        }
        EVP_PKEY_free(pair.pkey);
    }
}

/* The unused bit: such an encoding may be above the modulus, then there is no signature of it. */
static void the_bit_that_an_encoding_leaves_unused_is_zero(void **state)
{
    static const struct encoding wrong = { 32, 0x80, 1, 0xbc, -1, "SHA256", 0 };
    int made = 0;

    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        uint8_t em[384];
        struct pair pair;

        make_pair(&pair, RSA2048, seed);
        encode(&pair, &wrong, em, pair.sig_len);
        if (sign_raw(&pair, em) == 1) {
            assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
            made++;
        }
        EVP_PKEY_free(pair.pkey);
    }
    assert_in_range(made, 1, 20);
}

static void a_number_of_the_modulus_or_above_is_no_signature(void **state)
{
    (void)state;
    for (size_t scheme = RSA2048; scheme < SCHEMES; scheme++) {
        BIGNUM *n = NULL, *s;
        struct pair pair;
        int len;

        make_pair(&pair, scheme, 41);
        len = (int)pair.sig_len;
        assert_int_equal(EVP_PKEY_get_bn_param(pair.pkey, OSSL_PKEY_PARAM_RSA_N, &n), 1);
        /* A signature that is small enough for its sum with the modulus to have as many bytes. */
        for (unsigned seed = 42;; seed++) {
            s = BN_bin2bn(pair.sig, len, NULL);
            BN_add(s, s, n);
            if (BN_num_bytes(s) == len) {
                break;
            }
            BN_free(s);
            EVP_PKEY_free(pair.pkey);
            make_pair(&pair, scheme, seed);
        }
        assert_int_equal(verify_both(&pair), 0);
        BN_bn2binpad(s, pair.sig, len);
        assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
        BN_bn2binpad(n, pair.sig, len);
        assert_int_equal(verify_both(&pair), DFU_ERR_VERIFY);
        BN_free(s);
        BN_free(n);
        EVP_PKEY_free(pair.pkey);
    }
}

/* ---- Hashes ---- */

static void hashes_are_openssls_however_the_bytes_come(void **state)
{
    static const struct dfu_hash_alg *const pairs[][2] = {
        { &dfu_sha256_mbedtls, &dfu_sha256_openssl },
        { &dfu_sha512_monocypher, &dfu_sha512_openssl },
    };
    uint8_t bytes[400];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7 + 1);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pairs[i][0]->tlv_type, pairs[i][1]->tlv_type);
        assert_int_equal(pairs[i][0]->size, pairs[i][1]->size);
        for (size_t len = 0; len <= sizeof(bytes); len++) {
            uint8_t out[2][DFU_HASH_MAX] = { { 0 } };

            for (size_t j = 0; j < 2; j++) {
                const struct dfu_hash_alg *alg = pairs[i][j];
                size_t first = len * 3 / 7, second = len / 5;
                struct dfu_hash h;

                assert_int_equal(alg->start(&h), 0);
                assert_ptr_equal(h.alg, alg);
                assert_int_equal(alg->update(&h, bytes, first), 0);
                assert_int_equal(alg->update(&h, bytes + first, second), 0);
                assert_int_equal(alg->update(&h, bytes + first + second, len - first - second), 0);
                assert_int_equal(alg->finish(&h, out[j]), 0);
                assert_int_equal(alg->start(&h), 0);
                assert_int_equal(alg->finish(&h, NULL), 0); /* given up */
            }
            assert_memory_equal(out[0], out[1], DFU_HASH_MAX);
        }
    }
}

static size_t with_uecc = P256, with_p256m = P256M; /* the state of their tests */

#define WITH_EACH_P256(test)                                 \
    { #test "_by_micro_ecc", test, NULL, NULL, &with_uecc }, \
    {                                                        \
#test "_by_p256_m", test, NULL, NULL, &with_p256m    \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_openssl_signs_is_right),
        cmocka_unit_test(images_are_read_by_the_same_tables),
        cmocka_unit_test(a_bit_that_is_wrong_anywhere_makes_a_signature_wrong),
        cmocka_unit_test(what_is_too_short_or_too_long_is_refused),
        cmocka_unit_test(keys_and_signatures_of_zeros_or_ones_are_refused),
        cmocka_unit_test(a_modulus_that_is_shorter_is_no_key),
        WITH_EACH_P256(numbers_outside_of_the_order_are_no_signature),
        WITH_EACH_P256(the_other_s_is_right_too),
        WITH_EACH_P256(zeros_may_follow_a_signature),
        WITH_EACH_P256(numbers_have_one_encoding),
        WITH_EACH_P256(short_numbers_are_right),
        WITH_EACH_P256(tags_and_lengths_have_one_value),
        WITH_EACH_P256(what_is_hardly_a_signature_is_refused),
        cmocka_unit_test(an_s_of_the_order_or_above_is_refused),
        cmocka_unit_test(a_pure_signature_is_of_all_bytes_of_the_image),
        cmocka_unit_test(another_encoding_than_that_of_images_is_refused),
        cmocka_unit_test(the_bit_that_an_encoding_leaves_unused_is_zero),
        cmocka_unit_test(a_number_of_the_modulus_or_above_is_no_signature),
        cmocka_unit_test(hashes_are_openssls_however_the_bytes_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
