/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The virtual device before its application: recovery, and the window for USB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim_rig.h"

static const struct dfu_sim_recovery_config recovery = { .idle_ms = 1000 };
static const uint8_t recovery_request[] = { 0x0a, 0,   0,   12,  0,   0,   0x46, 5,   0xa1, 0x69,
                                            'b',  'o', 'o', 't', '_', 'm', 'o',  'd', 'e',  1 };

static void the_pin_leads_into_recovery_before_anything_is_booted(void **state)
{
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    rig->cfg.recovery = &recovery;
    rig->device.is_pin_pressed = true;
    assert_int_equal(sim_power_on(rig), DFU_SIM_RECOVERING);
    assert_null(strstr(rig->console, "I: Starting bootloader"));
    sim_send(rig, sim_reset_request, sizeof sim_reset_request);
    assert_int_equal(rig->answers, 1);
    assert_int_equal(dfu_sim_device_due_ms(&rig->device), rig->now + 250);
    sim_advance(rig, 250);
    assert_int_equal(rig->device.state, DFU_SIM_RUNNING); /* it was pressed once */
    assert_int_equal(rig->device.starts, 2);
    free(rig);
}

static void silence_lets_the_bootloader_go_on_where_it_was(void **state)
{
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    rig->cfg.recovery = &recovery;
    rig->device.is_pin_pressed = true;
    (void)sim_power_on(rig);
    sim_advance(rig, 999);
    assert_int_equal(rig->device.state, DFU_SIM_RECOVERING);
    sim_advance(rig, 1);
    assert_int_equal(rig->device.state, DFU_SIM_RUNNING);
    assert_int_equal(rig->device.starts, 1);
    free(rig);
}

static void a_request_for_recovery_counts_once_and_is_lost_with_power(void **state)
{
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    rig->cfg.recovery = &recovery;
    for (int i = 0; i < 2; i++) {
        (void)sim_power_on(rig);
        sim_send(rig, recovery_request, sizeof recovery_request);
        assert_int_equal(rig->answers, 1);
        if (i == 0) {
            sim_advance(rig, 250);
            assert_int_equal(rig->device.state, DFU_SIM_RECOVERING);
            assert_non_null(strstr(rig->console, "I: Enter the serial recovery mode"));
            dfu_sim_device_reset(&rig->device, rig->now);
        } else {
            dfu_sim_device_power_off(&rig->device);
            (void)sim_power_on(rig);
        }
        assert_int_equal(rig->device.state, DFU_SIM_RUNNING);
        rig->answers = 0;
    }
    free(rig);
}

static void a_boot_mode_means_nothing_where_there_is_no_recovery(void **state)
{
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    (void)sim_power_on(rig);
    sim_send(rig, recovery_request, sizeof recovery_request);
    sim_advance(rig, 250);
    assert_int_equal(rig->device.state, DFU_SIM_RUNNING);
    assert_int_equal(rig->device.starts, 2);
    free(rig);
}

static void a_window_for_usb_is_waited_for_but_not_in_the_middle_of_a_swap(void **state)
{
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    rig->cfg.usb_wait_ms = 1000;
    sim_stage(rig, sim_calm, 9000);
    dfu_sim_device_cut(&rig->device, DFU_SIM_CUT_INSIDE, 12, 1);
    assert_int_equal(sim_power_on(rig), DFU_SIM_WAITING);
    dfu_sim_device_go_on(&rig->device, false, rig->now);
    assert_int_equal(rig->device.state, DFU_SIM_OFF);
    assert_int_equal(sim_power_on(rig), DFU_SIM_RUNNING); /* first the swap is finished */
    assert_int_equal(rig->device.boot.header.version.major, 2);
    assert_int_equal(sim_power_on(rig), DFU_SIM_WAITING);
    dfu_sim_device_go_on(&rig->device, false, rig->now);
    rig->console[0] = '\0';
    dfu_sim_device_go_on(&rig->device, false, rig->now);
    assert_string_equal(rig->console, ""); /* only once */
    assert_int_equal(rig->device.state, DFU_SIM_RUNNING);
    assert_int_equal(rig->device.boot.header.version.major, 1); /* nobody had confirmed it */
    free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pin_leads_into_recovery_before_anything_is_booted),
        cmocka_unit_test(silence_lets_the_bootloader_go_on_where_it_was),
        cmocka_unit_test(a_request_for_recovery_counts_once_and_is_lost_with_power),
        cmocka_unit_test(a_boot_mode_means_nothing_where_there_is_no_recovery),
        cmocka_unit_test(a_window_for_usb_is_waited_for_but_not_in_the_middle_of_a_swap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
