/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Slots that hold nonsense, in every mode in which images stay where they are: the start ends,
 * hashes no more than the slots hold, runs nothing that was not verified, and says what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bad_flash.h"
#include "dfu/err.h"
#include "dfu/update.h"

#define SIZE 0x1064u

static const struct standing {
    enum dfu_boot_mode mode;
    bool has_two;
    bool is_in_ram;
    bool picks; /* the newest image that is good */
} modes[] = {
    { DFU_MODE_SINGLE_SLOT, false, false, false },
    { DFU_MODE_SINGLE_RAM_LOAD, false, true, false },
    { DFU_MODE_FIRMWARE_LOADER, true, false, false },
    { DFU_MODE_DIRECT_XIP, true, false, true },
    { DFU_MODE_DIRECT_XIP_REVERT, true, false, true },
    { DFU_MODE_RAM_LOAD, true, true, true },
    { DFU_MODE_RAM_LOAD_REVERT, true, true, true },
};

#define EACH_STANDING(m) \
    for (const struct standing *m = modes; m < modes + sizeof modes / sizeof modes[0]; m++)

/* An old image in the primary, confirmed, and a new one beside it where there are two slots. */
static struct device *device_of_standing(const struct standing *m)
{
    struct world_spec spec = spec_equal(m->mode, m->has_two);
    struct device *d = device_new(&spec);

    for (enum world_place place = WORLD_PRI; place <= (m->has_two ? WORLD_SEC : WORLD_PRI);
         place++) {
        unsigned major = place == WORLD_PRI ? OLD : NEW;

        if (m->is_in_ram) {
            put_image_for_ram(d, place, (uint8_t)major, SIZE, WORLD_RAM_ADDR);
        } else {
            put_image(d, place, (uint8_t)major, SIZE);
        }
        if (m->mode == DFU_MODE_DIRECT_XIP_REVERT || m->mode == DFU_MODE_RAM_LOAD_REVERT) {
            dfu_sim_flash_power_on(&d->world.sim);
            assert_int_equal(
                dfu_boot_set_next(&d->world.map, &d->world.area[place], place == WORLD_PRI, true),
                0);
        }
    }
    return d;
}

static void lengths_that_lie_in_the_only_image_run_nothing(void **state)
{
    (void)state;
    EACH_STANDING(m)
    {
        for (size_t i = 0; i < LIE_COUNT; i++) {
            struct device *d = device_of_standing(m);

            if (m->has_two) {
                wipe(d, WORLD_SEC, 0, d->world.area[WORLD_SEC].size);
            }
            put_lie(d, WORLD_PRI, 0, SIZE, &lies[i]);
            assert_int_equal(start_within_bounds(d), 0);
            assert_int_equal(d->last.err, DFU_ERR_VERIFY);
            assert_int_equal(d->last.result.fault, lies[i].fault);
            assert_said(d, " primary slot");
            assert_true(!m->is_in_ram || ram_is_blank(d));
            device_free(d);
        }
    }
}

static void lengths_that_lie_in_one_image_leave_the_other(void **state)
{
    (void)state;
    EACH_STANDING(m)
    {
        for (size_t i = 0; m->picks && i < LIE_COUNT; i++) {
            for (enum world_place place = WORLD_PRI; place <= WORLD_SEC; place++) {
                struct device *d = device_of_standing(m);
                unsigned other = place == WORLD_PRI ? NEW : OLD;

                put_lie(d, place, 0, SIZE, &lies[i]);
                assert_int_equal(start_within_bounds(d), other);
                assert_int_equal(start_within_bounds(d), other);
                device_free(d);
            }
        }
    }
}

static void lengths_that_lie_in_both_images_run_nothing(void **state)
{
    (void)state;
    EACH_STANDING(m)
    {
        for (size_t i = 0; m->has_two && i < LIE_COUNT; i++) {
            struct device *d = device_of_standing(m);

            put_lie(d, WORLD_PRI, 0, SIZE, &lies[i]);
            put_lie(d, WORLD_SEC, 0, SIZE, &lies[i]);
            d->world.cfg.enter_loader = true; /* of a firmware loader, both are looked at */
            assert_int_equal(start_within_bounds(d), 0);
            assert_int_equal(d->last.result.fault, lies[i].fault);
            device_free(d);
        }
    }
}

/* Noise, or a magic and noise, where marks belong: what runs is one of the images, whole. */
static void noise_in_trailers_runs_nothing_but_a_whole_image(void **state)
{
    uint32_t random = 1;

    (void)state;
    EACH_STANDING(m)
    {
        for (int way = 0; m->picks && way < 100; way++) {
            struct device *d = device_of_standing(m);

            for (enum world_place place = WORLD_PRI; place <= WORLD_SEC; place++) {
                if ((way >> place & 1) != 0) {
                    put_noise_in_trailer(d, place, &random);
                }
                if ((way >> (2 + place) & 1) != 0) {
                    put_magic(d, place);
                }
            }
            for (int i = 0; i < 4; i++) {
                unsigned runs = start_within_bounds(d);

                assert_true(runs == OLD || runs == NEW || d->log.count > 0);
            }
            device_free(d);
        }
    }
}

static void a_loader_whose_lengths_lie_leaves_the_application(void **state)
{
    (void)state;
    for (size_t i = 0; i < LIE_COUNT; i++) {
        struct device *d = device_of_standing(&modes[2]);

        put_lie(d, WORLD_SEC, 0, SIZE, &lies[i]);
        d->world.cfg.enter_loader = true;
        assert_int_equal(start_within_bounds(d), OLD);
        assert_said(d, "E: Image in the secondary slot is not valid!\n");
        device_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_that_lie_in_the_only_image_run_nothing),
        cmocka_unit_test(lengths_that_lie_in_one_image_leave_the_other),
        cmocka_unit_test(lengths_that_lie_in_both_images_run_nothing),
        cmocka_unit_test(noise_in_trailers_runs_nothing_but_a_whole_image),
        cmocka_unit_test(a_loader_whose_lengths_lie_leaves_the_application),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
