/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Signatures and hashes as microcontrollers check them, beside OpenSSL, by the development keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "dfu/crypto.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "mcu_crypto.h"
#include "mcu_pair.h"

static const struct mcu_scheme schemes[] = {
    { &dfu_ecdsa_p256_uecc, &dfu_ecdsa_p256_openssl, "", 32 },
    { &dfu_ecdsa_p256_p256m, &dfu_ecdsa_p256_openssl, "", 32 },
    { &dfu_ed25519_monocypher, &dfu_ed25519_openssl, "-ed25519", 32 },
    { &dfu_ed25519_monocypher, &dfu_ed25519_openssl, "-ed25519", 64 },
    { &dfu_ed25519_c25519, &dfu_ed25519_openssl, "-ed25519", 32 },
    { &dfu_ed25519_c25519, &dfu_ed25519_openssl, "-ed25519", 64 },
    { &dfu_rsa2048_bearssl, &dfu_rsa2048_openssl, "-rsa-2048", 32 },
    { &dfu_rsa3072_bearssl, &dfu_rsa3072_openssl, "-rsa-3072", 32 },
};

enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]), RSA2048 = 6 };

static void what_openssl_signs_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        for (unsigned seed = 0; seed < 8; seed++) {
            struct mcu_pair pair;

            mcu_pair_make(&pair, &schemes[i], seed);
            assert_in_range(pair.sig_len, pair.scheme->alg->min_len, pair.scheme->alg->max_len);
            assert_int_equal(mcu_pair_verify_both(&pair), 0);
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
        struct mcu_pair pair;

        mcu_pair_make(&pair, &schemes[i], 7);
        for (size_t at = 0; at < pair.sig_len; at += step) {
            pair.sig[at] ^= (uint8_t)(1u << at % 8);
            assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
            pair.sig[at] ^= (uint8_t)(1u << at % 8);
        }
        for (size_t at = 0; at < pair.digest_len; at++) {
            pair.digest[at] ^= (uint8_t)(1u << at % 8);
            assert_int_equal(mcu_pair_verify(&pair), DFU_ERR_VERIFY);
            pair.digest[at] ^= (uint8_t)(1u << at % 8);
        }
        for (size_t at = 0; at < pair.der_len; at += at < 12 ? 1 : step) {
            pair.der[at] ^= (uint8_t)(1u << at % 8);
            assert_int_not_equal(mcu_pair_verify(&pair), 0);
            pair.der[at] ^= (uint8_t)(1u << at % 8);
        }
        assert_int_equal(mcu_pair_verify(&pair), 0);
        EVP_PKEY_free(pair.pkey);
    }
}

static void what_is_too_short_or_too_long_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        struct mcu_pair pair;

        mcu_pair_make(&pair, &schemes[i], 3);
        for (size_t len = 0; len < pair.sig_len; len++) {
            assert_int_equal(mcu_pair_verify_cut(&pair, pair.der_len, len, pair.digest_len),
                             DFU_ERR_VERIFY);
        }
        for (size_t len = 1; len < pair.der_len; len++) {
            assert_int_equal(mcu_pair_verify_cut(&pair, len, pair.sig_len, pair.digest_len),
                             DFU_ERR_INVAL);
        }
        assert_int_equal(
            mcu_pair_verify_cut(&pair, pair.der_len, pair.sig_len, pair.digest_len - 1),
            DFU_ERR_VERIFY);
        pair.der_len++;
        assert_int_equal(mcu_pair_verify(&pair), DFU_ERR_INVAL);
        pair.der_len--;
        pair.sig_len++;
        pair.sig[pair.sig_len - 1] = 1;
        assert_int_equal(mcu_pair_verify(&pair), DFU_ERR_VERIFY);
        EVP_PKEY_free(pair.pkey);
    }
}

static void keys_and_signatures_of_zeros_or_ones_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        for (int byte = 0; byte <= 0xff; byte += 0xff) {
            struct mcu_pair pair;

            mcu_pair_make(&pair, &schemes[i], 5);
            memset(pair.sig, byte, pair.sig_len);
            assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
            EVP_PKEY_free(pair.pkey);
            mcu_pair_make(&pair, &schemes[i], 5);
            memset(pair.der, byte, pair.der_len);
            assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_INVAL);
            EVP_PKEY_free(pair.pkey);
            /* only the key's number; RSA's ends in front of the exponent */
            mcu_pair_make(&pair, &schemes[i], 5);
            memset(pair.der + pair.der_len - 32, byte, i < RSA2048 ? 32 : 27);
            assert_int_not_equal(mcu_pair_verify(&pair), 0);
            EVP_PKEY_free(pair.pkey);
        }
    }
}

static void a_modulus_that_is_shorter_is_no_key(void **state)
{
    (void)state;
    for (size_t i = RSA2048; i < SCHEMES; i++) {
        struct mcu_pair pair;

        mcu_pair_make(&pair, &schemes[i], 6);
        pair.der[9] ^= 0x80;
        assert_int_equal(mcu_pair_verify(&pair), DFU_ERR_INVAL);
        EVP_PKEY_free(pair.pkey);
    }
}

/* ---- RSA ---- */

/* What is encoded, otherwise than PSS has it. */
struct encoding {
    size_t salt_len;
    uint8_t first, one, trailer;
    int padding_at; /* this byte of the padding is not zero; -1: all are */
    const char *mask;
    size_t wrong_hash; /* the byte of the hash that is wrong, from 1; 0: none */
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

static void encode(const struct mcu_pair *pair, const struct encoding *how, uint8_t *em,
                   size_t size)
{
    static const uint8_t zeros[8] = { 0 };
    size_t masked = size - 33, padding = masked - how->salt_len - 1;
    uint8_t mask[64];
    size_t step = strcmp(how->mask, "SHA1") == 0 ? 20 : 32;

    memset(em, 0, size);
    memset(em + padding + 1, 0x5a, how->salt_len);
    hash_of("SHA256", zeros, 8, pair->digest, 32, em + padding + 1, how->salt_len, em + masked);
    if (how->wrong_hash > 0) {
        em[masked + how->wrong_hash - 1] ^= 1;
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
static int sign_raw(struct mcu_pair *pair, const uint8_t *em)
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
        { 32, 0, 1, 0xbc, -1, "SHA256", 2 },  { 32, 0, 1, 0xbc, -1, "SHA256", 32 },
    };

    (void)state;
    for (size_t scheme = RSA2048; scheme < SCHEMES; scheme++) {
        uint8_t em[384];
        struct mcu_pair pair;

        mcu_pair_make(&pair, &schemes[scheme], 31);
        encode(&pair, &right, em, pair.sig_len);
        assert_int_equal(sign_raw(&pair, em), 1);
        assert_int_equal(mcu_pair_verify_both(&pair), 0);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
            encode(&pair, &wrong[i], em, pair.sig_len);
            assert_int_equal(sign_raw(&pair, em), 1);
            assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
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
        struct mcu_pair pair;

        mcu_pair_make(&pair, &schemes[RSA2048], seed);
        encode(&pair, &wrong, em, pair.sig_len);
        if (sign_raw(&pair, em) == 1) {
            assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
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
        struct mcu_pair pair;
        int len;

        mcu_pair_make(&pair, &schemes[scheme], 41);
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
            mcu_pair_make(&pair, &schemes[scheme], seed);
        }
        assert_int_equal(mcu_pair_verify_both(&pair), 0);
        BN_bn2binpad(s, pair.sig, len);
        assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
        BN_bn2binpad(n, pair.sig, len);
        assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
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
        { &dfu_sha512_c25519, &dfu_sha512_openssl },
    };
    uint8_t bytes[400];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7 + 1);
    }
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_openssl_signs_is_right),
        cmocka_unit_test(images_are_read_by_the_same_tables),
        cmocka_unit_test(a_bit_that_is_wrong_anywhere_makes_a_signature_wrong),
        cmocka_unit_test(what_is_too_short_or_too_long_is_refused),
        cmocka_unit_test(keys_and_signatures_of_zeros_or_ones_are_refused),
        cmocka_unit_test(a_modulus_that_is_shorter_is_no_key),
        cmocka_unit_test(another_encoding_than_that_of_images_is_refused),
        cmocka_unit_test(the_bit_that_an_encoding_leaves_unused_is_zero),
        cmocka_unit_test(a_number_of_the_modulus_or_above_is_no_signature),
        cmocka_unit_test(hashes_are_openssls_however_the_bytes_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
