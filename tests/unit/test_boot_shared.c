/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What a bootloader tells the application in a piece of RAM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/shared_data.h"
#include "upgrade.h"

#define SIZE 0x1064u

static uint32_t told(const struct dfu_boot_sharing *sharing, unsigned what)
{
    uint32_t value = 0;

    assert_int_equal(dfu_shared_number(sharing->mem, sharing->size,
                                       DFU_SHARED_TYPE(DFU_SHARED_LOADER, what), &value),
                     0);
    return value;
}

static void the_application_learns_which_slot_runs_and_how(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct device *d = device_new(&spec);
    static const uint8_t counter[4] = { 5 };
    struct test_recipe recipe = { .version = { .major = NEW },
                                  .prot = { { DFU_TLV_SEC_CNT, counter, sizeof counter } },
                                  .prot_count = 1 };
    uint8_t mem[256];
    struct dfu_boot_sharing sharing = { &dfu_boot_sharer, mem, sizeof mem, false, true, 1,
                                        { 1, 2, 3, 4 } };
    static const uint8_t version[] = { 1, 2, 3, 0, 4, 0, 0, 0 };
    const uint8_t *data;

    (void)state;
    put_image(d, WORLD_PRI, OLD, SIZE);
    put_recipe(d, WORLD_SEC, &recipe, SIZE);
    memset(mem, 0xa5, sizeof mem);
    d->world.cfg.sharing = &sharing;
    assert_int_equal(start(d), NEW);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_MODE), DFU_MODE_DIRECT_XIP);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_SIGNATURE), DFU_SHARED_SIG_NONE);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_RECOVERY), 1);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_RUNNING_SLOT), 1);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_MAX_SIZE), 0x4000 - 40);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_COUNTER), 5);
    assert_int_equal(dfu_shared_find(mem, sizeof mem,
                                     DFU_SHARED_TYPE(DFU_SHARED_LOADER, DFU_SHARED_LOADER_VERSION),
                                     &data),
                     sizeof version);
    assert_memory_equal(data, version, sizeof version);
    device_free(d);
}

/* B8: MCUboot stops after the first image. */
static void the_largest_size_of_every_image_is_published_B8(void **state)
{
    struct world_spec spec = spec_move_pairs(WORLD_PAIRS);
    struct device *d = device_new(&spec);
    const uint8_t *data;
    uint8_t mem[256];
    struct dfu_boot_sharing sharing = {
        .how = &dfu_boot_sharer, .mem = mem, .size = sizeof mem, .informs = true
    };

    (void)state;
    for (uint8_t i = 0; i < WORLD_PAIRS; i++) {
        put_image(d, boot_world_primary(i), OLD, SIZE);
    }
    d->world.cfg.sharing = &sharing;
    assert_int_equal(start(d), OLD);
    for (uint8_t i = 0; i < WORLD_PAIRS; i++) {
        assert_int_equal(told(&sharing, DFU_SHARED_LOADER_MAX_SIZE + i),
                         dfu_slot_max_image(&d->world.map, i));
        assert_int_equal(
            dfu_shared_find(mem, sizeof mem,
                            DFU_SHARED_TYPE(DFU_SHARED_LOADER, DFU_SHARED_LOADER_COUNTER + i),
                            &data),
            DFU_ERR_NOENT);
    }
    device_free(d);
}

static void a_boot_record_ends_with_the_hash_of_the_image_that_runs(void **state)
{
    uint8_t record[60], mem[256], hash[32];
    struct test_recipe recipe = {
        .version = { .major = OLD },
        .prot = { { DFU_TLV_BOOT_RECORD, record, sizeof record } },
        .prot_count = 1,
    };
    struct dfu_boot_sharing sharing = {
        .how = &dfu_boot_sharer, .mem = mem, .size = sizeof mem, .measures = true
    };
    /* header, type, length: the bytes before the record */
    static const uint8_t head[] = { 0x16, 0x20, 68, 0, 0x3f, 0x10, sizeof record, 0 };
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);

    (void)state;
    memset(record, 0x11, sizeof record);
    put_recipe(d, WORLD_PRI, &recipe, SIZE);
    d->world.cfg.sharing = &sharing;
    assert_int_equal(start(d), OLD);
    assert_memory_equal(mem, head, sizeof head);
    assert_memory_equal(mem + 8, record, sizeof record - sizeof hash);
    memcpy(hash, boot_world_bytes(&d->world, WORLD_PRI) + SIZE - sizeof hash, sizeof hash);
    assert_memory_equal(mem + 8 + sizeof record - sizeof hash, hash, sizeof hash);
    device_free(d);
}

static void each_image_has_a_boot_record_of_its_own_unless_it_is_too_short(void **state)
{
    uint8_t record[40] = { 0 }, mem[256];
    struct dfu_boot_sharing sharing = {
        .how = &dfu_boot_sharer, .mem = mem, .size = sizeof mem, .measures = true
    };
    const uint8_t *data;

    (void)state;
    for (uint16_t len = 31; len <= 33; len++) {
        struct world_spec spec = spec_move_pairs(2);
        struct device *d = device_new(&spec);
        bool is_fine = len >= 32;

        for (uint8_t i = 0; i < 2; i++) {
            struct test_recipe recipe = {
                .version = { .major = OLD },
                .prot = { { DFU_TLV_BOOT_RECORD, record, i == 0 ? sizeof record : len } },
                .prot_count = 1,
            };

            put_recipe(d, boot_world_primary(i), &recipe, SIZE);
        }
        d->world.cfg.sharing = &sharing;
        assert_int_equal(start(d), OLD);
        assert_int_equal(dfu_shared_find(mem, sizeof mem, 0x103f, &data), sizeof record);
        assert_int_equal(dfu_shared_find(mem, sizeof mem, 0x107f, &data),
                         is_fine ? len : DFU_ERR_NOENT);
        assert_int_equal(strstr(lines_of(d), "E: Failed to add data") == NULL, is_fine);
        device_free(d);
    }
}

static void an_area_that_is_too_small_is_told_and_nothing_more(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);
    uint8_t mem[10];
    struct dfu_boot_sharing sharing = {
        .how = &dfu_boot_sharer, .mem = mem, .size = sizeof mem, .informs = true
    };

    (void)state;
    put_image(d, WORLD_PRI, OLD, SIZE);
    d->world.cfg.sharing = &sharing;
    assert_int_equal(start(d), OLD);
    assert_non_null(strstr(lines_of(d), "E: Failed to add data to shared memory area.\n"));
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_MODE), DFU_MODE_SWAP_MOVE);
    device_free(d);
}

static void shared_data_of_any_bytes_is_read_safely(void **state)
{
    static const uint8_t bad[][12] = {
        { 0 },
        { 0x16, 0x20, 3, 0 },                 /* shorter than itself */
        { 0x16, 0x20, 13, 0 },                /* longer than RAM */
        { 0x16, 0x20, 6, 0, 0, 0x20 },        /* half an entry */
        { 0x16, 0x20, 12, 0, 1, 0x20, 5, 0 }, /* a value beyond the end */
        { 0x16, 0x20, 12, 0, 1, 0x20, 0xff, 0xff },
    };
    uint8_t mem[12], value = 7;
    const uint8_t *data;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dfu_shared_find(bad[i], sizeof bad[i], 0x2000, &data), DFU_ERR_FORMAT);
    }
    assert_int_equal(dfu_shared_init(mem, 3), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_shared_init(mem, sizeof mem), 0);
    assert_int_equal(dfu_shared_find(mem, sizeof mem, 0x2000, &data), DFU_ERR_NOENT);
    assert_int_equal(dfu_shared_add(mem, sizeof mem, 0x2000, &value, 1), 0);
    assert_int_equal(dfu_shared_add(mem, sizeof mem, 0x2000, &value, 1), DFU_ERR_STATE);
    assert_int_equal(dfu_shared_add(mem, sizeof mem, 0x2001, &value, 1), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_shared_find(mem, sizeof mem, 0x2000, &data), 1);
    assert_int_equal(*data, 7);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_application_learns_which_slot_runs_and_how),
        cmocka_unit_test(the_largest_size_of_every_image_is_published_B8),
        cmocka_unit_test(a_boot_record_ends_with_the_hash_of_the_image_that_runs),
        cmocka_unit_test(each_image_has_a_boot_record_of_its_own_unless_it_is_too_short),
        cmocka_unit_test(an_area_that_is_too_small_is_told_and_nothing_more),
        cmocka_unit_test(shared_data_of_any_bytes_is_read_safely),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
