/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Swap using scratch: what only the scratch area tells of. (MCUboot's recordings and the power tests
 * show the rest of it.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "upgrade.h"

#define PRI_COPY_DONE 0x3fe0u

static struct device *device_with_scratch_of(uint32_t sectors)
{
    struct world_spec spec = spec_scratch();

    spec.areas[WORLD_SCR].size = sectors * 0x1000;
    spec.areas[WORLD_SCR].runs[0].count = sectors;
    return device_new(&spec);
}

static struct device *device_with_scratch(void)
{
    return device_with_scratch_of(1);
}

static uint32_t op_at(struct device *d, enum world_place place, uint32_t off)
{
    for (size_t i = 0; i < d->journal.count; i++) {
        if (d->journal.ops[i].kind == DFU_SIM_WRITE &&
            d->journal.ops[i].off == d->world.area[place].base + off) {
            return (uint32_t)i + 1;
        }
    }
    fail_msg("no write at 0x%x", (unsigned)off);
    return 0;
}

static uint8_t *keep(struct device *d)
{
    uint8_t *kept = malloc(d->world.state_size);

    assert_non_null(kept);
    boot_world_keep(&d->world, kept);
    return kept;
}

/* What is asked for is installed, and its copy_done is refused by its cells: it reads erased. */
static void install_without_copy_done(struct device *d, unsigned which)
{
    uint32_t unit = (d->world.area[WORLD_PRI].base + PRI_COPY_DONE) / d->world.sim.write_size;
    uint8_t *kept = keep(d);

    assert_int_equal(start(d), which);
    boot_world_restore(&d->world, kept);
    start_cut(d, DFU_SIM_CUT_BEFORE, op_at(d, WORLD_PRI, PRI_COPY_DONE), 0);
    d->world.sim.programmed[unit / 8] |= (uint8_t)(1u << unit % 8);
    assert_int_equal(start(d), which);
    assert_int_equal(trailer(d, WORLD_PRI).copy_done, DFU_FLAG_UNSET);
    free(kept);
}

/* The new image on trial, and a copy_done that its cells refuse: it reads erased, and must not. */
static struct device *with_noted_trial_of(uint32_t size)
{
    struct device *d = device_with_scratch();

    size = size > 0 ? size : dfu_slot_max_image(&d->world.map, 0);
    put_image(d, WORLD_PRI, OLD, size);
    put_image(d, WORLD_SEC, NEW, size);
    request(d, false);
    install_without_copy_done(d, NEW);
    return d;
}

static struct device *with_noted_trial(void)
{
    return with_noted_trial_of(0x11f4);
}

/* Where the images share a sector with the trailers, scratch is needed for the revert itself. */
static void a_trial_noted_elsewhere_is_reverted_after_two_cuts(void **state)
{
    struct device *d = with_noted_trial_of(0);
    uint8_t *kept = keep(d);
    uint32_t ops;

    (void)state;
    assert_int_equal(start(d), OLD);
    ops = d->last.ops;
    for (uint32_t op = 1; op <= ops; op++) {
        uint32_t last = ops;

        for (uint32_t again = 1; again <= last; again++) {
            boot_world_restore(&d->world, kept);
            start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
            dfu_sim_flash_power_on(&d->world.sim);
            dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_BEFORE, again, 0);
            if (boot_world_start(&d->world).err != DFU_ERR_POWER) {
                break;
            }
            assert_int_equal(start(d), OLD);
            assert_int_equal(holds(d, WORLD_SEC), NEW);
            assert_int_equal(start(d), OLD);
            assert_string_equal(ops_of(d), "");
        }
    }
    free(kept);
    device_free(d);
}

static void a_trial_noted_elsewhere_is_reverted_whatever_is_cut(void **state)
{
    struct device *d = with_noted_trial();
    uint8_t *kept = keep(d);
    uint32_t ops;

    (void)state;
    assert_int_equal(start(d), OLD);
    ops = d->last.ops;
    for (uint32_t op = 1; op <= ops; op++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        assert_int_equal(start(d), OLD);
        assert_int_equal(holds(d, WORLD_SEC), NEW);
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
    }
    free(kept);
    device_free(d);
}

static void a_trial_noted_elsewhere_can_be_confirmed(void **state)
{
    struct device *d = with_noted_trial();

    (void)state;
    confirm(d);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(start(d), NEW);
    }
    device_free(d);
}

/* Its note is left over from an earlier trial: this one has not begun before its swap is done. */
static void a_note_beside_an_unfinished_swap_ends_no_trial(void **state)
{
    struct device *d = device_with_scratch();
    struct dfu_trailer at;
    uint8_t *kept;
    uint32_t last;

    (void)state;
    put_image(d, WORLD_PRI, OLD, 0x11f4);
    put_image(d, WORLD_SEC, NEW, 0x11f4);
    request(d, false);
    kept = keep(d);
    assert_int_equal(start(d), NEW);
    last = op_at(d, WORLD_PRI, PRI_COPY_DONE);
    assert_int_equal(dfu_slot_trailer(&d->world.map, &d->world.area[WORLD_SEC], &at), 0);
    for (uint32_t op = 1; op < last; op++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        put_bytes(d, WORLD_SEC, at.status, "51a10000");
        assert_int_equal(start(d), NEW);
        assert_int_equal(start(d), OLD);
    }
    free(kept);
    device_free(d);
}

/* ---- An update over one whose copy_done was refused ---- */

#define NEXT     3
#define OPS_MAX  96u
#define TRAILER  0x38u /* ... of the one in scratch, from its size on */
#define TRAILERS 0x80u /* bytes at the end of a slot: the flags, the magic */

struct over {
    bool was_permanent, is_permanent; /* the update before, this one */
    uint32_t times;                   /* so many updates before */
};

/* Images that share a sector with their trailers, and a scratch area that holds all of them: a swap
 * is one operation, and its three records are as many as those of a first operation. */
static struct device *over_a_refused_copy_done(const struct over *over)
{
    struct device *d = device_with_scratch_of(4);
    uint32_t size = dfu_slot_max_image(&d->world.map, 0);

    put_image(d, WORLD_PRI, OLD, size);
    for (uint32_t i = 0; i <= over->times; i++) {
        uint8_t which = i == over->times ? NEXT : NEW;

        wipe(d, WORLD_SEC, 0, 0x4000);
        put_image(d, WORLD_SEC, which, size);
        request(d, which == NEXT ? over->is_permanent : over->was_permanent);
        if (which == NEW) {
            install_without_copy_done(d, NEW);
        }
        if (which == NEW && !over->was_permanent) {
            confirm(d);
        }
    }
    return d;
}

/* The update takes place, whatever was cut, and a trial is reverted. */
static void comes_out(struct device *d, const struct over *over)
{
    unsigned last = over->is_permanent ? NEXT : NEW;

    assert_int_equal(start(d), NEXT);
    assert_int_equal(start(d), last);
    assert_int_equal(holds(d, WORLD_SEC), NEXT + NEW - last);
    assert_int_equal(start(d), last);
    assert_string_equal(ops_of(d), "");
}

/* An erase that stopped: its first bytes are erased, or its last ones. */
static void erase_partly(struct device *d, const struct world_op *op, uint32_t edge, bool first)
{
    struct dfu_sim_flash *sim = &d->world.sim;
    uint32_t begin = op->off + (first ? 0 : edge), end = op->off + (first ? edge : op->len);

    for (uint32_t at = begin; at < end; at++) {
        uint32_t unit = at / sim->write_size;

        sim->mem[at] = sim->erased;
        sim->programmed[unit / 8] &= (uint8_t) ~(1u << unit % 8);
    }
}

static void cut_erase(struct device *d, const struct over *over, const uint8_t *kept, uint32_t n,
                      const struct world_op *op)
{
    for (uint32_t edge = 8; edge < op->len; edge += edge < op->len - TRAILERS ? 0x198 : 8) {
        for (int first = 0; first < 2; first++) {
            boot_world_restore(&d->world, kept);
            start_cut(d, DFU_SIM_CUT_BEFORE, n, 0);
            erase_partly(d, op, edge, first != 0);
            comes_out(d, over);
        }
    }
}

/* What a whole start does to the flash. */
static uint32_t record(struct device *d, struct world_op *ops)
{
    uint32_t count;

    assert_int_equal(start(d), NEXT);
    count = (uint32_t)d->journal.count;
    assert_in_range(count, 1, OPS_MAX);
    memcpy(ops, d->journal.ops, count * sizeof ops[0]);
    return count;
}

static void survives_every_cut(const struct over *over)
{
    struct device *d = over_a_refused_copy_done(over);
    uint8_t *kept = keep(d);
    struct world_op ops[OPS_MAX];
    uint32_t count;

    comes_out(d, over);
    boot_world_restore(&d->world, kept);
    count = record(d, ops);
    for (uint32_t n = 1; n <= count; n++) {
        /* The last one is copy_done: torn, it may count as the trial's only start. */
        for (uint64_t seed = 0; seed < (n < count ? 12 : 1); seed++) {
            boot_world_restore(&d->world, kept);
            start_cut(d, seed ? DFU_SIM_CUT_INSIDE : DFU_SIM_CUT_BEFORE, n, seed);
            comes_out(d, over);
        }
        if (ops[n - 1].kind == DFU_SIM_ERASE) {
            cut_erase(d, over, kept, n, &ops[n - 1]);
        }
    }
    free(kept);
    device_free(d);
}

/* Power fails again in the start after: before each operation, inside it, and inside an erase that
 * leaves the end of its sector, or its beginning. */
static void cut_again(struct device *d, const struct over *over)
{
    uint8_t *kept = keep(d);
    struct world_op ops[OPS_MAX];
    uint32_t count = record(d, ops);

    for (uint32_t n = 1; n <= count; n++) {
        for (uint64_t seed = 0; seed < (n < count ? 2 : 1); seed++) {
            boot_world_restore(&d->world, kept);
            start_cut(d, seed ? DFU_SIM_CUT_INSIDE : DFU_SIM_CUT_BEFORE, n, seed);
            comes_out(d, over);
        }
        for (int first = 0; first < 2 && ops[n - 1].kind == DFU_SIM_ERASE; first++) {
            boot_world_restore(&d->world, kept);
            start_cut(d, DFU_SIM_CUT_BEFORE, n, 0);
            erase_partly(d, &ops[n - 1], ops[n - 1].len - TRAILER, first != 0);
            comes_out(d, over);
        }
    }
    free(kept);
}

static void survives_every_two_cuts(const struct over *over)
{
    struct device *d = over_a_refused_copy_done(over);
    uint8_t *kept = keep(d);
    struct world_op ops[OPS_MAX];
    uint32_t count = record(d, ops);

    for (uint32_t n = 1; n <= count; n++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, n, 0);
        cut_again(d, over);
    }
    free(kept);
    device_free(d);
}

static void an_update_over_a_refused_copy_done_survives_every_two_cuts(void **state)
{
    (void)state;
    for (int n = 0; n < 4; n++) {
        survives_every_two_cuts(&(struct over){ (n & 1) != 0, (n & 2) != 0, 2 });
    }
}

static void an_update_over_a_refused_copy_done_survives_every_cut(void **state)
{
    (void)state;
    for (uint32_t times = 1; times <= 3; times++) {
        for (int n = 0; n < 4; n++) {
            survives_every_cut(&(struct over){ (n & 1) != 0, (n & 2) != 0, times });
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_noted_elsewhere_is_reverted_whatever_is_cut),
        cmocka_unit_test(a_trial_noted_elsewhere_is_reverted_after_two_cuts),
        cmocka_unit_test(a_trial_noted_elsewhere_can_be_confirmed),
        cmocka_unit_test(a_note_beside_an_unfinished_swap_ends_no_trial),
        cmocka_unit_test(an_update_over_a_refused_copy_done_survives_every_cut),
        cmocka_unit_test(an_update_over_a_refused_copy_done_survives_every_two_cuts),
    };
    return cmocka_run_group_tests_name("swap using scratch", tests, NULL, NULL);
}
