/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Serial recovery: who keeps it, when it ends, and whether the device then restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/smp_basic.h"
#include "recovery_world.h"

static void only_a_client_that_speaks_keeps_the_window_open(void **state)
{
    struct recovery_world *w = rec_open(1);
    uint64_t began = w->now;

    (void)state;
    rec_enter(w, DFU_RECOVERY_IN_WINDOW);
    dfu_recovery_receive(&w->recovery, (const uint8_t *)"noise on the line", 17, &w->link, began);
    assert_int_equal(dfu_recovery_due_ms(&w->recovery), began + RECOVERY_WINDOW_MS);
    assert_int_equal(dfu_recovery_look(&w->recovery, began + RECOVERY_WINDOW_MS - 1),
                     DFU_RECOVERY_STAY);
    assert_int_equal(dfu_recovery_look(&w->recovery, began + RECOVERY_WINDOW_MS),
                     DFU_RECOVERY_LEAVE);
    w->now = began + RECOVERY_WINDOW_MS - 1;
    (void)rec_ask_images(w);
    assert_int_equal(dfu_recovery_look(&w->recovery, began + RECOVERY_WINDOW_MS),
                     DFU_RECOVERY_STAY);
    assert_int_equal(dfu_recovery_due_ms(&w->recovery), w->now + RECOVERY_IDLE_MS);
    assert_int_equal(dfu_recovery_look(&w->recovery, w->now + RECOVERY_IDLE_MS),
                     DFU_RECOVERY_LEAVE);
    rec_close(w);
}

static void a_reset_is_one_even_if_nothing_has_changed(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    rec_enter(w, DFU_RECOVERY_BY_PIN);
    (void)rec_ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET);
    assert_int_equal(dfu_recovery_look(&w->recovery, w->now + 250), DFU_RECOVERY_RESET);
    rec_close(w);
}

static void silence_ends_recovery_by_a_reset_if_flash_has_changed(void **state)
{
    static const enum dfu_recovery_reason reasons[] = { DFU_RECOVERY_BY_PIN,
                                                        DFU_RECOVERY_BY_REQUEST };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct recovery_world *w = rec_open(1);

        rec_enter(w, reasons[i]);
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + RECOVERY_IDLE_MS - 1),
                         DFU_RECOVERY_STAY);
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + RECOVERY_IDLE_MS),
                         DFU_RECOVERY_LEAVE);
        w->now += RECOVERY_IDLE_MS - 1;
        (void)rec_chunk(w, 0, 900, -1, w->new_image.data, 300);
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + RECOVERY_IDLE_MS - 1),
                         DFU_RECOVERY_STAY);
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + RECOVERY_IDLE_MS),
                         DFU_RECOVERY_RESET);
        rec_close(w);
    }
}

static void without_an_image_there_is_nothing_to_leave_for(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    (void)rec_ask_images(w);
    assert_int_equal(dfu_recovery_due_ms(&w->recovery), UINT64_MAX);
    assert_int_equal(dfu_recovery_look(&w->recovery, w->now + 100 * RECOVERY_IDLE_MS),
                     DFU_RECOVERY_STAY);
    assert_true(rec_upload(w, -1, &w->new_image));
    assert_int_equal(dfu_recovery_look(&w->recovery, w->now + RECOVERY_IDLE_MS),
                     DFU_RECOVERY_RESET);
    rec_close(w);
}

static void without_a_limit_silence_lasts_for_ever(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    w->cfg.idle_ms = 0;
    rec_enter(w, DFU_RECOVERY_BY_PIN);
    (void)rec_erase(w, 1);
    assert_int_equal(dfu_recovery_due_ms(&w->recovery), UINT64_MAX);
    rec_close(w);
}

static void a_pin_counts_once_it_has_been_held(void **state)
{
    struct dfu_recovery_pin pin = { .hold_ms = 50 };

    (void)state;
    assert_int_equal(dfu_recovery_pin_look(&pin, true, 1000), DFU_RECOVERY_PIN_LOOK_AGAIN);
    assert_int_equal(dfu_recovery_pin_look(&pin, true, 1049), DFU_RECOVERY_PIN_LOOK_AGAIN);
    assert_int_equal(dfu_recovery_pin_look(&pin, true, 1050), DFU_RECOVERY_PIN_HELD);
    assert_int_equal(dfu_recovery_pin_look(&pin, false, 1051), DFU_RECOVERY_PIN_RELEASED);
    pin = (struct dfu_recovery_pin){ .hold_ms = 0 };
    assert_int_equal(dfu_recovery_pin_look(&pin, true, 0), DFU_RECOVERY_PIN_HELD);
}

static void a_configuration_without_its_buffers_is_refused(void **state)
{
    struct recovery_world *w = rec_open(1);
    struct dfu_recovery_config cfg = w->cfg;

    (void)state;
    cfg.response_cap = DFU_SMP_RESPONSE_MIN - 1;
    assert_int_equal(dfu_recovery_check(&cfg), DFU_ERR_INVAL);
    cfg = w->cfg;
    cfg.buf_len = 63;
    assert_int_equal(dfu_recovery_check(&cfg), DFU_ERR_INVAL);
    cfg = w->cfg;
    cfg.map = NULL;
    assert_int_equal(dfu_recovery_check(&cfg), DFU_ERR_INVAL);
    rec_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_client_that_speaks_keeps_the_window_open),
        cmocka_unit_test(a_reset_is_one_even_if_nothing_has_changed),
        cmocka_unit_test(silence_ends_recovery_by_a_reset_if_flash_has_changed),
        cmocka_unit_test(without_an_image_there_is_nothing_to_leave_for),
        cmocka_unit_test(without_a_limit_silence_lasts_for_ever),
        cmocka_unit_test(a_pin_counts_once_it_has_been_held),
        cmocka_unit_test(a_configuration_without_its_buffers_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
