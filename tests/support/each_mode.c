/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "each_mode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void put_update(struct device *d, uint8_t major, uint32_t size)
{
    struct test_recipe recipe = { .version = { .major = major } };

    put_recipe(d, WORLD_SEC, &recipe, size);
}

unsigned secondary_holds(struct device *d)
{
    unsigned major = holds(d, WORLD_SEC);

    return major ? major : holds_at(d, WORLD_SEC, update_off(d));
}

bool is_swap(const struct device *d)
{
    return d->world.spec.mode != DFU_MODE_OVERWRITE;
}

struct device *device_on(const struct world_spec *spec)
{
    struct device *d = device_new(spec);

    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    put_update(d, NEW, NEW_SIZE);
    return d;
}

struct device *device_of(make_spec *make)
{
    struct world_spec spec = make();

    return device_on(&spec);
}

void assert_flags(struct device *d, enum world_place place, enum dfu_magic magic,
                  enum dfu_flag image_ok, enum dfu_flag copy_done)
{
    struct dfu_slot_state state = trailer(d, place);

    if (is_swap(d)) { /* overwriting keeps no books */
        assert_int_equal(state.magic, magic);
        assert_int_equal(state.image_ok, image_ok);
        assert_int_equal(state.copy_done, copy_done);
    }
}

void assert_nothing_asked(struct device *d)
{
    assert_flags(d, WORLD_SEC, DFU_MAGIC_UNSET, DFU_FLAG_UNSET, DFU_FLAG_UNSET);
}

uint32_t ops_of_next_start(const struct world_spec *spec, bool permanent)
{
    struct device *d = device_on(spec);
    uint32_t ops;

    request(d, permanent);
    (void)start(d);
    ops = d->last.ops;
    device_free(d);
    return ops;
}

void assert_upgraded_for_good(struct device *d)
{
    assert_int_equal(start(d), NEW);
    assert_flags(d, WORLD_PRI, DFU_MAGIC_GOOD, DFU_FLAG_SET, DFU_FLAG_SET);
    assert_nothing_asked(d);
    assert_true(!is_swap(d) || secondary_holds(d) == OLD);
}
