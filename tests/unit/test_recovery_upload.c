/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Uploads to serial recovery: what MCUboot answers to each chunk (spec: bootloader, section 7), and
 * what is erased and written when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "recovery_world.h"

static void an_upload_needs_its_length_and_a_slot_that_can_hold_it(void **state)
{
    struct recovery_world *w = rec_open(1);
    const uint8_t *data = w->new_image.data;
    uint32_t max = dfu_slot_max_image(&w->map, 0);

    (void)state;
    assert_string_equal(rec_chunk(w, 0, -1, -1, data, 64), "{rc:3}");
    assert_string_equal(rec_chunk(w, 0, 0, -1, data, 0), "{rc:3}");
    assert_string_equal(rec_chunk(w, -1, 900, -1, data, 64), "{rc:3}");
    assert_string_equal(rec_chunk(w, 0, 900, 1, data, 64), "{rc:3}"); /* there is one image */
    w->map.images[1] = w->map.images[0];                              /* beyond the count */
    assert_string_equal(rec_chunk(w, 0, 900, 1, data, 64), "{rc:3}");
    assert_string_equal(rec_chunk(w, 0, max + 1, -1, data, 64), "{rc:3}");
    assert_string_equal(rec_chunk(w, 0, RECOVERY_SLOT_SIZE + 1, -1, data, 64), "{rc:3}");
    assert_string_equal(rec_chunk(w, 0, 32, -1, data, 64), "{rc:3}"); /* more than it said */
    assert_int_equal(w->nor->flash.writes, 0);
    assert_string_equal(rec_chunk(w, 0, RECOVERY_SLOT_SIZE, -1, data, 64),
                        "{rc:0,off:64}"); /* has a trailer */
    rec_close(w);
}

static void a_chunk_out_of_order_is_told_the_offset_and_not_written(void **state)
{
    struct recovery_world *w = rec_open(1);
    const uint8_t *data = w->new_image.data;
    uint32_t ops;

    (void)state;
    assert_string_equal(rec_chunk(w, 300, -1, -1, data, 64), "{rc:0,off:0}");
    assert_int_equal(w->nor->flash.ops, 0);
    assert_string_equal(rec_chunk(w, 0, 900, -1, data, 300), "{rc:0,off:300}");
    ops = w->nor->flash.ops;
    assert_string_equal(rec_chunk(w, 200, -1, -1, data, 300), "{rc:0,off:300}");
    assert_string_equal(rec_chunk(w, 600, -1, -1, data, 300), "{rc:0,off:300}");
    assert_int_equal(w->nor->flash.ops, ops);
    assert_string_equal(rec_chunk(w, 300, -1, -1, data + 300, 300), "{rc:0,off:600}");
    assert_string_equal(rec_chunk(w, 600, -1, -1, data + 600, 301), "{rc:3}");
    assert_string_equal(rec_chunk(w, 600, -1, -1, data + 600, 300), "{rc:0,off:900}");
    assert_string_equal(rec_chunk(w, 600, -1, -1, data + 600, 300),
                        "{rc:0,off:900}");                                      /* sent again */
    assert_string_equal(rec_chunk(w, 900, -1, -1, data, 10), "{rc:0,off:900}"); /* it has ended */
    assert_memory_equal(w->nor->flash.mem, data, 900);
    rec_close(w);
}

static void the_first_chunk_begins_anew_at_any_time(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    assert_string_equal(rec_chunk(w, 0, 900, -1, w->old_image.data, 300), "{rc:0,off:300}");
    assert_true(rec_upload(w, -1, &w->new_image));
    assert_true(rec_upload(w, -1, &w->old_image));
    rec_assert_holds(w, rec_slot(w, 0, 0), &w->old_image);
    rec_close(w);
}

static void sectors_are_erased_just_ahead_and_the_old_trailer_first(void **state)
{
    struct recovery_world *w = rec_open(1);
    const uint8_t *mem = w->nor->flash.mem;

    (void)state;
    memset(w->nor->flash.mem, 0x55, RECOVERY_SLOT_SIZE);
    assert_string_equal(rec_chunk(w, 0, w->new_image.size, -1, w->new_image.data, 600),
                        "{rc:0,off:600}");
    assert_int_equal(mem[RECOVERY_SLOT_SIZE - 1], 0xff);
    assert_int_equal(mem[RECOVERY_SECTOR - 1], 0xff);
    assert_int_equal(mem[RECOVERY_SECTOR], 0x55);
    rec_close(w);
}

/* MCUboot's clears its last sector alone. */
static void a_trailer_of_several_sectors_is_cleared_whole_B9(void **state)
{
    struct recovery_world *w = rec_open(1);
    struct dfu_trailer trailer;

    (void)state;
    w->map.max_sectors = 512;
    assert_int_equal(dfu_slot_trailer(&w->map, rec_slot(w, 0, 0), &trailer), 0);
    assert_true(trailer.status < RECOVERY_SLOT_SIZE - RECOVERY_SECTOR);
    memset(w->nor->flash.mem, 0x55, RECOVERY_SLOT_SIZE);
    assert_string_equal(rec_chunk(w, 0, w->new_image.size, -1, w->new_image.data, 600),
                        "{rc:0,off:600}");
    assert_int_equal(
        dfu_area_is_erased(rec_slot(w, 0, 0), trailer.status, RECOVERY_SLOT_SIZE - trailer.status),
        1);
    rec_close(w);
}

static void at_once_the_whole_slot_is_erased_at_the_first_chunk(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    memset(w->nor->flash.mem, 0x55, 2 * RECOVERY_SLOT_SIZE);
    w->cfg.erase_progressively = false;
    assert_string_equal(rec_chunk(w, 0, w->new_image.size, -1, w->new_image.data, 64),
                        "{rc:0,off:64}");
    assert_int_equal(dfu_area_is_erased(rec_slot(w, 0, 0), 512, RECOVERY_SLOT_SIZE - 512), 1);
    assert_int_equal(w->nor->flash.mem[RECOVERY_SLOT_SIZE], 0x55);
    rec_close(w);
}

/* MCUboot's erase of the trailer at the end took the end of such an image with it. */
static void an_image_that_ends_beside_its_trailer_stays_whole(void **state)
{
    struct recovery_world *w = rec_open(1);
    struct test_image largest =
        image_make((struct dfu_image_version){ 2, 0, 0, 0 }, dfu_slot_max_image(&w->map, 0));
    struct dfu_boot_result result;

    (void)state;
    memset(w->nor->flash.mem, 0x55, 2 * RECOVERY_SLOT_SIZE);
    assert_true(rec_upload(w, -1, &largest));
    rec_assert_holds(w, rec_slot(w, 0, 0), &largest);
    assert_int_equal(rec_boot(w, &result), 0);
    image_free(&largest);
    rec_close(w);
}

static void direct_uploads_reach_every_slot(void **state)
{
    static const struct {
        int64_t number;
        uint8_t image, slot;
    } cases[] = { { -1, 0, 0 }, { 0, 0, 0 }, { 1, 0, 0 }, { 2, 0, 1 }, { 3, 1, 0 }, { 4, 1, 1 } };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct recovery_world *w = rec_open(2);

        w->cfg.direct_upload = true;
        assert_true(rec_upload(w, cases[i].number, &w->new_image));
        rec_assert_holds(w, rec_slot(w, cases[i].image, cases[i].slot), &w->new_image);
        assert_string_equal(rec_chunk(w, 0, 900, 5, w->new_image.data, 64), "{rc:3}");
        rec_close(w);
    }
}

static void other_uploads_reach_the_primary_of_their_image(void **state)
{
    struct recovery_world *w = rec_open(2);

    (void)state;
    assert_true(rec_upload(w, 1, &w->new_image));
    rec_assert_holds(w, rec_slot(w, 1, 0), &w->new_image);
    assert_string_equal(rec_chunk(w, 0, 900, 2, w->new_image.data, 64), "{rc:3}");
    rec_close(w);
}

static void flash_that_fails_ends_the_upload_with_a_refusal(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    assert_string_equal(rec_chunk(w, 0, 900, -1, w->new_image.data, 300), "{rc:0,off:300}");
    w->nor->flash.is_off = true;
    assert_string_equal(rec_chunk(w, 300, -1, -1, w->new_image.data + 300, 600), "{rc:1}");
    dfu_sim_flash_power_on(&w->nor->flash);
    assert_string_equal(rec_chunk(w, 300, -1, -1, w->new_image.data + 300, 600), "{rc:0,off:0}");
    rec_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_needs_its_length_and_a_slot_that_can_hold_it),
        cmocka_unit_test(a_chunk_out_of_order_is_told_the_offset_and_not_written),
        cmocka_unit_test(the_first_chunk_begins_anew_at_any_time),
        cmocka_unit_test(sectors_are_erased_just_ahead_and_the_old_trailer_first),
        cmocka_unit_test(a_trailer_of_several_sectors_is_cleared_whole_B9),
        cmocka_unit_test(at_once_the_whole_slot_is_erased_at_the_first_chunk),
        cmocka_unit_test(an_image_that_ends_beside_its_trailer_stays_whole),
        cmocka_unit_test(direct_uploads_reach_every_slot),
        cmocka_unit_test(other_uploads_reach_the_primary_of_their_image),
        cmocka_unit_test(flash_that_fails_ends_the_upload_with_a_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
