/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* DFU 1.1 appendix A, cell by cell: 11 states by 9 kinds of request, then what depends on more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "usb_memory.h"

/* 's': stall and stay; 'r': reply and stay; 'e': stall, dfuERROR, errSTALLEDPKT; a state as a
 * hexadecimal digit: reply and go there; '!': stall and go to appIDLE. */
static const char *const cells[DFU_USB_STATES] = {
    /*                                 D  D  E  U  G  C  G  A  o
     *                                 e  a  n  p  s  l  e  b  t
     *                                 t  t  d  l  t  r  t  o  h
     *                                    a           s     r        */
    [DFU_USB_APP_IDLE] = /*          */ "1  s  s  s  r  s  r  s  s",
    [DFU_USB_APP_DETACH] = /*        */ "!  !  !  !  r  !  r  !  !",
    [DFU_USB_IDLE] = /*              */ "r  3  e  9  r  e  r  r  e",
    [DFU_USB_DNLOAD_SYNC] = /*       */ "e  e  e  e  4  e  r  2  e",
    [DFU_USB_DNBUSY] = /*            */ "e  e  e  e  r  e  r  e  e",
    [DFU_USB_DNLOAD_IDLE] = /*       */ "e  3  6  e  r  e  r  2  e",
    [DFU_USB_MANIFEST_SYNC] = /*     */ "e  e  e  e  7  e  r  2  e",
    [DFU_USB_MANIFEST] = /*          */ "e  e  e  e  r  e  r  e  e",
    [DFU_USB_MANIFEST_WAIT_RESET] = "s  s  s  s  r  s  r  s  s",
    [DFU_USB_UPLOAD_IDLE] = /*       */ "r  e  e  r  r  e  r  2  e",
    [DFU_USB_ERROR] = /*             */ "r  s  s  s  r  2  r  s  s",
};

struct asked {
    uint8_t request;
    uint16_t value, length;
};

/* A request as it would be right in this state, so that only the state can refuse it. */
static struct asked request_of(unsigned column, enum dfu_usb_state state)
{
    uint16_t next = state == DFU_USB_DNLOAD_IDLE || state == DFU_USB_UPLOAD_IDLE ? 1 : 0;
    struct asked asked[] = {
        { DFU_USB_DETACH, 1000, 0 }, { DFU_USB_DNLOAD, next, 8 }, { DFU_USB_DNLOAD, next, 0 },
        { DFU_USB_UPLOAD, next, 8 }, { DFU_USB_GETSTATUS, 0, 6 }, { DFU_USB_CLRSTATUS, 0, 0 },
        { DFU_USB_GETSTATE, 0, 1 },  { DFU_USB_ABORT, 0, 0 },     { 7, 0, 0 },
    };

    return asked[column];
}

static void check_cell(enum dfu_usb_state state, unsigned column, char expected)
{
    struct usb_world w;
    struct asked asked = request_of(column, state);
    unsigned next = state, status;
    bool is_stall = strchr("se!", expected) != NULL;
    int result;

    usb_world_reach(&w, state);
    status = w.dfu.status;
    result = usb_ask(&w, asked.request, asked.value, asked.length);
    if (expected == 'e') {
        next = DFU_USB_ERROR;
        status = DFU_USB_ERR_STALLEDPKT;
    } else if (expected == '!') {
        next = DFU_USB_APP_IDLE;
    } else if (expected >= '0' && expected <= '9') {
        next = (unsigned)(expected - '0');
    }
    if (state == DFU_USB_ERROR && next == DFU_USB_IDLE) {
        status = DFU_USB_OK;
    }
    if ((result == DFU_ERR_STATE) != is_stall || w.dfu.state != next || w.dfu.status != status) {
        fail_msg("%s, request %u, length %u: %s, %s, %s; expected %s, %s, %s",
                 dfu_usb_state_name(state), asked.request, asked.length,
                 result < 0 ? "stall" : "reply", dfu_usb_state_name(w.dfu.state),
                 dfu_usb_status_name(w.dfu.status), is_stall ? "stall" : "reply",
                 dfu_usb_state_name(next), dfu_usb_status_name(status));
    }
    if (asked.request == DFU_USB_GETSTATUS) {
        assert_int_equal(w.data[4], next);
    }
    if (asked.request == DFU_USB_GETSTATE) {
        assert_int_equal(w.data[0], next);
    }
}

static void every_request_in_every_state_does_what_the_standard_says(void **state)
{
    unsigned checked = 0;

    (void)state;
    for (unsigned s = 0; s < DFU_USB_STATES; s++) {
        unsigned column = 0;

        for (const char *cell = cells[s]; *cell; cell++) {
            if (*cell != ' ') {
                check_cell((enum dfu_usb_state)s, column++, *cell);
                checked++;
            }
        }
        assert_int_equal(column, 9);
    }
    assert_int_equal(checked, 99);
}

/* ---- Download ---- */

static void work_starts_only_after_a_getstatus_has_announced_it(void **state)
{
    struct usb_world w;
    uint32_t poll_ms;

    (void)state;
    usb_world_start(&w);
    assert_int_equal(usb_ask(&w, DFU_USB_DNLOAD, 0, 64), 0);
    assert_false(dfu_usb_dfu_has_work(&w.dfu));
    dfu_usb_dfu_step(&w.dfu, 0);
    assert_int_equal(w.memory.steps_done, 0);
    assert_int_equal(usb_status(&w, NULL, &poll_ms), DFU_USB_DNBUSY);
    assert_int_equal(poll_ms, 200);
    dfu_usb_dfu_step(&w.dfu, 0);
    assert_int_equal(w.memory.steps_done, 1);
    assert_int_equal(usb_status(&w, NULL, &poll_ms), DFU_USB_DNBUSY);
    assert_int_equal(poll_ms, 100); /* what is left, not what was said before */
    dfu_usb_dfu_step(&w.dfu, 0);
    assert_false(dfu_usb_dfu_has_work(&w.dfu));
    assert_int_equal(usb_status(&w, NULL, &poll_ms), DFU_USB_DNLOAD_IDLE);
    assert_int_equal(poll_ms, 0);
}

static void the_poll_timeout_is_never_less_than_configured_and_fits_24_bits(void **state)
{
    struct usb_world w;
    uint32_t poll_ms;

    (void)state;
    usb_world_start(&w);
    w.cfg.poll_timeout_ms = 700;
    usb_ask(&w, DFU_USB_DNLOAD, 0, 8);
    usb_status(&w, NULL, &poll_ms);
    assert_int_equal(poll_ms, 700);
    w.memory.steps_left = 1000000;
    usb_status(&w, NULL, &poll_ms);
    assert_int_equal(poll_ms, 0xffffff);
}

static void a_download_of_any_length_arrives_whole(void **state)
{
    static const unsigned sizes[] = { 1, 63, 64, 65, 128, 999, 1000 };
    struct usb_world w;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint16_t number = 0;

        usb_world_start(&w);
        for (unsigned off = 0; off < sizes[i];) {
            unsigned len = sizes[i] - off < 64 ? sizes[i] - off : 64;

            for (unsigned k = 0; k < len; k++) {
                w.data[k] = (uint8_t)(off + k);
            }
            assert_int_equal(usb_download_block(&w, number++, (uint16_t)len), DFU_USB_DNLOAD_IDLE);
            off += len;
        }
        assert_int_equal(usb_ask(&w, DFU_USB_DNLOAD, number, 0), 0);
        assert_int_equal(usb_status(&w, NULL, NULL), DFU_USB_MANIFEST);
        usb_work(&w);
        assert_int_equal(usb_status(&w, NULL, NULL), DFU_USB_IDLE);
        assert_int_equal(w.memory.finished, sizes[i]);
        assert_int_equal(w.memory.dropped, 1);
        for (unsigned k = 0; k < sizes[i]; k++) {
            assert_int_equal(w.memory.bytes[k], (uint8_t)k);
        }
    }
}

static void blocks_must_come_in_order(void **state)
{
    static const uint16_t wrong[] = { 0, 2, 0xffff };
    struct usb_world w;
    unsigned status;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        usb_world_start(&w);
        usb_download_block(&w, 0, 64);
        assert_int_equal(usb_ask(&w, DFU_USB_DNLOAD, wrong[i], 64), DFU_ERR_STATE);
        assert_int_equal(usb_status(&w, &status, NULL), DFU_USB_ERROR);
        assert_int_equal(status, DFU_USB_ERR_UNKNOWN);
        assert_int_equal(w.memory.dropped, 1);
    }
    usb_world_start(&w);
    assert_int_equal(usb_ask(&w, DFU_USB_DNLOAD, 1, 64), DFU_ERR_STATE);
}

static void block_numbers_wrap_after_65535(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    usb_download_block(&w, 0, 1);
    w.dfu.block_number = 0xffff;
    assert_int_equal(usb_download_block(&w, 0xffff, 1), DFU_USB_DNLOAD_IDLE);
    assert_int_equal(usb_download_block(&w, 0, 1), DFU_USB_DNLOAD_IDLE);
    assert_int_equal(w.dfu.off, 3);
}

static void a_refused_block_is_told_at_the_next_getstatus_with_its_reason(void **state)
{
    struct usb_world w;
    unsigned status;

    (void)state;
    usb_world_start(&w);
    w.memory.refuse_write = DFU_USB_ERR_FILE;
    assert_int_equal(usb_ask(&w, DFU_USB_DNLOAD, 0, 8), 0);
    assert_int_equal(usb_status(&w, &status, NULL), DFU_USB_ERROR);
    assert_int_equal(status, DFU_USB_ERR_FILE);
    assert_int_equal(w.data[5], 9);
    assert_string_equal(dfu_usb_dfu_why(&w.dfu), "because the test says so");
    assert_int_equal(w.memory.steps_done, 0);
    assert_int_equal(w.memory.dropped, 1);
    usb_ask(&w, DFU_USB_CLRSTATUS, 0, 0);
    usb_status(&w, &status, NULL);
    assert_int_equal(status, DFU_USB_OK);
    assert_int_equal(w.data[5], 0);
    assert_string_equal(dfu_usb_dfu_why(&w.dfu), "");
}

static void work_that_fails_ends_in_its_own_status(void **state)
{
    struct usb_world w;
    unsigned status;

    (void)state;
    usb_world_start(&w);
    w.memory.fail_step = DFU_USB_ERR_PROG;
    assert_int_equal(usb_download_block(&w, 0, 8), DFU_USB_ERROR);
    usb_status(&w, &status, NULL);
    assert_int_equal(status, DFU_USB_ERR_PROG);

    for (int reboot = 0; reboot < 2; reboot++) {
        usb_world_start(&w);
        w.cfg.reboot = reboot != 0;
        usb_download_block(&w, 0, 8);
        w.memory.fail_step = DFU_USB_ERR_VERIFY;
        usb_ask(&w, DFU_USB_DNLOAD, 1, 0);
        assert_int_equal(usb_status(&w, NULL, NULL), DFU_USB_MANIFEST);
        usb_work(&w);
        assert_int_equal(usb_status(&w, &status, NULL), DFU_USB_ERROR);
        assert_int_equal(status, DFU_USB_ERR_VERIFY);
        assert_int_equal(dfu_usb_dfu_step(&w.dfu, 100000), DFU_USB_STAY);
    }
}

static void an_end_that_comes_too_early_is_stalled_with_its_status(void **state)
{
    struct usb_world w;
    unsigned status;

    (void)state;
    usb_world_start(&w);
    usb_download_block(&w, 0, 8);
    w.memory.refuse_finish = DFU_USB_ERR_NOTDONE;
    assert_int_equal(usb_ask(&w, DFU_USB_DNLOAD, 1, 0), DFU_ERR_STATE);
    assert_int_equal(usb_status(&w, &status, NULL), DFU_USB_ERROR);
    assert_int_equal(status, DFU_USB_ERR_NOTDONE);
    assert_int_equal(w.data[5], 9);
}

static void a_read_only_alternate_answers_errwrite(void **state)
{
    struct usb_world w;
    unsigned status;

    (void)state;
    usb_world_start(&w);
    assert_int_equal(dfu_usb_dfu_select(&w.dfu, 0), 0);
    assert_int_equal(usb_ask(&w, DFU_USB_DNLOAD, 0, 8), 0);
    assert_int_equal(usb_status(&w, &status, NULL), DFU_USB_ERROR);
    assert_int_equal(status, DFU_USB_ERR_WRITE);
    assert_int_equal(w.memory.dropped, 0);
}

static void a_request_longer_than_the_transfer_size_is_stalled(void **state)
{
    static const uint8_t requests[] = { DFU_USB_DNLOAD, DFU_USB_UPLOAD };
    struct usb_world w;
    unsigned status;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        usb_world_start(&w);
        assert_int_equal(usb_ask(&w, requests[i], 0, 65), DFU_ERR_STATE);
        usb_status(&w, &status, NULL);
        assert_int_equal(status, DFU_USB_ERR_STALLEDPKT);
    }
}

static void a_data_stage_that_was_not_taken_in_is_stalled(void **state)
{
    struct usb_world w;
    struct dfu_usb_setup setup = { 0x21, DFU_USB_DNLOAD, 0, 0, 64 };

    (void)state;
    usb_world_start(&w);
    assert_int_equal(dfu_usb_dfu_control(&w.dfu, &setup, NULL, 0), DFU_ERR_STATE);
    assert_int_equal(w.dfu.state, DFU_USB_ERROR);
}

static void a_request_in_the_wrong_direction_is_no_request_of_the_class(void **state)
{
    struct usb_world w;
    struct dfu_usb_setup setup = { 0xa1, DFU_USB_DNLOAD, 0, 0, 8 };

    (void)state;
    usb_world_start(&w);
    assert_int_equal(dfu_usb_dfu_control(&w.dfu, &setup, w.data, 0), DFU_ERR_STATE);
    assert_int_equal(w.dfu.state, DFU_USB_ERROR);
}

static void status_and_state_are_cut_to_what_was_asked_for(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    assert_int_equal(usb_ask(&w, DFU_USB_GETSTATUS, 0, 4), 4);
    assert_int_equal(usb_ask(&w, DFU_USB_GETSTATUS, 0, 4096), 6);
    assert_int_equal(usb_ask(&w, DFU_USB_GETSTATE, 0, 0), 0);
    assert_int_equal(usb_ask(&w, DFU_USB_GETSTATE, 0, 64), 1);
}

/* ---- Upload ---- */

static void an_upload_ends_with_the_first_short_block(void **state)
{
    struct usb_world w;
    unsigned total = 0;
    int len;

    (void)state;
    usb_world_start(&w);
    for (uint16_t number = 0;; number++) {
        len = usb_ask(&w, DFU_USB_UPLOAD, number, 64);
        assert_true(len >= 0);
        assert_memory_equal(w.data, w.memory.bytes + total, (size_t)len);
        total += (unsigned)len;
        if (len < 64) {
            break;
        }
        assert_int_equal(w.dfu.state, DFU_USB_UPLOAD_IDLE);
    }
    assert_int_equal(total, USB_MEMORY_SIZE); /* also the last, partial block */
    assert_int_equal(w.dfu.state, DFU_USB_IDLE);
}

static void an_upload_of_whole_blocks_ends_with_an_empty_one(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    for (uint16_t number = 0; number < 20; number++) {
        assert_int_equal(usb_ask(&w, DFU_USB_UPLOAD, number, 50), 50);
    }
    assert_int_equal(usb_ask(&w, DFU_USB_UPLOAD, 20, 50), 0);
    assert_int_equal(w.dfu.state, DFU_USB_IDLE);
}

static void a_first_block_that_is_already_short_ends_the_upload(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    w.cfg.transfer_size = 4096;
    assert_int_equal(usb_ask(&w, DFU_USB_UPLOAD, 0, 4096), USB_MEMORY_SIZE);
    assert_int_equal(w.dfu.state, DFU_USB_IDLE);
}

static void an_upload_out_of_order_or_unreadable_fails(void **state)
{
    struct usb_world w;
    unsigned status;

    (void)state;
    usb_world_start(&w);
    usb_ask(&w, DFU_USB_UPLOAD, 0, 64);
    assert_int_equal(usb_ask(&w, DFU_USB_UPLOAD, 2, 64), DFU_ERR_STATE);
    usb_status(&w, &status, NULL);
    assert_int_equal(status, DFU_USB_ERR_UNKNOWN);
    usb_world_start(&w);
    w.memory.fail_read = true;
    assert_int_equal(usb_ask(&w, DFU_USB_UPLOAD, 0, 64), DFU_ERR_STATE);
    assert_int_equal(w.dfu.state, DFU_USB_ERROR);
}

static void upload_can_be_switched_off_for_all_or_for_one_alternate(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    assert_int_equal(dfu_usb_dfu_attributes(&w.cfg), 0x0f);
    w.cfg.upload = false;
    assert_int_equal(dfu_usb_dfu_attributes(&w.cfg), 0x0d);
    assert_int_equal(usb_ask(&w, DFU_USB_UPLOAD, 0, 64), DFU_ERR_STATE);
    assert_int_equal(w.dfu.status, DFU_USB_ERR_STALLEDPKT);
    usb_world_start(&w);
    w.alts[1].can_upload = false;
    assert_int_equal(usb_ask(&w, DFU_USB_UPLOAD, 0, 64), DFU_ERR_STATE);
}

/* ---- Alternates, silence ---- */

static void selecting_an_alternate_drops_what_was_begun(void **state)
{
    static const struct {
        enum dfu_usb_state in;
        bool is_taken;
    } cases[] = {
        { DFU_USB_IDLE, true },          { DFU_USB_DNLOAD_SYNC, true },
        { DFU_USB_DNBUSY, false },       { DFU_USB_DNLOAD_IDLE, true },
        { DFU_USB_MANIFEST_SYNC, true }, { DFU_USB_MANIFEST, false },
        { DFU_USB_UPLOAD_IDLE, true },   { DFU_USB_MANIFEST_WAIT_RESET, false },
        { DFU_USB_ERROR, true },
    };
    struct usb_world w;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        usb_world_reach(&w, cases[i].in);
        bool was_open = w.dfu.is_open;

        assert_int_equal(dfu_usb_dfu_select(&w.dfu, 2), DFU_ERR_STATE);
        assert_int_equal(w.dfu.state, cases[i].in);
        assert_int_equal(dfu_usb_dfu_select(&w.dfu, 0), cases[i].is_taken ? 0 : DFU_ERR_STATE);
        assert_int_equal(w.dfu.state, cases[i].is_taken ? DFU_USB_IDLE : cases[i].in);
        assert_int_equal(w.memory.dropped, cases[i].is_taken && was_open ? 1 : 0);
    }
    usb_world_reach(&w, DFU_USB_APP_IDLE);
    assert_int_equal(dfu_usb_dfu_select(&w.dfu, 0), 0);
    assert_int_equal(dfu_usb_dfu_select(&w.dfu, 1), DFU_ERR_STATE);
}

static void a_target_rests_while_the_host_is_silent_in_a_download(void **state)
{
    struct usb_world w;
    uint32_t due_ms;

    (void)state;
    usb_world_start(&w);
    w.cfg.rest_ms = 5000;
    assert_false(dfu_usb_dfu_due(&w.dfu, &due_ms));
    w.now_ms = 1000;
    usb_download_block(&w, 0, 8);
    assert_true(dfu_usb_dfu_due(&w.dfu, &due_ms));
    assert_int_equal(due_ms, 6000);
    dfu_usb_dfu_step(&w.dfu, 5999);
    assert_int_equal(w.memory.rested, 0);
    dfu_usb_dfu_step(&w.dfu, 6000);
    dfu_usb_dfu_step(&w.dfu, 7000);
    assert_int_equal(w.memory.rested, 1);
    assert_false(dfu_usb_dfu_due(&w.dfu, &due_ms));
    assert_int_equal(usb_download_block(&w, 1, 8), DFU_USB_DNLOAD_IDLE);
    assert_true(dfu_usb_dfu_due(&w.dfu, &due_ms));
}

static void an_incomplete_configuration_is_refused(void **state)
{
    struct usb_world w;

    (void)state;
    usb_world_start(&w);
    w.cfg.block = NULL;
    assert_int_equal(dfu_usb_dfu_check(&w.cfg), DFU_ERR_INVAL);
    usb_world_start(&w);
    w.cfg.alt_count = 0;
    assert_int_equal(dfu_usb_dfu_check(&w.cfg), DFU_ERR_INVAL);
    usb_world_start(&w);
    w.alts[1].name = NULL;
    assert_int_equal(dfu_usb_dfu_check(&w.cfg), DFU_ERR_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_in_every_state_does_what_the_standard_says),
        cmocka_unit_test(work_starts_only_after_a_getstatus_has_announced_it),
        cmocka_unit_test(the_poll_timeout_is_never_less_than_configured_and_fits_24_bits),
        cmocka_unit_test(a_download_of_any_length_arrives_whole),
        cmocka_unit_test(blocks_must_come_in_order),
        cmocka_unit_test(block_numbers_wrap_after_65535),
        cmocka_unit_test(a_refused_block_is_told_at_the_next_getstatus_with_its_reason),
        cmocka_unit_test(work_that_fails_ends_in_its_own_status),
        cmocka_unit_test(an_end_that_comes_too_early_is_stalled_with_its_status),
        cmocka_unit_test(a_read_only_alternate_answers_errwrite),
        cmocka_unit_test(a_request_longer_than_the_transfer_size_is_stalled),
        cmocka_unit_test(a_data_stage_that_was_not_taken_in_is_stalled),
        cmocka_unit_test(a_request_in_the_wrong_direction_is_no_request_of_the_class),
        cmocka_unit_test(status_and_state_are_cut_to_what_was_asked_for),
        cmocka_unit_test(an_upload_ends_with_the_first_short_block),
        cmocka_unit_test(an_upload_of_whole_blocks_ends_with_an_empty_one),
        cmocka_unit_test(a_first_block_that_is_already_short_ends_the_upload),
        cmocka_unit_test(an_upload_out_of_order_or_unreadable_fails),
        cmocka_unit_test(upload_can_be_switched_off_for_all_or_for_one_alternate),
        cmocka_unit_test(selecting_an_alternate_drops_what_was_begun),
        cmocka_unit_test(a_target_rests_while_the_host_is_silent_in_a_download),
        cmocka_unit_test(an_incomplete_configuration_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
