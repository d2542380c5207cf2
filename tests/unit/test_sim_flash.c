/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The simulated flash obeys the rules of NOR, and power cuts do what they are said to do. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "dfu/err.h"
#include "nor.h"

#define SECTOR 1024u
#define COUNT  8u

static struct nor *nor;
static const struct dfu_area *area;

static void start(uint8_t write_size, uint8_t erased)
{
    nor = nor_new(SECTOR, COUNT, write_size, erased);
    area = nor_area(nor, "all", COUNT);
}

static int set_up(void **state)
{
    (void)state;
    start(4, 0xff);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    nor_free(nor);
    return 0;
}

static uint8_t *mem(void)
{
    return nor->flash.mem;
}

/* ---- NOR ---- */

static void a_formatted_flash_reads_erased(void **state)
{
    (void)state;
    assert_int_equal(dfu_area_is_erased(area, 0, area->size), 1);
}

static void a_second_program_of_a_unit_is_refused_and_counted(void **state)
{
    (void)state;
    assert_int_equal(dfu_area_write(area, 8, "\xff\xff\xff\xff\x12\x34\x56\x78", 8), DFU_OK);
    assert_int_equal(dfu_area_write(area, 8, "abcd", 4), DFU_ERR_IO); /* reads erased, but isn't */
    assert_int_equal(dfu_area_write(area, 4, "abcdefgh", 8), DFU_ERR_IO);
    assert_int_equal(dfu_area_write(area, 12, "\x12\x34\x56\x78", 4), DFU_ERR_IO);
    assert_int_equal(nor->flash.double_programs, 3);
    assert_int_equal(nor->flash.ops, 1);
    assert_memory_equal(mem() + 4, "\xff\xff\xff\xff\xff\xff\xff\xff\x12\x34\x56\x78", 12);
    assert_int_equal(dfu_area_erase(area, 0, SECTOR), DFU_OK);
    assert_int_equal(dfu_area_write(area, 8, "abcd", 4), DFU_OK);
}

static void programs_only_clear_bits(void **state)
{
    (void)state;
    nor->flash.allow_reprogram = true;
    assert_int_equal(dfu_area_write(area, 0, "\xf0\x0f\xff\x55", 4), DFU_OK);
    assert_int_equal(dfu_area_write(area, 0, "\x3c\xff\x81\xaa", 4), DFU_OK);
    assert_memory_equal(mem(), "\x30\x0f\x81\x00", 4);
    assert_int_equal(nor->flash.double_programs, 1);
}

static void where_erased_is_zero_programs_only_set_bits(void **state)
{
    (void)state;
    tear_down(NULL);
    start(4, 0x00);
    nor->flash.allow_reprogram = true;
    assert_int_equal(dfu_area_write(area, 0, "\xf0\x0f\x00\x55", 4), DFU_OK);
    assert_int_equal(dfu_area_write(area, 0, "\x3c\x00\x81\xaa", 4), DFU_OK);
    assert_memory_equal(mem(), "\xfc\x0f\x81\xff", 4);
    assert_int_equal(dfu_area_erase(area, 0, SECTOR), DFU_OK);
    assert_int_equal(mem()[0], 0x00);
}

static void without_a_unit_map_only_bits_that_would_come_back_are_refused(void **state)
{
    uint8_t *map = nor->flash.programmed;

    (void)state;
    nor->flash.programmed = NULL;
    assert_int_equal(dfu_area_write(area, 0, "\xf0\xff\xff\xff", 4), DFU_OK);
    assert_int_equal(dfu_area_write(area, 0, "\x70\xff\xff\xff", 4), DFU_OK);
    assert_int_equal(dfu_area_write(area, 0, "\xf0\xff\xff\xff", 4), DFU_ERR_IO);
    assert_int_equal(mem()[0], 0x70);
    nor->flash.programmed = map;
}

static void an_erase_takes_one_sector_and_its_wear(void **state)
{
    uint32_t erases;

    (void)state;
    memset(mem(), 0, area->size);
    assert_int_equal(dfu_area_erase(area, 2 * SECTOR, SECTOR), DFU_OK);
    assert_int_equal(dfu_area_erase(area, 2 * SECTOR, 2 * SECTOR), DFU_OK);
    assert_int_equal(mem()[2 * SECTOR - 1], 0);
    assert_int_equal(mem()[2 * SECTOR], 0xff);
    assert_int_equal(mem()[4 * SECTOR - 1], 0xff);
    assert_int_equal(mem()[4 * SECTOR], 0);
    assert_int_equal(nor->flash.erases, 3);
    assert_int_equal(dfu_sim_flash_most_worn(&nor->flash, &erases), 2);
    assert_int_equal(erases, 2);
}

static void the_driver_itself_refuses_what_an_area_would(void **state)
{
    uint8_t byte[4] = { 0 };

    (void)state;
    assert_int_equal(area->ops->read(area->ctx, area->size, byte, 1), DFU_ERR_RANGE);
    assert_int_equal(area->ops->write(area->ctx, UINT32_MAX - 1, byte, 4), DFU_ERR_RANGE);
    assert_int_equal(area->ops->write(area->ctx, 2, byte, 4), DFU_ERR_ALIGN);
    assert_int_equal(area->ops->erase(area->ctx, 512, SECTOR), DFU_ERR_ALIGN);
    assert_int_equal(area->ops->erase(area->ctx, 0, SECTOR + 4), DFU_ERR_ALIGN);
    assert_int_equal(area->ops->erase(area->ctx, area->size, SECTOR), DFU_ERR_RANGE);
}

static void a_file_of_an_earlier_run_is_adopted_as_it_is(void **state)
{
    (void)state;
    memcpy(mem() + 16, "old!", 4);
    dfu_sim_flash_adopt(&nor->flash);
    assert_int_equal(dfu_area_write(area, 16, "new!", 4), DFU_ERR_IO);
    assert_int_equal(dfu_area_write(area, 20, "new!", 4), DFU_OK);
}

static void a_poke_counts_as_programmed_but_is_no_operation(void **state)
{
    (void)state;
    assert_int_equal(dfu_sim_flash_load(&nor->flash, 5, "xyz", 3), DFU_OK);
    assert_int_equal(dfu_sim_flash_load(&nor->flash, area->size - 2, "xyz", 3), DFU_ERR_RANGE);
    assert_int_equal(nor->flash.ops, 0);
    assert_int_equal(dfu_area_write(area, 4, "abcd", 4), DFU_ERR_IO);
    assert_int_equal(dfu_area_write(area, 8, "abcd", 4), DFU_OK);
}

/* Every span of units must be tracked exactly, whatever its place in the bit map. */
static void any_span_of_units_is_remembered_exactly(void **state)
{
    static const uint8_t data[SECTOR] = { 0 };

    (void)state;
    for (uint32_t first = 0; first < 20; first++) {
        for (uint32_t count = 1; count < 40; count++) {
            assert_int_equal(dfu_area_erase(area, 0, SECTOR), DFU_OK);
            assert_int_equal(dfu_area_write(area, first * 4, data, count * 4), DFU_OK);
            for (uint32_t unit = 0; unit < 64; unit++) {
                bool is_inside = unit >= first && unit < first + count;

                assert_int_equal(dfu_area_write(area, unit * 4, data, 4),
                                 is_inside ? DFU_ERR_IO : DFU_OK);
            }
        }
    }
}

/* ---- Operations ---- */

struct log {
    struct dfu_sim_op ops[8];
    uint8_t first_byte[8];
    unsigned count;
};

static void note(void *ctx, const struct dfu_sim_op *op)
{
    struct log *log = ctx;

    log->first_byte[log->count] = op->data ? op->data[0] : 0;
    log->ops[log->count++] = *op;
}

static void whole_operations_are_reported_with_number_and_data(void **state)
{
    struct log log = { .count = 0 };

    (void)state;
    nor->flash.on_op = note;
    nor->flash.on_op_ctx = &log;
    assert_int_equal(dfu_area_write(area, 8, "abcd", 4), DFU_OK);
    assert_int_equal(dfu_area_erase(area, SECTOR, 2 * SECTOR), DFU_OK);
    dfu_sim_flash_cut(&nor->flash, DFU_SIM_CUT_INSIDE, 4, 1);
    assert_int_equal(dfu_area_write(area, 12, "abcd", 4), DFU_ERR_POWER);
    assert_int_equal(log.count, 3);
    assert_int_equal(log.ops[0].kind, DFU_SIM_WRITE);
    assert_int_equal(log.ops[0].number, 1);
    assert_int_equal(log.ops[0].off, 8);
    assert_int_equal(log.first_byte[0], 'a');
    assert_int_equal(log.ops[2].kind, DFU_SIM_ERASE);
    assert_int_equal(log.ops[2].number, 3);
    assert_int_equal(log.ops[2].off, 2 * SECTOR);
    assert_int_equal(nor->flash.last.number, 4);
    assert_int_equal(nor->flash.last.off, 12);
}

static void time_follows_the_data_sheets_figures(void **state)
{
    static uint8_t buf[600];

    (void)state;
    nor->flash.timing = &dfu_sim_nrf52840;
    assert_int_equal(dfu_area_write(area, 0, buf, 12), DFU_OK);
    assert_int_equal(nor->flash.elapsed_us, 3 * 41);
    assert_int_equal(dfu_area_erase(area, 0, SECTOR), DFU_OK);
    assert_int_equal(nor->flash.elapsed_us, 3 * 41 + 85000);
    nor->flash.elapsed_us = 0;
    for (int i = 0; i < 1000; i++) { /* 12 ns each: nothing is lost by rounding */
        assert_int_equal(dfu_area_read(area, 0, buf, 1), DFU_OK);
    }
    assert_int_equal(nor->flash.elapsed_us, 12);
    nor->flash.timing = &dfu_sim_w25q;
    nor->flash.elapsed_us = 0;
    assert_int_equal(dfu_area_write(area, 252, buf, 516), DFU_OK); /* touches 3 pages of 256 */
    assert_int_equal(nor->flash.elapsed_us, 3 * 400);
}

/* ---- Power ---- */

static void without_power_nothing_happens_until_it_returns(void **state)
{
    uint8_t byte;

    (void)state;
    dfu_sim_flash_cut(&nor->flash, DFU_SIM_CUT_BEFORE, 2, 0);
    assert_int_equal(dfu_area_write(area, 0, "abcd", 4), DFU_OK);
    assert_int_equal(dfu_area_write(area, 4, "abcd", 4), DFU_ERR_POWER);
    assert_int_equal(dfu_area_write(area, 8, "abcd", 4), DFU_ERR_POWER);
    assert_int_equal(dfu_area_erase(area, 0, SECTOR), DFU_ERR_POWER);
    assert_int_equal(dfu_area_read(area, 0, &byte, 1), DFU_ERR_POWER);
    assert_memory_equal(mem(), "abcd\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    dfu_sim_flash_power_on(&nor->flash);
    assert_int_equal(nor->flash.ops, 0);
    assert_int_equal(dfu_area_write(area, 4, "efgh", 4), DFU_OK);
    assert_int_equal(dfu_area_write(area, 8, "ijkl", 4), DFU_OK); /* no cut is armed */
}

static void a_cut_after_an_operation_leaves_it_complete(void **state)
{
    (void)state;
    dfu_sim_flash_cut(&nor->flash, DFU_SIM_CUT_AFTER, 1, 0);
    assert_int_equal(dfu_area_write(area, 0, "abcd", 4), DFU_ERR_POWER);
    assert_memory_equal(mem(), "abcd", 4);
    assert_true(nor->flash.is_off);
    dfu_sim_flash_power_on(&nor->flash);
    dfu_sim_flash_cut(&nor->flash, DFU_SIM_CUT_AFTER, 1, 0);
    assert_int_equal(dfu_area_erase(area, 0, SECTOR), DFU_ERR_POWER);
    assert_int_equal(mem()[0], 0xff);
}

static void tear_a_write(uint64_t seed, uint8_t erased, const uint8_t *data, uint32_t len)
{
    tear_down(NULL);
    start(4, erased);
    dfu_sim_flash_cut(&nor->flash, DFU_SIM_CUT_INSIDE, 1, seed);
    assert_int_equal(dfu_area_write(area, 0, data, len), DFU_ERR_POWER);
    dfu_sim_flash_power_on(&nor->flash);
}

/* Whole units, then one torn unit, then nothing; in the torn unit a subset of the bits. */
static void a_torn_program_is_a_prefix_and_one_torn_unit(void **state)
{
    static uint8_t data[64];
    bool seen_edge[16] = { false };
    unsigned partial = 0;

    (void)state;
    memset(data, 0x5a, sizeof data);
    for (uint64_t seed = 0; seed < 400; seed++) {
        uint8_t erased = seed % 2 ? 0xff : 0x00;
        uint32_t edge = 0;

        tear_a_write(seed, erased, data, sizeof data);
        while (edge < 16 && memcmp(mem() + 4 * edge, data, 4) == 0) {
            edge++;
        }
        if (edge == 16) {
            continue; /* the last unit took all its bits */
        }
        seen_edge[edge] = true;
        for (uint32_t i = 4 * edge; i < 4 * edge + 4; i++) {
            uint8_t changed = mem()[i] ^ erased;

            assert_int_equal(changed & ~(data[i] ^ erased), 0); /* never a bit too many */
            partial += changed != 0;
        }
        assert_int_equal(dfu_area_is_erased(area, 4 * edge + 4, area->size - 4 * edge - 4), 1);
    }
    for (uint32_t i = 0; i < 16; i++) {
        assert_true(seen_edge[i]);
    }
    assert_true(partial > 100);
}

static void a_torn_unit_refuses_another_program(void **state)
{
    static const uint8_t zeros[8] = { 0 };
    unsigned refused = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        tear_a_write(seed, 0xff, zeros, 8);
        assert_int_equal(dfu_area_write(area, 0, zeros, 4), DFU_ERR_IO);
        refused += dfu_area_write(area, 4, zeros, 4) == DFU_ERR_IO;
    }
    assert_in_range(refused, 10, 40); /* whether the tear was in the first unit or the second */
}

/* What an erase tears: halves, scattered bits, all but a few bytes, next to nothing. Bits only
 * ever move towards erased, and nothing outside the sector moves. */
static void a_torn_erase_takes_many_forms(void **state)
{
    unsigned first_half = 0, second_half = 0, nearly_all = 0, scattered = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        unsigned erased_bytes = 0, erased_low = 0;

        memset(mem(), 0x3c, area->size);
        dfu_sim_flash_adopt(&nor->flash);
        dfu_sim_flash_cut(&nor->flash, DFU_SIM_CUT_INSIDE, 1, seed);
        assert_int_equal(dfu_area_erase(area, SECTOR, SECTOR), DFU_ERR_POWER);
        dfu_sim_flash_power_on(&nor->flash);
        for (uint32_t i = 0; i < SECTOR; i++) {
            uint8_t byte = mem()[SECTOR + i];

            assert_int_equal(byte & 0x3c, 0x3c);
            erased_bytes += byte == 0xff;
            erased_low += byte == 0xff && i < SECTOR / 2;
        }
        assert_int_equal(mem()[SECTOR - 1], 0x3c);
        assert_int_equal(mem()[2 * SECTOR], 0x3c);
        first_half += erased_bytes == SECTOR / 2 && erased_low == SECTOR / 2;
        second_half += erased_bytes == SECTOR / 2 && erased_low == 0;
        nearly_all += erased_bytes >= SECTOR - 4 && erased_bytes < SECTOR;
        scattered += erased_bytes > 10 && erased_bytes < SECTOR / 4;
    }
    assert_true(first_half > 10 && second_half > 10 && nearly_all > 10 && scattered > 10);
}

/* Units that a torn erase reached may be programmed; those that it left may not. */
static void a_torn_erase_frees_only_what_it_erased(void **state)
{
    unsigned freed = 0, kept = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        memset(mem(), 0x3c, area->size);
        dfu_sim_flash_adopt(&nor->flash);
        dfu_sim_flash_cut(&nor->flash, DFU_SIM_CUT_INSIDE, 1, seed);
        assert_int_equal(dfu_area_erase(area, 0, SECTOR), DFU_ERR_POWER);
        dfu_sim_flash_power_on(&nor->flash);
        for (uint32_t at = 0; at < SECTOR; at += 4) {
            bool is_erased = memcmp(mem() + at, "\xff\xff\xff\xff", 4) == 0;

            assert_int_equal(dfu_area_write(area, at, "abcd", 4), is_erased ? DFU_OK : DFU_ERR_IO);
            freed += is_erased;
            kept += !is_erased;
        }
    }
    assert_true(freed > 100 && kept > 100);
}

static void what_a_cut_leaves_follows_from_the_number_alone(void **state)
{
    uint8_t first[SECTOR];
    static uint8_t data[256];

    (void)state;
    memset(data, 0, sizeof data);
    tear_a_write(12345, 0xff, data, sizeof data);
    memcpy(first, mem(), SECTOR);
    tear_a_write(12345, 0xff, data, sizeof data);
    assert_memory_equal(first, mem(), SECTOR);
    tear_a_write(12346, 0xff, data, sizeof data);
    assert_memory_not_equal(first, mem(), SECTOR);
}

static void devices_with_unequal_sectors_erase_the_right_ones(void **state)
{
    struct dfu_sector_run runs[] = { { 512, 2 }, { 1024, 3 }, { 4096, 1 } };
    struct dfu_area mixed;

    (void)state;
    nor->flash.runs = runs;
    nor->flash.run_count = 3;
    mixed = dfu_sim_flash_area(&nor->flash, "mixed", 0, area->size, runs, 3);
    assert_int_equal(dfu_area_check(&mixed), DFU_OK);
    memset(mem(), 0, area->size);
    assert_int_equal(dfu_area_erase(&mixed, 512, 512 + 1024), DFU_OK);
    assert_int_equal(mem()[511], 0);
    assert_int_equal(mem()[512], 0xff);
    assert_int_equal(mem()[2047], 0xff);
    assert_int_equal(mem()[2048], 0);
    assert_int_equal(dfu_area_erase(&mixed, 4096, 4096), DFU_OK);
    assert_int_equal(nor->flash.wear[1], 1);
    assert_int_equal(nor->flash.wear[2], 1);
    assert_int_equal(nor->flash.wear[5], 1);
}

int main(void)
{
#define ON_FLASH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ON_FLASH(a_formatted_flash_reads_erased),
        ON_FLASH(a_second_program_of_a_unit_is_refused_and_counted),
        ON_FLASH(programs_only_clear_bits),
        ON_FLASH(where_erased_is_zero_programs_only_set_bits),
        ON_FLASH(without_a_unit_map_only_bits_that_would_come_back_are_refused),
        ON_FLASH(an_erase_takes_one_sector_and_its_wear),
        ON_FLASH(the_driver_itself_refuses_what_an_area_would),
        ON_FLASH(a_file_of_an_earlier_run_is_adopted_as_it_is),
        ON_FLASH(a_poke_counts_as_programmed_but_is_no_operation),
        ON_FLASH(any_span_of_units_is_remembered_exactly),
        ON_FLASH(whole_operations_are_reported_with_number_and_data),
        ON_FLASH(time_follows_the_data_sheets_figures),
        ON_FLASH(without_power_nothing_happens_until_it_returns),
        ON_FLASH(a_cut_after_an_operation_leaves_it_complete),
        ON_FLASH(a_torn_program_is_a_prefix_and_one_torn_unit),
        ON_FLASH(a_torn_unit_refuses_another_program),
        ON_FLASH(a_torn_erase_takes_many_forms),
        ON_FLASH(a_torn_erase_frees_only_what_it_erased),
        ON_FLASH(what_a_cut_leaves_follows_from_the_number_alone),
        ON_FLASH(devices_with_unequal_sectors_erase_the_right_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
