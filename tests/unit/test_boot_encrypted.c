/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Encrypted images through upgrades: decrypted on the way in, encrypted on the way out, at every
 * cut. (tests/power adds cuts in pairs, in more geometries.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "encrypted.h"

#define MAGIC "77c295f360d2ef7f3552500f2cb67980"

static void is_upgraded(struct device *d, const struct pictures *p)
{
    holds_open(d, WORLD_PRI, &p->new);
    holds_closed(d, WORLD_SEC, &p->old);
}

/* The operations of the start that runs what is given, from a kept state. */
static uint32_t count_ops(struct device *d, const uint8_t *kept, unsigned wanted)
{
    boot_world_restore(&d->world, kept);
    assert_int_equal(start(d), wanted);
    return d->last.ops;
}

static uint8_t *keep(struct device *d)
{
    uint8_t *kept = malloc(d->world.state_size);

    assert_non_null(kept);
    boot_world_keep(&d->world, kept);
    return kept;
}

/* Power fails at every operation of one start, before it and inside. A torn copy_done counts as
 * set, so the trial then was the start that did not come about. */
static void cut_everywhere(struct device *d, const struct pictures *p, unsigned wanted,
                           void (*holds_right)(struct device *d, const struct pictures *p))
{
    static const enum dfu_sim_cut_when whens[] = { DFU_SIM_CUT_BEFORE, DFU_SIM_CUT_INSIDE };
    uint8_t *kept = keep(d);
    uint32_t ops = count_ops(d, kept, wanted);

    assert_true(ops > 5);
    for (uint32_t op = 1; op <= ops; op++) {
        for (size_t i = 0; i < 2; i++) {
            boot_world_restore(&d->world, kept);
            start_cut(d, whens[i], op, op * 7919 + i);
            if (start(d) == OLD && op == ops && whens[i] == DFU_SIM_CUT_INSIDE) {
                is_reverted(d, p);
                continue;
            }
            assert_int_equal(d->last.result.header.version.major, wanted);
            holds_right(d, p);
        }
    }
    boot_world_restore(&d->world, kept);
    free(kept);
}

static const struct encrypted_setting swaps[] = {
    { spec_move, 16, false, 16, 16, 0x2064, 0x21f4 },
    { spec_move, 32, false, 32, 32, 0x21f4, 0x2064 },
    { spec_move, 32, false, 16, 32, 0x0700, 0x21f3 }, /* one sector, three; an odd length */
    { spec_move, 32, false, 32, 16, 0x2fff, 0x0321 },
    { spec_move, 16, false, 0, 16, 0x2064, 0x21f4 }, /* only the new one is encrypted */
    { spec_move, 16, false, 16, 0, 0x2064, 0x21f4 },
    { spec_move, 16, false, 0, 0, 0x2064, 0x21f4 },
    { spec_move, 40, true, 16, 32, 0x2064, 0x21f4 }, /* the trailer holds wrapped keys */
    { spec_move, 40, true, 32, 0, 0x1f00, 0x21f4 },
    { spec_offset, 16, false, 16, 16, 0x2064, 0x21f4 },
    { spec_offset, 32, false, 32, 16, 0x2fc0, 0x0321 }, /* B1: much longer than the new one */
    { spec_offset, 32, false, 16, 32, 0x0700, 0x21f3 },
    { spec_offset, 16, false, 0, 16, 0x2064, 0x21f4 },
    { spec_offset, 40, true, 16, 32, 0x2064, 0x21f4 },
    { spec_scratch, 16, false, 16, 16, 0x2064, 0x21f4 },
    { spec_scratch, 32, false, 32, 16, 0x2fff, 0x0321 },
    { spec_scratch, 16, false, 16, 0, 0x0700, 0x21f3 },
    { spec_scratch, 40, true, 16, 32, 0x2064, 0x21f4 },
    { spec_scratch_shared, 16, false, 16, 16, 0x2064, 0x21f4 },
    { spec_scratch_shared, 32, false, 32, 0, 0x21f4, 0x2064 },
    { spec_scratch_shared, 40, true, 16, 32, 0x2064, 0x21f4 }, /* the wrapped keys move, too */
    { spec_scratch_shared, 40, true, 32, 16, 0x0700, 0x2a00 },
};

static void both_images_keep_their_form_through_upgrade_and_revert(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof swaps / sizeof swaps[0]; i++) {
        struct pictures p;
        struct device *d = encrypted_update(&swaps[i], &p, false);

        assert_int_equal(start(d), NEW);
        is_upgraded(d, &p);
        assert_int_equal(start(d), OLD);
        is_reverted(d, &p);
        request(d, false); /* and once more */
        assert_int_equal(start(d), NEW);
        is_upgraded(d, &p);
        confirm(d);
        assert_int_equal(start(d), NEW);
        is_upgraded(d, &p);
        device_free(d);
    }
}

static void a_cut_at_any_operation_of_an_upgrade_is_made_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof swaps / sizeof swaps[0]; i++) {
        for (int permanent = 0; permanent < 2; permanent++) {
            struct pictures p;
            struct device *d = encrypted_update(&swaps[i], &p, permanent);

            cut_everywhere(d, &p, NEW, is_upgraded);
            device_free(d);
        }
    }
}

static void a_cut_at_any_operation_of_a_revert_is_made_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof swaps / sizeof swaps[0]; i++) {
        struct pictures p;
        struct device *d = encrypted_update(&swaps[i], &p, false);

        assert_int_equal(start(d), NEW);
        cut_everywhere(d, &p, OLD, is_reverted);
        device_free(d);
    }
}

/* ---- The trailer ---- */

/* 2.1, 2.7: below swap_size, the key of the primary's image first; before the magic. */
static void the_keys_stand_in_the_trailer_where_mcuboot_has_them(void **state)
{
    struct pictures p;
    struct device *d = encrypted_update(&swaps[0], &p, false);

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_memory_equal(boot_world_bytes(&d->world, WORLD_PRI) + 0x5000 - 64, p.old.content_key,
                        16);
    assert_memory_equal(boot_world_bytes(&d->world, WORLD_PRI) + 0x5000 - 80, p.new.content_key,
                        16);
    assert_non_null(strstr(ops_of(d), "E pri 4000\n"
                                      "w pri 4fd8 02\n"
                                      "w pri 4fd0 f4210000\n"
                                      "w pri 4fc0 3b4855626f7c8996a3b0bdcad7e4f1fe\n"
                                      "w pri 4fb0 76839"
                                      "09daab7c4d1deebf805121f2c39\n"
                                      "w pri 4ff0 " MAGIC "\n"
                                      "E sec 3000\n"));
    device_free(d);
}

/* An absent key, and the rest of a field, is 0xff whatever erased flash reads as. */
static void a_plain_image_has_a_key_field_of_ff(void **state)
{
    struct encrypted_setting setting = { spec_move, 32, false, 0, 16, 0x2064, 0x21f4 };
    uint8_t ff[32];

    (void)state;
    memset(ff, 0xff, sizeof ff);
    for (int erased = 0; erased < 2; erased++) {
        struct world_spec spec = spec_move();
        struct picture old = picture_of(OLD, setting.old_size, 0, device_kek);
        struct picture new = picture_of(NEW, setting.new_size, 16, device_kek);
        struct device *d;
        const uint8_t *end;

        spec.erased = erased ? 0x00 : 0xff;
        spec.decryption = &device_decryption;
        spec.key_size = 32;
        d = device_new(&spec);
        put_open(d, WORLD_PRI, &old);
        put_closed(d, WORLD_SEC, &new);
        request(d, false);
        assert_int_equal(start(d), NEW);
        end = boot_world_bytes(&d->world, WORLD_PRI) + 0x5000;
        assert_memory_equal(end - 48 - 32, ff, 32);
        assert_memory_equal(end - 48 - 64, new.content_key, 16);
        assert_memory_equal(end - 48 - 48, ff, 16);
        device_free(d);
    }
}

static void a_trailer_of_wrapped_keys_holds_them_as_they_came(void **state)
{
    struct pictures p;
    struct device *d = encrypted_update(&swaps[7], &p, false);
    const uint8_t *end = boot_world_bytes(&d->world, WORLD_PRI) + 0x5000;

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_memory_equal(end - 48 - 40, p.old.open + p.old.size - 24, 24);
    assert_int_equal(end[-48 - 40 + 24], 0xff);
    assert_memory_equal(end - 48 - 80, p.new.open + p.new.size - 40, 40);
    device_free(d);
}

/* The operation after which the n-th record stands. */
static uint32_t op_of_record(struct device *d, uint32_t n)
{
    for (size_t i = 0; i < d->journal.count; i++) {
        const struct world_op *op = &d->journal.ops[i];

        if (op->kind == DFU_SIM_WRITE && op->len == 8 && op->data[0] <= 2 && op->off >= 0x4000 &&
            op->off < 0x4fa0 && n-- == 0) {
            return (uint32_t)i + 1;
        }
    }
    fail();
    return 0;
}

/* So MCUboot: nothing else can be done. It shows that the keys on a resume are the trailer's. */
static void a_resumed_swap_without_a_key_copies_as_it_is_and_says_so(void **state)
{
    struct pictures p;
    struct device *d = encrypted_update(&swaps[0], &p, false);
    uint8_t *kept = keep(d);
    uint32_t op;

    (void)state;
    assert_int_equal(start(d), NEW);
    op = op_of_record(d, 2) + 1; /* all are shifted up, none is fetched yet */
    boot_world_restore(&d->world, kept);
    start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
    memset(boot_world_bytes(&d->world, WORLD_PRI) + 0x5000 - 80, 0xff, 16);
    assert_int_equal(start(d), 0);
    assert_non_null(strstr(lines_of(d), "W: boot_read_enc_key: No key, read all 0xFF\n"));
    holds_closed(d, WORLD_PRI, &p.new);
    free(kept);
    device_free(d);
}

/* A request that failed left a trailer; another image of the same size is asked for. Going on
 * with the old trailer would mean the old image's key after a cut. */
static void the_keys_of_another_swap_are_not_kept(void **state)
{
    struct pictures p;
    struct device *d = encrypted_update(&swaps[0], &p, true);
    struct picture third = picture_of(3, swaps[0].new_size, 16, device_kek);
    uint8_t *kept;
    uint32_t ops;

    (void)state;
    start_cut(d, DFU_SIM_CUT_BEFORE, 9, 0); /* the trailers are in order, nothing is moved */
    wipe(d, WORLD_SEC, 0, 0x4000);
    put_closed(d, WORLD_SEC, &third);
    kept = keep(d);
    assert_int_equal(start(d), 3);
    holds_open(d, WORLD_PRI, &third);
    ops = d->last.ops;
    for (uint32_t op = 1; op <= ops; op++) {
        unsigned runs;

        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_INSIDE, op, op);
        runs = start(d);
        assert_true(runs == 3 || runs == OLD);
        if (runs == 3) {
            holds_open(d, WORLD_PRI, &third);
        } else {
            holds_open(d, WORLD_PRI, &p.old);
        }
    }
    free(kept);
    device_free(d);
}

/* ---- Overwriting ---- */

static const struct encrypted_setting overwrites[] = {
    { spec_overwrite, 0, false, 16, 16, 0x2064, 0x21f4 },
    { spec_overwrite, 0, false, 0, 32, 0x21f4, 0x0321 },
    { spec_overwrite_fast, 0, false, 16, 16, 0x2064, 0x21f3 },
    { spec_overwrite_fast, 0, false, 32, 32, 0x0700, 0x2fff },
    { spec_overwrite_fast, 0, false, 16, 0, 0x2064, 0x21f4 },
};

static void is_overwritten(struct device *d, const struct pictures *p)
{
    holds_open(d, WORLD_PRI, &p->new);
}

static void an_overwrite_decrypts_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof overwrites / sizeof overwrites[0]; i++) {
        struct pictures p;
        struct device *d = encrypted_update(&overwrites[i], &p, false);

        cut_everywhere(d, &p, NEW, is_overwritten);
        device_free(d);
    }
}

/* What counts is what would be written: the decrypted bytes. */
static void sectors_that_decrypt_to_what_is_there_are_left_alone(void **state)
{
    struct picture same = picture_of(NEW, 0x21f4, 16, device_kek), changed = same;
    struct world_spec spec = spec_overwrite_fast();
    struct device *d;

    (void)state;
    spec.decryption = &device_decryption;
    d = device_new(&spec);
    d->world.cfg.skip = &dfu_boot_skip_equal;
    changed.open[0x1234] ^= 1;
    put_open(d, WORLD_PRI, &changed);
    put_closed(d, WORLD_SEC, &same);
    request(d, false);
    assert_int_equal(start(d), NEW);
    assert_null(strstr(ops_of(d), "E pri 0\n"));
    assert_non_null(strstr(ops_of(d), "E pri 1000\n"));
    assert_null(strstr(ops_of(d), "E pri 2000\n"));
    holds_open(d, WORLD_PRI, &same);
    device_free(d);
}

static void a_broken_primary_is_filled_with_what_is_decrypted(void **state)
{
    struct encrypted_setting setting = { spec_move, 16, false, 0, 16, 0x2064, 0x21f4 };
    struct picture new = picture_of(NEW, setting.new_size, 16, device_kek);
    struct world_spec spec = spec_move();
    struct device *d;

    (void)state;
    spec.decryption = &device_decryption;
    spec.key_size = 16;
    spec.bootstrap = true;
    d = device_new(&spec);
    put_closed(d, WORLD_SEC, &new);
    assert_int_equal(start(d), NEW);
    holds_open(d, WORLD_PRI, &new);
    assert_int_equal(start(d), NEW);
    device_free(d);
}

/* ---- Several images ---- */

static void every_image_of_several_has_keys_of_its_own(void **state)
{
    struct world_spec spec = spec_move_pairs(3);
    struct picture old[3], new[3];
    struct device *d;
    uint8_t *kept;
    uint32_t ops;

    (void)state;
    spec.decryption = &device_decryption;
    spec.key_size = 32;
    d = device_new(&spec);
    for (uint8_t i = 0; i < 3; i++) {
        old[i] =
            picture_of((uint8_t)(OLD + 2 * i), 0x1000u + 0x321u * i, i == 1 ? 0 : 16, device_kek);
        new[i] = picture_of((uint8_t)(NEW + 2 * i), 0x1f00u - 0x321u * i, 32, device_kek);
        put_open(d, boot_world_primary(i), &old[i]);
        put_closed(d, boot_world_secondary(i), &new[i]);
        request_image(d, i, false);
    }
    kept = keep(d);
    ops = count_ops(d, kept, NEW);
    for (uint32_t op = 1; op <= ops; op++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, op);
        assert_int_equal(start(d), NEW);
        for (uint8_t i = 0; i < 3; i++) {
            holds_open(d, boot_world_primary(i), &new[i]);
            holds_closed(d, boot_world_secondary(i), &old[i]);
        }
    }
    assert_int_equal(start(d), OLD);
    for (uint8_t i = 0; i < 3; i++) {
        holds_open(d, boot_world_primary(i), &old[i]);
        holds_closed(d, boot_world_secondary(i), &new[i]);
    }
    free(kept);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_images_keep_their_form_through_upgrade_and_revert),
        cmocka_unit_test(a_cut_at_any_operation_of_an_upgrade_is_made_good),
        cmocka_unit_test(a_cut_at_any_operation_of_a_revert_is_made_good),
        cmocka_unit_test(the_keys_stand_in_the_trailer_where_mcuboot_has_them),
        cmocka_unit_test(a_plain_image_has_a_key_field_of_ff),
        cmocka_unit_test(a_trailer_of_wrapped_keys_holds_them_as_they_came),
        cmocka_unit_test(a_resumed_swap_without_a_key_copies_as_it_is_and_says_so),
        cmocka_unit_test(the_keys_of_another_swap_are_not_kept),
        cmocka_unit_test(an_overwrite_decrypts_at_every_cut),
        cmocka_unit_test(sectors_that_decrypt_to_what_is_there_are_left_alone),
        cmocka_unit_test(a_broken_primary_is_filled_with_what_is_decrypted),
        cmocka_unit_test(every_image_of_several_has_keys_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
