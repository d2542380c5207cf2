/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Encrypted images that are refused, what is left of them in flash and in RAM, and images that are
 * decrypted into RAM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "encrypted.h"

static const struct encrypted_setting swap = { spec_move, 16, false, 16, 16, 0x2064, 0x21f4 };
static const struct encrypted_setting overwrite = {
    spec_overwrite, 0, false, 16, 16, 0x2064, 0x21f4
};

static void refuse_update(const struct picture *new, enum dfu_image_fault fault,
                          const struct encrypted_setting *setting)
{
    struct picture old = picture_of(OLD, 0x2064, 16, device_kek);
    struct device *d = encrypted_device(setting);

    put_open(d, WORLD_PRI, &old);
    put_closed(d, WORLD_SEC, new);
    request(d, false);
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.update_err, DFU_ERR_VERIFY);
    assert_int_equal(d->last.result.update_fault, fault);
    assert_non_null(strstr(lines_of(d), "E: Image in the secondary slot is not valid!\n"));
    holds_open(d, WORLD_PRI, &old);
    assert_true(is_blank(d, WORLD_SEC, 0, 0x4000));
    device_free(d);
}

static void an_update_that_cannot_be_opened_is_refused_and_erased(void **state)
{
    struct picture other = picture_of(NEW, 0x21f4, 16, foreign_kek);
    struct picture clear = picture_of(NEW, 0x21f4, 16, device_kek);
    struct picture longer = picture_of(NEW, 0x21f4, 32, device_kek);
    struct picture changed = picture_of(NEW, 0x21f4, 16, device_kek);

    (void)state;
    refuse_update(&other, DFU_IMAGE_ENC_KEY, &swap);
    refuse_update(&other, DFU_IMAGE_ENC_KEY, &overwrite);
    memcpy(clear.closed, clear.open, clear.size); /* a body that was left clear */
    refuse_update(&clear, DFU_IMAGE_HASH_MISMATCH, &swap);
    refuse_update(&longer, DFU_IMAGE_NOT_SUPPORTED, &swap); /* no room in the trailer */
    changed.closed[0x1000] ^= 1;
    refuse_update(&changed, DFU_IMAGE_HASH_MISMATCH, &swap);
}

static void a_loader_without_decryption_takes_no_encrypted_image(void **state)
{
    struct picture old = picture_of(OLD, 0x2064, 0, device_kek),
                   new = picture_of(NEW, 0x21f4, 16, device_kek);
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);

    (void)state;
    put_open(d, WORLD_PRI, &old);
    put_closed(d, WORLD_SEC, &new);
    request(d, false);
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.update_fault, DFU_IMAGE_NOT_SUPPORTED);
    device_free(d);
    d = device_new(&spec);
    put_open(d, WORLD_PRI, &new); /* nor in the primary, where it is plain */
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_NOT_SUPPORTED);
    device_free(d);
}

static void a_primary_with_an_encrypted_body_does_not_run(void **state)
{
    struct picture old = picture_of(OLD, 0x2064, 16, device_kek);
    struct device *d = encrypted_device(&swap);

    (void)state;
    put_closed(d, WORLD_PRI, &old);
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    device_free(d);
}

/* It would lie in the secondary unprotected, and a revert would decrypt what is plain. */
static void an_image_that_cannot_be_encrypted_again_does_not_move_out(void **state)
{
    struct picture old = picture_of(OLD, 0x2064, 16, foreign_kek);
    struct picture new = picture_of(NEW, 0x21f4, 16, device_kek);
    struct device *d = encrypted_device(&swap);

    (void)state;
    put_open(d, WORLD_PRI, &old);
    put_closed(d, WORLD_SEC, &new);
    request(d, false);
    for (int i = 0; i < 2; i++) {
        struct dfu_boot_outlook outlook;

        dfu_sim_flash_power_on(&d->world.sim);
        assert_int_equal(dfu_boot_look(&d->world.cfg, 0, &outlook), DFU_OK);
        assert_int_equal(outlook.swap, DFU_SWAP_NONE);
        assert_int_equal(outlook.update_err, DFU_ERR_VERIFY);
        assert_int_equal(start(d), OLD);
        assert_int_equal(d->last.result.update_err, DFU_ERR_VERIFY);
        assert_non_null(strstr(lines_of(d), "cannot be swapped out\n"));
        assert_string_equal(ops_of(d), "");
    }
    holds_closed(d, WORLD_SEC, &new);
    device_free(d);
}

static void a_key_that_the_trailer_cannot_hold_stops_the_swap_before_it_begins(void **state)
{
    static const struct encrypted_setting small[] = {
        { spec_move, 16, false, 32, 16, 0x2064, 0x21f4 },
        { spec_move, 24, true, 32, 16, 0x2064, 0x21f4 }
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pictures p;
        struct device *d = encrypted_update(&small[i], &p, false);

        assert_int_equal(start(d), OLD);
        assert_int_not_equal(d->last.result.update_err, 0);
        assert_string_equal(ops_of(d), "");
        is_reverted(d, &p);
        device_free(d);
    }
}

/* Unless it does not run anyway: then the update is the way to repair it. */
static void a_broken_image_for_another_key_is_swapped_out_as_it_is(void **state)
{
    struct picture old = picture_of(OLD, 0x2064, 16, foreign_kek);
    struct picture new = picture_of(NEW, 0x21f4, 16, device_kek);
    struct device *d = encrypted_device(&swap);

    (void)state;
    old.open[0x1000] ^= 1;
    put_open(d, WORLD_PRI, &old);
    put_closed(d, WORLD_SEC, &new);
    request(d, true);
    assert_int_equal(start(d), NEW);
    holds_open(d, WORLD_PRI, &new);
    holds_open(d, WORLD_SEC, &old);
    device_free(d);
}

static void a_configuration_that_could_not_go_on_after_a_cut_is_refused(void **state)
{
    struct encrypted_setting setting = swap;
    struct dfu_image_decryption none = device_decryption;
    struct device *d;

    (void)state;
    for (setting.key_size = 0; setting.key_size <= 24; setting.key_size += 8) {
        d = encrypted_device(&setting);
        put_open(d, WORLD_PRI, &(struct picture){ .size = 32 });
        start(d);
        assert_int_equal(d->last.err == DFU_ERR_INVAL, setting.key_size < 16);
        device_free(d);
    }
    d = encrypted_device(&swap);
    d->world.cfg.encryption = NULL;
    start(d);
    assert_int_equal(d->last.err, DFU_ERR_INVAL);
    d->world.cfg.encryption = &dfu_boot_encrypted;
    d->world.cfg.policy.decryption = NULL;
    start(d);
    assert_int_equal(d->last.err, DFU_ERR_INVAL);
    none.opener = NULL;
    d->world.cfg.policy.decryption = &none;
    start(d);
    assert_int_equal(d->last.err, DFU_ERR_INVAL);
    device_free(d);
}

/* ---- RAM load ---- */

static struct picture ram_picture(uint8_t major, uint32_t addr, uint8_t crypt_len,
                                  const uint8_t *its_kek)
{
    return picture_from(&(struct test_recipe){ .hdr_size = 32,
                                               .version = { .major = major },
                                               .flags = DFU_IMAGE_F_RAM_LOAD,
                                               .load_addr = addr },
                        0x1064, crypt_len, its_kek);
}

/* T17 with encryption: both slots hold encrypted bodies, RAM a plain one. */
static void an_image_is_decrypted_in_ram_T17(void **state)
{
    static const uint8_t lens[] = { 0, 16, 32 };

    (void)state;
    for (size_t i = 0; i < sizeof lens; i++) {
        struct picture old = ram_picture(OLD, WORLD_RAM_ADDR, 16, device_kek);
        struct picture new = ram_picture(NEW, WORLD_RAM_ADDR + 0x40, lens[i], device_kek);
        struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
        struct device *d;

        spec.decryption = &device_decryption;
        d = device_new(&spec);
        put_closed(d, WORLD_PRI, &old);
        put_closed(d, WORLD_SEC, &new);
        assert_int_equal(start(d), NEW);
        assert_memory_equal(d->world.ram_bytes + 0x40, new.open, new.size);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

/* T22, T23 with encryption. */
static void an_image_that_cannot_be_opened_is_not_left_in_ram_T22_T23(void **state)
{
    struct picture old = ram_picture(OLD, WORLD_RAM_ADDR, 16, device_kek);
    struct picture foreign = ram_picture(NEW, WORLD_RAM_ADDR + 0x2000, 16, foreign_kek);
    struct picture changed = ram_picture(NEW, WORLD_RAM_ADDR + 0x2000, 32, device_kek);
    struct picture clear = ram_picture(NEW, WORLD_RAM_ADDR + 0x2000, 16, device_kek);
    const struct picture *bad[] = { &foreign, &changed, &clear };
    static const uint8_t nothing[0x1064];

    (void)state;
    changed.closed[0x800] ^= 1;
    memcpy(clear.closed, clear.open, clear.size);
    for (size_t i = 0; i < 3; i++) {
        struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
        struct device *d;

        spec.decryption = &device_decryption;
        d = device_new(&spec);
        put_closed(d, WORLD_PRI, &old);
        put_closed(d, WORLD_SEC, bad[i]);
        assert_int_equal(start(d), OLD);
        assert_memory_equal(d->world.ram_bytes, old.open, old.size);
        assert_memory_equal(d->world.ram_bytes + 0x2000, nothing, sizeof nothing);
        device_free(d);
    }
}

static void direct_xip_takes_no_keys_and_no_encrypted_image(void **state)
{
    struct picture new = picture_of(NEW, 0x1064, 16, device_kek);
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct device *d = device_new(&spec);

    (void)state;
    put_open(d, WORLD_PRI, &new);
    assert_int_equal(start(d), 0);
    d->world.cfg.policy.decryption = &device_decryption;
    d->world.cfg.encryption = &dfu_boot_encrypted;
    start(d);
    assert_int_equal(d->last.err, DFU_ERR_INVAL);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_that_cannot_be_opened_is_refused_and_erased),
        cmocka_unit_test(a_loader_without_decryption_takes_no_encrypted_image),
        cmocka_unit_test(a_primary_with_an_encrypted_body_does_not_run),
        cmocka_unit_test(an_image_that_cannot_be_encrypted_again_does_not_move_out),
        cmocka_unit_test(a_key_that_the_trailer_cannot_hold_stops_the_swap_before_it_begins),
        cmocka_unit_test(a_broken_image_for_another_key_is_swapped_out_as_it_is),
        cmocka_unit_test(a_configuration_that_could_not_go_on_after_a_cut_is_refused),
        cmocka_unit_test(an_image_is_decrypted_in_ram_T17),
        cmocka_unit_test(an_image_that_cannot_be_opened_is_not_left_in_ram_T22_T23),
        cmocka_unit_test(direct_xip_takes_no_keys_and_no_encrypted_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
