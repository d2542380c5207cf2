/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Numbers, strings and booleans as zcbor, which Zephyr and MCUboot link, has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zcbor_decode.h>
#include <zcbor_encode.h>

#include "dfu/cbor.h"

#define HEAD_MAX        9u
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* On both sides of where a head grows and where a type ends. */
static const uint64_t numbers[] = {
    0,
    1,
    23,
    24,
    255,
    256,
    65535,
    65536,
    INT32_MAX,
    0x80000000u,
    UINT32_MAX,
    0x100000000u,
    INT64_MAX,
    0x8000000000000000u,
    UINT64_MAX - 1,
    UINT64_MAX,
};

struct item {
    uint8_t bytes[HEAD_MAX];
    size_t len;
};

static struct item ours(uint64_t number, bool is_negative)
{
    struct item item;
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, item.bytes, sizeof(item.bytes), false);
    if (is_negative) {
        dfu_cbor_put_int(&enc, -1 - (int64_t)number);
    } else {
        dfu_cbor_put_uint(&enc, number);
    }
    assert_int_equal(dfu_cbor_finish(&enc), 0);
    item.len = enc.len;
    return item;
}

static struct item theirs(uint64_t number, bool is_negative)
{
    struct item item;
    zcbor_state_t state;

    zcbor_new_encode_state(&state, 1, item.bytes, sizeof(item.bytes), 0);
    assert_true(is_negative ? zcbor_int64_put(&state, -1 - (int64_t)number)
                            : zcbor_uint64_put(&state, number));
    item.len = (size_t)(state.payload - item.bytes);
    return item;
}

static void numbers_are_written_as_zcbor_writes_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        for (int is_negative = 0; is_negative <= (numbers[i] <= INT64_MAX); is_negative++) {
            struct item a = ours(numbers[i], is_negative), b = theirs(numbers[i], is_negative);

            assert_int_equal(a.len, b.len);
            assert_memory_equal(a.bytes, b.bytes, a.len);
        }
    }
}

static bool zcbor_reads(const struct item *item, enum dfu_cbor_type type, void *out)
{
    zcbor_state_t state;

    zcbor_new_decode_state(&state, 1, item->bytes, item->len, 1, NULL, 0);
    switch (type) {
    case DFU_CBOR_UINT: return zcbor_uint32_decode(&state, out);
    case DFU_CBOR_UINT64: return zcbor_uint64_decode(&state, out);
    case DFU_CBOR_INT: return zcbor_int32_decode(&state, out);
    case DFU_CBOR_INT64: return zcbor_int64_decode(&state, out);
    default: return zcbor_bool_decode(&state, out);
    }
}

/* The same acceptance, and the same value in what was zero before; a refusal leaves it so. */
static void assert_read_alike(const struct item *item, enum dfu_cbor_type type)
{
    uint64_t a = 0, b = 0;
    int err = dfu_cbor_decode((struct dfu_cbor_span){ item->bytes, item->len }, type, &a);

    assert_int_equal(err == 0, zcbor_reads(item, type, &b));
    assert_true(err == 0 ? a == b : a == 0);
}

static void numbers_are_read_as_zcbor_reads_them(void **state)
{
    static const enum dfu_cbor_type types[] = { DFU_CBOR_UINT, DFU_CBOR_UINT64, DFU_CBOR_INT,
                                                DFU_CBOR_INT64, DFU_CBOR_BOOL };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        for (size_t type = 0; type < COUNT_OF(types); type++) {
            struct item item = theirs(numbers[i], false);

            assert_read_alike(&item, types[type]);
            item.bytes[0] |= 0x20; /* also those beyond 64 bits with a sign */
            assert_read_alike(&item, types[type]);
        }
    }
}

static void a_boolean_is_what_zcbor_takes_for_one(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned next = 0; next < 256; next++) {
            struct item item = { { (uint8_t)first, (uint8_t)next, 1, 1, 1, 1, 1, 1, 1 }, HEAD_MAX };

            if (first >> 5 == 7) { /* strings and containers would need more */
                assert_read_alike(&item, DFU_CBOR_BOOL);
            }
        }
    }
}

static void strings_are_written_and_read_as_zcbor_does(void **state)
{
    static const size_t sizes[] = { 0, 1, 23, 24, 255, 256, 65535, 65536 };
    static uint8_t content[65536], a[65536 + HEAD_MAX], b[65536 + HEAD_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(content); i++) {
        content[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct dfu_cbor_encoder enc;
        struct dfu_cbor_span span;
        struct zcbor_string string = { content, sizes[i] };
        zcbor_state_t zcbor;

        dfu_cbor_encoder_init(&enc, a, sizeof(a), false);
        dfu_cbor_put_bytes(&enc, content, sizes[i]);
        assert_int_equal(dfu_cbor_finish(&enc), 0);
        zcbor_new_encode_state(&zcbor, 1, b, sizeof(b), 0);
        assert_true(zcbor_bstr_encode(&zcbor, &string));
        assert_int_equal(enc.len, (size_t)(zcbor.payload - b));
        assert_memory_equal(a, b, enc.len);
        assert_int_equal(
            dfu_cbor_decode((struct dfu_cbor_span){ b, enc.len }, DFU_CBOR_BYTES, &span), 0);
        assert_int_equal(span.len, sizes[i]);
        assert_memory_equal(span.data, content, sizes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_zcbor_writes_them),
        cmocka_unit_test(numbers_are_read_as_zcbor_reads_them),
        cmocka_unit_test(a_boolean_is_what_zcbor_takes_for_one),
        cmocka_unit_test(strings_are_written_and_read_as_zcbor_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
