/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Logical sectors: larger than what the flash erases, and made of its pages or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "test_image.h"
#include "upgrade.h"

#define PAGE    0x400u
#define LOGICAL 0x1000u
#define SIZE    0x1864u

static struct world_spec spec_of(enum dfu_boot_mode mode, uint32_t page)
{
    struct world_spec spec = mode == DFU_MODE_OVERWRITE ? spec_overwrite() : spec_move();

    spec.mode = mode;
    for (int i = WORLD_PRI; i <= WORLD_SEC; i++) {
        spec.areas[i].runs[0] = (struct dfu_sector_run){ page, spec.areas[i].size / page };
    }
    if (mode == DFU_MODE_SWAP_OFFSET) {
        struct world_area_spec primary = spec.areas[WORLD_PRI];

        spec.areas[WORLD_PRI] = spec.areas[WORLD_SEC];
        spec.areas[WORLD_SEC] = primary;
    }
    if (mode == DFU_MODE_SWAP_SCRATCH) {
        spec.areas[WORLD_PRI] = spec.areas[WORLD_SEC];
        spec.areas[WORLD_SCR] = (struct world_area_spec){
            .size = LOGICAL, .write_size = 8, .runs = { { page, LOGICAL / page } }, .run_count = 1
        };
    }
    return spec;
}

struct layout {
    struct device *d;
    struct dfu_sector_run runs[WORLD_PLACES];
};

/* Give every area sectors of that size; what the flash erases stays what it was. */
static void make_logical(struct layout *l, const struct world_spec *spec, uint32_t size)
{
    struct world *w;

    l->d = device_new(spec);
    w = &l->d->world;
    for (int i = 0; i < WORLD_PLACES; i++) {
        if (w->area[i].size > 0) {
            l->runs[i] = (struct dfu_sector_run){ size, w->area[i].size / size };
            w->area[i].runs = &l->runs[i];
            w->area[i].run_count = 1;
            w->area[i].pages = w->sim.runs;
            w->area[i].page_run_count = w->sim.run_count;
        }
    }
}

static void put_both(struct device *d)
{
    struct test_recipe recipe = { .hdr_size = 32,
                                  .version = { .major = NEW },
                                  .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
                                  .tlv_count = 1 };
    uint8_t image[SIZE];

    put_image(d, WORLD_PRI, OLD, SIZE);
    recipe.body = SIZE - (uint32_t)test_image_size(&recipe);
    test_image_build(&recipe, image);
    boot_world_load(&d->world, WORLD_SEC, dfu_slot_upload_offset(&d->world.map, 0), image, SIZE);
    request(d, false);
}

static void sectors_may_be_made_of_several_pages(void **state)
{
    static const enum dfu_boot_mode modes[] = { DFU_MODE_SWAP_MOVE, DFU_MODE_SWAP_OFFSET,
                                                DFU_MODE_SWAP_SCRATCH, DFU_MODE_OVERWRITE };

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct world_spec spec = spec_of(modes[i], PAGE);
        struct layout l;

        make_logical(&l, &spec, LOGICAL);
        put_both(l.d);
        assert_int_equal(start(l.d), NEW);
        assert_int_equal(start(l.d), modes[i] == DFU_MODE_OVERWRITE ? NEW : OLD);
        device_free(l.d);
    }
}

static void a_cut_between_pages_of_a_sector_is_survived(void **state)
{
    struct world_spec spec = spec_of(DFU_MODE_SWAP_MOVE, PAGE);
    bool is_over = false;

    (void)state;
    for (uint32_t op = 1; !is_over; op++) {
        struct layout l;
        bool has_run;

        make_logical(&l, &spec, LOGICAL);
        put_both(l.d);
        dfu_sim_flash_power_on(&l.d->world.sim);
        dfu_sim_flash_cut(&l.d->world.sim, DFU_SIM_CUT_INSIDE, op, op);
        l.d->last = boot_world_start(&l.d->world);
        is_over = l.d->last.err != DFU_ERR_POWER;
        dfu_sim_flash_power_on(&l.d->world.sim);
        has_run = trailer(l.d, WORLD_PRI).copy_done != DFU_FLAG_UNSET;
        assert_int_equal(start(l.d), has_run ? OLD : NEW);
        device_free(l.d);
    }
}

/* Layouts that do not tile: a page too large, and one that crosses a border of a sector. */
static void logical_sectors_reject_incompatible_devices_T26(void **state)
{
    static const struct dfu_sector_run pages[][2] = {
        { { 0x2000, 64 }, { 0, 0 } },      /* two sectors in a page */
        { { 0x1800, 64 }, { 0, 0 } },      /* borders that meet only now and then */
        { { 0x200, 1 }, { 0x1000, 64 } },  /* all pages, shifted */
        { { 0x1000, 3 }, { 0x2000, 64 } }, /* of a device with larger pages at its end */
        { { 0x1000, 4 }, { 0, 0 } },       /* pages that end too early */
        { { 0, 0 }, { 0, 0 } },
    };
    static const enum dfu_boot_mode modes[] = { DFU_MODE_SWAP_MOVE, DFU_MODE_SWAP_OFFSET,
                                                DFU_MODE_SWAP_SCRATCH, DFU_MODE_OVERWRITE };

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        for (size_t j = 0; j < sizeof pages / sizeof pages[0]; j++) {
            struct world_spec spec = spec_of(modes[i], LOGICAL);
            struct layout l;
            uint8_t *before;

            make_logical(&l, &spec, LOGICAL);
            put_both(l.d);
            for (int k = 0; k < WORLD_PLACES; k++) {
                l.d->world.area[k].pages = pages[j];
                l.d->world.area[k].page_run_count = 2;
            }
            before = malloc(l.d->world.state_size);
            assert_non_null(before);
            boot_world_keep(&l.d->world, before);
            assert_int_equal(start(l.d), 0);
            assert_int_equal(l.d->last.err, DFU_ERR_INVAL);
            assert_memory_equal(before, l.d->world.sim.mem, l.d->world.state_size);
            free(before);
            device_free(l.d);
        }
    }
}

static void the_last_sector_ends_where_a_page_does(void **state)
{
    static const struct dfu_sector_run pages[] = { { 0x1000, 8 }, { 0x3000, 8 } };
    struct world_spec spec = spec_of(DFU_MODE_SWAP_MOVE, LOGICAL); /* nine sectors in all */
    struct layout l;

    (void)state;
    make_logical(&l, &spec, LOGICAL);
    put_both(l.d);
    l.d->world.area[WORLD_SEC].pages = pages;
    l.d->world.area[WORLD_SEC].page_run_count = 2;
    assert_int_equal(start(l.d), 0);
    assert_int_equal(l.d->last.err, DFU_ERR_INVAL);
    device_free(l.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sectors_may_be_made_of_several_pages),
        cmocka_unit_test(a_cut_between_pages_of_a_sector_is_survived),
        cmocka_unit_test(logical_sectors_reject_incompatible_devices_T26),
        cmocka_unit_test(the_last_sector_ends_where_a_page_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
