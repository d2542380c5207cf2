/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The upload against the real server on a simulated flash, over links that lose, repeat, delay
 * and reorder, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client_rig.h"
#include "dfu/err.h"

static const char app[] = "dfukit-app\nname=new\n";

static void start(const struct rig *rig, struct dfu_upload *u, uint32_t window)
{
    struct dfu_upload_config config = rig_upload_config(rig, window);

    assert_int_equal(dfu_upload_start(u, &config), 0);
}

static void an_upload_arrives_whole(void **state)
{
    struct rig *rig = rig_new(app, 100000, 1024, 4);
    struct dfu_upload u;

    (void)state;
    start(rig, &u, 3);
    rig_run_upload(rig, &u);
    assert_int_equal(u.result, 0);
    assert_true(u.has_match);
    assert_int_equal(u.repeated, 0);
    assert_true(rig_holds(rig, 1, &rig->new_image));
    rig_free(rig);
}

static void frames_are_filled_but_never_too_large(void **state)
{
    static const uint32_t sizes[] = { 128, 129, 255, 256, 384, 1024, 2475, 4096 };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct rig *rig = rig_new(app, 20000, sizes[i], 4);
        struct dfu_upload u;
        uint8_t frame[SIM_LINK_PACKET_MAX];
        size_t len;

        start(rig, &u, 3);
        len = dfu_upload_next(&u, rig->now_ms, frame, sizeof(frame));
        assert_true(len <= sizes[i] && len + 16 >= sizes[i]);
        assert_int_equal(u.next % 16, 0); /* whole write units, whatever the flash */
        start(rig, &u, 3);
        rig_run_upload(rig, &u);
        assert_int_equal(u.result, 0);
        assert_true(rig_holds(rig, 1, &rig->new_image));
        rig_free(rig);
    }
}

static void a_frame_that_cannot_carry_the_first_chunk_is_refused(void **state)
{
    struct rig *rig = rig_new(app, 1000, 1024, 4);
    struct dfu_upload_config config = rig_upload_config(rig, 3);
    struct dfu_upload u;

    (void)state;
    config.frame_max = DFU_UPLOAD_FRAME_MIN - 1;
    assert_int_equal(dfu_upload_start(&u, &config), DFU_ERR_INVAL);
    rig_free(rig);
}

static void an_image_smaller_than_a_frame_takes_one_request(void **state)
{
    struct rig *rig = rig_new(app, 100, 1024, 4);
    struct dfu_upload u;

    (void)state;
    start(rig, &u, 3);
    rig_run_upload(rig, &u);
    assert_int_equal(u.result, 0);
    assert_int_equal(u.sent, 1);
    assert_true(rig_holds(rig, 1, &rig->new_image));
    rig_free(rig);
}

static void a_long_way_is_filled_with_requests(void **state)
{
    uint64_t took_ms[2];

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct rig *rig = rig_new(app, 150000, 1024, 8);
        struct dfu_upload u;
        uint64_t start_ms = rig->now_ms;

        rig->link.delay_ms = 10; /* a round trip of 20 ms */
        start(rig, &u, i == 0 ? 1 : 7);
        rig_run_upload(rig, &u);
        assert_int_equal(u.result, 0);
        assert_int_equal(u.repeated, 0);
        assert_int_equal(u.window_peak, i == 0 ? 1 : 7);
        took_ms[i] = rig->now_ms - start_ms;
        rig_free(rig);
    }
    print_message("150 kB, 20 ms round trip: %u ms one at a time, %u ms with 7 in flight\n",
                  (unsigned)took_ms[0], (unsigned)took_ms[1]);
    assert_true(took_ms[1] * 6 < took_ms[0]);
}

/* The window that a device's buffers allow is never exceeded: one is left for the answer. */
static void the_window_stays_within_its_limit(void **state)
{
    (void)state;
    for (uint32_t window = 0; window <= 20; window++) {
        struct rig *rig = rig_new(app, 60000, 512, 4);
        struct dfu_upload u;
        uint32_t most = window == 0 ? 1 : window < 16 ? window : 16;

        rig->link.delay_ms = 30;
        start(rig, &u, window);
        rig_run_upload(rig, &u);
        assert_int_equal(u.result, 0);
        assert_int_equal(u.window_peak, most);
        rig_free(rig);
    }
}

static void any_mix_of_trouble_ends_with_the_image_in_the_slot(void **state)
{
    static const struct {
        uint32_t loss, repeat, delay, jitter;
    } links[] = {
        { 0, 0, 0, 0 },     { 10, 0, 5, 0 },  { 50, 0, 5, 0 },        { 200, 0, 5, 0 },
        { 0, 300, 5, 0 },   { 0, 0, 5, 40 },  { 0, 100, 20, 60 },     { 50, 100, 10, 30 },
        { 200, 200, 5, 5 }, { 200, 0, 0, 0 }, { 100, 100, 100, 200 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        for (uint64_t seed = 1; seed <= 8; seed++) {
            struct rig *rig = rig_new(app, 40000, 512, 4);
            struct dfu_upload u;

            rig->link.loss_permille = links[i].loss;
            rig->link.repeat_permille = links[i].repeat;
            rig->link.delay_ms = links[i].delay;
            rig->link.jitter_ms = links[i].jitter;
            rig->link.seed = seed;
            start(rig, &u, (uint32_t)seed);
            rig_run_upload(rig, &u);
            if (u.result != 0 || !rig_holds(rig, 1, &rig->new_image)) {
                fail_msg("link %u, seed %u: result %d at %u", (unsigned)i, (unsigned)seed, u.result,
                         (unsigned)u.acked);
            }
            rig_free(rig);
        }
    }
}

/* Half of the requests or their answers are lost, so seven tries in a row often are. */
static void a_very_bad_link_is_not_given_up_soon(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rig *rig = rig_new(app, 20000, 512, 4);
        struct dfu_upload u;

        start(rig, &u, 3);
        rig_run_upload_for(rig, &u, 2); /* the first chunk has more time than the others */
        rig->link.delay_ms = 5;
        rig->link.loss_permille = 350;
        rig->link.seed = seed;
        rig_run_upload(rig, &u);
        if (u.result != 0) {
            fail_msg("seed %u: result %d at %u", (unsigned)seed, u.result, (unsigned)u.acked);
        }
        rig_free(rig);
    }
}

static void a_link_that_breaks_at_any_packet_is_survived(void **state)
{
    uint32_t packets = 0; /* of an upload without trouble, both ways; told by the first run */

    (void)state;
    for (uint32_t cut = 0; cut <= packets; cut++) {
        struct rig *rig = rig_new(app, 20000, 512, 4);
        struct dfu_upload u;

        rig->link.delay_ms = 3;
        rig->link.cut_number = cut;
        start(rig, &u, 3);
        rig_run_upload(rig, &u);
        assert_int_equal(u.result, 0);
        assert_int_equal(rig->link_ups, cut > 0 ? 1 : 0);
        assert_true(rig_holds(rig, 1, &rig->new_image));
        packets = cut == 0 ? rig->link.sent : packets;
        rig_free(rig);
    }
    assert_true(packets > 80);
}

static void a_device_that_restarts_at_any_chunk_gets_the_rest(void **state)
{
    (void)state;
    for (uint32_t at = 1; at <= 45; at++) {
        struct rig *rig = rig_new(app, 20000, 512, 4);
        struct dfu_upload u;

        rig->link.delay_ms = 3;
        rig->restart_at = at;
        start(rig, &u, 3);
        rig_run_upload(rig, &u);
        assert_int_equal(u.result, 0);
        assert_true(rig_holds(rig, 1, &rig->new_image));
        rig_free(rig);
    }
}

/* It keeps its progress every 8 KiB, so each life gets further than the last. */
static void a_device_that_restarts_again_and_again_gets_there(void **state)
{
    struct rig *rig = rig_new(app, 150000, 1024, 4);
    struct dfu_upload u;

    (void)state;
    rig->restart_at = 5;
    rig->restart_every = 25;
    start(rig, &u, 3);
    rig_run_upload(rig, &u);
    assert_int_equal(u.result, 0);
    assert_true(rig->to_device / 25 > 5);
    assert_true(rig_holds(rig, 1, &rig->new_image));
    rig_free(rig);
}

static void a_client_killed_at_any_packet_is_taken_up_by_the_next(void **state)
{
    (void)state;
    for (uint32_t kill_at = 1; kill_at <= 44; kill_at++) {
        struct rig *rig = rig_new(app, 20000, 512, 4);
        struct dfu_upload first, second;

        start(rig, &first, 3);
        rig_run_upload_for(rig, &first, kill_at);
        sim_link_clear(&rig->link);
        start(rig, &second, 3);
        rig_run_upload(rig, &second);
        assert_int_equal(second.result, 0);
        assert_true(rig_holds(rig, 1, &rig->new_image));
        if (kill_at > 5 && first.result == DFU_CLIENT_RUNNING) {
            assert_true(second.resumed_at >= first.acked && first.acked > 0);
            assert_true(second.sent < 47 - kill_at + 6);
        }
        rig_free(rig);
    }
}

static void an_image_that_is_there_already_costs_one_request(void **state)
{
    struct rig *rig = rig_new(app, 40000, 1024, 4);
    struct dfu_upload u;

    (void)state;
    start(rig, &u, 3);
    rig_run_upload(rig, &u);
    assert_int_equal(u.resumed_at, 0);
    start(rig, &u, 3);
    rig_run_upload(rig, &u);
    assert_int_equal(u.result, 0);
    assert_int_equal(u.sent, 1);
    assert_int_equal(u.resumed_at, u.config.image.size);
    rig_free(rig);
}

static void a_silent_device_ends_the_upload_in_time(void **state)
{
    struct rig *rig = rig_new(app, 20000, 512, 4);
    struct dfu_upload u;
    uint64_t start_ms = rig->now_ms;

    (void)state;
    rig->link.loss_permille = 1000;
    start(rig, &u, 3);
    rig_run_upload(rig, &u);
    assert_int_equal(u.result, DFU_ERR_TIMEOUT);
    assert_int_equal(rig->now_ms - start_ms, 60000); /* the first chunk may erase */
    assert_true(u.sent <= 6);                        /* and is not hammered with repeats */
    rig_free(rig);
}

static void a_device_that_falls_silent_ends_the_upload_in_time(void **state)
{
    struct rig *rig = rig_new(app, 20000, 512, 4);
    struct dfu_upload u;

    (void)state;
    rig->link.cut_number = 20;
    rig->down_ms = 3000000;
    start(rig, &u, 3);
    rig_run_upload(rig, &u);
    assert_int_equal(u.result, DFU_ERR_TIMEOUT);
    assert_in_range(rig->now_ms, 20000, 23000);
    rig_free(rig);
}

static void a_refusal_ends_the_upload_and_is_kept(void **state)
{
    struct rig *rig = rig_new(app, RIG_IMAGE_MAX - 100, 512, 4);
    struct dfu_upload_config config = rig_upload_config(rig, 3);
    struct dfu_upload u;

    (void)state;
    config.image.size = RIG_SLOT + 1; /* the first chunk alone tells the size */
    assert_int_equal(dfu_upload_start(&u, &config), 0);
    rig_run_upload(rig, &u);
    assert_int_equal(u.result, DFU_ERR_PERM);
    assert_true(u.refusal.from_group);
    assert_int_equal(u.refusal.rc, DFU_SMP_IMG_TOO_LARGE);
    rig_free(rig);
}

/* 300 requests later the sequence number of the lost one comes up again. */
static void a_request_lost_long_ago_confuses_nobody(void **state)
{
    struct rig *rig = rig_new(app, 170000, 512, 4);
    struct dfu_upload u;

    (void)state;
    rig->link.cut_number = 20;
    rig->down_ms = 1;
    start(rig, &u, 3);
    rig_run_upload(rig, &u);
    assert_int_equal(u.result, 0);
    assert_true(u.sent > 300);
    assert_true(u.repeated <= 3);
    assert_int_equal(u.ignored, 0);
    rig_free(rig);
}

static void a_slow_line_is_measured_not_flooded(void **state)
{
    struct rig *rig = rig_new(app, 60000, 1024, 4);
    struct dfu_upload u;
    uint64_t start_ms = rig->now_ms, took_ms;
    double share;

    (void)state;
    rig->link.bytes_per_s = 11520;
    start(rig, &u, 3);
    rig_run_upload(rig, &u);
    took_ms = rig->now_ms - start_ms;
    share = (double)u.config.image.size * 1000.0 / (double)took_ms / 11520.0;
    print_message("115200 baud without framing: %.1f %% of the line is image, %u repeated\n",
                  share * 100, (unsigned)u.repeated);
    assert_int_equal(u.result, 0);
    assert_int_equal(u.repeated, 0);
    assert_true(share > 0.93);
    rig_free(rig);
}

/* Bytes of 2048-byte requests that a serial line carries in a second. */
static const struct {
    const char *name;
    uint32_t bytes_per_s;
} serial_lines[] = {
    { "raw 921600", 92160 },   { "console 115200", 8411 }, { "raw 115200", 11520 },
    { "console 57600", 4205 }, { "raw 38400", 3840 },      { "console 9600", 700 },
};

#define SERIAL_LINES (sizeof(serial_lines) / sizeof(serial_lines[0]))

/* An upload in frames of 2048 bytes to a device with five buffers. */
struct serial_run {
    uint32_t size, window; /* 0: 40000, 4 */
    uint32_t line_bytes_per_s, told_bytes_per_s, lose_at;
    uint32_t packets, repeated; /* what came of it */
    uint64_t took_ms;
};

static void run_serial(struct serial_run *run)
{
    struct rig *rig = rig_new(app, run->size ? run->size : 40000, 2048, 5);
    struct dfu_upload_config config = rig_upload_config(rig, run->window ? run->window : 4);
    struct dfu_upload u;
    uint64_t start_ms = rig->now_ms;

    rig->link.bytes_per_s = run->line_bytes_per_s;
    rig->lose_at = run->lose_at;
    config.bytes_per_s = run->told_bytes_per_s;
    config.answer_ms = 1000 + 2048 * 1000 / run->line_bytes_per_s;
    assert_int_equal(dfu_upload_start(&u, &config), 0);
    rig_run_upload(rig, &u);
    assert_int_equal(u.result, 0);
    assert_true(rig_holds(rig, 1, &rig->new_image));
    run->packets = rig->to_device;
    run->repeated = u.repeated;
    run->took_ms = rig->now_ms - start_ms;
    rig_free(rig);
}

/* The fourth of the first four requests is answered when all four have left the line, whether the
 * engine knows how long that takes or not. */
static void nothing_is_sent_twice_because_it_waits_on_the_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < SERIAL_LINES; i++) {
        uint32_t speed = serial_lines[i].bytes_per_s;
        uint32_t told[] = { 0, speed, speed / 2, speed * 2 }; /* USB has no use for a baud rate */

        for (size_t k = 0; k < sizeof(told) / sizeof(told[0]); k++) {
            struct serial_run run = { .line_bytes_per_s = speed, .told_bytes_per_s = told[k] };
            uint64_t line_ms;

            run_serial(&run);
            line_ms = 40072ull * 1000 * 2048 / 2021 / speed;
            if (run.repeated > 0 || run.packets != 20 || run.took_ms > line_ms * 108 / 100 + 10) {
                fail_msg("%s, told %u: %u repeated, %u packets, %u ms instead of %u",
                         serial_lines[i].name, (unsigned)told[k], (unsigned)run.repeated,
                         (unsigned)run.packets, (unsigned)run.took_ms, (unsigned)line_ms);
            }
        }
    }
}

/* It costs what lies on the line already, itself, and where nothing follows that would tell, a wait
 * as long as answers usually take. */
static void what_a_slow_line_loses_is_sent_again_soon(void **state)
{
    (void)state;
    for (size_t i = 0; i < SERIAL_LINES; i++) {
        struct serial_run whole = { .line_bytes_per_s = serial_lines[i].bytes_per_s };
        uint64_t frame_ms = 2048ull * 1000 / whole.line_bytes_per_s, most_ms = 0;

        whole.told_bytes_per_s = whole.line_bytes_per_s;
        run_serial(&whole);
        for (uint32_t at = 2; at <= whole.packets; at++) {
            struct serial_run run = whole;

            run.lose_at = at;
            run_serial(&run);
            if (run.repeated > 4 || run.took_ms > whole.took_ms + 5 * frame_ms + 450) {
                fail_msg("%s, packet %u of %u: %u repeated, %u ms more", serial_lines[i].name,
                         (unsigned)at, (unsigned)whole.packets, (unsigned)run.repeated,
                         (unsigned)(run.took_ms - whole.took_ms));
            }
            most_ms = run.took_ms - whole.took_ms > most_ms ? run.took_ms - whole.took_ms : most_ms;
        }
        print_message("%s: a lost request costs %u ms at most, a frame takes %u\n",
                      serial_lines[i].name, (unsigned)most_ms, (unsigned)frame_ms);
    }
}

/* Nothing tells that the very last one is lost: it is repeated as long after the answer before it
 * as answers take, not after its own turn in a queue that is gone. */
static void the_last_request_is_repeated_soon_on_a_line_of_unknown_speed(void **state)
{
    (void)state;
    for (size_t i = 0; i < SERIAL_LINES; i++) {
        struct serial_run whole = { .line_bytes_per_s = serial_lines[i].bytes_per_s };
        uint64_t frame_ms = 2048ull * 1000 / whole.line_bytes_per_s;
        struct serial_run run = whole;

        run_serial(&whole);
        run.lose_at = whole.packets;
        run_serial(&run);
        assert_int_equal(run.repeated, 1);
        assert_in_range(run.took_ms - whole.took_ms, 1, 7 * frame_ms + 450);
    }
}

/* A baud rate means nothing to USB: after one answer half the time that a frame should take is
 * waited for, after ten nothing. */
static void a_line_far_faster_than_its_rate_is_not_waited_for(void **state)
{
    static const uint32_t windows[] = { 1, 4 }, most_ms[] = { 250, 2048 * 1000 / 1400 + 250 };

    (void)state;
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        for (uint32_t size = i == 0 ? 20000 : 8000; size <= 40000; size += 1000) {
            struct serial_run whole = { .size = size,
                                        .window = windows[i],
                                        .line_bytes_per_s = 1000000,
                                        .told_bytes_per_s = 700 };
            struct serial_run run = whole;

            run_serial(&whole);
            run.lose_at = whole.packets; /* the last one */
            run_serial(&run);
            if (run.repeated != 1 || run.took_ms - whole.took_ms > most_ms[i]) {
                fail_msg("window %u, %u bytes: %u repeated, %u ms more", (unsigned)windows[i],
                         (unsigned)size, (unsigned)run.repeated,
                         (unsigned)(run.took_ms - whole.took_ms));
            }
        }
    }
}

/* is_line: losses may be a device's that can't keep up. */
static uint64_t time_of_upload(bool is_line, uint32_t trip_ms, uint64_t seed,
                               uint32_t loss_permille, uint32_t *lost)
{
    struct rig *rig = rig_new(app, 150000, 1024, 4);
    struct dfu_upload_config config = rig_upload_config(rig, 3);
    struct dfu_upload u;
    uint64_t start_ms = rig->now_ms, took_ms;

    rig->link.delay_ms = trip_ms / 2;
    rig->link.seed = seed;
    config.sends_meanwhile = !is_line;
    assert_int_equal(dfu_upload_start(&u, &config), 0);
    rig_run_upload_for(rig, &u, 2); /* the first chunk may take its time: it arrives */
    rig->link.loss_permille = loss_permille;
    rig_run_upload(rig, &u);
    assert_int_equal(u.result, 0);
    *lost = rig->link.lost;
    took_ms = rig->now_ms - start_ms;
    rig_free(rig);
    return took_ms;
}

/* A device takes chunks in order only, so a lost request costs a round trip. A lost answer costs
 * nothing, because the next one tells as much, and a loss alone does not close the window. */
static void a_packet_lost_here_and_there_costs_hardly_more_than_a_round_trip(void **state)
{
    const uint32_t trip_ms = 50;
    uint32_t lost = 0, all_lost = 0;
    uint64_t whole_ms = time_of_upload(true, trip_ms, 1, 0, &lost), more_ms = 0;

    (void)state;
    assert_int_equal(lost, 0);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        more_ms += time_of_upload(true, trip_ms, seed, 10, &lost) - whole_ms;
        all_lost += lost;
    }
    print_message("150 kB, %u ms round trip: %u ms; %u packets lost in 20 uploads cost %u ms\n",
                  (unsigned)trip_ms, (unsigned)whole_ms, (unsigned)all_lost, (unsigned)more_ms);
    assert_true(all_lost > 40);
    assert_in_range(more_ms, 0, all_lost * trip_ms * 5 / 4);
}

/* Of a way that loses every twentieth packet nothing is learnt from one more. */
static void losses_by_chance_do_not_close_the_window(void **state)
{
    const uint32_t trip_ms = 50;
    uint32_t lost = 0, all_lost = 0;
    uint64_t whole_ms = time_of_upload(false, trip_ms, 1, 0, &lost), more_ms = 0, line_ms = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        line_ms += time_of_upload(true, trip_ms, seed, 50, &lost) - whole_ms;
        more_ms += time_of_upload(false, trip_ms, seed, 50, &lost) - whole_ms;
        all_lost += lost;
    }
    print_message("%u packets lost cost %u ms, on a line %u ms\n", (unsigned)all_lost,
                  (unsigned)more_ms, (unsigned)line_ms);
    assert_true(all_lost > 200);
    assert_in_range(more_ms, 0, all_lost * trip_ms);
    assert_true(more_ms * 4 < line_ms * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_arrives_whole),
        cmocka_unit_test(frames_are_filled_but_never_too_large),
        cmocka_unit_test(a_frame_that_cannot_carry_the_first_chunk_is_refused),
        cmocka_unit_test(an_image_smaller_than_a_frame_takes_one_request),
        cmocka_unit_test(a_long_way_is_filled_with_requests),
        cmocka_unit_test(the_window_stays_within_its_limit),
        cmocka_unit_test(any_mix_of_trouble_ends_with_the_image_in_the_slot),
        cmocka_unit_test(a_very_bad_link_is_not_given_up_soon),
        cmocka_unit_test(a_link_that_breaks_at_any_packet_is_survived),
        cmocka_unit_test(a_device_that_restarts_at_any_chunk_gets_the_rest),
        cmocka_unit_test(a_device_that_restarts_again_and_again_gets_there),
        cmocka_unit_test(a_client_killed_at_any_packet_is_taken_up_by_the_next),
        cmocka_unit_test(an_image_that_is_there_already_costs_one_request),
        cmocka_unit_test(a_silent_device_ends_the_upload_in_time),
        cmocka_unit_test(a_device_that_falls_silent_ends_the_upload_in_time),
        cmocka_unit_test(a_refusal_ends_the_upload_and_is_kept),
        cmocka_unit_test(a_request_lost_long_ago_confuses_nobody),
        cmocka_unit_test(a_slow_line_is_measured_not_flooded),
        cmocka_unit_test(nothing_is_sent_twice_because_it_waits_on_the_line),
        cmocka_unit_test(what_a_slow_line_loses_is_sent_again_soon),
        cmocka_unit_test(the_last_request_is_repeated_soon_on_a_line_of_unknown_speed),
        cmocka_unit_test(a_line_far_faster_than_its_rate_is_not_waited_for),
        cmocka_unit_test(a_packet_lost_here_and_there_costs_hardly_more_than_a_round_trip),
        cmocka_unit_test(losses_by_chance_do_not_close_the_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
