/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Bootstrap: a fill that power cut where no hash would tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "encrypted.h"

#define SIZE  0x21f4u
#define TEARS 12

static struct picture new;

static struct world_spec (*const modes[])(void) = { spec_move, spec_offset, spec_scratch,
                                                    spec_overwrite_fast };

/* A primary without a trailer. The new image waits; nothing asks for it. */
static struct device *device_with_update(struct world_spec (*mode)(void))
{
    struct world_spec spec = mode();
    struct device *d;

    spec.decryption = &device_decryption;
    spec.key_size = spec.mode == DFU_MODE_OVERWRITE ? 0 : 16;
    spec.bootstrap = true;
    d = device_new(&spec);
    new = picture_of(NEW, SIZE, 16, device_kek);
    put_closed_at(d, WORLD_SEC, update_off(d), &new);
    return d;
}

static void holds_new(struct device *d)
{
    holds_open(d, WORLD_PRI, &new);
}

/* The last byte of a fill is one of the key's. */
static struct device *device_torn(struct world_spec (*mode)(void))
{
    struct device *d = device_with_update(mode);

    put_open(d, WORLD_PRI, &new);
    boot_world_bytes(&d->world, WORLD_PRI)[SIZE - 1] ^= 0x10;
    return d;
}

static void a_key_that_was_torn_in_a_fill_is_brought_in_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        for (int is_asked = 0; is_asked < 3; is_asked++) {
            struct device *d = device_torn(modes[i]);

            if (is_asked) {
                request(d, is_asked == 2);
            }
            assert_int_equal(start(d), NEW);
            assert_int_equal(d->last.result.update_err, DFU_OK);
            holds_new(d);
            device_free(d);
        }
    }
}

static void what_was_filled_in_after_any_cut_can_be_swapped_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct device *d = device_with_update(modes[i]);

        check_after_every_cut(d, NEW, TEARS, holds_new);
        device_free(d);
    }
}

/* The next three: the primary runs, and stays as it is. */
static void nothing_is_filled(struct device *d)
{
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d), "");
    assert_int_equal(d->last.result.swap[0], DFU_SWAP_NONE);
    device_free(d);
}

static void another_image_of_the_same_version_stays(void **state)
{
    struct device *d = device_with_update(spec_move);
    struct picture other = picture_of(NEW, SIZE, 16, device_kek);
    struct test_recipe recipe = { .hdr_size = 32,
                                  .version = { .major = NEW },
                                  .pattern = 99,
                                  .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
                                  .tlv_count = 1,
                                  .content_key = other.content_key,
                                  .kek = device_kek,
                                  .crypt_len = 16 };

    (void)state;
    recipe.body = SIZE - (uint32_t)test_image_size(&recipe);
    test_image_build(&recipe, other.open);
    assert_memory_equal(other.open, new.open, DFU_IMAGE_HEADER_SIZE);
    put_open(d, WORLD_PRI, &other);
    nothing_is_filled(d);
}

static void a_fill_that_was_finished_stays(void **state)
{
    struct device *d = device_torn(spec_move);

    (void)state;
    put_bytes(d, WORLD_PRI, 0x4ff0, "77c295f360d2ef7f3552500f2cb67980");
    nothing_is_filled(d);
}

static void a_copy_that_is_whole_stays(void **state)
{
    struct device *d = device_with_update(spec_move);

    (void)state;
    put_open(d, WORLD_PRI, &new);
    nothing_is_filled(d);
}

static void an_update_that_does_not_verify_repairs_nothing(void **state)
{
    struct device *d = device_torn(spec_move);

    (void)state;
    boot_world_bytes(&d->world, WORLD_SEC)[0x100] ^= 1;
    nothing_is_filled(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_was_torn_in_a_fill_is_brought_in_again),
        cmocka_unit_test(what_was_filled_in_after_any_cut_can_be_swapped_out),
        cmocka_unit_test(another_image_of_the_same_version_stays),
        cmocka_unit_test(a_fill_that_was_finished_stays),
        cmocka_unit_test(a_copy_that_is_whole_stays),
        cmocka_unit_test(an_update_that_does_not_verify_repairs_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
