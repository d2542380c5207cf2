/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The pace of a virtual serial line, on a clock that stands still until it is set. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server_pty.h"

#define BAUD 9600u /* 64 bytes take 66.7 ms */

static struct dfu_server_pty server;
static struct dfu_loop loop;
static uint64_t start_ms;

static void no_packet(void *ctx, const uint8_t *packet, size_t len)
{
    (void)ctx;
    (void)packet;
    (void)len;
}

static int open_line(void **state)
{
    static char link[64];

    (void)state;
    snprintf(link, sizeof(link), "/tmp/paced-line-%ld", (long)getpid());
    dfu_loop_init(&loop);
    dfu_loop_hold_clock();
    start_ms = dfu_loop_now_ms() + 1;
    dfu_loop_set_clock(start_ms);
    server = (struct dfu_server_pty){ .packet = no_packet, .baud = BAUD };
    return dfu_server_pty_open(&server, &loop, link);
}

static int close_line(void **state)
{
    (void)state;
    dfu_server_pty_close(&server);
    return 0;
}

static void client_writes(size_t len)
{
    uint8_t bytes[512];

    memset(bytes, '.', sizeof(bytes));
    assert_int_equal(write(server.terminal, bytes, len), len);
}

static void at_ms(uint64_t ms)
{
    dfu_loop_set_clock(start_ms + ms);
    dfu_server_pty_poll(&server);
}

static void a_line_that_is_occupied_is_due_when_it_is_free(void **state)
{
    (void)state;
    dfu_server_pty_poll(&server);
    assert_int_equal(dfu_server_pty_due_ms(&server), UINT64_MAX);
    client_writes(256);
    at_ms(0);
    assert_true(server.file.ignores_input);
    assert_in_range(dfu_server_pty_due_ms(&server), start_ms + 67, start_ms + 68);
    /* Time has passed since the loop was told to leave the input alone. */
    dfu_loop_set_clock(start_ms + 500);
    assert_in_range(dfu_server_pty_due_ms(&server), start_ms + 67, start_ms + 68);
}

static void an_answer_waits_for_the_line_and_is_not_forgotten(void **state)
{
    char text[100];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    dfu_server_pty_print(&server, text);
    assert_int_equal(server.out_len, 101 - 64);
    dfu_loop_set_clock(start_ms + 500);
    assert_in_range(dfu_server_pty_due_ms(&server), start_ms + 67, start_ms + 68);
    at_ms(500);
    assert_int_equal(server.out_len, 0);
}

/* Two pieces of 64 bytes: the second comes when the line has been free for 10 ms. */
static void what_a_sender_lets_pass_is_lost(void **state)
{
    (void)state;
    client_writes(64);
    at_ms(0);
    at_ms(68);
    client_writes(64);
    at_ms(78);
    assert_in_range(dfu_server_pty_due_ms(&server), start_ms + 78 + 66, start_ms + 78 + 68);
}

/* The same, but both were waiting: it was the line that came late. */
static void what_a_late_wake_up_lets_pass_is_made_good(void **state)
{
    (void)state;
    client_writes(128);
    at_ms(0);
    at_ms(78);
    assert_in_range(dfu_server_pty_due_ms(&server), start_ms + 133, start_ms + 135);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_that_is_occupied_is_due_when_it_is_free, open_line,
                                        close_line),
        cmocka_unit_test_setup_teardown(an_answer_waits_for_the_line_and_is_not_forgotten,
                                        open_line, close_line),
        cmocka_unit_test_setup_teardown(what_a_sender_lets_pass_is_lost, open_line, close_line),
        cmocka_unit_test_setup_teardown(what_a_late_wake_up_lets_pass_is_made_good, open_line,
                                        close_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
