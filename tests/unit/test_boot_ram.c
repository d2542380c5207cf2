/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* RAM load: where an image goes, what does not fit, and what is left of what was refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/openssl.h"
#include "scenario.h"

#define SIZE 0x1064u
#define SLOT 0x4000u

static struct device *with_both_on(const struct world_spec *spec)
{
    struct device *d = device_new(spec);

    put_image_for_ram(d, WORLD_PRI, OLD, SIZE, WORLD_RAM_ADDR + 0x100);
    put_image_for_ram(d, WORLD_SEC, NEW, SIZE, WORLD_RAM_ADDR + 0x100);
    return d;
}

static struct device *with_both(void)
{
    struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);

    return with_both_on(&spec);
}

static void assert_in_ram(struct device *d, uint8_t image, enum world_place place)
{
    const struct dfu_boot_place *at = &d->last.result.places[image];

    assert_non_null(at->ram);
    assert_int_equal(at->ram_len, SIZE);
    assert_memory_equal(at->ram, boot_world_bytes(&d->world, place), SIZE);
    assert_memory_equal(d->world.ram_bytes + (at->ram_addr - WORLD_RAM_ADDR), at->ram, SIZE);
}

/* ---- Where to ---- */

static void ram_load_first_T17(void **state)
{
    struct device *d = with_both_on(*state);

    assert_int_equal(start(d), NEW);
    assert_in_ram(d, 0, WORLD_SEC);
    assert_non_null(strstr(lines_of(d), "I: Image 0 RAM loading to 0x20000100 is succeeded.\n"));
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static struct device *two_in_ram(const struct world_spec *one, uint32_t second_addr)
{
    struct world_spec spec = spec_with_pairs(*one, 2);
    struct device *d = device_new(&spec);

    put_image_for_ram(d, WORLD_PRI, OLD, SIZE, WORLD_RAM_ADDR);
    put_image_for_ram(d, WORLD_PRI1, OLD, SIZE, second_addr);
    return d;
}

static void ram_load_split_T18(void **state)
{
    struct device *d = two_in_ram(*state, WORLD_RAM_ADDR + 0x2000);
    const struct dfu_slot_pair second = d->world.map.images[1];

    assert_int_equal(start(d), OLD);
    assert_in_ram(d, 0, WORLD_PRI);
    assert_in_ram(d, 1, WORLD_PRI1);
    memset(d->world.ram_bytes, 0, sizeof d->world.ram_bytes);
    d->world.map.image_count = 1; /* each core's loader knows its own image only */
    d->world.map.images[0] = second;
    assert_int_equal(start(d), OLD);
    assert_in_ram(d, 0, WORLD_PRI1);
    device_free(d);
}

static void ram_load_from_flash_T19(void **state)
{
    struct device *d = device_new(*state);

    put_image_for_ram(d, WORLD_PRI, OLD, SIZE, WORLD_RAM_ADDR);
    assert_int_equal(start(d), OLD);
    assert_in_ram(d, 0, WORLD_PRI);
    put_bytes(d, WORLD_PRI, 100, "00"); /* one slot: nothing is erased */
    memset(d->world.ram_bytes, 0, sizeof d->world.ram_bytes);
    assert_int_equal(start(d), 0);
    assert_string_equal(ops_of(d), "");
    assert_true(ram_is_blank(d));
    device_free(d);
}

/* ---- RAM: bounds, flags, overlaps ---- */

static void ram_load_out_of_bounds_T20(void **state)
{
    static const uint32_t addrs[] = {
        0,
        WORLD_RAM_ADDR - 1,
        WORLD_RAM_ADDR + WORLD_RAM_SIZE - SIZE + 1,
        WORLD_RAM_ADDR + WORLD_RAM_SIZE,
        UINT32_MAX,
    };

    for (size_t i = 0; i < sizeof addrs / sizeof addrs[0]; i++) {
        struct device *d = device_new(*state);

        put_image_for_ram(d, WORLD_PRI, OLD, SIZE, addrs[i]);
        assert_int_equal(start(d), 0);
        assert_non_null(strstr(lines_of(d), " is invalid.\n"));
        assert_non_null(strstr(lines_of(d), "I: Removing image 0 slot 0 from flash\n"));
        assert_true(ram_is_blank(d));
        device_free(d);
    }
}

static void an_image_may_fill_ram_to_its_last_byte(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
    struct device *d = device_new(&spec);

    (void)state;
    put_image_for_ram(d, WORLD_PRI, OLD, SIZE, WORLD_RAM_ADDR + WORLD_RAM_SIZE - SIZE);
    assert_int_equal(start(d), OLD);
    device_free(d);
}

/* RAM has room for them: it is the slot that could not hold them. */
static void an_image_that_its_slot_could_not_hold_is_not_loaded(void **state)
{
    const uint32_t limit = SLOT - 40;

    (void)state;
    for (uint32_t size = limit; size <= limit + 8; size += 4) {
        struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
        struct device *d = device_new(&spec);

        put_image_for_ram(d, WORLD_PRI, OLD, SIZE, WORLD_RAM_ADDR);
        put_image_for_ram(d, WORLD_SEC, NEW, size, WORLD_RAM_ADDR);
        assert_int_equal(start(d), size == limit ? NEW : OLD);
        if (size > limit) {
            char line[80];

            (void)snprintf(line, sizeof line,
                           "E: Image size bigger than designated area: %u > %u\n", (unsigned)size,
                           (unsigned)limit);
            assert_non_null(strstr(lines_of(d), line));
        }
        device_free(d);
    }
}

static void an_image_without_an_end_is_not_loaded(void **state)
{
    struct device *d = with_both();

    (void)state;
    put_bytes(d, WORLD_SEC, SIZE - 40, "0000"); /* the magic of the TLVs */
    assert_int_equal(start(d), OLD);
    assert_in_ram(d, 0, WORLD_PRI);
    assert_non_null(strstr(lines_of(d), "E: Image in the secondary slot is not valid!\n"));
    device_free(d);
}

static void ram_load_missing_header_flag_T21(void **state)
{
    struct device *d = device_new(*state);
    struct test_recipe recipe = { .load_addr = WORLD_RAM_ADDR, .version = { .major = OLD } };

    put_recipe(d, WORLD_PRI, &recipe, SIZE);
    assert_int_equal(start(d), 0);
    assert_non_null(
        strstr(lines_of(d), "E: Image 0 in the primary slot is not made to run from RAM\n"));
    assert_true(ram_is_blank(d));
    device_free(d);
}

static void ram_load_failed_validation_T22(void **state)
{
    struct device *d = device_new(*state);

    put_image_for_ram(d, WORLD_PRI, OLD, SIZE, WORLD_RAM_ADDR);
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    assert_non_null(strstr(lines_of(d), "I: Removing image 0 from SRAM at address 0x20000000\n"));
    assert_true(ram_is_blank(d));
    assert_true(is_blank(d, WORLD_PRI, 0, SLOT));
    device_free(d);
}

static void ram_load_corrupt_higher_version_image_T23(void **state)
{
    struct device *d = with_both_on(*state);

    put_image_for_ram(d, WORLD_SEC, NEW, SIZE, WORLD_RAM_ADDR + 0x2000);
    put_bytes(d, WORLD_SEC, 100, "00");
    assert_int_equal(start(d), OLD);
    assert_in_ram(d, 0, WORLD_PRI);
    for (uint32_t i = 0; i < SIZE; i++) { /* nothing is left of the corrupt one */
        assert_int_equal(d->world.ram_bytes[0x2000 + i], 0);
    }
    device_free(d);
}

static void ram_load_overlapping_images_same_base_T31(void **state)
{
    struct device *d = two_in_ram(*state, WORLD_RAM_ADDR);

    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault_image, 1);
    assert_non_null(strstr(lines_of(d), "would overlap with another image.\n"));
    assert_true(ram_is_blank(d));
    device_free(d);
}

static void ram_load_overlapping_images_offset_T32(void **state)
{
    struct device *d = two_in_ram(*state, WORLD_RAM_ADDR + SIZE - 1);

    assert_int_equal(start(d), 0);
    assert_non_null(strstr(lines_of(d), "would overlap with another image.\n"));
    device_free(d);
    d = two_in_ram(*state, WORLD_RAM_ADDR + SIZE);
    assert_int_equal(start(d), OLD);
    device_free(d);
}

/* Flash that changes between the copy and the check, or lies about one of them. */
static int read_twice_differently(void *ctx, uint32_t off, void *buf, size_t len)
{
    static unsigned calls;
    struct dfu_sim_flash *sim = ctx;

    memcpy(buf, sim->mem + off, len);
    if (len > 64 && ++calls == 1) { /* the copy to RAM; the check must not read here again */
        ((uint8_t *)buf)[50] ^= 1;
    }
    return 0;
}

static void what_is_verified_is_the_copy_that_runs(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
    struct device *d = device_new(&spec);
    struct dfu_flash_ops ops = *d->world.area[WORLD_PRI].ops;

    (void)state;
    put_image_for_ram(d, WORLD_PRI, OLD, SIZE, WORLD_RAM_ADDR);
    ops.read = read_twice_differently;
    d->world.area[WORLD_PRI].ops = &ops;
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    device_free(d);
}

static void ram_load_without_ram_is_refused_as_a_configuration(void **state)
{
    struct device *d = with_both();

    (void)state;
    d->world.cfg.ram_count = 0;
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.err, DFU_ERR_INVAL);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

/* ---- Encrypted ---- */

static const uint8_t kek[16] = "the device's own";
static const uint8_t content_key[16] = "the image's keys";

static const struct dfu_unwrap_key unwrap_keys[] = { { &dfu_unwrap_kw_openssl, kek, 16 } };
static const struct dfu_image_decryption decryption = { &dfu_image_opener, &dfu_aes_ctr_openssl,
                                                        unwrap_keys, 1 };

/* The image is encrypted in its slot; plain is what must run. */
static struct device *encrypted(uint8_t *plain)
{
    struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
    struct device *d;
    struct test_recipe recipe = {
        .hdr_size = 32,
        .flags = DFU_IMAGE_F_RAM_LOAD,
        .load_addr = WORLD_RAM_ADDR,
        .version = { .major = OLD },
        .pattern = 9,
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
        .tlv_count = 1,
        .content_key = content_key,
        .kek = kek,
        .crypt_len = 16,
    };
    uint8_t closed[SIZE];

    spec.decryption = &decryption;
    d = device_new(&spec);
    recipe.body = SIZE - (uint32_t)test_image_size(&recipe);
    test_image_build(&recipe, plain);
    memcpy(closed, plain, SIZE);
    test_image_crypt(&recipe, closed);
    assert_memory_not_equal(closed, plain, SIZE);
    boot_world_load(&d->world, WORLD_PRI, 0, closed, SIZE);
    return d;
}

static void an_encrypted_image_is_decrypted_in_ram_and_verified_there_T17(void **state)
{
    uint8_t plain[SIZE];
    struct device *d = encrypted(plain);

    (void)state;
    assert_int_equal(start(d), OLD);
    assert_memory_equal(d->world.ram_bytes, plain, SIZE);
    assert_string_equal(ops_of(d), ""); /* flash stays encrypted */
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), 0);
    assert_true(ram_is_blank(d));
    device_free(d);
}

static void an_encrypted_image_without_its_key_leaves_nothing_in_ram(void **state)
{
    uint8_t plain[SIZE];
    struct device *d = encrypted(plain);
    struct dfu_unwrap_key other[] = { { &dfu_unwrap_kw_openssl, content_key, 16 } };
    struct dfu_image_decryption wrong = decryption;

    (void)state;
    wrong.keys = other;
    d->world.cfg.policy.decryption = &wrong;
    assert_int_equal(start(d), 0);
    assert_non_null(strstr(lines_of(d), "I: Image 0 RAM loading to 0x20000000 is failed.\n"));
    assert_true(ram_is_blank(d));
    device_free(d);
    d = encrypted(plain);
    d->world.cfg.policy.decryption = NULL;
    d->world.cfg.encryption = NULL;
    assert_int_equal(start(d), 0);
    assert_non_null(strstr(lines_of(d), "I: Image 0 primary slot: image not found\n"));
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

int main(void)
{
    static const struct scenario scenarios[] = {
        SCENARIO_IN(IN_RAM_LOAD, ram_load_first_T17),
        SCENARIO_IN(IN_RAM_LOAD, ram_load_split_T18),
        SCENARIO_IN(IN_SINGLE_RAM_LOAD, ram_load_from_flash_T19),
        SCENARIO_IN(IN_RAM_LOAD, ram_load_out_of_bounds_T20),
        SCENARIO_IN(IN_RAM_LOAD, ram_load_missing_header_flag_T21),
        SCENARIO_IN(IN_RAM_LOAD, ram_load_failed_validation_T22),
        SCENARIO_IN(IN_RAM_LOAD, ram_load_corrupt_higher_version_image_T23),
        SCENARIO_IN(IN_RAM_LOAD, ram_load_overlapping_images_same_base_T31),
        SCENARIO_IN(IN_RAM_LOAD, ram_load_overlapping_images_offset_T32),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_may_fill_ram_to_its_last_byte),
        cmocka_unit_test(an_image_that_its_slot_could_not_hold_is_not_loaded),
        cmocka_unit_test(an_image_without_an_end_is_not_loaded),
        cmocka_unit_test(what_is_verified_is_the_copy_that_runs),
        cmocka_unit_test(ram_load_without_ram_is_refused_as_a_configuration),
        cmocka_unit_test(an_encrypted_image_is_decrypted_in_ram_and_verified_there_T17),
        cmocka_unit_test(an_encrypted_image_without_its_key_leaves_nothing_in_ram),
    };

    return run_scenarios("scenarios", scenarios, sizeof scenarios / sizeof scenarios[0]) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
