/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Roles: what was recorded is worth nothing again, and no challenge comes twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth_world.h"
#include "dfu/err.h"
#include "nor.h"

/* ---- Replay ---- */

static void a_recorded_login_is_worth_nothing_again(void **state)
{
    struct auth_device *dev = auth_new_device("A");
    struct dfu_client_challenge challenge;
    uint8_t frame[256];
    int len;

    (void)state;
    len = auth_answered_challenge(dev, frame, sizeof frame);
    assert_int_equal(auth_present(dev, frame, len), 0);
    dfu_smp_auth_end(&dev->auth, &dev->peer.link);
    assert_int_equal(auth_present(dev, frame, len), DFU_SMP_AUTH_NO_CHALLENGE);
    assert_int_equal(auth_get_challenge(dev, &challenge), 0);
    assert_int_equal(auth_present(dev, frame, len), DFU_SMP_AUTH_REFUSED);
    for (uint32_t boot = 2; boot < 10; boot++) { /* the random source says the same each time */
        auth_start(dev, boot);
        assert_int_equal(auth_present(dev, frame, len), DFU_SMP_AUTH_NO_CHALLENGE);
        assert_int_equal(auth_get_challenge(dev, &challenge), 0);
        assert_int_equal(auth_present(dev, frame, len), DFU_SMP_AUTH_REFUSED);
        assert_int_equal(auth_role_now(dev), DFU_ROLE_NONE);
    }
    free(dev);
}

static void a_reset_ends_every_login(void **state)
{
    struct auth_device *dev = auth_new_device("A");

    (void)state;
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    auth_start(dev, 2);
    assert_int_equal(auth_role_now(dev), DFU_ROLE_NONE);
    free(dev);
}

static void a_login_for_one_device_is_none_for_another(void **state)
{
    static const char *const ids[] = { "B", "A\0", "", "AA" };
    struct auth_device *a = auth_new_device("A");
    struct dfu_client_challenge challenge, other;
    uint8_t frame[256];
    int len;

    (void)state;
    assert_int_equal(auth_get_challenge(a, &challenge), 0);
    len = auth_login_frame(&challenge, KEY_UPDATE, 0, frame, sizeof frame);
    for (size_t i = 0; i < 4; i++) {
        struct auth_device *b = auth_new_device(ids[i]);

        b->config.device_len = i == 1 ? 2 : b->config.device_len;
        assert_int_equal(auth_get_challenge(b, &other), 0);
        assert_memory_equal(other.challenge, challenge.challenge, sizeof other.challenge);
        assert_int_equal(auth_present(b, frame, len), DFU_SMP_AUTH_REFUSED);
        free(b);
    }
    assert_int_equal(auth_present(a, frame, len), 0);
    free(a);
}

/* Of every start that could ask for a login; returns how many were seen. */
static unsigned note(struct auth_device *dev, uint8_t (*seen)[DFU_SMP_AUTH_CHALLENGE_LEN],
                     unsigned count, uint32_t boots)
{
    auth_start(dev, boots);
    for (unsigned n = 0; n < 2; n++) {
        struct dfu_client_challenge challenge;

        if (boots == 0) {
            assert_int_equal(auth_get_challenge(dev, &challenge), DFU_SMP_AUTH_UNAVAILABLE);
            return count;
        }
        assert_int_equal(auth_get_challenge(dev, &challenge), 0);
        for (unsigned i = 0; i < count; i++) {
            assert_memory_not_equal(seen[i], challenge.challenge, sizeof challenge.challenge);
        }
        memcpy(seen[count++], challenge.challenge, sizeof challenge.challenge);
        dfu_smp_auth_end(&dev->auth, &dev->peer.link);
    }
    return count;
}

static void no_challenge_comes_twice_wherever_power_is_cut_and_however_bad_chance_is(void **state)
{
    static uint8_t seen[2000][DFU_SMP_AUTH_CHALLENGE_LEN];
    static const enum dfu_sim_cut_when when[] = { DFU_SIM_CUT_BEFORE, DFU_SIM_CUT_INSIDE,
                                                  DFU_SIM_CUT_AFTER };
    struct auth_device *dev = auth_new_device("A");
    struct nor *nor = nor_new(256, 2, 4, 0xff);
    const struct dfu_area *area = nor_area(nor, "boots", 2);
    unsigned count = 0, failures = 0;

    (void)state;
    for (unsigned n = 0; n < 400; n++) { /* many times round the ring */
        struct dfu_record record;
        uint32_t boots = 99;

        dfu_sim_flash_power_on(&nor->flash);
        if (n % 4) {
            dfu_sim_flash_cut(&nor->flash, when[n % 3], 1 + n / 4 % 2, n);
        }
        failures += dfu_smp_auth_count_boot(&record, area, &boots) ? 1 : 0;
        count = note(dev, seen, count, boots);
    }
    assert_int_equal(failures, 176); /* of 300 cuts that were due */
    assert_int_equal(count, 2 * (400 - failures));
    nor_free(nor);
    free(dev);
}

static void without_a_boot_count_or_randomness_nobody_logs_in(void **state)
{
    struct auth_device *dev = auth_new_device("A");
    struct dfu_client_challenge challenge;

    (void)state;
    auth_start(dev, 0);
    assert_int_equal(auth_get_challenge(dev, &challenge), DFU_SMP_AUTH_UNAVAILABLE);
    auth_start(dev, 1);
    dev->has_random = false;
    assert_int_equal(auth_get_challenge(dev, &challenge), DFU_SMP_AUTH_UNAVAILABLE);
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), DFU_SMP_AUTH_UNAVAILABLE);
    dev->has_random = true;
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    free(dev);
}

static void a_boot_count_that_is_damaged_or_full_counts_nothing(void **state)
{
    static const uint8_t full[] = { 0xff, 0xff, 0xff, 0xff };
    struct nor *nor = nor_new(256, 4, 4, 0xff);
    const struct dfu_area *area = nor_area(nor, "boots", 2);
    struct dfu_record record;
    uint32_t boots = 7;

    (void)state;
    assert_int_equal(dfu_record_open(&record, area), 0);
    assert_int_equal(dfu_record_save(&record, full, 4), 0);
    assert_int_equal(dfu_smp_auth_count_boot(&record, area, &boots), DFU_ERR_RANGE);
    assert_int_equal(boots, 0);
    assert_int_equal(dfu_record_save(&record, full, 3), 0);
    assert_int_equal(dfu_smp_auth_count_boot(&record, area, &boots), DFU_ERR_FORMAT);
    assert_int_equal(boots, 0);
    nor_free(nor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_login_is_worth_nothing_again),
        cmocka_unit_test(a_reset_ends_every_login),
        cmocka_unit_test(a_login_for_one_device_is_none_for_another),
        cmocka_unit_test(no_challenge_comes_twice_wherever_power_is_cut_and_however_bad_chance_is),
        cmocka_unit_test(without_a_boot_count_or_randomness_nobody_logs_in),
        cmocka_unit_test(a_boot_count_that_is_damaged_or_full_counts_nothing),
    };

    return cmocka_run_group_tests(tests, auth_make_keys, auth_free_keys);
}
