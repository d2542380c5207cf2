/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The bootloader's window for USB DFU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dfu/usb_wait.h"
#include "usb_memory.h"

#define WINDOW 12000u
#define IDLE   5000u

static enum dfu_usb_wait_verdict look(struct dfu_usb_wait *wait, struct usb_world *w,
                                      uint32_t now_ms)
{
    w->now_ms = now_ms;
    return dfu_usb_wait_look(wait, &w->dfu, now_ms);
}

static void without_a_download_the_application_starts_when_the_window_ends(void **state)
{
    struct dfu_usb_wait wait;
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    dfu_usb_wait_start(&wait, WINDOW, IDLE, 100);
    usb_status(&w, NULL, NULL); /* a host that only looks does not count */
    assert_int_equal(look(&wait, &w, 12099), DFU_USB_WAIT_ON);
    assert_int_equal(look(&wait, &w, 12100), DFU_USB_WAIT_ELAPSED);
}

static void download(struct dfu_usb_wait *wait, struct usb_world *w)
{
    dfu_usb_wait_start(wait, WINDOW, IDLE, 0);
    w->now_ms = 11000;
    usb_download_block(w, 0, 64);
    assert_int_equal(look(wait, w, 15999), DFU_USB_WAIT_ON);
    usb_download_block(w, 1, 64);
    assert_int_equal(look(wait, w, 20000), DFU_USB_WAIT_ON);
    usb_ask(w, DFU_USB_DNLOAD, 2, 0);
    assert_int_equal(look(wait, w, 20000), DFU_USB_WAIT_ON);
    usb_status(w, NULL, NULL);
    usb_work(w);
    usb_status(w, NULL, NULL);
}

static void a_download_that_has_begun_may_end_and_the_host_hears_of_it(void **state)
{
    struct dfu_usb_wait wait;
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    download(&wait, &w);
    assert_int_equal(look(&wait, &w, 20099), DFU_USB_WAIT_ON);
    assert_int_equal(look(&wait, &w, 20100), DFU_USB_WAIT_DONE);
}

static void a_class_that_restarts_by_itself_ends_the_waiting(void **state)
{
    struct dfu_usb_wait wait;
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    w.cfg.reboot = true;
    w.cfg.reboot_delay_ms = 500;
    download(&wait, &w);
    assert_int_equal(look(&wait, &w, 20499), DFU_USB_WAIT_ON);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 20499), DFU_USB_STAY);
    assert_int_equal(dfu_usb_dfu_step(&w.dfu, 20500), DFU_USB_RESTART);
}

static void a_host_that_vanishes_does_not_keep_the_device(void **state)
{
    struct dfu_usb_wait wait;
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    dfu_usb_wait_start(&wait, WINDOW, IDLE, 0);
    w.now_ms = 11000;
    usb_download_block(&w, 0, 64);
    assert_int_equal(look(&wait, &w, 15999), DFU_USB_WAIT_ON);
    assert_int_equal(look(&wait, &w, 16000), DFU_USB_WAIT_ELAPSED);
}

static void a_refused_download_is_not_a_complete_one(void **state)
{
    struct dfu_usb_wait wait;
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    dfu_usb_wait_start(&wait, WINDOW, IDLE, 0);
    usb_download_block(&w, 0, 64);
    w.memory.fail_step = DFU_USB_ERR_VERIFY;
    usb_ask(&w, DFU_USB_DNLOAD, 1, 0);
    usb_status(&w, NULL, NULL);
    assert_int_equal(look(&wait, &w, 10), DFU_USB_WAIT_ON);
    usb_work(&w);
    assert_int_equal(usb_status(&w, NULL, NULL), DFU_USB_ERROR);
    assert_int_equal(look(&wait, &w, 11), DFU_USB_WAIT_ON);
    usb_ask(&w, DFU_USB_CLRSTATUS, 0, 0);
    assert_int_equal(look(&wait, &w, 12), DFU_USB_WAIT_ON);
    assert_int_equal(look(&wait, &w, WINDOW), DFU_USB_WAIT_ELAPSED);
}

static void without_an_application_it_waits_for_ever(void **state)
{
    struct dfu_usb_wait wait;
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    dfu_usb_wait_start(&wait, DFU_USB_WAIT_FOR_EVER, IDLE, 0);
    usb_download_block(&w, 0, 64);
    assert_int_equal(look(&wait, &w, 1000000000), DFU_USB_WAIT_ON);
    usb_ask(&w, DFU_USB_ABORT, 0, 0);
    assert_int_equal(look(&wait, &w, 2000000000), DFU_USB_WAIT_ON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_download_the_application_starts_when_the_window_ends),
        cmocka_unit_test(a_download_that_has_begun_may_end_and_the_host_hears_of_it),
        cmocka_unit_test(a_class_that_restarts_by_itself_ends_the_waiting),
        cmocka_unit_test(a_host_that_vanishes_does_not_keep_the_device),
        cmocka_unit_test(a_refused_download_is_not_a_complete_one),
        cmocka_unit_test(without_an_application_it_waits_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
