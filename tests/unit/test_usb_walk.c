/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Random walks through the DFU device: a million events in no sensible order, the rules of
 * usb_walk.c checked after each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nor.h"
#include "usb_walk.h"

#define EVENTS 1000000u

static void any_request(struct usb_walk *walk, uint64_t *random)
{
    static const uint8_t types[] = { 0x21, 0xa1, 0x80, 0x00, 0x01, 0x81, 0xc0, 0x02 };
    uint32_t r = test_random(random);
    struct dfu_usb_setup setup = {
        .type = types[r & 7],
        .request = (uint8_t)((r >> 3) & 15),
        .value = (uint16_t)(r & 128 ? (r >> 8) & 3 : r >> 8),
        .index = (uint16_t)((r >> 24) & 3),
        .length = (uint16_t)(test_random(random) % (2 * WALK_TRANSFER)),
    };

    usb_walk_control(walk, &setup);
}

static void class_request(struct usb_walk *walk, uint8_t request, uint16_t value, uint16_t length)
{
    bool is_in =
        request == DFU_USB_UPLOAD || request == DFU_USB_GETSTATUS || request == DFU_USB_GETSTATE;
    struct dfu_usb_setup setup = { is_in ? 0xa1 : 0x21, request, value,
                                   walk->usb.mode == DFU_USB_RUNTIME ? 2 : 0, length };

    usb_walk_control(walk, &setup);
}

static void standard_request(struct usb_walk *walk, uint8_t type, uint8_t request, uint16_t value)
{
    struct dfu_usb_setup setup = { type, request, value, 0, 0 };

    usb_walk_control(walk, &setup);
}

/* Mostly what a host would do next, so that a walk gets far; now and then anything. */
static void one_event(struct usb_walk *walk, uint64_t *random)
{
    uint32_t r = test_random(random);

    switch (r % 32) {
    case 0: any_request(walk, random); break;
    case 1:
        if ((r >> 24) % 4 == 0) {
            class_request(walk, (uint8_t)((r >> 8) % 8), 0, (uint16_t)((r >> 16) % 600));
        }
        break;
    case 2:
        if ((r >> 24) % 4 == 0) {
            standard_request(walk, 0x01, 11, (r >> 8) & 1);
        }
        break;
    case 3: standard_request(walk, 0x00, 9, 1); break;
    case 4:
        if ((r >> 8) % 16 == 0) {
            usb_walk_bus_reset(walk);
        }
        break;
    case 5:
        if (walk->usb.mode == DFU_USB_RUNTIME || (r >> 8) % 32 == 0) {
            class_request(walk, DFU_USB_DETACH, 1000, 0);
        }
        break;
    case 6: usb_walk_step(walk, (r >> 8) % 300); break;
    case 7:
        if ((r >> 8) % 32 == 0) {
            usb_walk_step(walk, 6000);
        }
        break;
    case 8:
        if ((r >> 8) % 16 == 0) {
            class_request(walk, DFU_USB_CLRSTATUS, 0, 0);
        }
        break;
    case 9:
        if (walk->usb.dfu.state == DFU_USB_UPLOAD_IDLE || (r >> 8) % 16 == 0) {
            class_request(walk, DFU_USB_UPLOAD, walk->usb.dfu.block_number, WALK_TRANSFER);
        }
        break;
    default:
        if (walk->usb.dfu.state == DFU_USB_ERROR) {
            class_request(walk, DFU_USB_CLRSTATUS, 0, 0);
        } else if (walk->usb.dfu.state == DFU_USB_IDLE ||
                   walk->usb.dfu.state == DFU_USB_DNLOAD_IDLE) {
            usb_walk_right_block(walk);
        } else if (dfu_usb_dfu_has_work(&walk->usb.dfu)) {
            usb_walk_step(walk, 0);
        } else {
            class_request(walk, DFU_USB_GETSTATUS, 0, DFU_USB_STATUS_SIZE);
        }
    }
}

static void a_million_random_events_break_no_rule(void **state)
{
    struct usb_walk *walk = malloc(sizeof *walk);
    uint64_t random = 20;

    (void)state;
    assert_non_null(walk);
    usb_walk_start(walk);
    for (unsigned i = 0; i < EVENTS; i++) {
        one_event(walk, &random);
    }
    for (unsigned s = 0; s < DFU_USB_STATES; s++) {
        assert_true(walk->seen[s] > 0 || s == DFU_USB_MANIFEST_WAIT_RESET);
    }
    print_message("%u images installed, %u restarts\n", walk->marked, walk->restarts);
    assert_true(walk->marked > 100 && walk->restarts > 100);
    usb_walk_free(walk);
    free(walk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_random_events_break_no_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
