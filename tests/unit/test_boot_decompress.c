/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Compressed updates: into the primary where the mode overwrites, refused everywhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "image/unpack.h"
#include "packed_image.h"
#include "upgrade.h"

#define OLD_SIZE 0x2064u
#define MAX_SIZE 0x3fd8u /* up to swap_info */

static struct packed_image packed;

static struct test_recipe plain_recipe(uint8_t major, uint32_t size)
{
    struct test_recipe recipe = { .hdr_size = 32,
                                  .version = { .major = major },
                                  .pattern = major,
                                  .tlvs = { { DFU_TLV_SHA256, NULL, 0 } },
                                  .tlv_count = 1 };

    recipe.body = size - (uint32_t)test_image_size(&recipe);
    return recipe;
}

static void put_packed_recipe(struct device *d, enum world_place place)
{
    static uint8_t image[PACKED_BODY_MAX];
    size_t size = test_image_size(&packed.recipe);

    assert_true(size <= sizeof(image));
    test_image_build(&packed.recipe, image);
    boot_world_load(&d->world, place, 0, image, size);
}

/* size: of the image that runs. */
static void put_packed(struct device *d, enum world_place place, uint8_t major, uint32_t size,
                       bool is_thumb)
{
    struct test_recipe recipe = plain_recipe(major, size);

    packed_image_make(&packed, &recipe, is_thumb);
    put_packed_recipe(d, place);
}

static struct world_spec overwriting(bool fast)
{
    struct world_spec spec = fast ? spec_overwrite_fast() : spec_overwrite();

    spec.unpacks = true;
    return spec;
}

static struct device *pending(const struct world_spec *spec, uint32_t size)
{
    struct device *d = device_new(spec);

    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    put_packed(d, WORLD_SEC, NEW, size, true);
    request(d, false);
    return d;
}

static void primary_is_the_decoded_image(struct device *d)
{
    const uint8_t *primary = boot_world_bytes(&d->world, WORLD_PRI);
    uint32_t size = (uint32_t)packed.plain_size, sector_end = round_up(size, 0x1000);

    assert_memory_equal(primary, packed.plain, size);
    assert_true(is_blank(d, WORLD_PRI, size, min_u32(sector_end, 0x3ff0) - size));
    assert_int_equal(trailer(d, WORLD_PRI).magic, DFU_MAGIC_GOOD);
}

static void secondary_is_retired(struct device *d)
{
    assert_true(is_blank(d, WORLD_SEC, 0, 0x1000));
    assert_true(is_blank(d, WORLD_SEC, 0x3000, 0x1000));
}

static void the_primary_receives_what_the_update_decodes_to(void **state)
{
    static const uint32_t sizes[] = { 200, 0x1000, 0x2001, MAX_SIZE };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int fast = 0; fast < 2; fast++) {
            struct world_spec spec = overwriting(fast);
            struct device *d = pending(&spec, sizes[i]);

            assert_int_equal(start(d), NEW);
            primary_is_the_decoded_image(d);
            secondary_is_retired(d);
            assert_int_equal(start(d), NEW);
            assert_string_equal(ops_of(d), "");
            confirm(d);
            assert_int_equal(start(d), NEW);
            assert_int_equal(d->world.sim.double_programs, 0);
            device_free(d);
        }
    }
}

static void the_order_of_operations_is_that_of_any_overwrite(void **state)
{
    struct world_spec spec = overwriting(true);
    struct device *d = pending(&spec, 0x21f4);

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d),
                        "E pri 0\nE pri 1000\nE pri 2000\nE pri 3000\nW pri 0+21f8\n"
                        "w pri 3ff0 77c295f360d2ef7f3552500f2cb67980\nE sec 0\nE sec 3000\n");
    assert_non_null(strstr(
        lines_of(d), "I: Image 0 copying the secondary slot to the primary slot: 0x21f8 bytes\n"));
    device_free(d);
}

static void a_plain_update_is_copied_as_ever(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        struct world_spec spec = overwriting(fast);
        struct device *d = device_new(&spec);

        put_image(d, WORLD_PRI, OLD, OLD_SIZE);
        put_image(d, WORLD_SEC, NEW, 0x1234);
        request(d, true);
        assert_int_equal(start(d), NEW);
        device_free(d);
    }
}

/* Decoding begins anew until the copy is complete. */
static void a_copy_that_is_cut_is_made_again(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        struct world_spec spec = overwriting(fast);
        struct device *d = pending(&spec, 0x21f4);

        check_after_every_cut(d, NEW, 9, primary_is_the_decoded_image);
        device_free(d);
    }
}

/* What is wrong with the decoded image is found before the old one is touched. */
static void refused(struct device *d, enum dfu_image_fault fault)
{
    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    put_packed_recipe(d, WORLD_SEC);
    request(d, false);
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.update_err, DFU_ERR_VERIFY);
    assert_int_equal(d->last.result.update_fault, fault);
    assert_null(strstr(ops_of(d), "pri"));
    assert_true(is_blank(d, WORLD_SEC, 0, 0x4000));
    device_free(d);
}

static void a_damaged_update_never_touches_the_primary(void **state)
{
    struct world_spec spec = overwriting(true);
    struct test_recipe recipe = plain_recipe(NEW, 0x2000);

    (void)state;
    packed_image_make(&packed, &recipe, true);
    packed.body[100] ^= 1;
    refused(device_new(&spec), DFU_IMAGE_BAD_COMPRESSION);

    packed_image_make(&packed, &recipe, true);
    packed.sha[0] ^= 1;
    refused(device_new(&spec), DFU_IMAGE_HASH_MISMATCH);

    packed_image_make(&packed, &recipe, true);
    put_le32(packed.size, recipe.body + 1);
    refused(device_new(&spec), DFU_IMAGE_BAD_COMPRESSION);
}

static void what_decodes_to_too_much_never_touches_the_primary(void **state)
{
    struct world_spec spec = overwriting(true);
    struct test_recipe recipe = plain_recipe(NEW, MAX_SIZE + 1);

    (void)state;
    packed_image_make(&packed, &recipe, true);
    assert_true(test_image_size(&packed.recipe) < MAX_SIZE);
    refused(device_new(&spec), DFU_IMAGE_TOO_LARGE);
}

/* Flash that answers otherwise after the check: the last of so many times grows by a byte. */
static unsigned opened, grows_at;

static enum dfu_image_fault open_growing(struct dfu_unpacked *out, const struct dfu_image *stored,
                                         const struct dfu_unpacker *how)
{
    enum dfu_image_fault fault = dfu_unpack.open(out, stored, how);

    if (++opened == grows_at) {
        out->reader.size = MAX_SIZE + 1;
    }
    return fault;
}

static void what_grows_after_its_check_is_not_copied(void **state)
{
    const struct dfu_unpack_way way = { open_growing, dfu_unpacked_close };

    (void)state;
    opened = grows_at = 0;
    for (int round = 0; round < 2; round++) {
        struct world_spec spec = overwriting(true);
        struct device *d = pending(&spec, MAX_SIZE);
        struct dfu_unpacker unpacker = *d->world.cfg.policy.unpacker;

        unpacker.way = &way;
        d->world.cfg.policy.unpacker = &unpacker;
        if (round == 0) {
            assert_int_equal(start(d), NEW);
            grows_at = opened;
            opened = 0;
        } else {
            (void)start(d);
            assert_int_equal(opened, grows_at);
            assert_string_equal(ops_of(d), "");
            assert_int_equal(holds(d, WORLD_PRI), OLD);
        }
        device_free(d);
    }
}

static void a_loader_without_a_decoder_refuses_it(void **state)
{
    struct world_spec overwrite = spec_overwrite_fast(), move = spec_move();
    struct test_recipe recipe = plain_recipe(NEW, 0x2000);

    (void)state;
    packed_image_make(&packed, &recipe, true);
    refused(device_new(&overwrite), DFU_IMAGE_NOT_SUPPORTED);
    refused(device_new(&move), DFU_IMAGE_NOT_SUPPORTED);
}

/* In a swap it would have to be packed again on its way back. */
static void only_modes_that_overwrite_can_be_configured_to_decompress(void **state)
{
    static const enum dfu_boot_mode modes[] = { DFU_MODE_DIRECT_XIP, DFU_MODE_DIRECT_XIP_REVERT,
                                                DFU_MODE_RAM_LOAD, DFU_MODE_SINGLE_SLOT };
    struct world_spec spec = spec_move();
    struct dfu_boot_result result;
    struct device *d;

    (void)state;
    spec.unpacks = true;
    d = device_new(&spec);
    assert_int_equal(dfu_boot(&d->world.cfg, &result), DFU_ERR_INVAL);
    device_free(d);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        spec = spec_equal(modes[i], modes[i] != DFU_MODE_SINGLE_SLOT);
        spec.unpacks = true;
        d = device_new(&spec);
        assert_int_equal(dfu_boot(&d->world.cfg, &result), DFU_ERR_INVAL);
        device_free(d);
    }
}

static void a_decoder_without_its_other_half_is_no_configuration(void **state)
{
    struct world_spec spec = overwriting(true);
    struct device *d = device_new(&spec);
    struct dfu_unpacker unpacker = *d->world.cfg.policy.unpacker;
    struct dfu_boot_config whole = d->world.cfg;
    struct dfu_boot_result result;

    (void)state;
    d->world.cfg.decompression = NULL;
    assert_int_equal(dfu_boot(&d->world.cfg, &result), DFU_ERR_INVAL);
    d->world.cfg = whole;
    d->world.cfg.policy.unpacker = NULL;
    assert_int_equal(dfu_boot(&d->world.cfg, &result), DFU_ERR_INVAL);
    d->world.cfg.policy.unpacker = &unpacker;
    unpacker.work = NULL;
    assert_int_equal(dfu_boot(&d->world.cfg, &result), DFU_ERR_INVAL);
    device_free(d);
}

static void what_is_compressed_never_runs(void **state)
{
    struct world_spec spec = overwriting(true);
    struct device *d = device_new(&spec);

    (void)state;
    put_packed(d, WORLD_PRI, NEW, 0x2000, false);
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_NOT_SUPPORTED);
    device_free(d);
}

static void an_empty_primary_is_filled_from_a_compressed_update(void **state)
{
    struct world_spec spec = overwriting(false);
    struct device *d;

    (void)state;
    spec.bootstrap = true;
    d = device_new(&spec);
    put_packed(d, WORLD_SEC, NEW, 0x2345, true);
    assert_int_equal(start(d), NEW);
    primary_is_the_decoded_image(d);
    device_free(d);
}

static void a_compressed_downgrade_is_refused_like_any_other(void **state)
{
    struct world_spec spec = overwriting(true);
    struct device *d;

    (void)state;
    spec.prevent_downgrade = true;
    d = device_new(&spec);
    put_image(d, WORLD_PRI, NEW, OLD_SIZE);
    put_packed(d, WORLD_SEC, OLD, 0x2345, true);
    request(d, true);
    assert_int_equal(start(d), NEW);
    assert_int_equal(d->last.result.update_err, DFU_ERR_PERM);
    device_free(d);
}

/* ---- A secondary that is smaller than its primary ---- */

#define SMALL_SIZE 0x2000u /* of the secondary: half the primary's */

static struct world_spec with_small_secondary(bool fast)
{
    struct world_spec spec = overwriting(fast);

    spec.areas[WORLD_SEC].size = SMALL_SIZE;
    spec.areas[WORLD_SEC].runs[0].count = SMALL_SIZE / 0x1000;
    return spec;
}

/* Programs repeat themselves; as large as the primary takes. */
static void make_repetitive(uint32_t size)
{
    struct test_recipe recipe = plain_recipe(NEW, size);

    packed_image_make(&packed, &recipe, true);
    assert_true(test_image_size(&packed.recipe) < SMALL_SIZE - 40);
}

static struct device *small_pending(bool fast, uint32_t size)
{
    struct world_spec spec = with_small_secondary(fast);
    struct device *d = device_new(&spec);

    make_repetitive(size);
    put_image(d, WORLD_PRI, OLD, 0x3000); /* more than the secondary could hold */
    put_packed_recipe(d, WORLD_SEC);
    request(d, false);
    return d;
}

static void a_small_secondary_brings_an_image_as_large_as_the_primary(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        struct device *d = small_pending(fast, MAX_SIZE);

        assert_int_equal(start(d), NEW);
        primary_is_the_decoded_image(d);
        assert_true(is_blank(d, WORLD_SEC, 0, 0x1000));
        assert_true(is_blank(d, WORLD_SEC, SMALL_SIZE - 0x1000, 0x1000));
        assert_int_equal(start(d), NEW);
        assert_string_equal(ops_of(d), "");
        confirm(d);
        assert_int_equal(start(d), NEW);
        device_free(d);
    }
}

static void a_cut_copy_from_a_small_secondary_is_made_again(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        struct device *d = small_pending(fast, MAX_SIZE);

        check_after_every_cut(d, NEW, 9, primary_is_the_decoded_image);
        device_free(d);
    }
}

static void a_small_secondary_still_takes_plain_updates_that_fit_it(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        struct world_spec spec = with_small_secondary(fast);
        struct device *d = device_new(&spec);

        put_image(d, WORLD_PRI, OLD, 0x3000);
        put_image(d, WORLD_SEC, NEW, SMALL_SIZE - 40);
        request(d, false);
        assert_int_equal(start(d), NEW);
        assert_int_equal(trailer(d, WORLD_PRI).magic, DFU_MAGIC_GOOD);
        assert_int_equal(d->world.sim.double_programs, 0);
        confirm(d);
        assert_int_equal(start(d), NEW);
        device_free(d);
    }
}

static void a_small_secondary_brings_nothing_that_the_primary_could_not_hold(void **state)
{
    struct device *d = small_pending(true, MAX_SIZE + 1);

    (void)state;
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.update_fault, DFU_IMAGE_TOO_LARGE);
    assert_null(strstr(ops_of(d), "pri"));
    device_free(d);
}

static void a_small_secondary_needs_a_loader_that_decompresses(void **state)
{
    struct device *d = small_pending(true, MAX_SIZE);
    struct dfu_boot_result result;

    (void)state;
    d->world.cfg.decompression = NULL;
    d->world.cfg.policy.unpacker = NULL;
    assert_int_equal(dfu_boot(&d->world.cfg, &result), DFU_ERR_INVAL);
    d->world.map.decompresses =
        false; /* as MCUboot without it: no update, and what is there runs */
    assert_int_equal(start(d), OLD);
    assert_non_null(strstr(lines_of(d), "slots are not compatible"));
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_primary_receives_what_the_update_decodes_to),
        cmocka_unit_test(the_order_of_operations_is_that_of_any_overwrite),
        cmocka_unit_test(a_plain_update_is_copied_as_ever),
        cmocka_unit_test(a_copy_that_is_cut_is_made_again),
        cmocka_unit_test(a_damaged_update_never_touches_the_primary),
        cmocka_unit_test(what_decodes_to_too_much_never_touches_the_primary),
        cmocka_unit_test(what_grows_after_its_check_is_not_copied),
        cmocka_unit_test(a_loader_without_a_decoder_refuses_it),
        cmocka_unit_test(only_modes_that_overwrite_can_be_configured_to_decompress),
        cmocka_unit_test(a_decoder_without_its_other_half_is_no_configuration),
        cmocka_unit_test(what_is_compressed_never_runs),
        cmocka_unit_test(an_empty_primary_is_filled_from_a_compressed_update),
        cmocka_unit_test(a_compressed_downgrade_is_refused_like_any_other),
        cmocka_unit_test(a_small_secondary_brings_an_image_as_large_as_the_primary),
        cmocka_unit_test(a_cut_copy_from_a_small_secondary_is_made_again),
        cmocka_unit_test(a_small_secondary_still_takes_plain_updates_that_fit_it),
        cmocka_unit_test(a_small_secondary_brings_nothing_that_the_primary_could_not_hold),
        cmocka_unit_test(a_small_secondary_needs_a_loader_that_decompresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
