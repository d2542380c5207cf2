/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What images are read by: readers, the bounds of areas and entries, verdicts, versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "image/verdict.h"

/* 4 GiB of zeros with a header in front and an area whose end is beyond 32 bits. */
static int read_huge(void *ctx, uint32_t off, void *buf, size_t len)
{
    static const uint8_t header[32] = { 0x3d, 0xb8, 0xf3, 0x96, 0,    0,    0,    0,
                                        32,   0,    0,    0,    0xc0, 0xff, 0xff, 0xff };
    static const uint8_t info[4] = { 0x07, 0x69, 0xff, 0xff };

    (void)ctx;
    memcpy(buf, off == 0 ? header : info, len);
    return 0;
}

static void an_area_that_ends_beyond_32_bits_is_refused(void **state)
{
    struct dfu_reader reader = { read_huge, NULL, UINT32_MAX };
    struct dfu_image image;

    (void)state;
    assert_int_equal(dfu_image_open(&image, &reader, 0), DFU_IMAGE_SIZE_OVERFLOW);
}

/* Two bytes are left in the protected area. Read as the start of an entry, they and the next
 * area's header make one that ends exactly where the image does. */
static void an_entry_does_not_start_in_one_area_and_end_in_the_next(void **state)
{
    enum { TOTAL = 0x6907 + 2, SIZE = 32 + 6 + TOTAL };
    static const uint8_t head[] = { 0x3d, 0xb8, 0xf3, 0x96, 0, 0, 0, 0, 32, 0, 6, 0, 0, 0, 0, 0 };
    static const uint8_t areas[] = { 0x08, 0x69, 6, 0, 0xa0, 0x00, 0x07, 0x69, 0x09, 0x69 };
    uint8_t *data = calloc(1, SIZE);
    struct dfu_memory_span span = { data, SIZE };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image image;

    (void)state;
    assert_non_null(data);
    memcpy(data, head, sizeof(head));
    memcpy(data + 32, areas, sizeof(areas));
    assert_int_equal(dfu_image_open(&image, &reader, 0), DFU_IMAGE_BAD_TLV_BOUNDS);
    free(data);
}

static int read_pattern(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = (uint8_t)(off + i);
    }
    return 0;
}

static void readers_give_what_is_theirs_and_no_byte_more(void **state)
{
    static const uint8_t bytes[4] = { 4, 5, 6, 7 };
    static const struct dfu_flash_ops ops = { .read = read_pattern };
    const struct dfu_area area = { .ops = &ops, .base = 0, .size = 8, .write_size = 1 };
    struct dfu_area_span area_span = { &area, 4 }, beyond = { &area, 9 };
    struct dfu_memory_span memory_span = { bytes, 4 };
    struct dfu_reader readers[] = { dfu_area_reader(&area_span), dfu_memory_reader(&memory_span) };
    uint8_t buf[8];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct dfu_reader *r = &readers[i];

        assert_int_equal(r->size, 4);
        assert_int_equal(r->read(r->ctx, 0, buf, 4), 0);
        assert_memory_equal(buf, bytes, 4);
        assert_int_equal(r->read(r->ctx, 3, buf, 1), 0);
        assert_int_equal(buf[0], 7);
        assert_int_equal(r->read(r->ctx, 4, buf, 0), 0);
        assert_int_equal(r->read(r->ctx, 0, buf, 5), DFU_ERR_RANGE);
        assert_int_equal(r->read(r->ctx, 4, buf, 1), DFU_ERR_RANGE);
        assert_int_equal(r->read(r->ctx, UINT32_MAX, buf, 2), DFU_ERR_RANGE);
    }
    assert_int_equal(dfu_area_reader(&beyond).size, 0);
    assert_int_equal(dfu_area_reader(&beyond).read(&beyond, 0, buf, 0), DFU_ERR_RANGE);
}

static void only_all_proofs_and_no_fault_make_a_verdict(void **state)
{
    static const uint32_t both = PROOF_HASH ^ PROOF_SIGNATURE;
    static const struct {
        enum dfu_image_fault fault;
        uint32_t proof, needed;
        bool is_trusted;
    } cases[] = {
        { DFU_IMAGE_FINE, PROOF_HASH, PROOF_HASH, true },
        { DFU_IMAGE_FINE, both, both, true },
        { DFU_IMAGE_FINE, PROOF_SIGNATURE, PROOF_SIGNATURE, true },
        { DFU_IMAGE_FINE, PROOF_NONE, PROOF_NONE, false },
        { DFU_IMAGE_FINE, PROOF_NONE, both, false },
        { DFU_IMAGE_FINE, PROOF_HASH, both, false },
        { DFU_IMAGE_FINE, PROOF_SIGNATURE, both, false },
        { DFU_IMAGE_FINE, both, PROOF_HASH, false },
        { DFU_IMAGE_SIG_INVALID, both, both, false },
        { DFU_IMAGE_TRUNCATED, PROOF_HASH, PROOF_HASH, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dfu_verdict verdict = { 0 };

        verdict_decide(&verdict, cases[i].fault, cases[i].proof, cases[i].needed);
        assert_int_equal(dfu_verdict_is_trusted(&verdict), cases[i].is_trusted);
    }
    assert_int_equal(verdict_signature(0), PROOF_SIGNATURE);
    assert_int_equal(verdict_signature(DFU_ERR_VERIFY), PROOF_NONE);
    assert_int_equal(verdict_signature(1), PROOF_NONE);
    assert_int_equal(verdict_same_bytes((const uint8_t *)"ab", (const uint8_t *)"ab", 2),
                     PROOF_HASH);
    assert_int_equal(verdict_same_bytes((const uint8_t *)"ab", (const uint8_t *)"aB", 2),
                     PROOF_NONE);
    assert_int_equal(verdict_same_bytes((const uint8_t *)"", (const uint8_t *)"", 0), PROOF_NONE);
}

static void versions_are_compared_number_by_number(void **state)
{
    static const struct {
        struct dfu_image_version a, b;
        int order, order_with_build;
    } cases[] = {
        { { 1, 2, 3, 4 }, { 1, 2, 3, 4 }, 0, 0 },
        { { 1, 2, 3, 4 }, { 1, 2, 3, 5 }, 0, -1 },
        { { 1, 2, 3, 0xffffffff }, { 1, 2, 4, 0 }, -1, -1 },
        { { 1, 10, 0, 0 }, { 1, 9, 65535, 0 }, 1, 1 },
        { { 2, 0, 0, 0 }, { 1, 255, 65535, 0xffffffff }, 1, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(dfu_image_version_compare(&cases[i].a, &cases[i].b, false),
                         cases[i].order);
        assert_int_equal(dfu_image_version_compare(&cases[i].a, &cases[i].b, true),
                         cases[i].order_with_build);
        assert_int_equal(dfu_image_version_compare(&cases[i].b, &cases[i].a, true),
                         -cases[i].order_with_build);
    }
}

static void the_longest_version_fits_its_buffer(void **state)
{
    struct dfu_image_version version = { 255, 255, 65535, 4294967295 };
    char text[DFU_IMAGE_VERSION_STRLEN];

    (void)state;
    assert_string_equal(dfu_image_version_text(&version, text), "255.255.65535+4294967295");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_area_that_ends_beyond_32_bits_is_refused),
        cmocka_unit_test(an_entry_does_not_start_in_one_area_and_end_in_the_next),
        cmocka_unit_test(readers_give_what_is_theirs_and_no_byte_more),
        cmocka_unit_test(only_all_proofs_and_no_fault_make_a_verdict),
        cmocka_unit_test(versions_are_compared_number_by_number),
        cmocka_unit_test(the_longest_version_fits_its_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
