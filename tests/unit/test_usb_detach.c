/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* How a device gets into DFU mode and out of it: detaching, resets of the bus, restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "usb_memory.h"

static void a_device_that_will_detach_does_so_after_its_own_time(void **state)
{
    struct usb_world w;
    uint32_t due_ms;

    (void)state;
    usb_world_reach(&w, DFU_USB_APP_DETACH);
    assert_true(dfu_usb_dfu_due(&w.dfu, &due_ms));
    assert_int_equal(due_ms, 100);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 99), DFU_USB_STAY);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 100), DFU_USB_ENTER_DFU);
}

static void a_device_that_waits_for_a_reset_goes_back_to_work_without_one(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    w.cfg.will_detach = false;
    w.cfg.detach_timeout_ms = 1000;
    dfu_usb_dfu_start(&w.dfu, &w.cfg, DFU_USB_RUNTIME);
    usb_ask(&w, DFU_USB_DETACH, 300, 0);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 299), DFU_USB_STAY);
    assert_int_equal(w.dfu.state, DFU_USB_APP_DETACH);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 300), DFU_USB_STAY);
    assert_int_equal(w.dfu.state, DFU_USB_APP_IDLE);
    assert_int_equal(dfu_usb_dfu_bus_reset(&w.dfu, 301), DFU_USB_STAY);

    usb_ask(&w, DFU_USB_DETACH, 5000, 0); /* the host's time is capped by the device's */
    assert_int_equal(dfu_usb_dfu_bus_reset(&w.dfu, 900), DFU_USB_ENTER_DFU);
    dfu_usb_dfu_step(&w.dfu, 1000);
    assert_int_equal(w.dfu.state, DFU_USB_APP_IDLE);
}

static void times_may_wrap(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    w.now_ms = UINT32_MAX - 50;
    dfu_usb_dfu_start(&w.dfu, &w.cfg, DFU_USB_RUNTIME);
    usb_ask(&w, DFU_USB_DETACH, 1000, 0);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, UINT32_MAX), DFU_USB_STAY);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 48), DFU_USB_STAY);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 49), DFU_USB_ENTER_DFU);
}

static void the_resets_of_enumeration_do_not_leave_dfu_mode(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    dfu_usb_dfu_start(&w.dfu, &w.cfg, DFU_USB_DFU_MODE);
    assert_int_equal(dfu_usb_dfu_bus_reset(&w.dfu, 0), DFU_USB_STAY);
    dfu_usb_dfu_configured(&w.dfu);
    assert_int_equal(dfu_usb_dfu_bus_reset(&w.dfu, 0), DFU_USB_STAY);
    dfu_usb_dfu_configured(&w.dfu);
    usb_status(&w, NULL, NULL);
    assert_int_equal(dfu_usb_dfu_bus_reset(&w.dfu, 0), DFU_USB_RESTART);
}

static bool no_application(void *ctx)
{
    (void)ctx;
    return false;
}

static void without_an_application_a_reset_stays_in_dfu_mode_and_says_so(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    w.cfg.has_application = no_application;
    usb_status(&w, NULL, NULL);
    assert_int_equal(dfu_usb_dfu_bus_reset(&w.dfu, 0), DFU_USB_STAY);
    assert_int_equal(w.dfu.state, DFU_USB_ERROR);
    assert_int_equal(w.dfu.status, DFU_USB_ERR_FIRMWARE);

    usb_ask(&w, DFU_USB_CLRSTATUS, 0, 0); /* the next reset is of enumeration again */
    assert_int_equal(dfu_usb_dfu_bus_reset(&w.dfu, 0), DFU_USB_STAY);
    assert_int_equal(w.dfu.state, DFU_USB_IDLE);

    usb_world_reach(&w, DFU_USB_DNLOAD_IDLE);
    w.cfg.has_application = no_application;
    assert_int_equal(dfu_usb_dfu_bus_reset(&w.dfu, 0), DFU_USB_STAY);
    assert_int_equal(w.dfu.status, DFU_USB_ERR_USBR);
    assert_int_equal(w.memory.dropped, 1);

    usb_world_reach(&w, DFU_USB_MANIFEST_WAIT_RESET); /* now there is one */
    w.cfg.has_application = no_application;
    assert_int_equal(dfu_usb_dfu_bus_reset(&w.dfu, 0), DFU_USB_RESTART);
}

static void detach_in_dfu_mode_leaves_it(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    assert_int_equal(usb_ask(&w, DFU_USB_DETACH, 1000, 0), 0);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 99), DFU_USB_STAY);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 100), DFU_USB_RESTART);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 101), DFU_USB_STAY);
}

static void automatic_reboot_happens_once_after_the_last_status(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_reach(&w, DFU_USB_MANIFEST_WAIT_RESET);
    assert_int_equal(dfu_usb_dfu_attributes(&w.cfg) & DFU_USB_MANIFESTATION_TOLERANT, 0);
    w.now_ms = 1000;
    assert_int_equal(usb_status(&w, NULL, NULL), DFU_USB_MANIFEST_WAIT_RESET);
    w.now_ms = 1400;
    assert_int_equal(usb_status(&w, NULL, NULL), DFU_USB_MANIFEST_WAIT_RESET);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 1899), DFU_USB_STAY);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 1900), DFU_USB_RESTART);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 9000), DFU_USB_STAY);
}

static void automatic_reboot_does_not_need_a_host_that_asks(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_reach(&w, DFU_USB_MANIFEST_WAIT_RESET);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 2999), DFU_USB_STAY);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 3000), DFU_USB_RESTART);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_that_will_detach_does_so_after_its_own_time),
        cmocka_unit_test(a_device_that_waits_for_a_reset_goes_back_to_work_without_one),
        cmocka_unit_test(times_may_wrap),
        cmocka_unit_test(the_resets_of_enumeration_do_not_leave_dfu_mode),
        cmocka_unit_test(without_an_application_a_reset_stays_in_dfu_mode_and_says_so),
        cmocka_unit_test(detach_in_dfu_mode_leaves_it),
        cmocka_unit_test(automatic_reboot_happens_once_after_the_last_status),
        cmocka_unit_test(automatic_reboot_does_not_need_a_host_that_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
