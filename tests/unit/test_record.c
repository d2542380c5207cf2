/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/record.h"
#include "dfu/sim_flash.h"

#define SECTOR  256u
#define SECTORS 3u

struct world {
    struct dfu_sim_flash flash;
    struct dfu_sector_run runs[1];
    struct dfu_area area;
    struct dfu_record record;
    uint8_t mem[SECTOR * SECTORS];
    uint8_t programmed[SECTOR * SECTORS / 8];
};

static void new_world(struct world *w, uint8_t write_size, uint8_t erased)
{
    memset(w, 0, sizeof *w);
    w->runs[0] = (struct dfu_sector_run){ SECTOR, SECTORS };
    w->flash.mem = w->mem;
    w->flash.programmed = w->programmed;
    w->flash.size = sizeof w->mem;
    w->flash.write_size = write_size;
    w->flash.erased = erased;
    w->flash.runs = w->runs;
    w->flash.run_count = 1;
    dfu_sim_flash_format(&w->flash);
    w->area = dfu_sim_flash_area(&w->flash, "storage_partition", 0, sizeof w->mem, w->runs, 1);
    assert_int_equal(dfu_record_open(&w->record, &w->area), 0);
}

static void reopen(struct world *w)
{
    dfu_sim_flash_power_on(&w->flash);
    assert_int_equal(dfu_record_open(&w->record, &w->area), 0);
}

/* The record as a number, or a negative error. */
static int64_t value_of(const struct world *w)
{
    uint32_t value = 0;
    int len = dfu_record_load(&w->record, &value, sizeof value);

    return len == sizeof value ? (int64_t)value : len;
}

static int save(struct world *w, uint32_t value)
{
    return dfu_record_save(&w->record, &value, sizeof value);
}

static void the_newest_record_is_found_after_a_reset(void **state)
{
    static const uint8_t write_sizes[] = { 1, 4, 8, 32 };
    static const uint8_t erased[] = { 0xff, 0x00 };
    struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof write_sizes * sizeof erased; i++) {
        new_world(&w, write_sizes[i / 2], erased[i % 2]);
        assert_int_equal(value_of(&w), DFU_ERR_NOENT);
        for (uint32_t n = 1; n < 100; n++) { /* several times round the ring */
            assert_int_equal(save(&w, n), 0);
            assert_int_equal(value_of(&w), n);
            reopen(&w);
            assert_int_equal(value_of(&w), n);
        }
        assert_int_equal(w.flash.double_programs, 0);
    }
}

static void a_cleared_record_is_gone_after_a_reset(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, 4, 0xff);
    assert_int_equal(dfu_record_clear(&w.record), 0);
    assert_int_equal(w.flash.writes, 0);
    assert_int_equal(save(&w, 7), 0);
    assert_int_equal(dfu_record_clear(&w.record), 0);
    assert_int_equal(value_of(&w), DFU_ERR_NOENT);
    reopen(&w);
    assert_int_equal(value_of(&w), DFU_ERR_NOENT);
    assert_int_equal(save(&w, 8), 0);
    assert_int_equal(value_of(&w), 8);
}

static void a_cut_at_any_operation_leaves_the_old_record_or_the_new_one(void **state)
{
    static const enum dfu_sim_cut_when whens[] = { DFU_SIM_CUT_BEFORE, DFU_SIM_CUT_INSIDE,
                                                   DFU_SIM_CUT_AFTER };
    struct world w;
    unsigned cuts = 0;

    (void)state;
    for (uint32_t before = 1; before < 40; before++) {
        for (size_t k = 0; k < 3; k++) {
            for (uint32_t op = 1; op <= 2; op++) {
                new_world(&w, 4, 0xff);
                for (uint32_t n = 1; n <= before; n++) {
                    assert_int_equal(save(&w, n), 0);
                }
                reopen(&w);
                dfu_sim_flash_cut(&w.flash, whens[k], op, before * 7 + k);
                if (save(&w, before + 1) != DFU_ERR_POWER) {
                    continue; /* it needed fewer operations */
                }
                cuts++;
                reopen(&w);
                assert_true(value_of(&w) == before || value_of(&w) == before + 1);
                assert_int_equal(save(&w, before + 2), 0);
                reopen(&w);
                assert_int_equal(value_of(&w), before + 2);
            }
        }
    }
    assert_true(cuts > 117); /* every write, and the erases between them */
}

static void an_area_of_one_sector_is_refused(void **state)
{
    struct world w;
    struct dfu_area one;

    (void)state;
    new_world(&w, 4, 0xff);
    one = w.area;
    one.size = SECTOR;
    one.runs = &(struct dfu_sector_run){ SECTOR, 1 };
    assert_int_equal(dfu_record_open(&w.record, &one), DFU_ERR_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_record_is_found_after_a_reset),
        cmocka_unit_test(a_cleared_record_is_gone_after_a_reset),
        cmocka_unit_test(a_cut_at_any_operation_leaves_the_old_record_or_the_new_one),
        cmocka_unit_test(an_area_of_one_sector_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
