/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* SMP over Bluetooth LE: pieces and packets, for every MTU and every split; the service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/smp_ble.h"

#define CAP 2048u

/* A host stack that keeps what it is told, with room for so many notifications. */
struct world {
    struct dfu_smp_ble ble;
    struct dfu_latency latency;
    uint8_t rx[CAP], tx[CAP];
    unsigned room, requests, notifications, asked;
    int notify_err;
    bool is_low, leaves_in_notify, sends_in_notify;
    size_t longest;
    uint8_t request[CAP];
    size_t request_len;
    struct dfu_ble_joiner client;
    uint8_t answer[CAP];
    unsigned answers;
};

static struct world w;

static void take_request(void *ctx, const uint8_t *packet, size_t len)
{
    (void)ctx;
    w.requests++;
    memcpy(w.request, packet, len);
    w.request_len = len;
}

static int take_notification(void *ctx, const uint8_t *value, size_t len)
{
    (void)ctx;
    w.asked++;
    if (w.notify_err) {
        return w.notify_err;
    }
    if (w.leaves_in_notify) {
        dfu_smp_ble_disconnected(&w.ble);
        return DFU_ERR_IO;
    }
    if (w.room == 0) {
        return DFU_ERR_BUSY;
    }
    w.room--;
    w.notifications++;
    w.longest = len > w.longest ? len : w.longest;
    w.answers += dfu_ble_join(&w.client, value, len) == 1 ? 1u : 0u;
    if (w.sends_in_notify) {
        dfu_smp_ble_sent(&w.ble);
    }
    return 0;
}

static void take_latency(void *ctx, bool is_low)
{
    (void)ctx;
    w.is_low = is_low;
}

static void start(void)
{
    memset(&w, 0, sizeof w);
    w.room = UINT32_MAX;
    w.latency = (struct dfu_latency){ .set = take_latency };
    w.ble = (struct dfu_smp_ble){
        .packet = take_request,
        .notify = take_notification,
        .rx = w.rx,
        .rx_cap = sizeof w.rx,
        .tx = w.tx,
        .tx_cap = sizeof w.tx,
        .answer_max = 512,
        .latency = &w.latency,
    };
    w.client = (struct dfu_ble_joiner){ .buf = w.answer, .cap = sizeof w.answer };
}

static void start_connected(uint16_t mtu)
{
    start();
    assert_int_equal(dfu_smp_ble_connected(&w.ble), 0);
    dfu_smp_ble_mtu_changed(&w.ble, mtu);
    dfu_smp_ble_subscribed(&w.ble, true);
}

/* A packet of this length whose bytes are all different from their neighbours. */
static const uint8_t *packet_of(size_t len)
{
    static uint8_t packet[CAP + 256];
    size_t payload = len - DFU_SMP_HEADER_SIZE;

    for (size_t i = 0; i < len; i++) {
        packet[i] = (uint8_t)(i * 7 + len);
    }
    memcpy(packet, (uint8_t[]){ 10, 0, (uint8_t)(payload >> 8), (uint8_t)payload, 0, 1, 5, 1 }, 8);
    return packet;
}

static int write_pieces(const uint8_t *packet, size_t len, size_t max)
{
    int err = 0;

    for (size_t at = 0; at < len && !err; at += max) {
        err = dfu_smp_ble_on_write(&w.ble, packet + at, len - at < max ? len - at : max);
    }
    return err;
}

static void expect_request(const uint8_t *packet, size_t len)
{
    assert_int_equal(w.request_len, len);
    assert_memory_equal(w.request, packet, len);
}

/* ---- Every MTU, every split ---- */

static void a_value_is_three_bytes_shorter_than_the_mtu_and_never_over_512(void **state)
{
    (void)state;
    assert_int_equal(dfu_ble_value_max(0), 20);
    assert_int_equal(dfu_ble_value_max(23), 20);
    assert_int_equal(dfu_ble_value_max(247), 244);
    assert_int_equal(dfu_ble_value_max(515), 512);
    assert_int_equal(dfu_ble_value_max(517), 512);
    assert_int_equal(dfu_ble_value_max(65535), 512);
}

static void at_every_mtu_requests_and_answers_of_critical_lengths_arrive_whole(void **state)
{
    (void)state;
    for (uint16_t mtu = DFU_BLE_MTU_MIN; mtu <= DFU_BLE_MTU_MAX; mtu++) {
        size_t max = dfu_ble_value_max(mtu);

        for (size_t values = 1; values <= 3; values++) {
            for (size_t len = values * max - 1; len <= values * max + 1; len++) {
                const uint8_t *packet = packet_of(len);

                start_connected(mtu);
                assert_int_equal(write_pieces(packet, len, max), 0);
                assert_int_equal(w.requests, 1);
                expect_request(packet, len);
                assert_int_equal(dfu_smp_ble_send(&w.ble, packet, len), 0);
                assert_int_equal(w.answers, 1);
                assert_memory_equal(w.answer, packet, len);
                assert_int_equal(w.notifications, (len + max - 1) / max);
                assert_true(w.longest <= max);
            }
        }
    }
}

static void at_every_mtu_every_first_piece_is_completed_by_the_rest(void **state)
{
    (void)state;
    for (uint16_t mtu = DFU_BLE_MTU_MIN; mtu <= DFU_BLE_MTU_MAX; mtu++) {
        size_t max = dfu_ble_value_max(mtu), len = max + 25;
        const uint8_t *packet = packet_of(len);

        start_connected(mtu);
        for (size_t first = 0; first <= max; first++) {
            int whole = first < DFU_SMP_HEADER_SIZE ? DFU_ERR_FORMAT : 0;

            w.requests = 0;
            assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, first), whole);
            if (!whole) {
                assert_int_equal(w.requests, 0);
                assert_int_equal(write_pieces(packet + first, len - first, max), 0);
                assert_int_equal(w.requests, 1);
                expect_request(packet, len);
            }
        }
    }
}

/* Bit i of the pattern: a border behind byte i + 1. */
static void a_packet_arrives_whole_in_any_of_all_its_splits(void **state)
{
    enum { LEN = 20 };
    const uint8_t *packet = packet_of(LEN);

    (void)state;
    start_connected(23);
    for (uint32_t pattern = 0; pattern < 1u << (LEN - DFU_SMP_HEADER_SIZE); pattern++) {
        uint32_t borders = (pattern << (DFU_SMP_HEADER_SIZE - 1)) | (1u << (LEN - 1));
        size_t from = 0;

        w.requests = 0;
        for (size_t i = 0; i < LEN; i++) {
            if ((borders >> i & 1u) != 0) {
                assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet + from, i + 1 - from), 0);
                from = i + 1;
            }
        }
        assert_int_equal(w.requests, 1);
        expect_request(packet, LEN);
    }
}

/* ---- What no client of good will writes ---- */

static void expect_that_the_next_request_is_taken(void)
{
    const uint8_t *packet = packet_of(30);

    w.requests = 0;
    assert_int_equal(write_pieces(packet, 30, 20), 0);
    assert_int_equal(w.requests, 1);
    expect_request(packet, 30);
}

static void bytes_beyond_the_packet_are_not_allowed_and_void_it(void **state)
{
    const uint8_t *packet = packet_of(30);

    (void)state;
    start_connected(517);
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, 31), DFU_ERR_RANGE);
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, 20), 0);
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet + 20, 11), DFU_ERR_RANGE);
    assert_int_equal(dfu_smp_ble_att_error(DFU_ERR_RANGE), 0x13);
    assert_int_equal(w.requests, 0);
    assert_int_equal(w.ble.dropped, 2);
    expect_that_the_next_request_is_taken();
}

static void a_packet_too_large_for_the_buffer_is_dropped_with_all_its_pieces(void **state)
{
    static const size_t lengths[] = { CAP + 1, CAP + 200 };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *packet = packet_of(lengths[i]);

        start_connected(247);
        for (size_t at = 0; at < lengths[i]; at += 244) {
            size_t left = lengths[i] - at;

            assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet + at, left < 244 ? left : 244),
                             DFU_ERR_NOSPACE);
        }
        assert_int_equal(dfu_smp_ble_att_error(DFU_ERR_NOSPACE), 0x11);
        assert_int_equal(w.requests, 0);
        expect_that_the_next_request_is_taken();
    }
}

static void a_piece_from_inside_a_packet_whose_first_one_was_lost_costs_nothing_else(void **state)
{
    (void)state;
    start_connected(247);
    for (unsigned first = 0; first < 256; first++) {
        uint8_t piece[20] = { (uint8_t)first, 0x53, 0xff, 0xff };
        bool may_begin = (first & 7) <= DFU_SMP_WRITE_RSP && first < 0x20;

        assert_int_equal(dfu_smp_ble_on_write(&w.ble, piece, sizeof piece),
                         may_begin ? DFU_ERR_NOSPACE : DFU_ERR_FORMAT);
        if (may_begin) {
            dfu_ble_join_reset(&w.ble.joiner);
        }
        expect_that_the_next_request_is_taken();
    }
}

static void a_packet_as_large_as_the_buffer_is_taken(void **state)
{
    const uint8_t *packet = packet_of(CAP);

    (void)state;
    start_connected(23);
    assert_int_equal(write_pieces(packet, CAP, 20), 0);
    expect_request(packet, CAP);
}

static void the_longest_length_a_header_can_say_is_survived(void **state)
{
    uint8_t packet[512] = { 2, 0, 0xff, 0xff, 0, 1, 0, 1 };

    (void)state;
    start_connected(517);
    for (size_t at = 0; at + 512 <= 65535 + 8; at += 512) {
        assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, 512), DFU_ERR_NOSPACE);
    }
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, 8), DFU_ERR_RANGE); /* 7 were left */
    assert_int_equal(w.requests, 0);
    expect_that_the_next_request_is_taken();
}

static void a_request_cut_by_the_end_of_connection_or_subscription_is_forgotten(void **state)
{
    const uint8_t *packet = packet_of(30);

    (void)state;
    start_connected(23);
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, 20), 0);
    dfu_smp_ble_subscribed(&w.ble, true); /* again: nothing ends */
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet + 20, 10), 0);
    assert_int_equal(w.requests, 1);
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, 20), 0);
    dfu_smp_ble_subscribed(&w.ble, false);
    dfu_smp_ble_subscribed(&w.ble, true);
    expect_that_the_next_request_is_taken();
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, 20), 0);
    dfu_smp_ble_disconnected(&w.ble);
    assert_int_equal(dfu_smp_ble_connected(&w.ble), 0);
    expect_that_the_next_request_is_taken();
}

static void a_service_without_functions_or_buffers_refuses(void **state)
{
    struct dfu_smp_ble empty = { 0 };

    (void)state;
    start();
    assert_int_equal(dfu_smp_ble_connected(&empty), 0);
    assert_int_equal(dfu_smp_ble_on_write(&empty, packet_of(30), 20), DFU_ERR_STATE);
    empty.packet = take_request;
    assert_int_equal(dfu_smp_ble_on_write(&empty, packet_of(30), 20), DFU_ERR_STATE);
    empty.notify = take_notification;
    assert_int_equal(dfu_smp_ble_on_write(&empty, packet_of(30), 20), DFU_ERR_NOSPACE);
    empty.packet = NULL;
    assert_int_equal(dfu_smp_ble_on_write(&empty, packet_of(30), 20), DFU_ERR_STATE);
}

static void a_joiner_that_is_reset_begins_anew(void **state)
{
    (void)state;
    start();
    assert_int_equal(dfu_ble_join(&w.client, packet_of(CAP + 9), 20), DFU_ERR_NOSPACE);
    dfu_ble_join_reset(&w.client);
    assert_int_equal(dfu_ble_join(&w.client, packet_of(30), 20), 0);
    dfu_ble_join_reset(&w.client);
    assert_int_equal(dfu_ble_join(&w.client, packet_of(12), 12), 1);
    assert_int_equal(w.client.len, 12);
}

/* ---- The connection ---- */

static void a_second_central_is_refused_until_the_first_one_leaves(void **state)
{
    (void)state;
    start_connected(247);
    assert_int_equal(dfu_smp_ble_connected(&w.ble), DFU_ERR_BUSY);
    assert_true(w.ble.is_subscribed);
    assert_int_equal(w.ble.mtu, 247);
    dfu_smp_ble_disconnected(&w.ble);
    assert_int_equal(dfu_smp_ble_connected(&w.ble), 0);
    assert_false(w.ble.is_subscribed);
    assert_int_equal(w.ble.mtu, 23);
}

static void nothing_counts_before_somebody_is_connected(void **state)
{
    (void)state;
    start();
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet_of(20), 20), DFU_ERR_STATE);
    assert_int_equal(dfu_smp_ble_att_error(DFU_ERR_STATE), 0x0e);
    dfu_smp_ble_subscribed(&w.ble, true);
    dfu_smp_ble_secured(&w.ble);
    assert_false(w.ble.is_subscribed || w.ble.is_secured || w.latency.is_secured);
}

static void with_authentication_required_writes_count_only_on_a_secured_link(void **state)
{
    const uint8_t *packet = packet_of(20);

    (void)state;
    start();
    w.ble.authenticated_only = true;
    assert_int_equal(dfu_smp_ble_connected(&w.ble), 0);
    dfu_smp_ble_subscribed(&w.ble, true);
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, 20), DFU_ERR_PERM);
    assert_int_equal(dfu_smp_ble_att_error(DFU_ERR_PERM), 0x05);
    assert_false(w.latency.is_secured);
    dfu_smp_ble_secured(&w.ble);
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, 20), 0);
    assert_true(w.latency.is_secured);
    dfu_smp_ble_disconnected(&w.ble);
    assert_false(w.latency.is_secured);
    assert_int_equal(dfu_smp_ble_connected(&w.ble), 0);
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet, 20), DFU_ERR_PERM);
}

static void an_upload_asks_for_low_latency_until_it_is_over(void **state)
{
    const struct dfu_transfer_subscriber subscribers[] = { { dfu_latency_transfer, &w.latency } };
    struct dfu_transfer transfer = { .subscribers = subscribers, .subscriber_count = 1 };

    (void)state;
    start_connected(247);
    assert_true(dfu_transfer_submit(&transfer));
    dfu_transfer_deliver(&transfer, 1000);
    assert_true(w.is_low);
    dfu_latency_poll(&w.latency, 6000);
    assert_true(w.is_low);
    dfu_latency_poll(&w.latency, 11000);
    assert_false(w.is_low);
    dfu_smp_ble_disconnected(&w.ble);
    assert_true(dfu_transfer_submit(&transfer));
    dfu_transfer_deliver(&transfer, 12000);
    assert_false(w.is_low);
}

/* ---- Back-pressure ---- */

static void answers_wait_for_room_and_go_out_in_order(void **state)
{
    (void)state;
    start_connected(23);
    w.room = 1;
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(50), 50), 0);
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(9), 9), 0);
    assert_int_equal(w.notifications, 1);
    for (unsigned i = 2; i <= 4; i++) {
        w.room = 1;
        dfu_smp_ble_sent(&w.ble);
        assert_int_equal(w.notifications, i);
        assert_int_equal(w.answers, i < 3 ? 0 : i - 2);
    }
    assert_int_equal(w.client.len, 9);
    assert_memory_equal(w.answer, packet_of(9), 9);
    w.asked = 0;
    dfu_smp_ble_sent(&w.ble);
    assert_int_equal(w.asked, 0);
}

static void a_host_that_reports_from_inside_notify_is_understood(void **state)
{
    (void)state;
    start_connected(23);
    w.sends_in_notify = true;
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(500), 500), 0);
    assert_int_equal(w.notifications, 25);
    assert_memory_equal(w.answer, packet_of(500), 500);
}

static void requests_are_held_back_while_an_answer_would_find_no_room(void **state)
{
    (void)state;
    start_connected(247);
    w.room = 0;
    for (unsigned i = 0; i < CAP / 512; i++) {
        assert_true(dfu_smp_ble_is_ready(&w.ble));
        assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet_of(20), 20), 0);
        assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(512), 512), 0);
    }
    assert_false(dfu_smp_ble_is_ready(&w.ble));
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet_of(20), 10), 0); /* not whole yet */
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet_of(20) + 10, 10), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(8), 8), DFU_ERR_NOSPACE);
    assert_int_equal(w.ble.dropped, 2);
    w.room = 3;
    dfu_smp_ble_sent(&w.ble);
    assert_true(dfu_smp_ble_is_ready(&w.ble));
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet_of(20), 20), 0);
}

static void an_answer_may_be_as_large_as_a_request_where_nothing_else_is_said(void **state)
{
    (void)state;
    start_connected(247);
    w.ble.answer_max = 0;
    w.room = 0;
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(9), 9), 0);
    assert_false(dfu_smp_ble_is_ready(&w.ble)); /* CAP bytes do not fit the rest of CAP */
    w.ble.rx_cap = CAP - 9;
    assert_true(dfu_smp_ble_is_ready(&w.ble));
}

static void a_buffer_smaller_than_the_largest_answer_serves_one_request_at_a_time(void **state)
{
    (void)state;
    start_connected(247);
    w.ble.tx_cap = 100;
    w.room = 0;
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet_of(20), 20), 0);
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(20), 20), 0);
    assert_int_equal(dfu_smp_ble_on_write(&w.ble, packet_of(20), 20), DFU_ERR_NOSPACE);
}

static void answers_to_nobody_are_lost(void **state)
{
    (void)state;
    start_connected(247);
    dfu_smp_ble_subscribed(&w.ble, false);
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(20), 20), DFU_ERR_STATE);
    assert_int_equal(w.ble.dropped, 1);
    dfu_smp_ble_subscribed(&w.ble, true);
    w.room = 0;
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(50), 50), 0);
    dfu_smp_ble_disconnected(&w.ble);
    w.room = 9;
    dfu_smp_ble_sent(&w.ble); /* of one that waited */
    assert_int_equal(w.notifications, 0);
}

static void what_is_no_whole_packet_is_not_sent(void **state)
{
    const uint8_t cut[3] = { 0 };

    (void)state;
    start_connected(247);
    assert_int_equal(dfu_smp_ble_send(&w.ble, cut, sizeof cut), DFU_ERR_INVAL);
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(20), 19), DFU_ERR_INVAL);
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(20), 7), DFU_ERR_INVAL);
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(20), 21), DFU_ERR_INVAL);
    assert_int_equal(w.notifications, 0);
}

static void an_answer_whose_notification_fails_is_lost_whole_and_the_next_goes_out(void **state)
{
    (void)state;
    start_connected(23);
    w.room = 1;
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(50), 50), 0);
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(9), 9), 0);
    w.notify_err = DFU_ERR_IO;
    dfu_smp_ble_sent(&w.ble);
    assert_int_equal(w.ble.dropped, 2);
    assert_true(dfu_smp_ble_is_ready(&w.ble));
    w.notify_err = 0;
    w.room = 1;
    dfu_ble_join_reset(&w.client);
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(12), 12), 0);
    assert_int_equal(w.answers, 1);
}

static void a_connection_that_ends_inside_notify_leaves_nothing(void **state)
{
    (void)state;
    start_connected(23);
    w.leaves_in_notify = true;
    assert_int_equal(dfu_smp_ble_send(&w.ble, packet_of(50), 50), 0);
    assert_int_equal(w.ble.tx_len, 0);
    assert_false(w.ble.is_sending);
}

static void the_identifiers_are_those_of_the_service(void **state)
{
    static const char *const texts[] = { DFU_SMP_BLE_SERVICE, DFU_SMP_BLE_CHARACTERISTIC };
    const uint8_t *const uuids[] = { dfu_smp_ble_service_uuid, dfu_smp_ble_characteristic_uuid };

    (void)state;
    for (size_t n = 0; n < 2; n++) {
        char text[40] = "";

        for (size_t i = 0; i < 16; i++) {
            snprintf(text + strlen(text), 4, "%02x%s", uuids[n][15 - i],
                     i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "");
        }
        assert_string_equal(text, texts[n]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_three_bytes_shorter_than_the_mtu_and_never_over_512),
        cmocka_unit_test(at_every_mtu_requests_and_answers_of_critical_lengths_arrive_whole),
        cmocka_unit_test(at_every_mtu_every_first_piece_is_completed_by_the_rest),
        cmocka_unit_test(a_packet_arrives_whole_in_any_of_all_its_splits),
        cmocka_unit_test(bytes_beyond_the_packet_are_not_allowed_and_void_it),
        cmocka_unit_test(a_packet_too_large_for_the_buffer_is_dropped_with_all_its_pieces),
        cmocka_unit_test(a_piece_from_inside_a_packet_whose_first_one_was_lost_costs_nothing_else),
        cmocka_unit_test(a_packet_as_large_as_the_buffer_is_taken),
        cmocka_unit_test(the_longest_length_a_header_can_say_is_survived),
        cmocka_unit_test(a_request_cut_by_the_end_of_connection_or_subscription_is_forgotten),
        cmocka_unit_test(a_service_without_functions_or_buffers_refuses),
        cmocka_unit_test(a_joiner_that_is_reset_begins_anew),
        cmocka_unit_test(a_second_central_is_refused_until_the_first_one_leaves),
        cmocka_unit_test(nothing_counts_before_somebody_is_connected),
        cmocka_unit_test(with_authentication_required_writes_count_only_on_a_secured_link),
        cmocka_unit_test(an_upload_asks_for_low_latency_until_it_is_over),
        cmocka_unit_test(answers_wait_for_room_and_go_out_in_order),
        cmocka_unit_test(a_host_that_reports_from_inside_notify_is_understood),
        cmocka_unit_test(requests_are_held_back_while_an_answer_would_find_no_room),
        cmocka_unit_test(an_answer_may_be_as_large_as_a_request_where_nothing_else_is_said),
        cmocka_unit_test(a_buffer_smaller_than_the_largest_answer_serves_one_request_at_a_time),
        cmocka_unit_test(answers_to_nobody_are_lost),
        cmocka_unit_test(what_is_no_whole_packet_is_not_sent),
        cmocka_unit_test(an_answer_whose_notification_fails_is_lost_whole_and_the_next_goes_out),
        cmocka_unit_test(a_connection_that_ends_inside_notify_leaves_nothing),
        cmocka_unit_test(the_identifiers_are_those_of_the_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
