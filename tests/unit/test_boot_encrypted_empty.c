/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Swap using scratch takes an update where the primary holds no image: so has a loader that decrypts,
 * at every cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "encrypted.h"

#define TEARS 2

static struct picture new;

static void holds_new(struct device *d)
{
    holds_open(d, WORLD_PRI, &new);
}

/* garbage: at the start of the primary, NULL for none; len: of the content key, 0 for a plain
 * update. */
static void comes_in_at_every_cut(const char *garbage, uint8_t len)
{
    const struct encrypted_setting setting = { spec_scratch, 16, false, 0, len, 0, 0x21f4 };
    struct device *d = encrypted_device(&setting);

    new = picture_of(NEW, 0x21f4, len, device_kek);
    if (garbage) {
        put_bytes(d, WORLD_PRI, 0, garbage);
    }
    put_closed(d, WORLD_SEC, &new);
    request(d, true);
    check_after_every_cut(d, NEW, TEARS, holds_new);
    device_free(d);
}

static void an_update_comes_into_an_empty_primary_at_every_cut(void **state)
{
    (void)state;
    comes_in_at_every_cut(NULL, 16);
    comes_in_at_every_cut(NULL, 0);
}

static void an_update_comes_in_over_a_broken_header_at_every_cut(void **state)
{
    (void)state;
    comes_in_at_every_cut("0011223344556677", 16);
    comes_in_at_every_cut("0011223344556677", 0);
}

/* What has a key must not be moved out in the clear, where nobody could read it again either. */
static void a_swap_is_not_gone_on_with_where_the_old_images_header_is_lost(void **state)
{
    const struct encrypted_setting setting = { spec_scratch, 16, false, 16, 16, 0x2064, 0x21f4 };
    struct pictures p;
    struct device *d = encrypted_update(&setting, &p, true);

    (void)state;
    start_cut(d, DFU_SIM_CUT_BEFORE, 26, 0); /* a step is recorded */
    assert_int_equal(trailer(d, WORLD_PRI).magic, DFU_MAGIC_GOOD);
    put_bytes(d, WORLD_PRI, 0, "00000000");
    assert_int_equal(start(d), 0);
    assert_string_equal(ops_of(d), "");
    assert_int_equal(d->last.result.update_err, DFU_ERR_FORMAT);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_comes_into_an_empty_primary_at_every_cut),
        cmocka_unit_test(an_update_comes_in_over_a_broken_header_at_every_cut),
        cmocka_unit_test(a_swap_is_not_gone_on_with_where_the_old_images_header_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
