/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenario.h"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static struct world_spec spec_direct_xip(void)
{
    return spec_equal(DFU_MODE_DIRECT_XIP, true);
}

static struct world_spec spec_ram_load(void)
{
    return spec_equal(DFU_MODE_RAM_LOAD, true);
}

static struct world_spec spec_single_ram_load(void)
{
    return spec_equal(DFU_MODE_SINGLE_RAM_LOAD, false);
}

static const struct {
    const char *name;
    make_spec *make;
    unsigned is;
} modes[] = {
    { "move", spec_move, IN_SWAPS },
    { "offset", spec_offset, IN_SWAPS },
    { "scratch", spec_scratch, IN_SWAPS },
    { "overwrite", spec_overwrite, IN_OVERWRITES },
    { "overwrite fast", spec_overwrite_fast, IN_OVERWRITES },
    { "direct-xip", spec_direct_xip, IN_DIRECT_XIP },
    { "ram load", spec_ram_load, IN_RAM_LOAD },
    { "single ram load", spec_single_ram_load, IN_SINGLE_RAM_LOAD },
};

static const struct flash {
    uint8_t unit, erased;
    bool is_mixed; /* sectors of 2, 4 and 8 KiB, which swap using move and offset do not take */
} flashes[] = {
    { 8, 0xff, false },  { 1, 0x00, false }, { 4, 0xff, false }, { 16, 0x00, false },
    { 32, 0xff, false }, { 8, 0xff, true },  { 4, 0x00, true },  { 16, 0xff, true },
};

#define SETTINGS (COUNT(modes) * COUNT(flashes))
#define TESTS    (10 * SETTINGS)
#define NAME     160

static void set_sectors(struct world_area_spec *area, const struct dfu_sector_run *runs,
                        uint8_t count)
{
    area->size = 0;
    area->run_count = count;
    for (uint8_t i = 0; i < count; i++) {
        area->runs[i] = runs[i];
        area->size += runs[i].size * runs[i].count;
    }
}

/* Slots of 16 KiB. With scratch, now one slot has the smaller sectors and now the other, and the
 * secondary's image reaches into the sector of its trailer; overwriting takes no such pair. */
static void mix_sectors(struct world_spec *spec)
{
    static const struct dfu_sector_run primary[] = { { 0x2000, 1 }, { 0x1000, 1 }, { 0x800, 2 } };
    static const struct dfu_sector_run falling[] = { { 0x2000, 1 }, { 0x1000, 2 } };
    static const struct dfu_sector_run rising[] = { { 0x1000, 2 }, { 0x2000, 1 } };
    static const struct dfu_sector_run scratch[] = { { 0x2000, 1 } };
    bool has_scratch = spec->areas[WORLD_SCR].size > 0;

    set_sectors(&spec->areas[WORLD_PRI], primary, COUNT(primary));
    if (spec->areas[WORLD_SEC].size > 0) {
        set_sectors(&spec->areas[WORLD_SEC], has_scratch ? rising : falling, 2);
    }
    if (has_scratch) {
        set_sectors(&spec->areas[WORLD_SCR], scratch, COUNT(scratch));
    }
}

/* False where the mode does not take such flash. */
static bool set_flash(struct world_spec *spec, const struct flash *flash)
{
    if (flash->is_mixed &&
        (spec->mode == DFU_MODE_SWAP_MOVE || spec->mode == DFU_MODE_SWAP_OFFSET)) {
        return false;
    }
    spec->erased = flash->erased;
    if (flash->unit > spec->max_align) {
        spec->max_align = flash->unit;
        spec->max_sectors = 32; /* so that the trailer stays within a sector */
    }
    if (flash->is_mixed) {
        mix_sectors(spec);
    }
    for (int i = 0; i < WORLD_PLACES; i++) {
        spec->areas[i].write_size = flash->unit;
    }
    return true;
}

int run_scenarios(const char *group, const struct scenario *scenarios, size_t count)
{
    static struct world_spec specs[SETTINGS];
    static char names[TESTS][NAME];
    static struct CMUnitTest tests[TESTS]; /* those without a name are none */
    size_t test_count = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t setting = 0; setting < SETTINGS; setting++) {
            size_t mode = setting / COUNT(flashes);
            const struct flash *flash = &flashes[setting % COUNT(flashes)];
            struct world_spec *spec = &specs[setting];

            *spec = modes[mode].make();
            if (!set_flash(spec, flash) || (scenarios[i].modes & modes[mode].is) == 0) {
                continue;
            }
            if (test_count == TESTS) {
                (void)fprintf(stderr, "scenarios: too many\n");
                abort();
            }
            (void)snprintf(names[test_count], NAME, "%s: %s, %s, write unit %d, erased 0x%02x",
                           scenarios[i].name, modes[mode].name,
                           flash->is_mixed ? "mixed sectors" : "sectors of 4 KiB", flash->unit,
                           flash->erased);
            tests[test_count] = (struct CMUnitTest){ .name = names[test_count],
                                                     .test_func = scenarios[i].run,
                                                     .initial_state = spec };
            test_count++;
        }
    }
    return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}
