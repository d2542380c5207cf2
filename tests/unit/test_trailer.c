/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/trailer.h"
#include "nor.h"

#define SLOT_SIZE 0x4000u

static const uint8_t magic_8[16] = { 0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f,
                                     0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80 };
static const uint8_t magic_16[16] = { 0x10, 0x00, 0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b,
                                      0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a };
static const uint8_t magic_32[16] = { 0x20, 0x00, 0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b,
                                      0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a };

struct slots {
    struct nor *nor;
    struct dfu_slot_map map;
    const struct dfu_area *primary;
};

static struct slots slots_new(uint8_t max_align, uint8_t write_size, uint8_t erased)
{
    struct slots s = { .nor = nor_new(0x1000, 7, write_size, erased) };

    s.primary = nor_area(s.nor, "slot0_partition", 4);
    s.map = (struct dfu_slot_map){
        .mode = DFU_MODE_SWAP_MOVE,
        .max_align = max_align,
        .max_sectors = 32,
        .image_count = 1,
        .images = { { s.primary, nor_area(s.nor, "slot1_partition", 3) } },
    };
    return s;
}

static struct dfu_slot_state state_of(const struct slots *s)
{
    struct dfu_slot_state state;

    assert_int_equal(dfu_slot_state_read(&s->map, s->primary, &state), 0);
    return state;
}

static void put(const struct slots *s, uint32_t off, const void *data, size_t len)
{
    assert_int_equal(dfu_sim_flash_load(&s->nor->flash, off, data, len), 0);
}

static void an_erased_trailer_says_nothing(void **state)
{
    static const uint8_t erased[] = { 0xff, 0x00 };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct slots s = slots_new(8, 4, erased[i]);
        struct dfu_slot_state read = state_of(&s);

        assert_int_equal(read.magic, DFU_MAGIC_UNSET);
        assert_int_equal(read.image_ok, DFU_FLAG_UNSET);
        assert_int_equal(read.copy_done, DFU_FLAG_UNSET);
        assert_int_equal(read.swap_type, DFU_SWAP_NONE);
        assert_int_equal(read.image_num, 0);
        nor_free(s.nor);
    }
}

static void a_build_knows_its_own_magic_only(void **state)
{
    static const struct {
        uint8_t max_align;
        const uint8_t *bytes;
        enum dfu_magic magic;
    } rows[] = {
        { 8, magic_8, DFU_MAGIC_GOOD },   { 8, magic_16, DFU_MAGIC_BAD },
        { 8, magic_32, DFU_MAGIC_BAD },   { 16, magic_16, DFU_MAGIC_GOOD },
        { 16, magic_8, DFU_MAGIC_BAD },   { 16, magic_32, DFU_MAGIC_BAD },
        { 32, magic_32, DFU_MAGIC_GOOD }, { 32, magic_16, DFU_MAGIC_BAD },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slots s = slots_new(rows[i].max_align, 8, 0xff);

        put(&s, SLOT_SIZE - 16, rows[i].bytes, 16);
        assert_int_equal(state_of(&s).magic, rows[i].magic);
        nor_free(s.nor);
    }
}

static void every_damaged_byte_of_a_magic_makes_it_bad(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 16; i++) {
        struct slots s = slots_new(8, 4, 0xff);
        uint8_t raw[16];

        memcpy(raw, magic_8, sizeof raw);
        raw[i] ^= 0x10;
        put(&s, SLOT_SIZE - 16, raw, sizeof raw);
        assert_int_equal(state_of(&s).magic, DFU_MAGIC_BAD);
        nor_free(s.nor);
    }
}

/* Only the first byte counts; where erased is 0x00, SET is still 0x01. */
static void a_flag_is_set_unset_or_bad(void **state)
{
    (void)state;
    for (unsigned erased = 0; erased <= 0xff; erased += 0xff) {
        for (unsigned byte = 0; byte <= 0xff; byte++) {
            struct slots s = slots_new(8, 4, (uint8_t)erased);
            uint8_t raw = (uint8_t)byte;
            enum dfu_flag flag = byte == erased ? DFU_FLAG_UNSET
                                 : byte == 1    ? DFU_FLAG_SET
                                                : DFU_FLAG_BAD;

            put(&s, SLOT_SIZE - 24, &raw, 1);
            put(&s, SLOT_SIZE - 32, &raw, 1);
            assert_int_equal(state_of(&s).image_ok, flag);
            assert_int_equal(state_of(&s).copy_done, flag);
            nor_free(s.nor);
        }
    }
}

static void swap_info_holds_type_and_image_or_nothing(void **state)
{
    static const struct {
        uint8_t erased, raw;
        enum dfu_swap_type type;
        uint8_t image;
    } rows[] = {
        { 0xff, 0xff, DFU_SWAP_NONE, 0 },   { 0xff, 0x01, DFU_SWAP_NONE, 0 },
        { 0xff, 0x02, DFU_SWAP_TEST, 0 },   { 0xff, 0x03, DFU_SWAP_PERM, 0 },
        { 0xff, 0x04, DFU_SWAP_REVERT, 0 }, { 0xff, 0x05, DFU_SWAP_NONE, 0 },
        { 0xff, 0x17, DFU_SWAP_NONE, 0 },   { 0xff, 0x12, DFU_SWAP_TEST, 1 },
        { 0xff, 0xf3, DFU_SWAP_PERM, 15 },  { 0xff, 0x00, DFU_SWAP_NONE, 0 },
        { 0x00, 0x00, DFU_SWAP_NONE, 0 },   { 0x00, 0x72, DFU_SWAP_TEST, 7 },
        { 0x00, 0xff, DFU_SWAP_NONE, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slots s = slots_new(8, 4, rows[i].erased);

        put(&s, SLOT_SIZE - 40, &rows[i].raw, 1);
        assert_int_equal(state_of(&s).swap_type, rows[i].type);
        assert_int_equal(state_of(&s).image_num, rows[i].image);
        nor_free(s.nor);
    }
}

/* Each field alone, and not a byte besides: the value, then the erased value up to the write
 * size; the magic fills its alignment from the left. */
static void each_write_programs_exactly_its_field(void **state)
{
    static const struct {
        uint8_t max_align, write_size, erased;
    } rows[] = {
        { 8, 1, 0xff },  { 8, 4, 0xff },   { 8, 8, 0xff },  { 8, 8, 0x00 },
        { 16, 4, 0xff }, { 16, 16, 0xff }, { 32, 4, 0x00 }, { 32, 32, 0xff },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slots s = slots_new(rows[i].max_align, rows[i].write_size, rows[i].erased);
        uint32_t align = rows[i].max_align;
        uint32_t at = (SLOT_SIZE - 16 - align) / align * align;
        uint8_t whole[SLOT_SIZE];

        memset(whole, rows[i].erased, sizeof whole);
        memcpy(whole + SLOT_SIZE - 16,
               align == 8    ? magic_8
               : align == 16 ? magic_16
                             : magic_32,
               16);
        whole[at] = 0x01;
        whole[at - align] = 0x01;
        whole[at - 2 * align] = 0x24;
        assert_int_equal(dfu_trailer_write_swap_info(&s.map, s.primary, DFU_SWAP_REVERT, 2), 0);
        assert_int_equal(dfu_trailer_write_copy_done(&s.map, s.primary), 0);
        assert_int_equal(dfu_trailer_write_image_ok(&s.map, s.primary), 0);
        assert_int_equal(dfu_trailer_write_magic(&s.map, s.primary), 0);
        assert_memory_equal(s.nor->flash.mem, whole, sizeof whole);
        nor_free(s.nor);
    }
}

static void a_field_is_never_programmed_twice(void **state)
{
    struct slots s = slots_new(8, 4, 0xff);

    (void)state;
    for (int round = 0; round < 2; round++) {
        int expected = round == 0 ? DFU_OK : DFU_ERR_STATE;

        assert_int_equal(dfu_trailer_write_image_ok(&s.map, s.primary), expected);
        assert_int_equal(dfu_trailer_write_copy_done(&s.map, s.primary), expected);
        assert_int_equal(dfu_trailer_write_swap_info(&s.map, s.primary, DFU_SWAP_TEST, 0),
                         expected);
        assert_int_equal(dfu_trailer_write_magic(&s.map, s.primary), expected);
    }
    assert_int_equal(s.nor->flash.double_programs, 0);
    nor_free(s.nor);
}

/* Its first byte reads erased, but the unit was begun. */
static void a_field_that_was_torn_is_not_programmed_again(void **state)
{
    static const uint8_t torn[4] = { 0xff, 0xff, 0x7f, 0xff };
    struct slots s = slots_new(8, 4, 0xff);
    struct dfu_trailer at;

    (void)state;
    assert_int_equal(dfu_slot_trailer(&s.map, s.primary, &at), DFU_OK);
    assert_int_equal(dfu_area_write(s.primary, at.image_ok, torn, sizeof torn), DFU_OK);
    assert_int_equal(dfu_trailer_write_image_ok(&s.map, s.primary), DFU_ERR_STATE);
    assert_int_equal(s.nor->flash.double_programs, 0);
    nor_free(s.nor);
}

static void a_swap_info_that_can_not_be_read_back_is_refused(void **state)
{
    struct slots s = slots_new(8, 4, 0xff);

    (void)state;
    assert_int_equal(dfu_trailer_write_swap_info(&s.map, s.primary, DFU_SWAP_PANIC, 0),
                     DFU_ERR_INVAL);
    assert_int_equal(dfu_trailer_write_swap_info(&s.map, s.primary, DFU_SWAP_TEST, 16),
                     DFU_ERR_INVAL);
    nor_free(s.nor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_erased_trailer_says_nothing),
        cmocka_unit_test(a_build_knows_its_own_magic_only),
        cmocka_unit_test(every_damaged_byte_of_a_magic_makes_it_bad),
        cmocka_unit_test(a_flag_is_set_unset_or_bad),
        cmocka_unit_test(swap_info_holds_type_and_image_or_nothing),
        cmocka_unit_test(each_write_programs_exactly_its_field),
        cmocka_unit_test(a_field_is_never_programmed_twice),
        cmocka_unit_test(a_field_that_was_torn_is_not_programmed_again),
        cmocka_unit_test(a_swap_info_that_can_not_be_read_back_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
