/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Files with several chunks on their way, against the real file group in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/smp.h"
#include "file_world.h"

#define WINDOW 7u

static struct file_world w;
static struct dfu_file f;

static void begin(uint32_t size, bool is_upload, uint32_t window)
{
    struct dfu_file_config config;

    file_world_init(&w, size);
    if (!is_upload) {
        file_world_put(&w);
    }
    config = file_world_config(&w, is_upload);
    config.window_max = window;
    dfu_file_start(&f, &config);
}

static void assert_whole(bool is_upload)
{
    assert_int_equal(f.result, 0);
    if (is_upload) {
        file_world_assert_there(&w);
    } else {
        assert_int_equal(w.got_size, w.span.len);
        assert_memory_equal(w.got, w.content, w.span.len);
    }
}

static void files_of_any_size_go_both_ways_and_no_byte_twice(void **state)
{
    static const uint32_t sizes[] = {
        0, 1, 180, 200, 220, 256, 257, 400, 401, 5000, FILE_WORLD_CAP
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        begin(sizes[i / 2], i % 2, WINDOW);
        file_world_run(&w, &f);
        assert_whole(i % 2);
        assert_int_equal(f.rewinds, 0);
        assert_int_equal(w.written, i % 2 ? sizes[i / 2] : 0);
    }
}

static void a_long_way_costs_a_round_trip_for_a_window_not_for_a_chunk(void **state)
{
    (void)state;
    for (int is_upload = 0; is_upload < 2; is_upload++) {
        uint64_t took_ms[2];

        for (uint32_t i = 0; i < 2; i++) {
            begin(FILE_WORLD_CAP, is_upload, i ? WINDOW : 1);
            w.link.delay_ms = 25;
            file_world_run(&w, &f);
            assert_whole(is_upload);
            assert_int_equal(f.flight.window_peak, i ? WINDOW : 1);
            took_ms[i] = w.now_ms;
        }
        print_message("%s: %u ms one by one, %u ms with %u on the way\n",
                      is_upload ? "upload" : "download", (unsigned)took_ms[0], (unsigned)took_ms[1],
                      WINDOW);
        assert_true(took_ms[1] * 4 < took_ms[0]);
    }
}

static void a_chunk_that_is_lost_is_repaired_within_a_round_trip_or_two(void **state)
{
    (void)state;
    for (int is_upload = 0; is_upload < 2; is_upload++) {
        for (uint32_t number = 8; number < 40; number++) {
            begin(FILE_WORLD_CAP, is_upload, WINDOW);
            w.link.delay_ms = 25;
            w.link.cut_number = number; /* a request or an answer */
            w.comes_back = true;
            file_world_run(&w, &f);
            assert_whole(is_upload);
            assert_true(w.now_ms < 1500);
        }
    }
}

static void any_mix_of_trouble_ends_with_the_file_or_says_why(void **state)
{
    unsigned whole = 0, cut = 0, given_up = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        begin(FILE_WORLD_CAP, seed % 2, 2 + (uint32_t)seed % 8);
        w.link = (struct sim_link){ .seed = seed,
                                    .delay_ms = (uint32_t)(seed % 7) * 50,
                                    .jitter_ms = (uint32_t)(seed % 5) * 400,
                                    .loss_permille = (uint32_t)(seed % 4) * 60,
                                    .repeat_permille = (uint32_t)(seed % 3) * 100 };
        file_world_run(&w, &f);
        if (f.result) {
            assert_true(f.result == DFU_ERR_STATE || f.result == DFU_ERR_TIMEOUT);
            given_up++;
            continue;
        }
        if (seed % 2) {
            /* What a first chunk that is repeated late leaves is the beginning of the file. */
            file_world_serve(&w);
            assert_memory_equal(w.file, w.content, w.file_size);
            whole += w.file_size == w.span.len;
            cut += w.file_size != w.span.len;
        } else {
            assert_whole(false);
            whole++;
        }
    }
    print_message("%u whole, %u to be sent again, %u given up\n", whole, cut, given_up);
    assert_true(whole > 370 && given_up < 20);
}

static void a_device_that_restarts_at_any_chunk_gets_each_byte_once(void **state)
{
    (void)state;
    for (uint32_t every = 2; every <= 12; every++) {
        begin(5000, true, WINDOW);
        w.link.delay_ms = 10;
        w.forget_every = every;
        file_world_run(&w, &f);
        assert_whole(true);
        assert_int_equal(w.written, 5000);
    }
}

/* It could not tell which offset it expects. */
static void a_device_of_version_1_gets_one_chunk_at_a_time(void **state)
{
    struct dfu_file_config config;

    (void)state;
    begin(5000, true, WINDOW);
    w.link.delay_ms = 10;
    config = f.config;
    config.version = DFU_SMP_V1;
    dfu_file_start(&f, &config);
    file_world_run(&w, &f);
    assert_whole(true);
    assert_int_equal(f.flight.window_peak, 1);
}

static void a_transfer_goes_on_where_an_earlier_one_stopped(void **state)
{
    struct dfu_file_config config;

    (void)state;
    for (uint32_t from = 0; from <= 5000; from += 1250) {
        begin(5000, true, WINDOW);
        memcpy(w.file, w.content, from);
        w.file_size = from;
        w.exists = true;
        config = f.config;
        config.from = from;
        dfu_file_start(&f, &config);
        file_world_run(&w, &f);
        assert_whole(true);
        assert_int_equal(w.written, 5000 - from);

        begin(5000, false, WINDOW);
        memcpy(w.got, w.content, from);
        w.got_size = from;
        config = f.config;
        config.from = from;
        config.size = 5000;
        dfu_file_start(&f, &config);
        file_world_run(&w, &f);
        assert_whole(false);
    }
}

static void a_device_that_gives_less_than_before_is_asked_for_what_it_left_out(void **state)
{
    (void)state;
    begin(5000, false, WINDOW);
    w.link.delay_ms = 10;
    while (f.done < 1500) {
        file_world_step(&w, &f);
        w.now_ms += 10;
    }
    w.server.response_cap = 200;
    file_world_run(&w, &f);
    assert_whole(false);
}

static void silence_ends_it_in_time_wherever_it_begins(void **state)
{
    (void)state;
    for (uint32_t number = 1; number < 30; number++) {
        begin(FILE_WORLD_CAP, number % 2, WINDOW);
        f.config.silence_ms = 3000;
        f.exchange.limit_ms = 3000;
        w.link.delay_ms = 10;
        w.link.cut_number = number;
        file_world_run(&w, &f);
        assert_int_equal(f.result, DFU_ERR_TIMEOUT);
        assert_in_range(w.now_ms, 3000, 4000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_any_size_go_both_ways_and_no_byte_twice),
        cmocka_unit_test(a_long_way_costs_a_round_trip_for_a_window_not_for_a_chunk),
        cmocka_unit_test(a_chunk_that_is_lost_is_repaired_within_a_round_trip_or_two),
        cmocka_unit_test(any_mix_of_trouble_ends_with_the_file_or_says_why),
        cmocka_unit_test(a_device_that_restarts_at_any_chunk_gets_each_byte_once),
        cmocka_unit_test(a_device_of_version_1_gets_one_chunk_at_a_time),
        cmocka_unit_test(a_transfer_goes_on_where_an_earlier_one_stopped),
        cmocka_unit_test(a_device_that_gives_less_than_before_is_asked_for_what_it_left_out),
        cmocka_unit_test(silence_ends_it_in_time_wherever_it_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
