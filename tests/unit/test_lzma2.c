/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Both decoders against what liblzma's encoder made, and against what is damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lzma.h>

#include "dfu/decompress.h"
#include "dfu/err.h"
#include "dfu/image.h"

#define PLAIN_MAX  (300u * 1024)
#define PACKED_MAX (320u * 1024)

static const struct dfu_decoder *const decoders[] = { &dfu_lzma2, &dfu_lzma2_liblzma };

static uint8_t plain[PLAIN_MAX], packed[PACKED_MAX], out[PLAIN_MAX + 1];
static uint32_t seed;

static uint32_t next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* Program-like bytes: words that come again, zeros, noise, branches. */
static void fill(size_t len, uint32_t from)
{
    size_t at = 0;

    seed = from;
    while (at < len) {
        size_t n = next() % 60 + 1, reach = at ? next() % at + 1 : 0;
        uint32_t kind = next() % 4;

        for (size_t i = 0; i < n && at < len; i++, at++) {
            plain[at] = kind == 0   ? (uint8_t)next()
                        : kind == 1 ? 0
                        : kind == 2 ? (uint8_t)((at & 1) ? 0xf0 | ((at & 2) << 2) : next())
                        : reach     ? plain[at - reach]
                                    : 7;
        }
    }
}

static size_t pack(size_t len, lzma_options_lzma *options, bool is_thumb)
{
    lzma_filter filters[] = { { LZMA_FILTER_ARMTHUMB, NULL },
                              { LZMA_FILTER_LZMA2, options },
                              { LZMA_VLI_UNKNOWN, NULL } };
    size_t at = 0;

    assert_int_equal(lzma_raw_buffer_encode(is_thumb ? filters : filters + 1, NULL, plain, len,
                                            packed, &at, sizeof(packed)),
                     LZMA_OK);
    return at;
}

/* Everything that comes out, in pieces; or the error. */
static int unpack(const struct dfu_decoder *decoder, const struct dfu_coding *coding,
                  size_t packed_len, size_t piece)
{
    struct dfu_memory_span span = { packed, (uint32_t)packed_len };
    struct dfu_reader in = dfu_memory_reader(&span);
    size_t work_len = decoder->work_size(coding);
    void *work = malloc(work_len);
    int n, len = 0;

    assert_int_equal(decoder->start(work, work_len, coding, &in, 0, in.size), DFU_OK);
    do {
        size_t room = sizeof(out) - (size_t)len;

        n = decoder->read(work, out + len, piece < room ? piece : room);
        len += n > 0 ? n : 0;
    } while (n > 0);
    decoder->end(work);
    free(work);
    return n < 0 ? n : len;
}

static lzma_options_lzma options_of(uint32_t dict, uint32_t lc, uint32_t lp, uint32_t pb)
{
    lzma_options_lzma options;

    assert_false(lzma_lzma_preset(&options, 9));
    options.dict_size = dict;
    options.lc = lc;
    options.lp = lp;
    options.pb = pb;
    return options;
}

static void both_give_back(size_t len, lzma_options_lzma options, bool is_thumb, size_t piece)
{
    struct dfu_coding coding = { options.dict_size, (uint32_t)len, is_thumb };
    size_t packed_len = pack(len, &options, is_thumb);

    for (size_t i = 0; i < 2; i++) {
        memset(out, 0xee, sizeof(out));
        assert_int_equal(unpack(decoders[i], &coding, packed_len, piece), len);
        assert_memory_equal(out, plain, len);
    }
}

static void what_was_packed_comes_out_again(void **state)
{
    static const size_t lens[] = { 0, 1, 2, 3, 4, 5, 17, 4097, 70001 };

    (void)state;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        for (int thumb = 0; thumb < 2; thumb++) {
            fill(lens[i], (uint32_t)i);
            both_give_back(lens[i], options_of(131072, 3, 1, 2), thumb, 4096);
            both_give_back(lens[i], options_of(131072, 3, 1, 2), thumb, 1 + i * 3);
        }
    }
}

/* Distances beyond the dictionary of 4 KiB, and chunks beyond 64 KiB packed and 2 MiB plain. */
static void the_dictionary_is_a_ring(void **state)
{
    (void)state;
    fill(PLAIN_MAX, 77);
    both_give_back(PLAIN_MAX, options_of(4096, 3, 1, 2), true, 65536);
    both_give_back(PLAIN_MAX, options_of(131072, 3, 1, 2), false, 1000);
    both_give_back(PLAIN_MAX, options_of(1u << 20, 3, 1, 2), false, 65536);
}

static void all_literal_and_position_bits_are_understood(void **state)
{
    (void)state;
    fill(3000, 5);
    for (uint32_t lc = 0; lc <= 4; lc++) {
        for (uint32_t lp = 0; lc + lp <= 4; lp++) {
            for (uint32_t pb = 0; pb <= 4; pb++) {
                both_give_back(3000, options_of(4096, lc, lp, pb), false, 512);
            }
        }
    }
}

/* Whatever happens to a byte: both say the same about the stream, and about each byte of it. */
static void a_damaged_stream_means_the_same_to_both(void **state)
{
    lzma_options_lzma options = options_of(131072, 3, 1, 2);
    struct dfu_coding coding = { 131072, 700, true };
    static uint8_t theirs[sizeof(out)];
    size_t packed_len;
    int refused = 0;

    (void)state;
    fill(700, 3);
    packed_len = pack(700, &options, true);
    for (size_t at = 0; at < packed_len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            int a, b;

            packed[at] ^= (uint8_t)(1u << bit);
            b = unpack(&dfu_lzma2_liblzma, &coding, packed_len, 4096);
            memcpy(theirs, out, sizeof(out));
            a = unpack(&dfu_lzma2, &coding, packed_len, 4096);
            packed[at] ^= (uint8_t)(1u << bit);
            assert_int_equal(a < 0, b < 0);
            refused += a < 0;
            if (a >= 0) {
                assert_int_equal(a, b);
                assert_memory_equal(out, theirs, (size_t)a);
            }
        }
    }
    assert_true(refused > (int)packed_len * 8 * 9 / 10);
}

static void a_stream_that_is_cut_or_followed_by_something_is_refused(void **state)
{
    lzma_options_lzma options = options_of(131072, 3, 1, 2);
    struct dfu_coding coding = { 131072, 500, false };
    size_t packed_len;

    (void)state;
    fill(500, 9);
    packed_len = pack(500, &options, false);
    for (size_t i = 0; i < 2; i++) {
        for (size_t len = 0; len < packed_len; len++) {
            assert_int_equal(unpack(decoders[i], &coding, len, 64), DFU_ERR_FORMAT);
        }
        packed[packed_len] = 0;
        assert_int_equal(unpack(decoders[i], &coding, packed_len + 1, 64), DFU_ERR_FORMAT);
        assert_int_equal(unpack(decoders[i], &coding, packed_len, 64), 500);
    }
}

/* Made by hand, because no encoder makes them. */
static void chunks_out_of_order_are_refused(void **state)
{
    static const struct {
        uint8_t bytes[12];
        size_t len;
        int result;
    } streams[] = {
        { { 0x00 }, 1, 0 },
        { { 0x01, 0, 1, 'a', 'b', 0x02, 0, 0, 'c', 0x00 }, 10, 3 },
        { { 0x02, 0, 0, 'c', 0x00 }, 5, DFU_ERR_FORMAT },  /* no dictionary yet */
        { { 0x03, 0, 0, 'c', 0x00 }, 5, DFU_ERR_FORMAT },  /* no such control byte */
        { { 0x7f, 0, 0, 'c', 0x00 }, 5, DFU_ERR_FORMAT },  /* neither */
        { { 0x80, 0, 0, 0, 5, 0 }, 6, DFU_ERR_FORMAT },    /* no dictionary, no properties */
        { { 0xc0, 0, 0, 0, 5, 0x5d }, 6, DFU_ERR_FORMAT }, /* no dictionary */
        { { 0x01, 0, 0, 'a', 0xa0, 0, 0, 0, 5 }, 9, DFU_ERR_FORMAT }, /* no properties */
        { { 0xe0, 0, 0, 0, 5, 225 }, 6, DFU_ERR_FORMAT },             /* impossible properties */
        { { 0xe0, 0, 0, 0, 5, 44, 0, 0 }, 8, DFU_ERR_FORMAT },        /* lc + lp above 4 */
        { { 0xe0, 0, 0, 0, 5, 0x5d, 1, 0 }, 8, DFU_ERR_FORMAT },      /* a coder starts with 0 */
    };
    struct dfu_coding coding = { 4096, 100, false };

    (void)state;
    for (size_t n = 0; n < sizeof(streams) / sizeof(streams[0]); n++) {
        for (size_t i = 0; i < 2; i++) {
            memcpy(packed, streams[n].bytes, streams[n].len);
            assert_int_equal(unpack(decoders[i], &coding, streams[n].len, 64), streams[n].result);
        }
    }
}

static void without_room_for_the_dictionary_nothing_begins(void **state)
{
    struct dfu_memory_span span = { packed, 10 };
    struct dfu_reader in = dfu_memory_reader(&span);
    struct dfu_coding coding = { 131072, 5000, false };
    size_t work_len = dfu_lzma2.work_size(&coding);
    void *work = malloc(work_len);

    (void)state;
    assert_true(work_len <= DFU_LZMA2_WORK_SIZE(131072u, 5000u));
    assert_int_equal(dfu_lzma2.start(work, work_len - 1, &coding, &in, 0, 10), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_lzma2.start(work, 16, &coding, &in, 0, 10), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_lzma2.start(work, work_len, &coding, &in, 1, 10), DFU_ERR_RANGE);
    assert_int_equal(dfu_lzma2.start(work, work_len, &coding, &in, 0, 10), DFU_OK);
    coding.size = 1u << 30; /* then the dictionary's own size counts */
    assert_int_equal(dfu_lzma2.work_size(&coding) - work_len, 131072 - 5000);
    free(work);
}

static int read_fails(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)ctx;
    memset(buf, 1, len);
    return off > 100 ? DFU_ERR_IO : 0;
}

static void an_error_of_the_reader_comes_through_and_stays(void **state)
{
    struct dfu_reader in = { read_fails, NULL, 1u << 20 };
    struct dfu_coding coding = { 4096, PLAIN_MAX, false };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t work_len = decoders[i]->work_size(&coding);
        void *work = malloc(work_len);
        int n;

        assert_int_equal(decoders[i]->start(work, work_len, &coding, &in, 0, 1u << 20), DFU_OK);
        do {
            n = decoders[i]->read(work, out, 50);
        } while (n > 0);
        assert_int_equal(n, DFU_ERR_IO);
        assert_int_equal(decoders[i]->read(work, out, 50), DFU_ERR_IO);
        decoders[i]->end(work);
        free(work);
    }
}

static void parameters_are_imgtools_or_nothing(void **state)
{
    struct dfu_coding coding;

    (void)state;
    assert_int_equal(dfu_coding_parse((const uint8_t[]){ 0x0a, 0x66 }, 9, true, &coding), DFU_OK);
    assert_int_equal(coding.dict_size, 131072);
    assert_int_equal(coding.size, 9);
    assert_true(coding.is_thumb);
    assert_int_equal(dfu_coding_parse((const uint8_t[]){ 0, 0 }, 9, true, &coding), DFU_OK);
    assert_int_equal(coding.dict_size, 4096);
    assert_int_equal(dfu_coding_parse((const uint8_t[]){ 39, 0 }, 9, true, &coding), DFU_OK);
    assert_int_equal(coding.dict_size, 0xc0000000);
    assert_int_equal(dfu_coding_parse((const uint8_t[]){ 40, 0x66 }, 9, true, &coding),
                     DFU_ERR_FORMAT);
    assert_int_equal(dfu_coding_parse((const uint8_t[]){ 10, 225 }, 9, true, &coding),
                     DFU_ERR_FORMAT);
    assert_int_equal(dfu_coding_parse((const uint8_t[]){ 10, 44 }, 9, true, &coding),
                     DFU_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_out_again),
        cmocka_unit_test(the_dictionary_is_a_ring),
        cmocka_unit_test(all_literal_and_position_bits_are_understood),
        cmocka_unit_test(a_damaged_stream_means_the_same_to_both),
        cmocka_unit_test(a_stream_that_is_cut_or_followed_by_something_is_refused),
        cmocka_unit_test(chunks_out_of_order_are_refused),
        cmocka_unit_test(without_room_for_the_dictionary_nothing_begins),
        cmocka_unit_test(an_error_of_the_reader_comes_through_and_stays),
        cmocka_unit_test(parameters_are_imgtools_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
