/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What is told of an update's progress is true; and the watchdog is fed at bounded intervals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/progress.h"
#include "packed_image.h"
#include "upgrade.h"

#define SIZE   0x2864u
#define SECTOR 0x1000u

/* ---- Progress ---- */

struct told {
    struct device *d;
    struct dfu_boot_progress progress;
    uint32_t count, last_done, first_done, first_ms, worst_ms;
    uint64_t begun_us;
    bool has_ended;
};

/* Each prediction is kept, to be compared with the clock at the end. */
static void take(void *ctx, const struct dfu_boot_progress *p)
{
    struct told *t = ctx;

    assert_true(p->done <= p->total && p->total > 0);
    assert_true(t->count == 0 || p->done >= t->last_done);
    if (t->count == 0) {
        t->first_ms = p->ms_left;
        t->first_done = p->done;
        t->begun_us = t->d->world.sim.elapsed_us;
    }
    t->last_done = p->done;
    t->has_ended = p->done == p->total && p->ms_left == 0;
    t->count++;
}

static void arm(struct told *t, struct device *d)
{
    const struct dfu_flash_times times = {
        .erase_us = dfu_sim_nrf52840.erase_sector_us,
        .erase_size = dfu_sim_nrf52840.sector_size,
        .program_us = dfu_sim_nrf52840.program_us,
        .program_size = dfu_sim_nrf52840.program_size,
    };

    *t = (struct told){ .d = d };
    t->progress = (struct dfu_boot_progress){
        .rules = &dfu_boot_progress_rules,
        .report = take,
        .ctx = t,
        .primary = times,
        .secondary = times,
    };
    d->world.sim.timing = &dfu_sim_nrf52840;
    d->world.cfg.progress = &t->progress;
}

static void an_update_tells_how_far_it_is_and_how_long_it_takes(void **state)
{
    const struct world_spec specs[] = { spec_move(), spec_offset(), spec_scratch(),
                                        spec_overwrite(), spec_overwrite_fast() };

    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct device *d = device_new(&specs[i]);
        struct told t;
        uint64_t took_ms;

        put_image(d, WORLD_PRI, OLD, SIZE);
        put_image(d, WORLD_SEC, NEW, SIZE);
        request(d, false);
        arm(&t, d);
        assert_int_equal(start(d), NEW);
        assert_true(t.count > 5 && t.has_ended);
        assert_int_equal(t.first_done, 0);
        took_ms = (d->world.sim.elapsed_us - t.begun_us) / 1000;
        assert_in_range(t.first_ms, took_ms * 9 / 10, took_ms * 11 / 10);
        device_free(d);
    }
}

static void a_compressed_update_tells_how_much_of_what_it_decodes_to_is_written(void **state)
{
    static struct packed_image packed;
    static uint8_t image[PACKED_BODY_MAX];

    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        struct world_spec spec = fast ? spec_overwrite_fast() : spec_overwrite();
        struct test_recipe plain = { .hdr_size = 32,
                                     .version = { .major = NEW },
                                     .pattern = NEW,
                                     .body = SIZE,
                                     .tlvs = { { DFU_TLV_SHA256, NULL, 0 } },
                                     .tlv_count = 1 };
        struct device *d;
        struct told t;
        uint64_t took_ms;

        spec.unpacks = true;
        d = device_new(&spec);
        packed_image_make(&packed, &plain, false);
        test_image_build(&packed.recipe, image);
        put_image(d, WORLD_PRI, OLD, SIZE);
        boot_world_load(&d->world, WORLD_SEC, 0, image, test_image_size(&packed.recipe));
        request(d, false);
        arm(&t, d);
        assert_int_equal(start(d), NEW);
        assert_true(t.count > 5 && t.has_ended);
        assert_int_equal(t.first_done, 0);
        assert_int_equal(t.last_done, packed.plain_size);
        took_ms = (d->world.sim.elapsed_us - t.begun_us) / 1000;
        assert_in_range(t.first_ms, took_ms * 9 / 10, took_ms * 11 / 10);
        device_free(d);
    }
}

static void an_interrupted_swap_goes_on_counting(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);
    struct told t;

    (void)state;
    put_image(d, WORLD_PRI, OLD, SIZE);
    put_image(d, WORLD_SEC, NEW, SIZE);
    request(d, false);
    arm(&t, d);
    start_cut(d, DFU_SIM_CUT_BEFORE, 30, 0);
    assert_false(t.has_ended);
    arm(&t, d);
    assert_int_equal(start(d), NEW);
    assert_true(t.first_done > 0 && t.has_ended);
    device_free(d);
}

static void a_start_without_an_update_tells_nothing(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);
    struct told t;

    (void)state;
    put_image(d, WORLD_PRI, OLD, SIZE);
    arm(&t, d);
    assert_int_equal(start(d), OLD);
    assert_int_equal(t.count, 0);
    device_free(d);
}

/* ---- Watchdog ---- */

/* Between two feeds: at most one erase, one buffer written, and so much read. */
#define ERASES_MAX 1u
#define READS_MAX  (4u * 1024u + 4096u) /* four buffers, and headers and trailers */

struct dog {
    struct device *d;
    uint32_t erases;
    uint64_t written, read, worst_erases, worst_written, worst_read;
};

static void measure(struct dog *dog)
{
    const struct dfu_sim_flash *sim = &dog->d->world.sim;
    uint64_t erases = sim->erases - dog->erases, written = sim->bytes_written - dog->written,
             read = sim->bytes_read - dog->read;

    dog->worst_erases = erases > dog->worst_erases ? erases : dog->worst_erases;
    dog->worst_written = written > dog->worst_written ? written : dog->worst_written;
    dog->worst_read = read > dog->worst_read ? read : dog->worst_read;
    dog->erases = sim->erases;
    dog->written = sim->bytes_written;
    dog->read = sim->bytes_read;
}

static void feed(void *ctx)
{
    struct world *w = ctx;

    measure((struct dog *)w->cfg.progress->ctx);
}

static void ignore(void *ctx, const struct dfu_boot_progress *p)
{
    (void)ctx, (void)p;
}

static void watch(struct device *d, struct dog *dog, struct dfu_boot_progress *progress)
{
    *dog = (struct dog){ .d = d };
    /* the configuration has one ctx, which is the world's; the dog hangs on the other one */
    *progress = (struct dfu_boot_progress){ .rules = &dfu_boot_progress_rules,
                                            .report = ignore,
                                            .ctx = dog };
    d->world.cfg.progress = progress;
    d->world.cfg.feed_watchdog = feed;
    measure(dog);
    dog->worst_erases = dog->worst_written = dog->worst_read = 0;
}

static void check_dog(struct dog *dog)
{
    measure(dog);
    assert_true(dog->worst_erases <= ERASES_MAX);
    assert_true(dog->worst_written <= sizeof dog->d->world.buf + 64);
    assert_true(dog->worst_read <= READS_MAX);
}

/* Whether an image is marked before it runs for the first time, and may go back. */
static bool has_trials(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_DIRECT_XIP_REVERT || mode == DFU_MODE_RAM_LOAD_REVERT;
}

static void put(struct device *d, enum world_place place, uint8_t major)
{
    enum dfu_boot_mode mode = d->world.map.mode;

    if (mode == DFU_MODE_RAM_LOAD || mode == DFU_MODE_RAM_LOAD_REVERT) {
        put_image_for_ram(d, place, major, SIZE, WORLD_RAM_ADDR);
    } else {
        put_image(d, place, major, SIZE);
    }
}

static void the_watchdog_is_fed_at_bounded_intervals_in_every_mode(void **state)
{
    const struct world_spec specs[] = { spec_move(),
                                        spec_offset(),
                                        spec_scratch(),
                                        spec_overwrite(),
                                        spec_overwrite_fast(),
                                        spec_equal(DFU_MODE_DIRECT_XIP, true),
                                        spec_equal(DFU_MODE_DIRECT_XIP_REVERT, true),
                                        spec_equal(DFU_MODE_RAM_LOAD, true),
                                        spec_equal(DFU_MODE_RAM_LOAD_REVERT, true),
                                        spec_equal(DFU_MODE_FIRMWARE_LOADER, true),
                                        spec_equal(DFU_MODE_SINGLE_SLOT, false) };

    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        for (int skips = 0; skips < 2; skips++) {
            struct device *d = device_new(&specs[i]);
            struct dfu_boot_progress progress;
            struct dog dog;

            put(d, WORLD_PRI, OLD);
            if (specs[i].areas[WORLD_SEC].size > 0) {
                put(d, WORLD_SEC, NEW);
            }
            if (has_trials(specs[i].mode)) {
                confirm(d);
            }
            if (specs[i].areas[WORLD_SEC].size > 0) {
                request(d, false);
            }
            watch(d, &dog, &progress);
            d->world.cfg.skip = skips ? &dfu_boot_skip_equal : NULL;
            for (int boots = 0; boots < 3; boots++) {
                assert_int_not_equal(start(d), 0);
                check_dog(&dog);
            }
            device_free(d);
        }
    }
}

/* Slots full of garbage, and images that are refused, cost bounded work, too. */
static void the_watchdog_is_fed_while_images_are_refused(void **state)
{
    const struct world_spec specs[] = { spec_move(), spec_offset(), spec_scratch(),
                                        spec_overwrite() };

    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct device *d = device_new(&specs[i]);
        struct dfu_boot_progress progress;
        struct dog dog;

        put_image(d, WORLD_PRI, OLD, SIZE);
        put_image(d, WORLD_SEC, NEW, SIZE);
        request(d, false);
        d->world.sim.mem[d->world.area[WORLD_SEC].base + SECTOR + 300] ^= 1;
        watch(d, &dog, &progress);
        for (int boots = 0; boots < 2; boots++) {
            assert_int_equal(start(d), OLD);
            check_dog(&dog);
        }
        device_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_tells_how_far_it_is_and_how_long_it_takes),
        cmocka_unit_test(a_compressed_update_tells_how_much_of_what_it_decodes_to_is_written),
        cmocka_unit_test(an_interrupted_swap_goes_on_counting),
        cmocka_unit_test(a_start_without_an_update_tells_nothing),
        cmocka_unit_test(the_watchdog_is_fed_at_bounded_intervals_in_every_mode),
        cmocka_unit_test(the_watchdog_is_fed_while_images_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
