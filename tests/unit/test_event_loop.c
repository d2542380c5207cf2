/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What the virtual device waits for: a file that is always ready keeps nobody from stopping it, and
 * one that is not read for now lets time pass. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "event_loop.h"

struct line {
    int ends[2]; /* to read from, to write to */
    struct dfu_loop_file file;
    unsigned calls;
};

static void count_call(void *ctx)
{
    ((struct line *)ctx)->calls++;
}

static void line_open(struct line *line)
{
    *line = (struct line){ .calls = 0 };
    assert_int_equal(pipe(line->ends), 0);
    line->file = (struct dfu_loop_file){ line->ends[0], count_call, .ctx = line };
}

static void line_close(struct line *line)
{
    close(line->ends[0]);
    close(line->ends[1]);
}

static void a_file_that_is_not_read_for_now_does_not_end_the_wait(void **state)
{
    struct dfu_loop loop;
    struct line line;
    uint64_t due_ms = dfu_loop_now_ms() + 30;

    (void)state;
    dfu_loop_init(&loop);
    line_open(&line);
    assert_true(dfu_loop_add(&loop, &line.file));
    close(line.ends[1]); /* nobody will write any more */
    line.file.ignores_input = true;
    assert_int_equal(dfu_loop_wait(&loop, due_ms), DFU_LOOP_GO_ON);
    assert_true(dfu_loop_now_ms() >= due_ms);
    assert_int_equal(line.calls, 0);
    line.file.ignores_input = false;
    assert_int_equal(dfu_loop_wait(&loop, UINT64_MAX), DFU_LOOP_GO_ON);
    assert_int_equal(line.calls, 1);
    close(line.ends[0]);
}

static void a_signal_stops_the_loop_though_a_file_is_always_ready(void **state)
{
    struct dfu_loop loop;
    struct line line;

    (void)state;
    dfu_loop_init(&loop);
    line_open(&line);
    assert_true(dfu_loop_add(&loop, &line.file));
    assert_int_equal(write(line.ends[1], "x", 1), 1);
    assert_int_equal(dfu_loop_wait(&loop, UINT64_MAX), DFU_LOOP_GO_ON);
    raise(SIGTERM);
    assert_int_equal(dfu_loop_wait(&loop, UINT64_MAX), DFU_LOOP_STOP);
    assert_int_equal(line.calls, 2);
    line_close(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_not_read_for_now_does_not_end_the_wait),
        cmocka_unit_test(a_signal_stops_the_loop_though_a_file_is_always_ready),
    };

    return cmocka_run_group_tests_name("event loop", tests, NULL, NULL);
}
