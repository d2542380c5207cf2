/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Encrypted images through upgrades: decrypted on the way in, encrypted on the way out, at every
 * cut. Images come from tests/support/test_image.c, whose encryption shares nothing with the
 * library's. (tests/power adds cuts in pairs, in more geometries.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "test_image.h"
#include "upgrade.h"

#define SIZE_MAX_IMAGE 0x3000u
#define MAGIC          "77c295f360d2ef7f3552500f2cb67980"

static const uint8_t kek[32] = "the device's own encryption key";
static const uint8_t other_kek[32] = "the encryption key of another..";

/* A device takes bodies of both key lengths. */
static const struct dfu_unwrap_key keys[] = {
    { &dfu_unwrap_kw_openssl, kek, 16 },
    { &dfu_unwrap_kw_openssl, kek, 32 },
};
static const struct dfu_image_decryption decryption = { &dfu_image_opener, &dfu_aes_ctr_openssl,
                                                        keys, 2 };

/* One image as a primary slot holds it, and as it is at rest. */
struct picture {
    uint8_t open[SIZE_MAX_IMAGE], closed[SIZE_MAX_IMAGE];
    uint32_t size;
    uint8_t content_key[32];
};

static struct picture picture_from(const struct test_recipe *begun, uint32_t size,
                                   uint8_t crypt_len, const uint8_t *its_kek)
{
    struct picture p = { .size = size };
    struct test_recipe recipe = *begun;

    for (uint32_t i = 0; i < sizeof p.content_key; i++) {
        p.content_key[i] = (uint8_t)(recipe.version.major * 59 + i * 13);
    }
    recipe.pattern = (uint8_t)(recipe.version.major * 41);
    recipe.tlvs[0] = (struct test_tlv){ DFU_TLV_SHA256, NULL, 32 };
    recipe.tlv_count = 1;
    recipe.content_key = crypt_len ? p.content_key : NULL;
    recipe.kek = its_kek;
    recipe.crypt_len = crypt_len;
    recipe.body = size - (uint32_t)test_image_size(&recipe);
    test_image_build(&recipe, p.open);
    memcpy(p.closed, p.open, size);
    test_image_crypt(&recipe, p.closed);
    return p;
}

static struct picture picture_of(uint8_t major, uint32_t size, uint8_t crypt_len,
                                 const uint8_t *its_kek)
{
    return picture_from(&(struct test_recipe){ .hdr_size = 32, .version = { .major = major } },
                        size, crypt_len, its_kek);
}

static void put_open(struct device *d, enum world_place place, const struct picture *p)
{
    boot_world_load(&d->world, place, 0, p->open, p->size);
}

static void put_closed_at(struct device *d, enum world_place place, uint32_t off,
                          const struct picture *p)
{
    boot_world_load(&d->world, place, off, p->closed, p->size);
}

static void put_closed(struct device *d, enum world_place place, const struct picture *p)
{
    put_closed_at(d, place, 0, p);
}

static void holds_open(struct device *d, enum world_place place, const struct picture *p)
{
    assert_memory_equal(boot_world_bytes(&d->world, place), p->open, p->size);
}

static void holds_closed_at(struct device *d, enum world_place place, uint32_t off,
                            const struct picture *p)
{
    assert_memory_equal(boot_world_bytes(&d->world, place) + off, p->closed, p->size);
}

static void holds_closed(struct device *d, enum world_place place, const struct picture *p)
{
    holds_closed_at(d, place, 0, p);
}

/* Where an update waits: swap using offset leaves the first sector free. */
static uint32_t update_off(const struct device *d)
{
    return dfu_slot_upload_offset(&d->world.map, 0);
}

/* ---- What is tried in every mode ---- */

struct setting {
    struct world_spec (*spec)(void);
    uint16_t key_size;
    bool keeps_wrapped_keys;
    uint8_t old_len, new_len; /* of the content keys; 0: a plain image */
    uint32_t old_size, new_size;
};

static struct device *device_of(const struct setting *setting)
{
    struct world_spec spec = setting->spec();

    spec.decryption = &decryption;
    spec.key_size = setting->key_size;
    spec.keeps_wrapped_keys = setting->keeps_wrapped_keys;
    return device_new(&spec);
}

struct pictures {
    struct picture old, new;
};

static struct device *example(const struct setting *setting, struct pictures *p, bool permanent)
{
    struct device *d = device_of(setting);

    p->old = picture_of(OLD, setting->old_size, setting->old_len, kek);
    p->new = picture_of(NEW, setting->new_size, setting->new_len, kek);
    put_open(d, WORLD_PRI, &p->old);
    put_closed_at(d, WORLD_SEC, update_off(d), &p->new);
    request(d, permanent);
    return d;
}

static void is_upgraded(struct device *d, const struct pictures *p)
{
    holds_open(d, WORLD_PRI, &p->new);
    holds_closed(d, WORLD_SEC, &p->old);
}

static void is_reverted(struct device *d, const struct pictures *p)
{
    holds_open(d, WORLD_PRI, &p->old);
    holds_closed_at(d, WORLD_SEC, update_off(d), &p->new);
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

    assert_true(ops > 10);
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

static struct world_area_spec sectors_of_4k(uint32_t count)
{
    return (struct world_area_spec){
        .size = count * 0x1000, .write_size = 8, .runs = { { 0x1000, count } }, .run_count = 1
    };
}

static struct world_spec spec_offset(void)
{
    struct world_spec spec = spec_move();

    spec.mode = DFU_MODE_SWAP_OFFSET;
    spec.areas[WORLD_PRI] = sectors_of_4k(4);
    spec.areas[WORLD_SEC] = sectors_of_4k(5);
    return spec;
}

static struct world_spec spec_scratch(void)
{
    struct world_spec spec = spec_move();

    spec.mode = DFU_MODE_SWAP_SCRATCH;
    spec.areas[WORLD_PRI] = spec.areas[WORLD_SEC] = sectors_of_4k(4);
    spec.areas[WORLD_SCR] = sectors_of_4k(1);
    return spec;
}

/* Slots so small that the images reach into the sector of the trailer, which then is in scratch
 * for a while. */
static struct world_spec spec_scratch_shared(void)
{
    struct world_spec spec = spec_scratch();

    spec.max_sectors = 32;
    spec.areas[WORLD_PRI] = spec.areas[WORLD_SEC] = sectors_of_4k(3);
    return spec;
}

static const struct setting swaps[] = {
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
        struct device *d = example(&swaps[i], &p, false);

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
            struct device *d = example(&swaps[i], &p, permanent);

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
        struct device *d = example(&swaps[i], &p, false);

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
    struct device *d = example(&swaps[0], &p, false);

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
    struct setting setting = { spec_move, 32, false, 0, 16, 0x2064, 0x21f4 };
    uint8_t ff[32];

    (void)state;
    memset(ff, 0xff, sizeof ff);
    for (int erased = 0; erased < 2; erased++) {
        struct world_spec spec = spec_move();
        struct picture old = picture_of(OLD, setting.old_size, 0, kek);
        struct picture new = picture_of(NEW, setting.new_size, 16, kek);
        struct device *d;
        const uint8_t *end;

        spec.erased = erased ? 0x00 : 0xff;
        spec.decryption = &decryption;
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
    struct device *d = example(&swaps[7], &p, false);
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
    struct device *d = example(&swaps[0], &p, false);
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
    struct device *d = example(&swaps[0], &p, true);
    struct picture third = picture_of(3, swaps[0].new_size, 16, kek);
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

static const struct setting overwrites[] = {
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
        struct device *d = example(&overwrites[i], &p, false);

        cut_everywhere(d, &p, NEW, is_overwritten);
        device_free(d);
    }
}

/* What counts is what would be written: the decrypted bytes. */
static void sectors_that_decrypt_to_what_is_there_are_left_alone(void **state)
{
    struct picture same = picture_of(NEW, 0x21f4, 16, kek), changed = same;
    struct world_spec spec = spec_overwrite_fast();
    struct device *d;

    (void)state;
    spec.decryption = &decryption;
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
    struct setting setting = { spec_move, 16, false, 0, 16, 0x2064, 0x21f4 };
    struct picture new = picture_of(NEW, setting.new_size, 16, kek);
    struct world_spec spec = spec_move();
    struct device *d;

    (void)state;
    spec.decryption = &decryption;
    spec.key_size = 16;
    spec.bootstrap = true;
    d = device_new(&spec);
    put_closed(d, WORLD_SEC, &new);
    assert_int_equal(start(d), NEW);
    holds_open(d, WORLD_PRI, &new);
    assert_int_equal(start(d), NEW);
    device_free(d);
}

/* ---- Refusals ---- */

static void refuse_update(const struct picture *new, enum dfu_image_fault fault,
                          const struct setting *setting)
{
    struct picture old = picture_of(OLD, 0x2064, 16, kek);
    struct device *d = device_of(setting);

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
    struct picture other = picture_of(NEW, 0x21f4, 16, other_kek);
    struct picture clear = picture_of(NEW, 0x21f4, 16, kek);
    struct picture longer = picture_of(NEW, 0x21f4, 32, kek);
    struct picture changed = picture_of(NEW, 0x21f4, 16, kek);

    (void)state;
    refuse_update(&other, DFU_IMAGE_ENC_KEY, &swaps[0]);
    refuse_update(&other, DFU_IMAGE_ENC_KEY, &overwrites[0]);
    memcpy(clear.closed, clear.open, clear.size); /* a body that was left clear */
    refuse_update(&clear, DFU_IMAGE_HASH_MISMATCH, &swaps[0]);
    refuse_update(&longer, DFU_IMAGE_NOT_SUPPORTED, &swaps[0]); /* no room in the trailer */
    changed.closed[0x1000] ^= 1;
    refuse_update(&changed, DFU_IMAGE_HASH_MISMATCH, &swaps[0]);
}

static void a_loader_without_decryption_takes_no_encrypted_image(void **state)
{
    struct picture old = picture_of(OLD, 0x2064, 0, kek), new = picture_of(NEW, 0x21f4, 16, kek);
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
    struct picture old = picture_of(OLD, 0x2064, 16, kek);
    struct device *d = device_of(&swaps[0]);

    (void)state;
    put_closed(d, WORLD_PRI, &old);
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    device_free(d);
}

/* It would lie in the secondary unprotected, and a revert would decrypt what is plain. */
static void an_image_that_cannot_be_encrypted_again_does_not_move_out(void **state)
{
    struct picture old = picture_of(OLD, 0x2064, 16, other_kek);
    struct picture new = picture_of(NEW, 0x21f4, 16, kek);
    struct device *d = device_of(&swaps[0]);

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
    static const struct setting small[] = { { spec_move, 16, false, 32, 16, 0x2064, 0x21f4 },
                                            { spec_move, 24, true, 32, 16, 0x2064, 0x21f4 } };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pictures p;
        struct device *d = example(&small[i], &p, false);

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
    struct picture old = picture_of(OLD, 0x2064, 16, other_kek);
    struct picture new = picture_of(NEW, 0x21f4, 16, kek);
    struct device *d = device_of(&swaps[0]);

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
    struct setting setting = swaps[0];
    struct dfu_image_decryption none = decryption;
    struct device *d;

    (void)state;
    for (setting.key_size = 0; setting.key_size <= 24; setting.key_size += 8) {
        d = device_of(&setting);
        put_open(d, WORLD_PRI, &(struct picture){ .size = 32 });
        start(d);
        assert_int_equal(d->last.err == DFU_ERR_INVAL, setting.key_size < 16);
        device_free(d);
    }
    d = device_of(&swaps[0]);
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
        struct picture old = ram_picture(OLD, WORLD_RAM_ADDR, 16, kek);
        struct picture new = ram_picture(NEW, WORLD_RAM_ADDR + 0x40, lens[i], kek);
        struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
        struct device *d;

        spec.decryption = &decryption;
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
    struct picture old = ram_picture(OLD, WORLD_RAM_ADDR, 16, kek);
    struct picture foreign = ram_picture(NEW, WORLD_RAM_ADDR + 0x2000, 16, other_kek);
    struct picture changed = ram_picture(NEW, WORLD_RAM_ADDR + 0x2000, 32, kek);
    struct picture clear = ram_picture(NEW, WORLD_RAM_ADDR + 0x2000, 16, kek);
    const struct picture *bad[] = { &foreign, &changed, &clear };
    static const uint8_t nothing[0x1064];

    (void)state;
    changed.closed[0x800] ^= 1;
    memcpy(clear.closed, clear.open, clear.size);
    for (size_t i = 0; i < 3; i++) {
        struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD, true);
        struct device *d;

        spec.decryption = &decryption;
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
    struct picture new = picture_of(NEW, 0x1064, 16, kek);
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct device *d = device_new(&spec);

    (void)state;
    put_open(d, WORLD_PRI, &new);
    assert_int_equal(start(d), 0);
    d->world.cfg.policy.decryption = &decryption;
    d->world.cfg.encryption = &dfu_boot_encrypted;
    start(d);
    assert_int_equal(d->last.err, DFU_ERR_INVAL);
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
    spec.decryption = &decryption;
    spec.key_size = 32;
    d = device_new(&spec);
    for (uint8_t i = 0; i < 3; i++) {
        old[i] = picture_of((uint8_t)(OLD + 2 * i), 0x1000u + 0x321u * i, i == 1 ? 0 : 16, kek);
        new[i] = picture_of((uint8_t)(NEW + 2 * i), 0x1f00u - 0x321u * i, 32, kek);
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
        cmocka_unit_test(every_image_of_several_has_keys_of_its_own),
    };
    return cmocka_run_group_tests_name("encrypted upgrades", tests, NULL, NULL);
}
