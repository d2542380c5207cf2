/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* SMP on a raw serial line: boundaries from the headers, step found again by silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/smp.h"
#include "dfu/smp_raw.h"

#define CAP 64u

/* Two requests: params without payload, echo of "hi". */
static const uint8_t params[] = { 8, 0, 0, 0, 0, 0, 1, 6 };
static const uint8_t echo[] = { 10, 0, 0, 6, 0, 0, 0x42, 0, 0xa1, 0x61, 'd', 0x62, 'h', 'i' };

struct line {
    struct dfu_smp_raw_decoder dec;
    uint8_t buf[CAP];
    uint64_t now_ms;
    unsigned packets;
    size_t len; /* of the last one, whose bytes are in last */
    uint8_t last[CAP];
};

static void start(struct line *line)
{
    memset(line, 0, sizeof *line);
    line->now_ms = 1000;
    dfu_smp_raw_decoder_init(&line->dec, line->buf, sizeof line->buf);
}

static void say(struct line *line, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (dfu_smp_raw_feed(&line->dec, ((const uint8_t *)bytes)[i], line->now_ms)) {
            line->packets++;
            line->len = line->dec.len;
            memcpy(line->last, line->buf, line->dec.len);
        }
    }
}

static void be_silent(struct line *line)
{
    line->now_ms += DFU_SMP_RAW_SILENCE_MS;
}

static void expect_echo(const struct line *line, unsigned packets)
{
    assert_int_equal(line->packets, packets);
    assert_int_equal(line->len, sizeof echo);
    assert_memory_equal(line->last, echo, sizeof echo);
}

static void packets_follow_each_other_without_anything_between(void **state)
{
    struct line line;

    (void)state;
    start(&line);
    say(&line, params, sizeof params);
    assert_int_equal(line.packets, 1);
    assert_int_equal(line.len, sizeof params);
    say(&line, echo, sizeof echo);
    say(&line, echo, sizeof echo);
    expect_echo(&line, 3);
    assert_int_equal(line.dec.dropped, 0);
}

static void a_packet_may_pause_at_every_byte_for_less_than_the_silence(void **state)
{
    (void)state;
    for (size_t split = 1; split < sizeof echo; split++) {
        struct line line;

        start(&line);
        say(&line, echo, split);
        line.now_ms += DFU_SMP_RAW_SILENCE_MS - 1;
        say(&line, echo + split, sizeof echo - split);
        expect_echo(&line, 1);
    }
}

static void a_packet_that_stops_at_any_byte_is_forgotten_by_silence(void **state)
{
    (void)state;
    for (size_t split = 1; split < sizeof echo; split++) {
        struct line line;

        start(&line);
        say(&line, echo, split);
        be_silent(&line);
        say(&line, echo, sizeof echo);
        expect_echo(&line, 1);
        assert_int_equal(line.dec.dropped, 1);
    }
}

static void what_can_be_no_packet_is_dropped_up_to_the_next_silence(void **state)
{
    static const uint8_t too_large[] = { 10, 0, 0, CAP - 8 + 1, 0, 0, 1, 0 };
    static const uint8_t no_operation[] = { 12, 0, 0, 0, 0, 0, 1, 0 };
    const uint8_t *const cases[] = { too_large, no_operation };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct line line;

        start(&line);
        say(&line, cases[i], 8);
        say(&line, echo, sizeof echo);
        assert_int_equal(line.packets, 0);
        be_silent(&line);
        say(&line, echo, sizeof echo);
        expect_echo(&line, 1);
        assert_int_equal(line.dec.dropped, 1);
    }
}

static void the_largest_packet_is_as_large_as_the_buffer(void **state)
{
    uint8_t packet[CAP] = { 10, 0, 0, CAP - 8 };
    struct line line;

    (void)state;
    start(&line);
    say(&line, packet, sizeof packet);
    assert_int_equal(line.packets, 1);
    assert_int_equal(line.len, CAP);
}

/* Bytes of an image may look like any packet: here a reset. */
static void a_request_inside_a_packet_that_lost_bytes_is_never_taken_for_one(void **state)
{
    static const uint8_t reset[] = { 10, 0, 0, 1, 0, 0, 9, 5, 0xa0 };
    uint8_t upload[48] = { 10, 0, 0, 40, 0, 1, 7, 1 };

    (void)state;
    memset(upload + 8, 0xff, 40);
    memcpy(upload + 30, reset, sizeof reset);
    for (size_t lost = 1; lost < 30; lost++) {
        struct line line;

        start(&line);
        say(&line, upload + lost, sizeof upload - lost);
        for (unsigned i = 0; i < line.packets; i++) {
            assert_true(line.len != sizeof reset || memcmp(line.last, reset, line.len) != 0);
        }
        be_silent(&line);
        say(&line, echo, sizeof echo);
        assert_memory_equal(line.last, echo, sizeof echo);
    }
}

static void noise_of_any_length_costs_one_silence(void **state)
{
    static const char noise[] = "uart:~$ *** Booting Zephyr OS ***\r\n";

    (void)state;
    for (size_t len = 1; len < sizeof noise; len++) {
        struct line line;

        start(&line);
        say(&line, noise, len);
        be_silent(&line);
        say(&line, echo, sizeof echo);
        expect_echo(&line, 1);
    }
}

static void a_buffer_that_holds_no_header_takes_nothing(void **state)
{
    struct line line;

    (void)state;
    start(&line);
    dfu_smp_raw_decoder_init(&line.dec, line.buf, DFU_SMP_HEADER_SIZE - 1);
    say(&line, params, sizeof params);
    assert_int_equal(line.packets, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_follow_each_other_without_anything_between),
        cmocka_unit_test(a_packet_may_pause_at_every_byte_for_less_than_the_silence),
        cmocka_unit_test(a_packet_that_stops_at_any_byte_is_forgotten_by_silence),
        cmocka_unit_test(what_can_be_no_packet_is_dropped_up_to_the_next_silence),
        cmocka_unit_test(the_largest_packet_is_as_large_as_the_buffer),
        cmocka_unit_test(a_request_inside_a_packet_that_lost_bytes_is_never_taken_for_one),
        cmocka_unit_test(noise_of_any_length_costs_one_silence),
        cmocka_unit_test(a_buffer_that_holds_no_header_takes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
