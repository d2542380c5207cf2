/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/cbor.h"
#include "dfu/err.h"
#include "hex.h"

/* What every decoding test asks for. */
struct wanted {
    uint32_t off;
    int32_t delta;
    bool upgrade, force;
    struct dfu_cbor_span data, name, list;
    struct dfu_cbor_key keys[7];
};

/* The message lies in a block of exactly its size, so that a read past it is seen. */
static int decode(struct wanted *w, const char *hex)
{
    uint8_t bytes[512];
    size_t len = hex_bytes(hex, bytes, sizeof(bytes));
    static uint8_t *exact;
    const struct dfu_cbor_key keys[7] = {
        { .name = "off", .type = DFU_CBOR_UINT, .out = &w->off },
        { .name = "delta", .type = DFU_CBOR_INT, .out = &w->delta },
        { .name = "upgrade", .type = DFU_CBOR_BOOL, .out = &w->upgrade },
        { .name = "force", .type = DFU_CBOR_FLAG, .out = &w->force },
        { .name = "data", .type = DFU_CBOR_BYTES, .out = &w->data },
        { .name = "name", .type = DFU_CBOR_TEXT, .out = &w->name },
        { .name = "list", .type = DFU_CBOR_ARRAY, .out = &w->list },
    };

    free(exact);
    exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    memset(w, 0, sizeof(*w));
    memcpy(w->keys, keys, sizeof(keys));
    return dfu_cbor_decode_map((struct dfu_cbor_span){ exact, len }, w->keys, 7);
}

static void keys_come_in_any_order_definite_or_not(void **state)
{
    static const char *const messages[] = {
        "a2 63 6f 66 66 18 20 64 64 61 74 61 42 aa bb",
        "a2 64 64 61 74 61 42 aa bb 63 6f 66 66 18 20",
        "bf 64 64 61 74 61 42 aa bb 63 6f 66 66 18 20 ff",
        "b8 02 64 64 61 74 61 58 02 aa bb 63 6f 66 66 1a 00 00 00 20", /* longer than need be */
        "a2 63 6f 66 66 1b 00 00 00 00 00 00 00 20 64 64 61 74 61 42 aa bb",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct wanted w;

        assert_int_equal(decode(&w, messages[i]), 0);
        assert_int_equal(w.off, 32);
        assert_hex(w.data.data, w.data.len, "aa bb");
        assert_true(w.keys[0].found);
        assert_false(w.keys[1].found);
    }
}

static void unknown_keys_are_skipped_with_whatever_they_hold(void **state)
{
    static const char *const values[] = {
        "00",
        "3b 7f ff ff ff ff ff ff ff",
        "1b ff ff ff ff ff ff ff ff",
        "f6",
        "f9 3c 00",
        "fb 3f f0 00 00 00 00 00 00",
        "43 01 02 03",
        "60",
        "c1 1a 00 00 00 01",          /* tagged */
        "d9 d9 f7 00",                /* the same, by a large number */
        "80",                         /* empty array */
        "9f ff",                      /* the same, indefinite */
        "a0",                         /* empty map */
        "82 01 a1 61 78 9f 01 02 ff", /* nested */
        "bf 61 78 bf 61 79 80 ff ff", /* nested, indefinite */
        "82 80 80",                   /* ends of several levels at once */
        "81 81 81 81 81 81 81 81 00", /* eight deep */
        "a1 63 6f 66 66 18 63",       /* the name of a known key, but deeper */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char message[256] = "a2 61 7a ";
        struct wanted w;

        strcat(message, values[i]);
        strcat(message, " 63 6f 66 66 07");
        assert_int_equal(decode(&w, message), 0);
        assert_int_equal(w.off, 7);
    }
}

static void malformed_maps_are_refused(void **state)
{
    static const char *const messages[] = {
        "",                                             /* nothing */
        "80",                                           /* an array */
        "01",                                           /* a number */
        "ff",                                           /* a break */
        "a1",                                           /* a key is missing */
        "a1 63 6f 66 66",                               /* a value is missing */
        "a1 63 6f 66",                                  /* a key is cut */
        "a1 63 6f 66 66 18",                            /* a number is cut */
        "a1 64 64 61 74 61 43 aa bb",                   /* a string is cut */
        "bf 63 6f 66 66 01",                            /* no break */
        "bf 63 6f 66 66 ff",                            /* a break for a value */
        "a2 63 6f 66 66 01",                            /* fewer than counted */
        "a1 01 02",                                     /* a key that is no text */
        "a1 43 6f 66 66 01",                            /* a key of bytes */
        "a2 63 6f 66 66 01 63 6f 66 66 01",             /* a known key twice */
        "a1 63 6f 66 66 61 31",                         /* text for a number */
        "a1 63 6f 66 66 20",                            /* a negative one */
        "a1 63 6f 66 66 1b 00 00 00 01 00 00 00 00",    /* beyond 32 bits */
        "a1 65 64 65 6c 74 61 1a 80 00 00 00",          /* beyond 31 */
        "a1 67 75 70 67 72 61 64 65 01",                /* a number for a boolean */
        "a1 67 75 70 67 72 61 64 65 f6",                /* null for one */
        "a1 64 64 61 74 61 61 31",                      /* text for bytes */
        "a1 64 6e 61 6d 65 41 31",                      /* bytes for text */
        "a1 64 6e 61 6d 65 7f 61 31 ff",                /* text in pieces */
        "a1 64 6c 69 73 74 a0",                         /* a map for an array */
        "a1 64 64 61 74 61 5b ff ff ff ff ff ff ff ff", /* 2^64 - 1 bytes */
        "bb ff ff ff ff ff ff ff ff",                   /* as many pairs */
        "bb 80 00 00 00 00 00 00 00",                   /* so many that their double is 0 */
        "ba 7f ff ff ff 61 7a 00",
        "a1 61 7a 9b ff ff ff ff ff ff ff ff",
        "a1 61 7a 9b ff ff ff ff ff ff ff ff ff",
        /* a count that is no break mark */ /* hidden in an unknown value */
        "a1 61 7a 5a ff ff ff ff 00",
        "a1 61 7a 1c",                                                 /* reserved length */
        "a1 61 7a 1c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", /* were it 16 bytes */
        "a1 61 7a 81 ff",                         /* a break in a counted array */
        "a1 61 7a 81",                            /* an item is missing */
        "a1 61 7a c1",                            /* a tag of nothing */
        "a1 61 7a 81 81 81 81 81 81 81 81 81 00", /* nine deep */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct wanted w;

        if (decode(&w, messages[i]) != DFU_ERR_FORMAT) {
            fail_msg("accepted: %s", messages[i]);
        }
    }
}

static void a_key_is_its_whole_name(void **state)
{
    struct wanted w;

    (void)state;
    assert_int_equal(decode(&w, "a3 62 6f 66 01 64 6f 66 66 73 02 64 6f 66 66 00 03"), 0);
    assert_false(w.keys[0].found);
}

static void nesting_costs_no_stack(void **state)
{
    static uint8_t message[1u << 20];
    struct dfu_cbor_key key = { .name = "off", .type = DFU_CBOR_UINT, .out = &(uint32_t){ 0 } };

    (void)state;
    memset(message, 0x9f, sizeof(message));
    memcpy(message, "\xa1\x61z", 3);
    assert_int_equal(
        dfu_cbor_decode_map((struct dfu_cbor_span){ message, sizeof(message) }, &key, 1),
        DFU_ERR_FORMAT);
}

static void a_flag_may_be_a_boolean_or_a_number(void **state)
{
    static const struct {
        const char *hex;
        bool value;
    } rows[] = {
        { "a1 65 66 6f 72 63 65 f5", true },
        { "a1 65 66 6f 72 63 65 f4", false },
        { "a1 65 66 6f 72 63 65 01", true },
        { "a1 65 66 6f 72 63 65 00", false },
    };
    struct wanted w;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(decode(&w, rows[i].hex), 0);
        assert_int_equal(w.force, rows[i].value);
    }
    assert_int_equal(decode(&w, "a1 65 66 6f 72 63 65 61 31"), DFU_ERR_FORMAT);
}

static void bytes_after_the_map_are_ignored(void **state)
{
    struct wanted w;

    (void)state;
    assert_int_equal(decode(&w, "a1 63 6f 66 66 07 ff ff"), 0);
    assert_int_equal(w.off, 7);
}

static void an_array_of_maps_is_walked_item_by_item(void **state)
{
    static const char *const messages[] = {
        "a1 64 6c 69 73 74 82 a1 63 6f 66 66 01 a1 63 6f 66 66 02",
        "bf 64 6c 69 73 74 9f bf 63 6f 66 66 01 ff bf 63 6f 66 66 02 ff ff ff",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct wanted w;
        struct dfu_cbor_walk walk;
        struct dfu_cbor_span item;
        uint32_t off = 0;
        struct dfu_cbor_key key = { .name = "off", .type = DFU_CBOR_UINT, .out = &off };

        assert_int_equal(decode(&w, messages[i]), 0);
        assert_int_equal(dfu_cbor_open_array(&walk, w.list), 0);
        for (uint32_t n = 1; n <= 2; n++) {
            assert_int_equal(dfu_cbor_next_item(&walk, &item), 1);
            assert_int_equal(dfu_cbor_decode_map(item, &key, 1), 0);
            assert_int_equal(off, n);
        }
        assert_int_equal(dfu_cbor_next_item(&walk, &item), 0);
        assert_int_equal(dfu_cbor_next_item(&walk, &item), 0);
    }
}

static void a_map_of_unknown_keys_is_walked_pair_by_pair(void **state)
{
    uint8_t bytes[64];
    size_t len = hex_bytes("bf 64 69 64 6c 65 01 64 6d 61 69 6e a0 ff", bytes, sizeof(bytes));
    struct dfu_cbor_walk walk;
    struct dfu_cbor_span key, value;
    char name[5];
    uint32_t number;

    (void)state;
    assert_int_equal(dfu_cbor_open_map(&walk, (struct dfu_cbor_span){ bytes, len }), 0);
    assert_int_equal(dfu_cbor_next_pair(&walk, &key, &value), 1);
    assert_true(dfu_cbor_text_is(key, "idle"));
    assert_false(dfu_cbor_text_is(key, "idl"));
    assert_int_equal(dfu_cbor_decode(value, DFU_CBOR_UINT, &number), 0);
    assert_int_equal(number, 1);
    assert_int_equal(dfu_cbor_next_pair(&walk, &key, &value), 1);
    assert_int_equal(dfu_cbor_text_copy(key, name, sizeof(name)), 0);
    assert_string_equal(name, "main");
    assert_int_equal(dfu_cbor_text_copy(key, name, 4), DFU_ERR_NOSPACE);
    assert_string_equal(name, "");
    assert_hex(value.data, value.len, "a0");
    assert_int_equal(dfu_cbor_next_pair(&walk, &key, &value), 0);
}

static void encode_sample(struct dfu_cbor_encoder *enc)
{
    dfu_cbor_begin_map(enc);
    dfu_cbor_pair_uint(enc, "u", 24);
    dfu_cbor_pair_int(enc, "i", -1);
    dfu_cbor_pair_bool(enc, "b", true);
    dfu_cbor_pair_bytes(enc, "d", "\x01\x02", 2);
    dfu_cbor_pair_text(enc, "t", "x");
    dfu_cbor_put_text(enc, "a");
    dfu_cbor_begin_array(enc);
    dfu_cbor_begin_map(enc);
    dfu_cbor_end(enc);
    dfu_cbor_put_uint(enc, 0);
    dfu_cbor_end(enc);
    dfu_cbor_end(enc);
}

static void maps_are_indefinite_unless_asked_otherwise(void **state)
{
    uint8_t buf[64];
    struct dfu_cbor_encoder enc;

    (void)state;
    dfu_cbor_encoder_init(&enc, buf, sizeof(buf), false);
    encode_sample(&enc);
    assert_int_equal(dfu_cbor_finish(&enc), 0);
    assert_hex(buf, enc.len,
               "bf 61 75 18 18 61 69 20 61 62 f5 61 64 42 01 02 61 74 61 78 61 61 9f bf ff 00 ff "
               "ff");

    dfu_cbor_encoder_init(&enc, buf, sizeof(buf), true);
    encode_sample(&enc);
    assert_int_equal(dfu_cbor_finish(&enc), 0);
    assert_hex(buf, enc.len,
               "a6 61 75 18 18 61 69 20 61 62 f5 61 64 42 01 02 61 74 61 78 61 61 82 a0 00");
}

static void a_long_counted_array_gets_a_longer_head(void **state)
{
    uint8_t buf[512];
    struct dfu_cbor_encoder enc;
    struct dfu_cbor_walk walk;
    struct dfu_cbor_span item;

    (void)state;
    dfu_cbor_encoder_init(&enc, buf, sizeof(buf), true);
    dfu_cbor_begin_array(&enc);
    for (uint32_t i = 0; i < 300; i++) {
        dfu_cbor_put_uint(&enc, i % 24);
    }
    dfu_cbor_end(&enc);
    assert_int_equal(dfu_cbor_finish(&enc), 0);
    assert_int_equal(enc.len, 303);
    assert_hex(buf, 5, "99 01 2c 00 01");
    assert_int_equal(dfu_cbor_open_array(&walk, (struct dfu_cbor_span){ buf, enc.len }), 0);
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t value;

        assert_int_equal(dfu_cbor_next_item(&walk, &item), 1);
        assert_int_equal(dfu_cbor_decode(item, DFU_CBOR_UINT, &value), 0);
        assert_int_equal(value, i % 24);
    }
    assert_int_equal(dfu_cbor_next_item(&walk, &item), 0);
}

static void a_message_that_does_not_fit_says_so_and_stays_inside(void **state)
{
    (void)state;
    for (int definite = 0; definite <= 1; definite++) {
        size_t whole = definite ? 25 : 28;

        for (size_t cap = 0; cap <= whole; cap++) {
            uint8_t *buf = malloc(cap > 0 ? cap : 1);
            struct dfu_cbor_encoder enc;

            assert_non_null(buf);
            dfu_cbor_encoder_init(&enc, buf, cap, definite);
            encode_sample(&enc);
            assert_int_equal(dfu_cbor_finish(&enc), cap < whole ? DFU_ERR_NOSPACE : 0);
            assert_true(enc.len <= cap);
            free(buf);
        }
    }
}

static void a_longer_head_that_does_not_fit_is_said_too(void **state)
{
    (void)state;
    for (size_t cap = 20; cap <= 26; cap++) {
        uint8_t *buf = malloc(cap);
        struct dfu_cbor_encoder enc;

        assert_non_null(buf);
        dfu_cbor_encoder_init(&enc, buf, cap, true);
        dfu_cbor_begin_array(&enc);
        for (uint32_t i = 0; i < 24; i++) {
            dfu_cbor_put_uint(&enc, 0);
        }
        dfu_cbor_end(&enc);
        assert_int_equal(dfu_cbor_finish(&enc), cap < 26 ? DFU_ERR_NOSPACE : 0);
        free(buf);
    }
}

static void what_is_nested_too_deep_is_not_written(void **state)
{
    uint8_t buf[32];

    (void)state;
    for (int definite = 0; definite <= 1; definite++) {
        struct dfu_cbor_encoder enc;

        dfu_cbor_encoder_init(&enc, buf, sizeof(buf), definite);
        for (size_t i = 0; i < DFU_CBOR_NESTING_MAX; i++) {
            dfu_cbor_begin_array(&enc);
        }
        assert_int_equal(enc.err, 0);
        dfu_cbor_begin_array(&enc);
        assert_int_equal(enc.err, DFU_ERR_NOSPACE);
    }
}

static void an_end_too_many_or_too_few_is_our_mistake_and_said(void **state)
{
    uint8_t buf[16];
    struct dfu_cbor_encoder enc;

    (void)state;
    dfu_cbor_encoder_init(&enc, buf, sizeof(buf), false);
    dfu_cbor_end(&enc);
    assert_int_equal(dfu_cbor_finish(&enc), DFU_ERR_STATE);
    dfu_cbor_encoder_init(&enc, buf, sizeof(buf), false);
    dfu_cbor_begin_map(&enc);
    assert_int_equal(dfu_cbor_finish(&enc), DFU_ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_in_any_order_definite_or_not),
        cmocka_unit_test(unknown_keys_are_skipped_with_whatever_they_hold),
        cmocka_unit_test(malformed_maps_are_refused),
        cmocka_unit_test(a_key_is_its_whole_name),
        cmocka_unit_test(nesting_costs_no_stack),
        cmocka_unit_test(a_flag_may_be_a_boolean_or_a_number),
        cmocka_unit_test(bytes_after_the_map_are_ignored),
        cmocka_unit_test(an_array_of_maps_is_walked_item_by_item),
        cmocka_unit_test(a_map_of_unknown_keys_is_walked_pair_by_pair),
        cmocka_unit_test(maps_are_indefinite_unless_asked_otherwise),
        cmocka_unit_test(a_long_counted_array_gets_a_longer_head),
        cmocka_unit_test(a_message_that_does_not_fit_says_so_and_stays_inside),
        cmocka_unit_test(a_longer_head_that_does_not_fit_is_said_too),
        cmocka_unit_test(what_is_nested_too_deep_is_not_written),
        cmocka_unit_test(an_end_too_many_or_too_few_is_our_mistake_and_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
