/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Erase: which slots may be emptied over SMP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "img_world.h"

static struct img_world w;
static struct test_image old_image, new_image;

static int two_images(void **state)
{
    (void)state;
    world_fill(&w, 1, &old_image, &new_image);
    return 0;
}

static int two_pairs(void **state)
{
    (void)state;
    world_fill(&w, 2, &old_image, &new_image);
    return 0;
}

static int end(void **state)
{
    (void)state;
    image_free(&old_image);
    image_free(&new_image);
    world_free(&w);
    return 0;
}

static void erase_empties_the_other_slot(void **state)
{
    const struct dfu_area *other = world_slot(&w, 0, 1);

    (void)state;
    smp_peer_expect(&w.peer, "0a 00 00 07 00 01 56 05 a1 64 73 6c 6f 74 01",
                    "0b 00 00 02 00 01 56 05 bf ff");
    assert_int_equal(dfu_area_is_erased(other, 0, other->size), 1);
    assert_slot_holds(&w, 0, 0, &old_image);
}

static void erase_without_a_slot_means_the_other_one(void **state)
{
    const struct dfu_area *other = world_slot(&w, 0, 1);

    (void)state;
    smp_peer_write(&w.peer, 1, DFU_SMP_IMG_ERASE, "a0", "bf ff");
    assert_int_equal(dfu_area_is_erased(other, 0, other->size), 1);
}

static void an_empty_slot_is_not_erased_again(void **state)
{
    uint32_t erases;

    (void)state;
    assert_int_equal(world_erase(&w, 1).err, 0);
    erases = w.nor->flash.erases;
    assert_int_equal(world_erase(&w, 1).err, 0);
    assert_int_equal(w.nor->flash.erases, erases);
}

static void the_running_slot_is_not_erased(void **state)
{
    (void)state;
    smp_peer_expect(&w.peer, "0a 00 00 07 00 01 56 05 a1 64 73 6c 6f 74 00",
                    "0b 00 00 13 00 01 56 05 bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 09 ff "
                    "ff");
    smp_peer_expect(&w.peer, "02 00 00 07 00 01 56 05 a1 64 73 6c 6f 74 00",
                    "03 00 00 06 00 01 56 05 bf 62 72 63 06 ff");
    assert_int_equal(w.nor->flash.erases, 0);
}

static void erase_spares_what_is_needed(void **state)
{
    static const struct {
        enum dfu_swap_type type;
        bool refuse_pending;
        int err;
    } rows[] = {
        { DFU_SWAP_NONE, true, 0 },   { DFU_SWAP_TEST, false, 0 }, { DFU_SWAP_TEST, true, 9 },
        { DFU_SWAP_PERM, false, 0 },  { DFU_SWAP_PERM, true, 9 },  { DFU_SWAP_REVERT, false, 9 },
        { DFU_SWAP_REVERT, true, 9 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_make_swap_type(&w, rows[i].type);
        w.img.refuse_erase_pending = rows[i].refuse_pending;
        assert_int_equal(world_erase(&w, 1).err, rows[i].err);
        end(state);
        two_images(state);
    }
}

/* Only a programmer can bring another one. */
static void a_firmware_loader_is_never_erased(void **state)
{
    (void)state;
    w.map.mode = DFU_MODE_FIRMWARE_LOADER;
    assert_int_equal(world_erase(&w, 1).err, DFU_SMP_IMG_NO_FREE_SLOT);
    assert_int_equal(world_erase(&w, -1).err, DFU_SMP_IMG_NO_FREE_SLOT);
    assert_int_equal(w.nor->flash.erases, 0);
}

static void a_pending_slot_without_an_image_is_nobody_s(void **state)
{
    (void)state;
    world_make_swap_type(&w, DFU_SWAP_TEST);
    w.img.refuse_erase_pending = true;
    w.nor->flash.mem[world_slot(&w, 0, 1)->base] ^= 1;
    assert_int_equal(world_erase(&w, 1).err, 0);
}

static void erase_refuses_slots_that_are_not_there(void **state)
{
    (void)state;
    assert_int_equal(world_erase(&w, 2).err, DFU_SMP_IMG_INVALID_SLOT);
    assert_int_equal(world_erase(&w, 16).err, DFU_SMP_IMG_INVALID_SLOT);
    assert_int_equal(world_erase(&w, 513).err, DFU_SMP_IMG_INVALID_SLOT); /* 1 in a byte */
    assert_int_equal(world_erase(&w, 0xffffffff).err, DFU_SMP_IMG_INVALID_SLOT);
    smp_peer_write(&w.peer, 1, DFU_SMP_IMG_ERASE, "", "bf 62 72 63 03 ff");
    smp_peer_write(&w.peer, 1, DFU_SMP_IMG_ERASE, "a1 64 73 6c 6f 74 20", "bf 62 72 63 03 ff");
}

static void a_failing_erase_is_said(void **state)
{
    (void)state;
    dfu_sim_flash_power_on(&w.nor->flash);
    dfu_sim_flash_cut(&w.nor->flash, DFU_SIM_CUT_BEFORE, 2, 1);
    assert_int_equal(world_erase(&w, 1).err, DFU_SMP_IMG_FLASH_ERASE_FAILED);
}

static void slots_are_counted_across_images(void **state)
{
    const struct dfu_area *slot = world_slot(&w, 1, 1);

    (void)state;
    assert_int_equal(world_erase(&w, 3).err, 0);
    assert_int_equal(dfu_area_is_erased(slot, 0, slot->size), 1);
    assert_int_equal(world_erase(&w, 2).err, DFU_SMP_IMG_NO_FREE_SLOT);
    assert_int_equal(world_erase(&w, 4).err, DFU_SMP_IMG_INVALID_SLOT);
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, two_images, end)
#define TEST_PAIRS(name) cmocka_unit_test_setup_teardown(name, two_pairs, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(erase_empties_the_other_slot),
        TEST(erase_without_a_slot_means_the_other_one),
        TEST(an_empty_slot_is_not_erased_again),
        TEST(the_running_slot_is_not_erased),
        TEST(erase_spares_what_is_needed),
        TEST(a_firmware_loader_is_never_erased),
        TEST(a_pending_slot_without_an_image_is_nobody_s),
        TEST(erase_refuses_slots_that_are_not_there),
        TEST(a_failing_erase_is_said),
        TEST_PAIRS(slots_are_counted_across_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
