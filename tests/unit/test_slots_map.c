/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A map of slots that cannot be is refused with the words that name what is wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "dfu/err.h"
#include "slot_layout.h"

static void break_mode(struct slot_layout *l)
{
    l->map.mode = (enum dfu_boot_mode)77;
}

static void break_align(struct slot_layout *l)
{
    l->map.max_align = 12;
}

static void break_write_size(struct slot_layout *l)
{
    l->sec.write_size = 16;
}

static void break_sectors(struct slot_layout *l)
{
    l->map.max_sectors = 0;
}

static void break_key(struct slot_layout *l)
{
    l->map.key_size = 20;
}

static void break_images(struct slot_layout *l)
{
    l->map.image_count = 9;
}

static void break_primary(struct slot_layout *l)
{
    l->map.images[0].primary = NULL;
}

static void break_secondary(struct slot_layout *l)
{
    l->map.images[0].secondary = NULL;
}

static void break_single(struct slot_layout *l)
{
    l->map.mode = DFU_MODE_SINGLE_SLOT;
}

static void break_scratch(struct slot_layout *l)
{
    l->map.scratch = &l->scr;
}

static void break_no_scratch(struct slot_layout *l)
{
    l->map.mode = DFU_MODE_SWAP_SCRATCH;
}

static void break_size(struct slot_layout *l)
{
    l->sec.size -= 4096;
}

static void break_erased(struct slot_layout *l)
{
    l->sec.erased = 0x00;
}

static void break_erased_value(struct slot_layout *l)
{
    l->pri.erased = 0x55;
}

static void break_overlap(struct slot_layout *l)
{
    l->sec.base -= 8;
}

static void a_wrong_map_is_refused_in_words(void **state)
{
    static const struct {
        void (*do_break)(struct slot_layout *l);
        const char *word;
    } cases[] = {
        { break_mode, "mode" },
        { break_align, "maximum alignment" },
        { break_write_size, "write size" },
        { break_sectors, "sectors" },
        { break_key, "key size" },
        { break_images, "number of images" },
        { break_primary, "without a primary" },
        { break_secondary, "without a secondary" },
        { break_single, "one slot" },
        { break_scratch, "without one" },
        { break_no_scratch, "no scratch" },
        { break_size, "make up its size" },
        { break_erased, "different erased" },
        { break_erased_value, "neither" },
        { break_overlap, "overlap" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *what = "";
        struct slot_layout l;

        slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 4096, 17, 16);
        assert_int_equal(dfu_slot_map_check(&l.map, &what), DFU_OK);
        cases[i].do_break(&l);
        assert_true(dfu_slot_map_check(&l.map, &what) < 0);
        if (!strstr(what, cases[i].word)) {
            fail_msg("\"%s\" does not say \"%s\"", what, cases[i].word);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_map_is_refused_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
