/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What a verdict is made from, and what is none: bit by bit, as a disturbance would leave it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/openssl.h"
#include "image/verdict.h"
#include "test_image.h"

static struct dfu_verdict trusted(void)
{
    struct dfu_verdict verdict;

    verdict_decide(&verdict, DFU_IMAGE_FINE, PROOF_HASH, PROOF_HASH);
    return verdict;
}

static struct dfu_verdict waived(void)
{
    struct dfu_verdict verdict;

    verdict_waive(&verdict);
    return verdict;
}

static void only_all_that_is_needed_is_trusted(void **state)
{
    static const uint32_t none_of_it[] = { PROOF_NONE, PROOF_SIGNATURE, PROOF_UNPACKED,
                                           PROOF_HASH ^ PROOF_SIGNATURE };
    struct dfu_verdict verdict = trusted();

    (void)state;
    assert_true(dfu_verdict_is_trusted(&verdict));
    for (size_t i = 0; i < sizeof none_of_it / sizeof none_of_it[0]; i++) {
        verdict_decide(&verdict, DFU_IMAGE_FINE, none_of_it[i], PROOF_HASH);
        assert_false(dfu_verdict_is_trusted(&verdict));
    }
    verdict_decide(&verdict, DFU_IMAGE_FINE, PROOF_NONE, PROOF_NONE);
    assert_false(dfu_verdict_is_trusted(&verdict));
}

static void a_fault_is_not_trusted_whatever_is_proved(void **state)
{
    (void)state;
    for (int fault = DFU_IMAGE_FINE + 1; fault < 64; fault++) {
        struct dfu_verdict verdict = trusted();

        verdict_decide(&verdict, (enum dfu_image_fault)fault, PROOF_HASH, PROOF_HASH);
        assert_false(dfu_verdict_is_trusted(&verdict));
    }
}

static void no_flipped_bit_makes_or_leaves_a_verdict(void **state)
{
    const struct dfu_verdict from[] = { trusted(), waived(), { 0, 0 }, { ~0u, ~0u } };

    (void)state;
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            struct dfu_verdict verdict = from[i];

            verdict.word ^= bit < 32 ? 1u << bit : 0;
            verdict.check ^= bit < 32 ? 0 : 1u << (bit - 32);
            assert_false(dfu_verdict_is_trusted(&verdict));
            assert_false(verdict_is_waived(&verdict));
        }
    }
}

static void halves_of_two_verdicts_are_none(void **state)
{
    const struct dfu_verdict a = trusted(), b = waived();
    const struct dfu_verdict mixed[] = { { a.word, b.check }, { b.word, a.check }, { a.word, 0 },
                                         { 0, a.check },      { b.word, 0 },       { 0, b.check } };

    (void)state;
    for (size_t i = 0; i < sizeof mixed / sizeof mixed[0]; i++) {
        assert_false(dfu_verdict_is_trusted(&mixed[i]));
        assert_false(verdict_is_waived(&mixed[i]));
    }
}

static void left_unchecked_is_not_trusted_nor_the_reverse(void **state)
{
    struct dfu_verdict a = trusted(), b = waived();

    (void)state;
    assert_true(verdict_is_waived(&b));
    assert_false(dfu_verdict_is_trusted(&b));
    assert_false(verdict_is_waived(&a));
    verdict_refuse(&a);
    verdict_refuse(&b);
    assert_false(dfu_verdict_is_trusted(&a));
    assert_false(verdict_is_waived(&b));
}

static void only_success_proves_a_signature(void **state)
{
    (void)state;
    assert_int_equal(verdict_signature(0), PROOF_SIGNATURE);
    for (int bit = 0; bit < 31; bit++) {
        assert_int_equal(verdict_signature(1 << bit), PROOF_NONE);
        assert_int_equal(verdict_signature(-(1 << bit)), PROOF_NONE);
    }
}

static void only_a_trusted_image_proves_what_it_was_unpacked_from(void **state)
{
    struct dfu_verdict verdict = trusted();

    (void)state;
    assert_int_equal(verdict_unpacked(&verdict), PROOF_UNPACKED);
    verdict = waived();
    assert_int_equal(verdict_unpacked(&verdict), PROOF_NONE);
    verdict_refuse(&verdict);
    assert_int_equal(verdict_unpacked(&verdict), PROOF_NONE);
}

static void every_byte_of_a_hash_counts(void **state)
{
    uint8_t a[64], b[64];

    (void)state;
    memset(a, 0x5a, sizeof a);
    for (size_t len = 1; len <= sizeof a; len++) {
        memcpy(b, a, sizeof b);
        assert_int_equal(verdict_same_bytes(a, b, len), PROOF_HASH);
        for (size_t i = 0; i < len; i++) {
            b[i] ^= (uint8_t)(1u << (i % 8));
            assert_int_equal(verdict_same_bytes(a, b, len), PROOF_NONE);
            b[i] = a[i];
        }
    }
    assert_int_equal(verdict_same_bytes(a, b, 0), PROOF_NONE);
}

static int read_blank(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)off;
    ++*(unsigned *)ctx;
    memset(buf, 0xff, len);
    return 0;
}

static void a_buffer_that_is_too_small_is_not_used(void **state)
{
    unsigned reads = 0;
    const struct dfu_image_policy policy = { .hash_only = true };
    const struct dfu_reader reader = { read_blank, &reads, 4096 };
    struct dfu_image_report report = { .fault = DFU_IMAGE_FINE, .verdict = trusted() };
    uint8_t buf[64];

    (void)state;
    dfu_image_verify(&policy, &reader, 0, buf, sizeof buf - 1, NULL, NULL, &report);
    assert_int_equal(report.fault, DFU_IMAGE_UNREADABLE);
    assert_false(dfu_verdict_is_trusted(&report.verdict));
    assert_int_equal(reads, 0);
    dfu_image_verify(&policy, &reader, 0, buf, sizeof buf, NULL, NULL, &report);
    assert_int_equal(report.fault, DFU_IMAGE_BAD_MAGIC);
}

static int read_image(void *ctx, uint32_t off, void *buf, size_t len)
{
    memcpy(buf, (const uint8_t *)ctx + off, len);
    return 0;
}

/* The loader refuses such a configuration; so does the check itself. */
static void without_keys_a_hash_will_do_only_where_that_is_said(void **state)
{
    static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };
    struct dfu_image_policy policy = { .hashes = hashes, .hash_only = true };
    struct test_recipe recipe = {
        .hdr_size = 32, .body = 64, .tlvs = { { DFU_TLV_SHA256, NULL, 32 } }, .tlv_count = 1
    };
    uint8_t image[256], buf[64];
    const struct dfu_reader reader = { read_image, image, (uint32_t)test_image_size(&recipe) };
    struct dfu_image_report report;

    (void)state;
    assert_true(reader.size <= sizeof image);
    test_image_build(&recipe, image);
    dfu_image_verify(&policy, &reader, 0, buf, sizeof buf, NULL, NULL, &report);
    assert_true(dfu_verdict_is_trusted(&report.verdict));
    policy.hash_only = false;
    dfu_image_verify(&policy, &reader, 0, buf, sizeof buf, NULL, NULL, &report);
    assert_int_equal(report.fault, DFU_IMAGE_KEY_UNKNOWN);
    assert_false(dfu_verdict_is_trusted(&report.verdict));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_all_that_is_needed_is_trusted),
        cmocka_unit_test(a_fault_is_not_trusted_whatever_is_proved),
        cmocka_unit_test(no_flipped_bit_makes_or_leaves_a_verdict),
        cmocka_unit_test(halves_of_two_verdicts_are_none),
        cmocka_unit_test(left_unchecked_is_not_trusted_nor_the_reverse),
        cmocka_unit_test(only_success_proves_a_signature),
        cmocka_unit_test(only_a_trusted_image_proves_what_it_was_unpacked_from),
        cmocka_unit_test(every_byte_of_a_hash_counts),
        cmocka_unit_test(a_buffer_that_is_too_small_is_not_used),
        cmocka_unit_test(without_keys_a_hash_will_do_only_where_that_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
