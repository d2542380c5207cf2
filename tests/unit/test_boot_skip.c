/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Sectors that are right already are left alone; all else is as without that. */
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

#define SIZE    0x2064u
#define SECTOR  0x1000u
#define TEARS   3u
#define NOTHING UINT32_MAX

/* An image of version major whose payload is the same for all versions, but for one byte at
 * changed. */
static void put_similar(struct device *d, enum world_place place, uint8_t major, uint32_t changed)
{
    struct test_recipe recipe = {
        .hdr_size = 32,
        .version = { .major = major },
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
        .tlv_count = 1,
        .pattern = changed == NOTHING ? 7 : (uint8_t)(7 + major),
    };
    uint8_t *image = malloc(SIZE);

    assert_non_null(image);
    recipe.body = SIZE - (uint32_t)test_image_size(&recipe);
    test_image_build(&recipe, image);
    boot_world_load(&d->world, place,
                    place == WORLD_SEC ? dfu_slot_upload_offset(&d->world.map, 0) : 0, image, SIZE);
    free(image);
}

/* All of an image in one group. */
static struct world_spec spec_large_scratch(void)
{
    struct world_spec spec = spec_scratch();

    spec.areas[WORLD_SCR].size = 3 * SECTOR;
    spec.areas[WORLD_SCR].runs[0].count = 3;
    return spec;
}

static struct device *similar(const struct world_spec *spec, bool skips, uint32_t changed)
{
    struct device *d = device_new(spec);

    d->world.cfg.skip = skips ? &dfu_boot_skip_equal : NULL;
    put_similar(d, WORLD_PRI, OLD, changed);
    put_similar(d, WORLD_SEC, NEW, changed);
    request(d, false);
    return d;
}

static uint32_t erases_of(struct device *d)
{
    uint32_t count = 0;

    for (size_t i = 0; i < d->journal.count; i++) {
        count += d->journal.ops[i].kind == DFU_SIM_ERASE;
    }
    return count;
}

static void the_slots_end_in_the_same_bytes_with_fewer_erases(void **state)
{
    const struct world_spec specs[] = { spec_move(),      spec_offset(),
                                        spec_scratch(),   spec_large_scratch(),
                                        spec_overwrite(), spec_overwrite_fast() };

    (void)state;
    for (size_t s = 0; s < sizeof specs / sizeof specs[0]; s++) {
        struct device *all = similar(&specs[s], false, NOTHING);
        struct device *few = similar(&specs[s], true, NOTHING);

        for (int boots = 0; boots < 2; boots++) {
            assert_int_equal(start(all), start(few));
            for (enum world_place p = WORLD_PRI; p <= WORLD_SEC; p++) {
                assert_memory_equal(boot_world_bytes(&all->world, p),
                                    boot_world_bytes(&few->world, p), SIZE);
                assert_memory_equal(boot_world_bytes(&all->world, p) + 3 * SECTOR,
                                    boot_world_bytes(&few->world, p) + 3 * SECTOR,
                                    all->world.area[p].size - 3 * SECTOR);
            }
            if (erases_of(all) > 0) {
                assert_true(erases_of(few) < erases_of(all));
            }
        }
        device_free(all);
        device_free(few);
    }
}

static void an_equal_sector_within_a_group_of_swap_using_scratch_is_left_alone(void **state)
{
    struct world_spec spec = spec_large_scratch();
    struct device *d = similar(&spec, true, NOTHING); /* its second sector of three is equal */

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_null(strstr(ops_of(d), "E sec 1000"));
    assert_null(strstr(ops_of(d), "E pri 1000"));
    for (uint32_t at = 0; at < 3 * SECTOR; at += 2 * SECTOR) {
        char line[32];

        (void)snprintf(line, sizeof line, "E pri %x\n", (unsigned)at);
        assert_non_null(strstr(ops_of(d), line));
    }
    device_free(d);
}

static void images_without_an_equal_sector_cost_the_same(void **state)
{
    struct world_spec spec = spec_move();
    struct device *all = similar(&spec, false, 0);
    struct device *few = similar(&spec, true, 0);
    char ops[sizeof all->ops];

    (void)state;
    assert_int_equal(start(all), NEW);
    assert_int_equal(start(few), NEW);
    memcpy(ops, ops_of(all), sizeof ops);
    assert_string_equal(ops, ops_of(few));
    device_free(all);
    device_free(few);
}

/* One update, cut in its op-th operation by a loader that skips or does not; then the other one. */
static bool goes_on_under_the_other(const struct world_spec *spec, bool skips_first, uint32_t op,
                                    uint64_t tear)
{
    struct device *d = similar(spec, skips_first, NOTHING);
    bool is_over, has_run;

    dfu_sim_flash_power_on(&d->world.sim);
    dfu_sim_flash_cut(&d->world.sim, tear ? DFU_SIM_CUT_INSIDE : DFU_SIM_CUT_BEFORE, op,
                      tear * 31 + op);
    d->last = boot_world_start(&d->world);
    is_over = d->last.err != DFU_ERR_POWER;
    d->world.cfg.skip = skips_first ? NULL : &dfu_boot_skip_equal;
    dfu_sim_flash_power_on(&d->world.sim);
    /* a trial counts as run once its copy_done was begun */
    has_run = trailer(d, WORLD_PRI).copy_done != DFU_FLAG_UNSET;
    if (!is_over) {
        assert_int_equal(start(d), has_run ? OLD : NEW);
    }
    assert_int_equal(start(d), OLD);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    device_free(d);
    return is_over;
}

/* Every record is written, in the same order: another loader can go on from any of them. */
static void each_loader_goes_on_where_the_other_was_cut(void **state)
{
    const struct world_spec specs[] = { spec_move(), spec_offset(), spec_scratch() };

    (void)state;
    for (size_t s = 0; s < sizeof specs / sizeof specs[0]; s++) {
        for (int skips_first = 0; skips_first < 2; skips_first++) {
            bool is_over = false;

            for (uint32_t op = 1; !is_over; op++) {
                for (uint64_t tear = 0; tear < TEARS; tear++) {
                    is_over = goes_on_under_the_other(&specs[s], skips_first, op, tear);
                }
            }
        }
    }
}

static void every_cut_of_an_overwrite_ends_in_the_new_image(void **state)
{
    const struct world_spec specs[] = { spec_overwrite(), spec_overwrite_fast() };

    (void)state;
    for (size_t s = 0; s < 2; s++) {
        bool is_over = false;

        for (uint32_t op = 1; !is_over; op++) {
            struct device *d = similar(&specs[s], true, op % 2 ? NOTHING : 0);

            dfu_sim_flash_power_on(&d->world.sim);
            dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_INSIDE, op, op);
            d->last = boot_world_start(&d->world);
            is_over = d->last.err != DFU_ERR_POWER;
            assert_int_equal(start(d), NEW);
            assert_int_equal(start(d), NEW);
            assert_string_equal(ops_of(d), "");
            device_free(d);
        }
    }
}

static void the_trailer_of_an_earlier_overwrite_is_made_anew(void **state)
{
    const struct world_spec specs[] = { spec_overwrite(), spec_overwrite_fast() };

    (void)state;
    for (size_t s = 0; s < 2; s++) {
        struct device *d = similar(&specs[s], true, NOTHING);

        assert_int_equal(start(d), NEW);
        confirm(d);
        wipe(d, WORLD_SEC, 0, d->world.area[WORLD_SEC].size);
        put_similar(d, WORLD_SEC, OLD, NOTHING);
        request(d, false);
        assert_int_equal(start(d), OLD);
        assert_int_equal(trailer(d, WORLD_PRI).magic, DFU_MAGIC_GOOD);
        assert_int_equal(trailer(d, WORLD_PRI).image_ok, DFU_FLAG_UNSET);
        assert_int_equal(d->last.result.update_err, DFU_OK);
        device_free(d);
    }
}

/* A cell that was torn may read right today and wrong tomorrow. */
static void the_step_that_was_cut_is_done_again_though_it_reads_right(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = similar(&spec, true, NOTHING);
    uint32_t last = 0;

    (void)state;
    assert_int_equal(start(d), NEW);
    for (uint32_t i = 0; i < d->journal.count; i++) {
        last = d->journal.ops[i].kind == DFU_SIM_WRITE && d->journal.ops[i].len > 64 ? i : last;
    }
    device_free(d);

    d = similar(&spec, true, NOTHING);
    start_cut(d, DFU_SIM_CUT_AFTER, last + 1, 0); /* all is copied, its record isn't written */
    assert_int_equal(start(d), NEW);
    assert_non_null(strstr(ops_of(d), "W "));
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_slots_end_in_the_same_bytes_with_fewer_erases),
        cmocka_unit_test(an_equal_sector_within_a_group_of_swap_using_scratch_is_left_alone),
        cmocka_unit_test(images_without_an_equal_sector_cost_the_same),
        cmocka_unit_test(each_loader_goes_on_where_the_other_was_cut),
        cmocka_unit_test(every_cut_of_an_overwrite_ends_in_the_new_image),
        cmocka_unit_test(the_trailer_of_an_earlier_overwrite_is_made_anew),
        cmocka_unit_test(the_step_that_was_cut_is_done_again_though_it_reads_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
