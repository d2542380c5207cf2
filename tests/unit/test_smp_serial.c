/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/smp_serial.h"
#include "hex.h"

#define PACKET_MAX 2048u

/* Vector of Zephyr's own tests: a version 1 taskstat request without payload. */
static const char taskstat_line[] = "\x06\x09"
                                    "AAoAAAAAAAAAAiBC\n";
static const char taskstat_packet[] = "00 00 00 00 00 00 00 02";

/* A 103-byte echo in two lines. */
static const char echo_lines[] =
    "\x06\x09"
    "AGkKAABfAAAHAKFhZHhaQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
    "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n\x04\x14"
    "QUFBQUFBQUFBQUFBByU=\n";

static void make_echo(uint8_t packet[103])
{
    static const uint8_t head[] = { 0x0a, 0, 0, 0x5f, 0, 0, 7, 0, 0xa1, 'a', 'd', 'x', 0x5a };

    memcpy(packet, head, sizeof(head));
    packet[9] = 0x61;
    packet[10] = 'd';
    packet[11] = 0x78;
    memset(packet + sizeof(head), 'A', 103 - sizeof(head));
}

static size_t encode_all(const uint8_t *packet, size_t len, size_t line_max, uint8_t *out,
                         size_t cap)
{
    struct dfu_smp_serial_encoder enc;
    uint8_t line[1024];
    size_t total = 0;
    size_t n;

    assert_int_equal(dfu_smp_serial_encode(&enc, packet, len), 0);
    while ((n = dfu_smp_serial_next_line(&enc, line, line_max)) > 0) {
        assert_true(n <= line_max && total + n <= cap);
        assert_int_equal(line[n - 1], '\n');
        memcpy(out + total, line, n);
        total += n;
    }
    return total;
}

struct port {
    uint8_t buf[PACKET_MAX + DFU_SMP_SERIAL_CRC_SIZE];
    struct dfu_smp_serial_decoder dec;
    uint8_t last[PACKET_MAX];
    size_t last_len;
    unsigned packets;
    char text[8192];
    size_t text_len;
};

static void open_port(struct port *p)
{
    memset(p, 0, sizeof(*p));
    dfu_smp_serial_decoder_init(&p->dec, p->buf, sizeof(p->buf));
}

static void feed(struct port *p, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        switch (dfu_smp_serial_feed(&p->dec, bytes[i])) {
        case DFU_SMP_SERIAL_PACKET:
            p->packets++;
            p->last_len = p->dec.len;
            memcpy(p->last, p->buf, p->dec.len);
            break;
        case DFU_SMP_SERIAL_TEXT:
            assert_true(p->text_len + 1 < sizeof(p->text));
            p->text[p->text_len++] = (char)bytes[i];
            break;
        case DFU_SMP_SERIAL_MORE: break;
        }
    }
}

static void feed_text(struct port *p, const char *text)
{
    feed(p, text, strlen(text));
}

static void the_tested_examples_encode_to_the_same_lines(void **state)
{
    uint8_t packet[103];
    uint8_t out[512];
    size_t len = hex_bytes(taskstat_packet, packet, sizeof(packet));

    (void)state;
    len = encode_all(packet, len, DFU_SMP_SERIAL_LINE_MAX, out, sizeof(out));
    assert_int_equal(len, sizeof(taskstat_line) - 1);
    assert_memory_equal(out, taskstat_line, len);

    make_echo(packet);
    len = encode_all(packet, sizeof(packet), DFU_SMP_SERIAL_LINE_MAX, out, sizeof(out));
    assert_int_equal(len, sizeof(echo_lines) - 1);
    assert_memory_equal(out, echo_lines, len);
}

static void the_tested_examples_decode(void **state)
{
    struct port p;
    uint8_t packet[103];

    (void)state;
    open_port(&p);
    feed_text(&p, taskstat_line);
    assert_int_equal(p.packets, 1);
    assert_hex(p.last, p.last_len, taskstat_packet);
    feed_text(&p, echo_lines);
    make_echo(packet);
    assert_int_equal(p.packets, 2);
    assert_int_equal(p.last_len, sizeof(packet));
    assert_memory_equal(p.last, packet, sizeof(packet));
    assert_int_equal(p.dec.dropped, 0);
    assert_int_equal(p.text_len, 0);
}

static void any_length_survives_any_line_length(void **state)
{
    static const size_t line_lengths[] = { 7, 8, 11, 64, 126, 127, 128, 1000 };
    uint8_t packet[400];
    static uint8_t out[8192];

    (void)state;
    for (size_t i = 0; i < sizeof(packet); i++) {
        packet[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (size_t l = 0; l < sizeof(line_lengths) / sizeof(line_lengths[0]); l++) {
        for (size_t len = 0; len <= sizeof(packet); len++) {
            struct port p;
            size_t n = encode_all(packet, len, line_lengths[l], out, sizeof(out));

            open_port(&p);
            feed(&p, out, n);
            assert_int_equal(p.packets, 1);
            assert_int_equal(p.last_len, len);
            assert_memory_equal(p.last, packet, len);
        }
    }
}

/* Zephyr takes 93 and then 90 bytes a line and pads the last CRC byte apart from the rest. */
static void the_split_of_other_senders_decodes(void **state)
{
    struct port p;

    (void)state;
    open_port(&p);
    feed_text(&p, "\x06\x09"
                  "AAoA\n\x04\x14"
                  "AAAA\n\x04\x14"
                  "AAAAAiBC\n");
    feed_text(&p, "\x06\x09"
                  "AAo=\n\x04\x14"
                  "AAAAAAAAAAIg\n\x04\x14"
                  "Qg==\n");
    assert_int_equal(p.packets, 2);
    assert_hex(p.last, p.last_len, taskstat_packet);
}

static void carriage_returns_do_no_harm(void **state)
{
    struct port p;

    (void)state;
    open_port(&p);
    feed_text(&p, "\r\x06\x09"
                  "AAoAAAAAAAAA\r\n\r\x04\x14"
                  "AiBC\r\n");
    assert_int_equal(p.packets, 1);
    assert_hex(p.last, p.last_len, taskstat_packet);
}

static void console_text_around_and_between_lines_is_told_apart(void **state)
{
    struct port p;

    (void)state;
    open_port(&p);
    feed_text(&p, "*** Booting ***\nuart:~$ \x06\x09"
                  "AAoAAAAAAAAA\n[00:01] <inf> app: tick\nuart:~$ \x04\x14"
                  "AiBC\nbye\n");
    assert_int_equal(p.packets, 1);
    assert_hex(p.last, p.last_len, taskstat_packet);
    assert_string_equal(p.text, "*** Booting ***\nuart:~$ [00:01] <inf> app: tick\nuart:~$ bye\n");
}

static void damage_drops_the_packet_and_the_next_one_arrives(void **state)
{
    static const struct {
        const char *name, *line;
    } rows[] = {
        { "no base64", "\x06\x09"
                       "AAoAAAA!AAAAAiBC\n" },
        { "half a group", "\x06\x09"
                          "AAoAAAAAAAAAAiB\n" },
        { "a wrong CRC", "\x06\x09"
                         "AAoAAAAAAAAAAiBD\n" },
        { "a flipped bit", "\x06\x09"
                           "AAoAAAAEAAAAAiBC\n" },
        { "more than announced", "\x06\x09"
                                 "AAoAAAAAAAAAAiBCAAAA\n" },
        { "more in another line", "\x06\x09"
                                  "AAoAAAAAAAAA\n\x04\x14"
                                  "AiBCAAAA\n" },
        { "padding in the middle", "\x06\x09"
                                   "AA==AAAAAAAAAiBC\n" },
        { "only padding", "\x06\x09"
                          "====\n" },
        { "three of it", "\x06\x09"
                         "A===\n" },
        { "a length below the CRC's", "\x06\x09"
                                      "AAEA\n" },
        { "a length beyond the buffer", "\x06\x09"
                                        "//8A\n" },
        { "a lost newline", "\x06\x09"
                            "AAoAAAAAAAAA\x04\x14"
                            "AiBC\n" },
        { "a high byte", "\x06\x09"
                         "AAoAAAAA\xffgAAAiBC\n" },
        { "a second start", "\x06\x09"
                            "AAoAAAAA\n\x06\x09"
                            "AAoAAAA\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct port p;

        open_port(&p);
        feed_text(&p, rows[i].line);
        if (p.packets != 0 || p.dec.dropped == 0) {
            fail_msg("%s was taken", rows[i].name);
        }
        feed_text(&p, taskstat_line);
        assert_int_equal(p.packets, 1);
        assert_hex(p.last, p.last_len, taskstat_packet);
        assert_int_equal(p.text_len, 0);
    }
}

static void a_start_marker_starts_afresh_wherever_it_stands(void **state)
{
    size_t cut;

    (void)state;
    for (cut = 0; cut < sizeof(echo_lines) - 1; cut++) {
        struct port p;

        open_port(&p);
        feed(&p, echo_lines, cut);
        feed_text(&p, taskstat_line);
        assert_int_equal(p.packets, 1);
        assert_hex(p.last, p.last_len, taskstat_packet);
    }
}

static void a_continuation_without_a_start_is_ignored(void **state)
{
    struct port p;

    (void)state;
    open_port(&p);
    feed_text(&p, "\x04\x14"
                  "AAoAAAAAAAAAAiBC\nhello\n");
    assert_int_equal(p.packets, 0);
    assert_int_equal(p.dec.dropped, 0);
    assert_string_equal(p.text, "hello\n");
}

static void a_missing_line_is_waited_for(void **state)
{
    struct port p;

    (void)state;
    open_port(&p);
    feed_text(&p, "\x06\x09"
                  "AAoAAAAAAAAA\n");
    assert_int_equal(p.packets, 0);
    assert_int_equal(p.dec.dropped, 0);
    feed_text(&p, "\x04\x14"
                  "AiBC\n");
    assert_int_equal(p.packets, 1);
}

static void the_largest_packet_fits_and_one_more_byte_does_not(void **state)
{
    struct port p;
    static uint8_t packet[PACKET_MAX + 1];
    static uint8_t out[4096];

    (void)state;
    memset(packet, 0xa5, sizeof(packet));
    open_port(&p);
    feed(&p, out, encode_all(packet, PACKET_MAX, DFU_SMP_SERIAL_LINE_MAX, out, sizeof(out)));
    assert_int_equal(p.packets, 1);
    assert_int_equal(p.last_len, PACKET_MAX);
    feed(&p, out, encode_all(packet, PACKET_MAX + 1, DFU_SMP_SERIAL_LINE_MAX, out, sizeof(out)));
    assert_int_equal(p.packets, 1);
    assert_int_equal(p.dec.dropped, 1);
}

static void a_packet_beyond_the_length_field_is_refused(void **state)
{
    struct dfu_smp_serial_encoder enc;

    (void)state;
    assert_int_equal(dfu_smp_serial_encode(&enc, (const uint8_t *)"", 65534), DFU_ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tested_examples_encode_to_the_same_lines),
        cmocka_unit_test(the_tested_examples_decode),
        cmocka_unit_test(any_length_survives_any_line_length),
        cmocka_unit_test(the_split_of_other_senders_decodes),
        cmocka_unit_test(carriage_returns_do_no_harm),
        cmocka_unit_test(console_text_around_and_between_lines_is_told_apart),
        cmocka_unit_test(damage_drops_the_packet_and_the_next_one_arrives),
        cmocka_unit_test(a_start_marker_starts_afresh_wherever_it_stands),
        cmocka_unit_test(a_continuation_without_a_start_is_ignored),
        cmocka_unit_test(a_missing_line_is_waited_for),
        cmocka_unit_test(the_largest_packet_fits_and_one_more_byte_does_not),
        cmocka_unit_test(a_packet_beyond_the_length_field_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
