/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Direct-XIP and RAM load: which slot runs, and from where; what is never run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/openssl.h"
#include "dfu/update.h"
#include "upgrade.h"

#define SIZE          0x1064u
#define SLOT          0x4000u
#define PAIRS         2
#define FACTORY_MARKS true, true /* runs now, and is confirmed */

static void put_for_ram(struct device *d, enum world_place place, uint8_t major, uint32_t addr)
{
    struct test_recipe recipe = {
        .flags = DFU_IMAGE_F_RAM_LOAD,
        .load_addr = addr,
        .version = { .major = major },
    };

    put_recipe(d, place, &recipe, SIZE);
}

static struct device *with_both(enum dfu_boot_mode mode)
{
    struct world_spec spec = spec_equal(mode, true);
    struct device *d = device_new(&spec);
    bool in_ram = mode == DFU_MODE_RAM_LOAD || mode == DFU_MODE_RAM_LOAD_REVERT;

    for (enum world_place place = WORLD_PRI; place <= WORLD_SEC; place++) {
        if (in_ram) {
            put_for_ram(d, place, place == WORLD_PRI ? OLD : NEW, WORLD_RAM_ADDR + 0x100);
        } else {
            put_image(d, place, place == WORLD_PRI ? OLD : NEW, SIZE);
        }
    }
    return d;
}

static void mark(struct device *d, enum world_place place, bool active, bool confirm)
{
    dfu_sim_flash_power_on(&d->world.sim);
    assert_int_equal(dfu_boot_set_next(&d->world.map, &d->world.area[place], active, confirm), 0);
}

/* A device whose old image was confirmed in the factory, and whose new one is asked for. */
static struct device *with_trial(enum dfu_boot_mode mode)
{
    struct device *d = with_both(mode);

    mark(d, WORLD_PRI, FACTORY_MARKS);
    mark(d, WORLD_SEC, false, false);
    return d;
}

static unsigned slot_of(const struct device *d)
{
    return d->last.result.places[0].slot;
}

static void assert_in_ram(struct device *d, uint8_t image, enum world_place place)
{
    const struct dfu_boot_place *at = &d->last.result.places[image];

    assert_non_null(at->ram);
    assert_int_equal(at->ram_len, SIZE);
    assert_memory_equal(at->ram, boot_world_bytes(&d->world, place), SIZE);
    assert_memory_equal(d->world.ram_bytes + (at->ram_addr - WORLD_RAM_ADDR), at->ram, SIZE);
}

static void assert_ram_is_blank(struct device *d)
{
    for (size_t i = 0; i < sizeof d->world.ram_bytes; i++) {
        assert_int_equal(d->world.ram_bytes[i], 0);
    }
}

static const enum dfu_boot_mode all_modes[] = { DFU_MODE_DIRECT_XIP, DFU_MODE_DIRECT_XIP_REVERT,
                                                DFU_MODE_RAM_LOAD, DFU_MODE_RAM_LOAD_REVERT };
static const enum dfu_boot_mode reverting_modes[] = { DFU_MODE_DIRECT_XIP_REVERT,
                                                      DFU_MODE_RAM_LOAD_REVERT };

/* ---- Which one ---- */

static void direct_xip_first_T16(void **state)
{
    struct device *d = with_both(DFU_MODE_DIRECT_XIP);

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_ptr_equal(d->last.result.area, &d->world.area[WORLD_SEC]);
    assert_int_equal(slot_of(d), 1);
    assert_null(d->last.result.places[0].ram);
    assert_string_equal(ops_of(d), "");
    assert_string_equal(lines_of(d), "I: Primary   slot: version=1.0.0+0\n"
                                     "I: Secondary slot: version=2.0.0+0\n"
                                     "I: Image 0 loaded from the secondary slot\n");
    device_free(d);
}

static void ram_load_first_T17(void **state)
{
    struct device *d = with_both(DFU_MODE_RAM_LOAD);

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_in_ram(d, 0, WORLD_SEC);
    assert_non_null(strstr(lines_of(d), "I: Image 0 RAM loading to 0x20000100 is succeeded.\n"));
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static struct device *two_in_ram(uint32_t second_addr)
{
    struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
    struct device *d;

    spec.areas[WORLD_PRI1] = spec.areas[WORLD_PRI];
    spec.areas[WORLD_SEC1] = spec.areas[WORLD_SEC];
    d = device_new(&spec);
    put_for_ram(d, WORLD_PRI, OLD, WORLD_RAM_ADDR);
    put_for_ram(d, WORLD_PRI1, OLD, second_addr);
    return d;
}

static void ram_load_split_T18(void **state)
{
    struct device *d = two_in_ram(WORLD_RAM_ADDR + 0x2000);
    const struct dfu_slot_pair second = d->world.map.images[1];

    (void)state;
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
    struct world_spec spec = spec_equal(DFU_MODE_SINGLE_RAM_LOAD, false);
    struct device *d = device_new(&spec);

    (void)state;
    put_for_ram(d, WORLD_PRI, OLD, WORLD_RAM_ADDR);
    assert_int_equal(start(d), OLD);
    assert_in_ram(d, 0, WORLD_PRI);
    put_bytes(d, WORLD_PRI, 100, "00"); /* one slot: nothing is erased */
    memset(d->world.ram_bytes, 0, sizeof d->world.ram_bytes);
    assert_int_equal(start(d), 0);
    assert_string_equal(ops_of(d), "");
    assert_ram_is_blank(d);
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

    (void)state;
    for (size_t i = 0; i < sizeof addrs / sizeof addrs[0]; i++) {
        struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
        struct device *d = device_new(&spec);

        put_for_ram(d, WORLD_PRI, OLD, addrs[i]);
        assert_int_equal(start(d), 0);
        assert_non_null(strstr(lines_of(d), " is invalid.\n"));
        assert_non_null(strstr(lines_of(d), "I: Removing image 0 slot 0 from flash\n"));
        assert_ram_is_blank(d);
        device_free(d);
    }
}

static void an_image_may_fill_ram_to_its_last_byte(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
    struct device *d = device_new(&spec);

    (void)state;
    put_for_ram(d, WORLD_PRI, OLD, WORLD_RAM_ADDR + WORLD_RAM_SIZE - SIZE);
    assert_int_equal(start(d), OLD);
    device_free(d);
}

static void ram_load_missing_header_flag_T21(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
    struct device *d = device_new(&spec);
    struct test_recipe recipe = { .load_addr = WORLD_RAM_ADDR, .version = { .major = OLD } };

    (void)state;
    put_recipe(d, WORLD_PRI, &recipe, SIZE);
    assert_int_equal(start(d), 0);
    assert_non_null(
        strstr(lines_of(d), "E: Image 0 in the primary slot is not made to run from RAM\n"));
    assert_ram_is_blank(d);
    device_free(d);
}

static void ram_load_failed_validation_T22(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
    struct device *d = device_new(&spec);

    (void)state;
    put_for_ram(d, WORLD_PRI, OLD, WORLD_RAM_ADDR);
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    assert_non_null(strstr(lines_of(d), "I: Removing image 0 from SRAM at address 0x20000000\n"));
    assert_ram_is_blank(d);
    assert_true(is_blank(d, WORLD_PRI, 0, SLOT));
    device_free(d);
}

static void ram_load_corrupt_higher_version_image_T23(void **state)
{
    struct device *d = with_both(DFU_MODE_RAM_LOAD);

    (void)state;
    put_for_ram(d, WORLD_SEC, NEW, WORLD_RAM_ADDR + 0x2000);
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
    struct device *d = two_in_ram(WORLD_RAM_ADDR);

    (void)state;
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault_image, 1);
    assert_non_null(strstr(lines_of(d), "would overlap with another image.\n"));
    assert_ram_is_blank(d);
    device_free(d);
}

static void ram_load_overlapping_images_offset_T32(void **state)
{
    struct device *d = two_in_ram(WORLD_RAM_ADDR + SIZE - 1);

    (void)state;
    assert_int_equal(start(d), 0);
    assert_non_null(strstr(lines_of(d), "would overlap with another image.\n"));
    device_free(d);
    d = two_in_ram(WORLD_RAM_ADDR + SIZE);
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
    put_for_ram(d, WORLD_PRI, OLD, WORLD_RAM_ADDR);
    ops.read = read_twice_differently;
    d->world.area[WORLD_PRI].ops = &ops;
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    device_free(d);
}

static void ram_load_without_ram_is_refused_as_a_configuration(void **state)
{
    struct device *d = with_both(DFU_MODE_RAM_LOAD);

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
    assert_ram_is_blank(d);
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
    assert_ram_is_blank(d);
    device_free(d);
    d = encrypted(plain);
    d->world.cfg.policy.decryption = NULL;
    d->world.cfg.encryption = NULL;
    assert_int_equal(start(d), 0);
    assert_non_null(strstr(lines_of(d), "I: Image 0 primary slot: image not found\n"));
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

/* ---- Trials ---- */

static void an_image_that_is_never_confirmed_has_one_start(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reverting_modes / sizeof reverting_modes[0]; i++) {
        struct device *d = with_trial(reverting_modes[i]);

        assert_int_equal(start(d), NEW);
        assert_int_equal(start(d), OLD);
        assert_true(is_blank(d, WORLD_SEC, 0, SLOT));
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

static void an_image_that_is_confirmed_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reverting_modes / sizeof reverting_modes[0]; i++) {
        struct device *d = with_trial(reverting_modes[i]);

        assert_int_equal(start(d), NEW);
        mark(d, WORLD_SEC, true, true);
        assert_int_equal(start(d), NEW);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

static void the_last_image_is_not_erased_for_want_of_a_confirmation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reverting_modes / sizeof reverting_modes[0]; i++) {
        struct device *d = with_trial(reverting_modes[i]);

        assert_int_equal(start(d), NEW);
        put_bytes(d, WORLD_PRI, 100, "00"); /* nothing to go back to */
        assert_int_equal(start(d), NEW);
        assert_non_null(strstr(lines_of(d), "W: Image 0 in the secondary slot was not confirmed, "
                                            "but there is no other to run\n"));
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

/* B3 where images run in place. */
static void a_torn_copy_done_still_gives_one_start_and_no_more_B3(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct device *d = with_trial(DFU_MODE_DIRECT_XIP_REVERT);

        start_cut(d, DFU_SIM_CUT_INSIDE, 1, seed);
        (void)start(d); /* the new image, or the old one where nothing but a start could be noted */
        assert_int_equal(d->last.err, 0);
        assert_int_equal(start(d), OLD);
        assert_int_equal(start(d), OLD);
        device_free(d);
    }
}

static void a_torn_confirmation_leaves_an_image_to_run(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct device *d = with_trial(DFU_MODE_DIRECT_XIP_REVERT);

        assert_int_equal(start(d), NEW);
        wipe(d, WORLD_PRI, 0, SLOT); /* an upload has begun there */
        dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_INSIDE, 1, seed);
        assert_int_equal(dfu_boot_set_next(&d->world.map, &d->world.area[WORLD_SEC], true, true),
                         DFU_ERR_POWER);
        assert_int_equal(start(d), NEW);
        device_free(d);
    }
}

/* ---- What is wrong ---- */

static void both_slots_invalid_end_without_an_image_and_without_a_jump(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all_modes / sizeof all_modes[0]; i++) {
        struct device *d = with_trial(all_modes[i]);

        put_bytes(d, WORLD_PRI, 100, "00");
        put_bytes(d, WORLD_SEC, 100, "00");
        assert_int_equal(start(d), 0);
        assert_int_equal(d->last.err, DFU_ERR_VERIFY);
        assert_null(d->last.result.area);
        assert_non_null(strstr(lines_of(d), "I: No slot to load for image 0\n"));
        assert_ram_is_blank(d);
        device_free(d);
    }
}

static void a_damaged_trailer_never_keeps_the_other_slot_from_running(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all_modes / sizeof all_modes[0]; i++) {
        for (uint32_t off = SLOT - 48; off < SLOT; off++) {
            struct device *d = with_trial(all_modes[i]);

            wipe(d, WORLD_SEC, off, 1);
            put_bytes(d, WORLD_SEC, off, "5a");
            (void)start(d);
            assert_int_equal(d->last.err, 0);
            (void)start(d);
            assert_int_equal(d->last.err, 0);
            device_free(d);
        }
    }
}

static void lengths_that_lie_are_never_followed(void **state)
{
    static const struct {
        uint32_t off;
        const char *bytes;
    } rows[] = {
        { 8, "ffff" },      /* header size */
        { 8, "0000" },      /* the same */
        { 10, "ffff" },     /* protected TLVs */
        { 12, "ffffffff" }, /* payload */
        { 12, "00000080" }, /* the same */
        { 12, "e03f0000" }, /* up to the slot's end */
        { 16, "04000000" }, /* flags: encrypted */
        { 16, "00020000" }, /* compressed */
    };

    (void)state;
    for (size_t i = 0; i < sizeof all_modes / sizeof all_modes[0]; i++) {
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            struct device *d = with_trial(all_modes[i]);

            wipe(d, WORLD_SEC, rows[j].off, (uint32_t)strlen(rows[j].bytes) / 2);
            put_bytes(d, WORLD_SEC, rows[j].off, rows[j].bytes);
            assert_int_equal(start(d), OLD);
            assert_int_equal(holds(d, WORLD_SEC) == 0, j == 1); /* a header size below 32 */
            assert_non_null(strstr(lines_of(d), "I: Image 0 secondary slot: image not found\n"));
            assert_string_equal(ops_of(d), ""); /* what is no image is left alone */
            assert_int_equal(start(d), OLD);
            device_free(d);
        }
    }
}

/* All of a slot but its header and its trailer, or everything. */
static uint32_t readable_from, readable_to;

static int refuse_to_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct dfu_sim_flash *sim = ctx;

    if (off % SLOT >= readable_to && off % SLOT + len <= readable_from) {
        return DFU_ERR_IO;
    }
    memcpy(buf, sim->mem + off, len);
    return DFU_OK;
}

static void a_slot_that_cannot_be_read_is_left_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof all_modes / sizeof all_modes[0]; i++) {
        struct device *d = with_both(all_modes[i / 2]);
        const struct dfu_flash_ops *good = d->world.area[WORLD_SEC].ops;
        struct dfu_flash_ops ops = *good;

        readable_to = i % 2 == 0 ? 0 : 64;
        readable_from = i % 2 == 0 ? SLOT : SLOT - 64;

        mark(d, WORLD_PRI, FACTORY_MARKS);
        mark(d, WORLD_SEC, FACTORY_MARKS);
        ops.read = refuse_to_read;
        d->world.area[WORLD_SEC].ops = &ops;
        assert_int_equal(start(d), OLD);
        d->world.area[WORLD_SEC].ops = good;
        assert_int_equal(start(d), NEW);
        device_free(d);
    }
}

static void without_the_right_key_nothing_runs(void **state)
{
    struct device *d = with_both(DFU_MODE_DIRECT_XIP);

    (void)state;
    d->world.cfg.policy.hash_only = false; /* and no keys */
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.err, DFU_ERR_INVAL);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

/* ---- Several images ---- */

static void an_unmet_dependency_falls_back_to_the_older_image(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct device *d;

    (void)state;
    spec.areas[WORLD_PRI1] = spec.areas[WORLD_PRI];
    spec.areas[WORLD_SEC1] = spec.areas[WORLD_SEC];
    d = device_new(&spec);
    put_image(d, WORLD_PRI, OLD, SIZE);
    put_image_needing(d, WORLD_SEC, NEW, SIZE, 1, NEW);
    put_image(d, WORLD_PRI1, OLD, SIZE);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    put_image(d, WORLD_SEC1, NEW, SIZE);
    assert_int_equal(start(d), NEW);
    assert_int_equal(d->last.result.places[1].slot, 1);
    put_bytes(d, WORLD_SEC1, 100, "00"); /* what the new image needs turns out to be broken */
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.places[1].slot, 0);
    device_free(d);
}

static void a_dependency_that_nobody_meets_ends_the_choice(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct device *d;

    (void)state;
    spec.areas[WORLD_PRI1] = spec.areas[WORLD_PRI];
    spec.areas[WORLD_SEC1] = spec.areas[WORLD_SEC];
    d = device_new(&spec);
    put_image_needing(d, WORLD_PRI, OLD, SIZE, 1, NEW);
    put_image_needing(d, WORLD_SEC, NEW, SIZE, 1, NEW);
    put_image(d, WORLD_PRI1, OLD, SIZE);
    assert_int_equal(start(d), 0);
    assert_non_null(strstr(lines_of(d), "I: No slot to load for image 0\n"));
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_xip_first_T16),
        cmocka_unit_test(ram_load_first_T17),
        cmocka_unit_test(ram_load_split_T18),
        cmocka_unit_test(ram_load_from_flash_T19),
        cmocka_unit_test(ram_load_out_of_bounds_T20),
        cmocka_unit_test(an_image_may_fill_ram_to_its_last_byte),
        cmocka_unit_test(ram_load_missing_header_flag_T21),
        cmocka_unit_test(ram_load_failed_validation_T22),
        cmocka_unit_test(ram_load_corrupt_higher_version_image_T23),
        cmocka_unit_test(ram_load_overlapping_images_same_base_T31),
        cmocka_unit_test(ram_load_overlapping_images_offset_T32),
        cmocka_unit_test(what_is_verified_is_the_copy_that_runs),
        cmocka_unit_test(an_encrypted_image_is_decrypted_in_ram_and_verified_there_T17),
        cmocka_unit_test(an_encrypted_image_without_its_key_leaves_nothing_in_ram),
        cmocka_unit_test(ram_load_without_ram_is_refused_as_a_configuration),
        cmocka_unit_test(an_image_that_is_never_confirmed_has_one_start),
        cmocka_unit_test(an_image_that_is_confirmed_stays),
        cmocka_unit_test(the_last_image_is_not_erased_for_want_of_a_confirmation),
        cmocka_unit_test(a_torn_copy_done_still_gives_one_start_and_no_more_B3),
        cmocka_unit_test(a_torn_confirmation_leaves_an_image_to_run),
        cmocka_unit_test(both_slots_invalid_end_without_an_image_and_without_a_jump),
        cmocka_unit_test(a_damaged_trailer_never_keeps_the_other_slot_from_running),
        cmocka_unit_test(lengths_that_lie_are_never_followed),
        cmocka_unit_test(a_slot_that_cannot_be_read_is_left_alone),
        cmocka_unit_test(without_the_right_key_nothing_runs),
        cmocka_unit_test(an_unmet_dependency_falls_back_to_the_older_image),
        cmocka_unit_test(a_dependency_that_nobody_meets_ends_the_choice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
