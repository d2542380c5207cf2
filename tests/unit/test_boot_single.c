/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Single slot and firmware loader: nothing moves, nothing is erased. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/update.h"
#include "encrypted.h"
#include "upgrade.h"

#define SIZE 0x1064u
#define SLOT 0x4000u

static struct device *single(void)
{
    struct world_spec spec = spec_equal(DFU_MODE_SINGLE_SLOT, false);
    struct device *d = device_new(&spec);

    put_image(d, WORLD_PRI, OLD, SIZE);
    return d;
}

static struct device *with_loader(void)
{
    struct world_spec spec = spec_equal(DFU_MODE_FIRMWARE_LOADER, true);
    struct device *d = device_new(&spec);

    put_image(d, WORLD_PRI, OLD, SIZE); /* the application */
    put_image(d, WORLD_SEC, NEW, SIZE); /* the loader */
    return d;
}

/* ---- Single slot ---- */

static void a_single_slot_runs_what_verifies_and_writes_nothing(void **state)
{
    struct device *d = single();

    (void)state;
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    assert_string_equal(lines_of(d), "E: Image in the primary slot is not valid!\n");
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static void validated_never_wants_a_header_only(void **state)
{
    struct device *d = single();

    (void)state;
    d->world.cfg.validate_primary = false;
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), OLD);
    wipe(d, WORLD_PRI, 0, 4);
    assert_int_equal(start(d), 0);
    assert_string_equal(lines_of(d), "E: Bad image magic 0xffffffff; Image=0\n");
    device_free(d);
}

static unsigned headers_left;

static int read_so_many_headers(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct dfu_sim_flash *sim = ctx;

    if (off == 0 && headers_left-- == 0) {
        return DFU_ERR_IO;
    }
    memcpy(buf, sim->mem + off, len);
    return DFU_OK;
}

static void what_can_not_be_read_to_the_end_does_not_run(void **state)
{
    struct device *d = single();
    struct dfu_flash_ops ops = *d->world.area[WORLD_PRI].ops;
    unsigned enough = 0;

    (void)state;
    ops.read = read_so_many_headers;
    d->world.area[WORLD_PRI].ops = &ops;
    for (int validates = 0; validates < 2; validates++) {
        d->world.cfg.validate_primary = validates;
        for (enough = 0; enough < 20; enough++) {
            headers_left = enough;
            if (start(d) == OLD) {
                break;
            }
            assert_int_equal(d->last.err, DFU_ERR_VERIFY);
            assert_null(d->last.result.area);
        }
        assert_in_range(enough, 2, 19); /* to check it, and to say what runs */
    }
    device_free(d);
}

static void validated_once_is_marked_and_then_trusted(void **state)
{
    struct device *d = single();

    (void)state;
    d->world.cfg.validate_once = true;
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "w pri 3ff0 77c295f360d2ef7f3552500f2cb67980\n"
                                   "w pri 3fe8 01\n");
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), OLD); /* as the option says */
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

/* The slot is erased for another image, and the power fails: the mark went first. */
static void a_mark_does_not_outlive_its_image(void **state)
{
    (void)state;
    for (uint32_t op = 1; op <= 4; op++) {
        for (uint64_t seed = 0; seed < 32; seed++) {
            struct device *d = single();
            uint8_t before[SIZE];

            d->world.cfg.validate_once = true;
            assert_int_equal(start(d), OLD);
            memcpy(before, boot_world_bytes(&d->world, WORLD_PRI), SIZE);
            dfu_sim_flash_power_on(&d->world.sim);
            dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_INSIDE, op, seed);
            assert_int_equal(dfu_boot_erase_img_bank(&d->world.area[WORLD_PRI]), DFU_ERR_POWER);
            if (start(d) == OLD) {
                assert_memory_equal(before, boot_world_bytes(&d->world, WORLD_PRI), SIZE);
            }
            device_free(d);
        }
    }
}

/* One erase could take a part of the image and leave the mark. */
static void an_image_that_shares_a_sector_with_the_mark_is_checked_at_each_start(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_SINGLE_SLOT, false);
    struct device *d = device_new(&spec);

    (void)state;
    d->world.cfg.validate_once = true;
    put_image(d, WORLD_PRI, OLD, SLOT - 0x1000u + 8u);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), 0);
    device_free(d);
}

static void what_was_not_found_good_is_never_marked(void **state)
{
    struct device *d = single();

    (void)state;
    d->world.cfg.validate_once = true;
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), 0);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static void a_cut_while_marking_costs_another_check_at_most(void **state)
{
    (void)state;
    for (uint32_t op = 1; op <= 2; op++) {
        for (uint64_t seed = 0; seed < 32; seed++) {
            struct device *d = single();

            d->world.cfg.validate_once = true;
            start_cut(d, DFU_SIM_CUT_INSIDE, op, seed);
            assert_int_equal(start(d), OLD);
            assert_int_equal(start(d), OLD);
            device_free(d);
        }
    }
}

static void half_a_mark_is_none(void **state)
{
    struct device *d = single();

    (void)state;
    d->world.cfg.validate_once = true;
    start_cut(d, DFU_SIM_CUT_AFTER, 1, 0);
    assert_int_equal(trailer(d, WORLD_PRI).magic, DFU_MAGIC_GOOD);
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), 0);
    device_free(d);
}

/* As a programmer leaves it: the header still says that it was encrypted. */
static void an_encrypted_image_in_the_clear_runs_where_it_lies(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_SINGLE_SLOT, false);
    struct picture picture = picture_of(OLD, 0x2064, 16, device_kek);
    struct device *d;

    (void)state;
    spec.decryption = &device_decryption;
    d = device_new(&spec);
    put_open(d, WORLD_PRI, &picture);
    assert_int_equal(start(d), OLD);
    put_closed(d, WORLD_PRI, &picture);
    assert_int_equal(start(d), 0);
    device_free(d);
}

/* ---- Several images ---- */

static struct device *pair_of(enum dfu_boot_mode mode)
{
    struct world_spec spec = spec_equal(mode, mode == DFU_MODE_FIRMWARE_LOADER);
    struct device *d;

    spec.areas[WORLD_PRI1] = spec.areas[WORLD_PRI];
    spec.areas[WORLD_SEC1] = spec.areas[WORLD_SEC];
    d = device_new(&spec);
    put_image(d, WORLD_PRI, OLD, SIZE);
    put_image(d, WORLD_PRI1, NEW, SIZE);
    return d;
}

static void of_two_images_the_first_is_started_and_both_must_be_whole(void **state)
{
    static const enum dfu_boot_mode modes[] = { DFU_MODE_SINGLE_SLOT, DFU_MODE_FIRMWARE_LOADER };
    static const enum world_place places[] = { WORLD_PRI, WORLD_PRI1 };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct device *d = pair_of(modes[i / 2]);
        const struct dfu_boot_result *result = &d->last.result;

        assert_int_equal(start(d), OLD);
        assert_int_equal(result->header.version.major, OLD);
        assert_ptr_equal(result->places[0].area, &d->world.area[WORLD_PRI]);
        assert_ptr_equal(result->places[1].area, &d->world.area[WORLD_PRI1]);
        put_bytes(d, places[i % 2], 100, "00");
        assert_int_equal(start(d), 0);
        assert_int_equal(result->fault, DFU_IMAGE_HASH_MISMATCH);
        assert_int_equal(result->fault_image, i % 2);
        assert_null(result->area);
        assert_null(result->places[0].area);
        assert_null(result->places[1].area);
        device_free(d);
    }
}

static void an_image_that_is_not_bootable_does_not_run(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_SINGLE_SLOT, false);
    struct device *d = device_new(&spec);

    (void)state;
    put_image_with(d, WORLD_PRI, OLD, SIZE, DFU_IMAGE_F_NON_BOOTABLE);
    assert_int_equal(start(d), 0);
    device_free(d);
}

static void impossible_sizes_do_not_run(void **state)
{
    static const char *const sizes[] = { "ffffffff", "00000080", "003f0000" };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct device *d = single();

        wipe(d, WORLD_PRI, 12, 4);
        put_bytes(d, WORLD_PRI, 12, sizes[i]);
        assert_int_equal(start(d), 0);
        assert_int_equal(d->last.err, DFU_ERR_VERIFY);
        device_free(d);
    }
}

/* ---- Firmware loader ---- */

static void the_application_runs_unless_the_loader_is_asked_for(void **state)
{
    struct device *d = with_loader();

    (void)state;
    assert_int_equal(start(d), OLD);
    assert_false(d->last.result.places[0].is_loader);
    d->world.cfg.enter_loader = true;
    assert_int_equal(start(d), NEW);
    assert_ptr_equal(d->last.result.area, &d->world.area[WORLD_SEC]);
    assert_true(d->last.result.places[0].is_loader);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static void a_broken_loader_leaves_the_application(void **state)
{
    struct device *d = with_loader();

    (void)state;
    d->world.cfg.enter_loader = true;
    put_bytes(d, WORLD_SEC, 100, "00");
    assert_int_equal(start(d), OLD);
    assert_false(d->last.result.places[0].is_loader);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static void a_broken_application_starts_the_loader_where_that_is_wanted(void **state)
{
    struct device *d = with_loader();

    (void)state;
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), 0);
    d->world.cfg.loader_if_invalid = true;
    assert_int_equal(start(d), NEW);
    assert_true(d->last.result.places[0].is_loader);
    device_free(d);
}

static void both_broken_run_nothing(void **state)
{
    struct device *d = with_loader();

    (void)state;
    d->world.cfg.enter_loader = true;
    d->world.cfg.loader_if_invalid = true;
    put_bytes(d, WORLD_PRI, 100, "00");
    put_bytes(d, WORLD_SEC, 100, "00");
    assert_int_equal(start(d), 0);
    assert_null(d->last.result.area);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_slot_runs_what_verifies_and_writes_nothing),
        cmocka_unit_test(validated_never_wants_a_header_only),
        cmocka_unit_test(what_can_not_be_read_to_the_end_does_not_run),
        cmocka_unit_test(validated_once_is_marked_and_then_trusted),
        cmocka_unit_test(a_mark_does_not_outlive_its_image),
        cmocka_unit_test(an_image_that_shares_a_sector_with_the_mark_is_checked_at_each_start),
        cmocka_unit_test(what_was_not_found_good_is_never_marked),
        cmocka_unit_test(a_cut_while_marking_costs_another_check_at_most),
        cmocka_unit_test(half_a_mark_is_none),
        cmocka_unit_test(an_encrypted_image_in_the_clear_runs_where_it_lies),
        cmocka_unit_test(of_two_images_the_first_is_started_and_both_must_be_whole),
        cmocka_unit_test(an_image_that_is_not_bootable_does_not_run),
        cmocka_unit_test(impossible_sizes_do_not_run),
        cmocka_unit_test(the_application_runs_unless_the_loader_is_asked_for),
        cmocka_unit_test(a_broken_loader_leaves_the_application),
        cmocka_unit_test(a_broken_application_starts_the_loader_where_that_is_wanted),
        cmocka_unit_test(both_broken_run_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
