/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Downgrade prevention and the way back: a revert is never taken for a downgrade, whenever power
 * fails, and no upload can pass for a revert. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/trailer.h"
#include "each_mode.h"

#define TEARS 16

#define SMALL    0x1f00u /* no step of its swap comes near the note */
#define NOTE_TAG "3c91d7480eb562fa"

static make_spec *const swaps[] = { spec_move, spec_offset, spec_scratch };

/* It runs NEW. */
static struct device *guarded(make_spec *make, uint32_t size)
{
    struct world_spec spec = make();
    struct device *d;

    spec.prevent_downgrade = true;
    d = device_new(&spec);
    put_image(d, WORLD_PRI, NEW, size);
    return d;
}

/* NEW is on trial and was not confirmed, so the next start goes back to OLD. */
static struct device *on_trial(make_spec *make, uint32_t size)
{
    struct world_spec spec = make();
    struct device *d;

    spec.prevent_downgrade = true;
    d = device_new(&spec);
    put_image(d, WORLD_PRI, OLD, size > SMALL ? OLD_SIZE : SMALL);
    put_update(d, NEW, size);
    request(d, false);
    assert_int_equal(start(d), NEW);
    return d;
}

/* ---- What is a revert ---- */

static void holds_both(struct device *d)
{
    assert_int_equal(holds(d, WORLD_PRI), OLD);
    assert_int_equal(secondary_holds(d), NEW);
}

static void power_may_fail_at_any_moment_of_a_revert(void **state)
{
    (void)state;
    EACH(swaps, make)
    {
        struct device *d = on_trial(make, NEW_SIZE);

        check_after_every_cut(d, OLD, TEARS, holds_both);
        device_free(d);
    }
}

/* So large that the first step goes where the note lies. */
static void so_it_may_where_the_images_are_as_large_as_can_be(void **state)
{
    struct device *d = guarded(spec_move, NEW_SIZE);
    uint32_t most = dfu_slot_limit(&d->world.map, 0, &d->world.area[WORLD_PRI]);

    (void)state;
    device_free(d);
    d = on_trial(spec_move, most);
    check_after_every_cut(d, OLD, TEARS, holds_both);
    device_free(d);
}

static uint32_t note_off(struct device *d)
{
    uint32_t unit = d->world.area[WORLD_PRI].runs[0].size;

    return fields_of(d, WORLD_PRI).status / unit * unit - unit;
}

static void the_note_is_gone_once_the_way_back_is_gone(void **state)
{
    struct device *d = on_trial(spec_move, SMALL);

    (void)state;
    assert_int_equal(start(d), OLD);
    assert_non_null(strstr(ops_of(d), NOTE_TAG));
    assert_true(is_blank(d, WORLD_PRI, note_off(d), 32));
    device_free(d);
}

static void nothing_is_noted_where_nobody_asks(void **state)
{
    struct device *d = on_trial(spec_move, NEW_SIZE);

    (void)state;
    d->world.cfg.prevent_downgrade = false;
    assert_int_equal(start(d), OLD);
    assert_null(strstr(ops_of(d), NOTE_TAG));
    device_free(d);
}

/* MCUboot leaves no note, but the trailer of the revert. */
static void a_revert_that_mcuboot_began_goes_on(void **state)
{
    struct device *d = on_trial(spec_move, NEW_SIZE);

    (void)state;
    d->world.cfg.prevent_downgrade = false;
    start_cut(d, DFU_SIM_CUT_BEFORE, 10, 0);
    assert_int_equal(trailer(d, WORLD_PRI).swap_type, DFU_SWAP_REVERT);
    assert_int_equal(trailer(d, WORLD_SEC).magic, DFU_MAGIC_GOOD);
    d->world.cfg.prevent_downgrade = true;
    assert_int_equal(start(d), OLD);
    device_free(d);
}

/* ---- What is none ---- */

/* An older image, and all that its own trailer can say. size: also of the image that runs. */
enum claim { CLAIM_REQUEST, CLAIM_REVERT, CLAIM_OVER, CLAIMS };

/* Where a revert with an offset would fetch it. */
static void move_down(struct device *d, uint32_t size)
{
    uint8_t *copy = malloc(size);

    assert_non_null(copy);
    memcpy(copy, boot_world_bytes(&d->world, WORLD_SEC) + update_off(d), size);
    boot_world_load(&d->world, WORLD_SEC, 0, copy, size);
    free(copy);
}

static void put_claim(struct device *d, enum claim claim, uint32_t size)
{
    const struct dfu_slot_map *map = &d->world.map;
    const struct dfu_area *area = &d->world.area[WORLD_SEC];
    struct dfu_trailer at = fields_of(d, WORLD_SEC);
    uint8_t raw[4];

    put_update(d, OLD, size);
    put_le32(raw, size);
    boot_world_load(&d->world, WORLD_SEC, at.swap_size, raw, sizeof raw);
    if (claim == CLAIM_REVERT && map->mode == DFU_MODE_SWAP_OFFSET) {
        move_down(d, size);
        assert_int_equal(dfu_trailer_write_copy_done(map, area), 0);
        assert_int_equal(dfu_trailer_write_swap_info(map, area, DFU_SWAP_REVERT, 0), 0);
    } else {
        assert_int_equal(dfu_trailer_write_image_ok(map, area), 0);
    }
    if (claim == CLAIM_OVER) {
        put_bytes(d, WORLD_SEC, at.status, "51a10000");
    }
    assert_int_equal(dfu_trailer_write_magic(map, area), 0);
}

static void stays(struct device *d)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(start(d), NEW);
    }
    device_free(d);
}

static void no_upload_passes_for_the_way_back_from_a_confirmed_image(void **state)
{
    (void)state;
    EACH(swaps, make)
    {
        for (int claim = 0; claim < CLAIMS; claim++) {
            struct device *d = on_trial(make, NEW_SIZE);

            confirm(d);
            put_claim(d, (enum claim)claim, NEW_SIZE);
            stays(d);
        }
    }
}

/* A programmer wrote it, without a trailer. Swap using offset believes what the secondary says then,
 * as MCUboot does. */
static void nor_from_one_that_never_had_a_trailer(void **state)
{
    static make_spec *const others[] = { spec_move, spec_scratch };

    (void)state;
    EACH(others, make)
    {
        for (int claim = 0; claim < CLAIMS; claim++) {
            struct device *d = guarded(make, NEW_SIZE);

            put_claim(d, (enum claim)claim, NEW_SIZE);
            stays(d);
        }
    }
}

static void nor_from_one_that_was_programmed_confirmed(void **state)
{
    (void)state;
    EACH(swaps, make)
    {
        for (int claim = 0; claim < CLAIMS; claim++) {
            struct device *d = guarded(make, NEW_SIZE);

            assert_int_equal(dfu_trailer_write_image_ok(&d->world.map, &d->world.area[WORLD_PRI]),
                             0);
            assert_int_equal(dfu_trailer_write_magic(&d->world.map, &d->world.area[WORLD_PRI]), 0);
            if (make != spec_offset || claim != CLAIM_REVERT) {
                put_claim(d, (enum claim)claim, NEW_SIZE);
            }
            stays(d);
        }
    }
}

/* One that no way back has taken away. */
static void an_old_note_does_not_speak_for_a_later_update(void **state)
{
    struct device *d = on_trial(spec_move, SMALL);

    (void)state;
    confirm(d);
    put_bytes(d, WORLD_PRI, note_off(d), NOTE_TAG "001f0000");
    put_claim(d, CLAIM_REVERT, SMALL);
    assert_int_equal(start(d), NEW);

    put_update(d, NEW + 1, SMALL);
    request(d, false);
    assert_int_equal(start(d), NEW + 1);
    assert_true(strstr(ops_of(d), "E pri 3000\n") < strstr(ops_of(d), "E pri 4000\n"));
    assert_true(is_blank(d, WORLD_PRI, note_off(d), 32));
    device_free(d);
}

/* Whatever a revert would write, too, but for what an application's request has. */
static void an_older_image_is_refused_on_trial_too(void **state)
{
    for (int i = 0; i < 4; i++) {
        struct device *d = on_trial(spec_move, SMALL);

        (void)state;
        if (i >= 2) {
            put_bytes(d, WORLD_PRI, note_off(d), NOTE_TAG "001f0000");
        }
        put_bytes(d, WORLD_SEC, fields_of(d, WORLD_SEC).swap_size, "001f0000");
        request(d, i % 2 == 1);
        assert_int_equal(start(d), NEW);
        assert_int_equal(d->last.result.update_err, DFU_ERR_PERM);
        device_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_may_fail_at_any_moment_of_a_revert),
        cmocka_unit_test(so_it_may_where_the_images_are_as_large_as_can_be),
        cmocka_unit_test(the_note_is_gone_once_the_way_back_is_gone),
        cmocka_unit_test(nothing_is_noted_where_nobody_asks),
        cmocka_unit_test(a_revert_that_mcuboot_began_goes_on),
        cmocka_unit_test(no_upload_passes_for_the_way_back_from_a_confirmed_image),
        cmocka_unit_test(nor_from_one_that_never_had_a_trailer),
        cmocka_unit_test(nor_from_one_that_was_programmed_confirmed),
        cmocka_unit_test(an_old_note_does_not_speak_for_a_later_update),
        cmocka_unit_test(an_older_image_is_refused_on_trial_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
