/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* ECDSA signatures of P-256 as microcontrollers read and check them, by either library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "dfu/crypto.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "hex.h"
#include "mcu_crypto.h"
#include "mcu_pair.h"

#define P256_ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

static BIGNUM *p256_order(void)
{
    BIGNUM *n = NULL;

    assert_int_equal(BN_hex2bn(&n, P256_ORDER), 64);
    return n;
}

/* r and s into the pair's signature; frees them. */
static void set_numbers(struct mcu_pair *pair, BIGNUM *r, BIGNUM *s)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    uint8_t *p = pair->sig;

    assert_int_equal(ECDSA_SIG_set0(sig, r, s), 1);
    pair->sig_len = (size_t)i2d_ECDSA_SIG(sig, &p);
    ECDSA_SIG_free(sig);
}

static void get_numbers(const struct mcu_pair *pair, BIGNUM **r, BIGNUM **s)
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
    const struct mcu_scheme *scheme = *state;

    for (int which = 0; which < 2; which++) {
        for (int wrong = 0; wrong < 4; wrong++) {
            BIGNUM *number[2], *n = p256_order();
            struct mcu_pair pair;

            mcu_pair_make(&pair, scheme, 11);
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
            assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
            BN_free(n);
            EVP_PKEY_free(pair.pkey);
        }
    }
}

/* ECDSA has two for each; neither is forbidden in images. */
static void the_other_s_is_right_too(void **state)
{
    const struct mcu_scheme *scheme = *state;
    BIGNUM *r, *s, *n = p256_order();
    struct mcu_pair pair;

    mcu_pair_make(&pair, scheme, 12);
    get_numbers(&pair, &r, &s);
    BN_sub(s, n, s);
    set_numbers(&pair, r, s);
    assert_int_equal(mcu_pair_verify_both(&pair), 0);
    BN_free(n);
    EVP_PKEY_free(pair.pkey);
}

static void zeros_may_follow_a_signature(void **state)
{
    const struct mcu_scheme *scheme = *state;
    struct mcu_pair pair;

    mcu_pair_make(&pair, scheme, 13);
    for (size_t len = pair.sig_len; pair.sig_len <= 128; pair.sig_len++) {
        assert_int_equal(mcu_pair_verify_both(&pair), 0);
        if (pair.sig_len > len) {
            pair.sig[pair.sig_len - 1] = 1;
            assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
            pair.sig[pair.sig_len - 1] = 0;
        }
    }
    EVP_PKEY_free(pair.pkey);
}

/* Where the length of the number is. */
static size_t number_at(const struct mcu_pair *pair, int which)
{
    return which == 0 ? 3 : 5u + pair->sig[3];
}

/* With one zero more or less in front of a number, all lengths right. */
static void number_with_another_zero(struct mcu_pair *pair, int which, bool is_more)
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
    const struct mcu_scheme *scheme = *state;
    int made[2][2] = { { 0 } };

    for (unsigned seed = 13; seed < 40; seed++) {
        for (int which = 0; which < 2; which++) {
            struct mcu_pair pair;
            bool has_zero;

            mcu_pair_make(&pair, scheme, seed);
            has_zero = pair.sig[number_at(&pair, which) + 1] == 0;
            number_with_another_zero(&pair, which, !has_zero);
            assert_int_equal(mcu_pair_verify_both(&pair), DFU_ERR_VERIFY);
            number_with_another_zero(&pair, which, has_zero);
            assert_int_equal(mcu_pair_verify_both(&pair), 0);
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
    const struct mcu_scheme *scheme = *state;
    bool are_seen[2] = { false };

    for (unsigned seed = 13; !are_seen[0] || !are_seen[1]; seed++) {
        struct mcu_pair pair;

        mcu_pair_make(&pair, scheme, seed);
        for (int which = 0; which < 2; which++) {
            if (pair.sig[number_at(&pair, which)] < 32) {
                are_seen[which] = true;
                assert_int_equal(mcu_pair_verify_both(&pair), 0);
            }
        }
        EVP_PKEY_free(pair.pkey);
    }
}

static void tags_and_lengths_have_one_value(void **state)
{
    const struct mcu_scheme *scheme = *state;

    for (unsigned seed = 13; seed < 15; seed++) {
        struct mcu_pair pair;

        mcu_pair_make(&pair, scheme, seed);
        for (size_t i = 0; i < 6; i++) {
            size_t at = i < 4 ? i : number_at(&pair, 1) + i - 5;
            uint8_t right = pair.sig[at];

            for (unsigned value = 0; value <= 0xff; value++) {
                pair.sig[at] = (uint8_t)value;
                assert_int_equal(
                    mcu_pair_verify_cut(&pair, pair.der_len, pair.sig_len, pair.digest_len),
                    value == right ? 0 : DFU_ERR_VERIFY);
            }
            pair.sig[at] = right;
        }
        for (size_t len = 2; len < pair.sig_len; len++) { /* numbers that reach behind the end */
            pair.sig[1] = (uint8_t)(len - 2);
            assert_int_equal(mcu_pair_verify_cut(&pair, pair.der_len, len, pair.digest_len),
                             DFU_ERR_VERIFY);
        }
        EVP_PKEY_free(pair.pkey);
    }
}

static void what_is_hardly_a_signature_is_refused(void **state)
{
    const struct mcu_scheme *scheme = *state;
    static const char *const encodings[] = {
        "30",     "3000",         "300102",           "30020200",         "3003020100",
        "300102", "300402000200", "3006020100020100", "3006020101020100", "3006020100020101",
        "3080",   "30ff",         "300602010102017f", "3005020101020101", "30060201010201",
    };
    struct mcu_pair pair;

    mcu_pair_make(&pair, scheme, 14);
    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        size_t len = strlen(encodings[i]) / 2;

        assert_int_equal(hex_bytes(encodings[i], pair.sig, sizeof(pair.sig)), (int)len);
        assert_int_equal(mcu_pair_verify_cut(&pair, pair.der_len, len, pair.digest_len),
                         DFU_ERR_VERIFY);
    }
    EVP_PKEY_free(pair.pkey);
}

static struct mcu_scheme micro_ecc = { &dfu_ecdsa_p256_uecc, &dfu_ecdsa_p256_openssl, "", 32 };
static struct mcu_scheme p256_m = { &dfu_ecdsa_p256_p256m, &dfu_ecdsa_p256_openssl, "", 32 };

#define BY_EACH_LIBRARY(test)                                \
    { #test "_by_micro_ecc", test, NULL, NULL, &micro_ecc }, \
    {                                                        \
#test "_by_p256_m", test, NULL, NULL, &p256_m        \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        BY_EACH_LIBRARY(numbers_outside_of_the_order_are_no_signature),
        BY_EACH_LIBRARY(the_other_s_is_right_too),
        BY_EACH_LIBRARY(zeros_may_follow_a_signature),
        BY_EACH_LIBRARY(numbers_have_one_encoding),
        BY_EACH_LIBRARY(short_numbers_are_right),
        BY_EACH_LIBRARY(tags_and_lengths_have_one_value),
        BY_EACH_LIBRARY(what_is_hardly_a_signature_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
