/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/smp.h"
#include "hex.h"

static const struct {
    const char *hex;
    struct dfu_smp_header header;
} rows[] = {
    { "00 00 00 00 00 00 00 00", { 0 } },
    { "02 00 00 06 00 00 42 00", { .op = DFU_SMP_WRITE, .length = 6, .seq = 0x42 } },
    { "01 00 00 06 00 42 09 00", { .op = DFU_SMP_READ_RSP, .length = 6, .group = 0x42, .seq = 9 } },
    { "08 00 00 01 00 01 50 00",
      { .op = DFU_SMP_READ, .version = DFU_SMP_V2, .length = 1, .group = 1, .seq = 0x50 } },
    { "0b 00 12 34 56 78 9a bc",
      { .op = DFU_SMP_WRITE_RSP,
        .version = DFU_SMP_V2,
        .length = 0x1234,
        .group = 0x5678,
        .seq = 0x9a,
        .id = 0xbc } },
    { "1f a5 ff ff ff ff ff ff",
      { .op = 7,
        .version = 3,
        .flags = 0xa5,
        .length = 0xffff,
        .group = 0xffff,
        .seq = 0xff,
        .id = 0xff } },
};

static void assert_same(const struct dfu_smp_header *a, const struct dfu_smp_header *b)
{
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->length, b->length);
    assert_int_equal(a->group, b->group);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->id, b->id);
}

static void fields_lie_where_the_protocol_puts_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[DFU_SMP_HEADER_SIZE];
        struct dfu_smp_header header;

        dfu_smp_header_encode(&rows[i].header, bytes);
        assert_hex(bytes, sizeof(bytes), rows[i].hex);
        dfu_smp_header_decode(bytes, &header);
        assert_same(&header, &rows[i].header);
    }
}

static void reserved_bits_are_ignored_and_sent_as_zero(void **state)
{
    uint8_t bytes[DFU_SMP_HEADER_SIZE] = { 0xe8 };
    struct dfu_smp_header header;

    (void)state;
    dfu_smp_header_decode(bytes, &header);
    assert_int_equal(header.op, DFU_SMP_READ);
    assert_int_equal(header.version, DFU_SMP_V2);
    dfu_smp_header_encode(&header, bytes);
    assert_int_equal(bytes[0], 0x08);
}

static void codes_have_the_names_of_the_field(void **state)
{
    (void)state;
    assert_string_equal(dfu_smp_rc_name(DFU_SMP_EBUSY), "EBUSY");
    assert_string_equal(dfu_smp_rc_name(13), "UNSUPPORTED_TOO_NEW");
    assert_null(dfu_smp_rc_name(14));
    assert_null(dfu_smp_rc_name(DFU_SMP_EPERUSER));
    assert_string_equal(dfu_smp_err_name(DFU_SMP_GROUP_IMG, 9), "NO_FREE_SLOT");
    assert_string_equal(dfu_smp_err_name(DFU_SMP_GROUP_OS, 4), "RTC_NOT_SET");
    assert_null(dfu_smp_err_name(DFU_SMP_GROUP_IMG, 35));
    assert_string_equal(dfu_smp_err_name(DFU_SMP_GROUP_FS, 16), "FILE_EMPTY");
    assert_string_equal(dfu_smp_err_name(DFU_SMP_GROUP_SETTINGS, 2), "KEY_TOO_LONG");
    assert_null(dfu_smp_err_name(DFU_SMP_GROUP_FS, 17));
    assert_null(dfu_smp_err_name(DFU_SMP_GROUP_USER, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_lie_where_the_protocol_puts_them),
        cmocka_unit_test(reserved_bits_are_ignored_and_sent_as_zero),
        cmocka_unit_test(codes_have_the_names_of_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
