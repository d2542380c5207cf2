/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* An upload over a simulated Bluetooth link, in virtual time: which share of what the link can
 * carry is the image. Deterministic; prints the table of docs/BLE.md.
 *
 * The air (Core 5.4, Vol 6, Part B, 2.1, 4.1, 4.5): in each connection event the central sends a
 * packet and the peripheral answers with one, 150 us apart, again and again while either has more
 * and the next pair ends 150 us before the next event. A packet takes its preamble (1 byte at 1M,
 * 2 at 2M), 4 bytes of access address, 2 of header, up to 251 of payload and 3 of CRC, at 8 or 4 us
 * a byte. An ATT value of MTU - 3 bytes lies in MTU + 4 bytes of L2CAP, cut into payloads. What the
 * link can carry are the values of full writes without response, back to back, answered by empty
 * packets. The hosts take 1 ms to act on what came in, the device has 4 buffers. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/smp_ble.h"
#include "dfu/upload.h"
#include "img_world.h"

#define SECTORS     120u
#define PAYLOAD_MAX 251u
#define IFS_US      150u
#define HOST_US     1000u
#define BUF_MAX     3072u
#define BUF_COUNT   4u
#define QUEUE       65536u

struct link {
    uint32_t interval_us;
    uint16_t mtu;
    bool is_2m;
    uint32_t buf_size; /* the device's */
};

/* Payloads that wait for the air, or came over it: their hosts see them from due_us on. */
struct queue {
    struct payload {
        uint64_t due_us;
        uint16_t len;
        uint8_t bytes[PAYLOAD_MAX];
    } * items;
    size_t first, count;
};

struct air {
    struct link link;
    uint64_t now_us;
    struct queue to_air[2], arrived[2]; /* 0: at the central, 1: at the peripheral */
    struct dfu_ble_joiner joiner;
    struct dfu_smp_ble ble;
    struct dfu_smp_link smp;
    struct dfu_upload upload;
    uint8_t rx[BUF_MAX], tx[BUF_COUNT * BUF_MAX], answer[BUF_MAX], l2cap[2][600];
    size_t l2cap_len[2];
};

static struct img_world w;
static struct test_image image;
static struct air *air;

/* ---- Queues ---- */

static void put(struct queue *q, uint64_t due_us, const uint8_t *bytes, size_t len)
{
    struct payload *p = &q->items[(q->first + q->count++) % QUEUE];

    assert_true(q->count <= QUEUE && len <= PAYLOAD_MAX);
    p->due_us = due_us;
    p->len = (uint16_t)len;
    memcpy(p->bytes, bytes, len);
}

static struct payload *peek(struct queue *q, uint64_t now_us)
{
    struct payload *p = &q->items[q->first];

    return q->count > 0 && p->due_us <= now_us ? p : NULL;
}

static void drop(struct queue *q)
{
    q->first = (q->first + 1) % QUEUE;
    q->count--;
}

/* ---- Hosts ---- */

/* One value: L2CAP's 4 bytes, ATT's 3, cut into payloads. */
static void send_value(int side, const uint8_t *value, size_t len)
{
    uint8_t pdu[7 + DFU_BLE_VALUE_MAX] = {
        (uint8_t)(len + 3), (uint8_t)((len + 3) >> 8), 4, 0, side == 0 ? 0x52 : 0x1b, 12, 0
    };

    memcpy(pdu + 7, value, len);
    for (size_t at = 0; at < len + 7; at += PAYLOAD_MAX) {
        size_t left = len + 7 - at;

        put(&air->to_air[side], air->now_us, pdu + at, left < PAYLOAD_MAX ? left : PAYLOAD_MAX);
    }
}

static int notify(void *ctx, const uint8_t *value, size_t len)
{
    (void)ctx;
    send_value(1, value, len);
    return 0;
}

static void take_request(void *ctx, const uint8_t *packet, size_t len)
{
    (void)ctx;
    dfu_smp_receive(&w.peer.server, packet, len, &air->smp);
}

static void take_value(int side, const uint8_t *value, size_t len)
{
    if (side == 1) {
        assert_int_equal(dfu_smp_ble_on_write(&air->ble, value, len), 0);
    } else if (dfu_ble_join(&air->joiner, value, len) == 1) {
        dfu_upload_answer(&air->upload, air->now_us / 1000, air->answer, air->joiner.len);
    }
}

static void take_payload(int side, const struct payload *p)
{
    uint8_t *pdu = air->l2cap[side];
    size_t *have = &air->l2cap_len[side];

    memcpy(pdu + *have, p->bytes, p->len);
    *have += p->len;
    if (*have == 4u + pdu[0] + pdu[1] * 256u) {
        size_t len = *have - 7;

        *have = 0;
        take_value(side, pdu + 7, len);
    }
}

static void run_hosts(void)
{
    static uint8_t frame[BUF_MAX];
    size_t max = dfu_ble_value_max(air->link.mtu), len;
    struct payload *p;

    for (int side = 0; side < 2; side++) {
        while ((p = peek(&air->arrived[side], air->now_us)) != NULL) {
            struct payload copy = *p;

            drop(&air->arrived[side]);
            take_payload(side, &copy);
        }
    }
    while ((len = dfu_upload_next(&air->upload, air->now_us / 1000, frame, sizeof frame)) > 0) {
        for (size_t at = 0; at < len; at += max) {
            send_value(0, frame + at, len - at < max ? len - at : max);
        }
    }
}

/* ---- The air ---- */

static uint32_t packet_us(const struct link *link, size_t payload)
{
    return link->is_2m ? (uint32_t)(2 + 4 + 2 + payload + 3) * 4u
                       : (uint32_t)(1 + 4 + 2 + payload + 3) * 8u;
}

static void send_packet(int side, struct payload *p)
{
    air->now_us += packet_us(&air->link, p ? p->len : 0);
    if (p) {
        put(&air->arrived[1 - side], air->now_us + HOST_US, p->bytes, p->len);
        drop(&air->to_air[side]);
    }
    air->now_us += IFS_US;
}

static void run_event(uint64_t end_us)
{
    bool has_more = true;

    while (has_more) {
        struct payload *out, *back;
        uint64_t pair_us;

        run_hosts();
        out = peek(&air->to_air[0], air->now_us);
        back = peek(&air->to_air[1], air->now_us);
        pair_us = packet_us(&air->link, out ? out->len : 0) + IFS_US +
                  packet_us(&air->link, back ? back->len : 0) + IFS_US;
        if (air->now_us + pair_us > end_us) {
            return;
        }
        send_packet(0, out);
        send_packet(1, back);
        has_more = air->to_air[0].count > 0 || air->to_air[1].count > 0;
    }
}

/* Bytes a second of full values, one after the other. */
static double capacity(const struct link *link)
{
    size_t value = dfu_ble_value_max(link->mtu), left = value + 7;
    uint64_t events = 10000, at = 0, values = 0;

    for (uint64_t n = 0; n < events; n++) {
        uint64_t end = link->interval_us;

        for (at = 0;;) {
            size_t payload = left < PAYLOAD_MAX ? left : PAYLOAD_MAX;

            at += packet_us(link, payload) + packet_us(link, 0) + 2u * IFS_US;
            if (at > end) {
                break;
            }
            left -= payload;
            if (left == 0) {
                values++;
                left = value + 7;
            }
        }
    }
    return (double)(values * value) * 1e6 / ((double)events * link->interval_us);
}

/* ---- The upload ---- */

static void open_air(const struct link *link)
{
    struct dfu_upload_config config = { .version = DFU_SMP_V2,
                                        .frame_max = link->buf_size,
                                        .window_max = BUF_COUNT - 1 };
    static struct dfu_memory_span span;

    span = (struct dfu_memory_span){ image.data, image.size };
    config.image = dfu_memory_reader(&span);
    memcpy(config.sha, image.sha, sizeof config.sha);
    w.peer.server.buf_size = link->buf_size;
    air = calloc(1, sizeof *air);
    assert_non_null(air);
    for (int side = 0; side < 2; side++) {
        air->to_air[side].items = calloc(QUEUE, sizeof(struct payload));
        air->arrived[side].items = calloc(QUEUE, sizeof(struct payload));
    }
    air->link = *link;
    air->ble = (struct dfu_smp_ble){ .packet = take_request,
                                     .notify = notify,
                                     .rx = air->rx,
                                     .rx_cap = sizeof air->rx,
                                     .tx = air->tx,
                                     .tx_cap = sizeof air->tx };
    air->smp = (struct dfu_smp_link){ .send = dfu_smp_ble_send, .ctx = &air->ble };
    air->joiner = (struct dfu_ble_joiner){ .buf = air->answer, .cap = sizeof air->answer };
    assert_int_equal(dfu_smp_ble_connected(&air->ble), 0);
    dfu_smp_ble_mtu_changed(&air->ble, link->mtu);
    dfu_smp_ble_subscribed(&air->ble, true);
    assert_int_equal(dfu_upload_start(&air->upload, &config), 0);
}

static void close_air(void)
{
    for (int side = 0; side < 2; side++) {
        free(air->to_air[side].items);
        free(air->arrived[side].items);
    }
    free(air);
}

/* From the first request to the last answer, in seconds. */
static double upload_time(const struct link *link)
{
    uint64_t event_us = 0;
    double took_us;

    world_init(&w, 1, SECTORS, 4);
    open_air(link);
    while (air->upload.result == DFU_CLIENT_RUNNING) {
        air->now_us = event_us;
        run_event(event_us + link->interval_us);
        event_us += link->interval_us;
    }
    assert_int_equal(air->upload.result, 0);
    took_us = (double)air->now_us;
    close_air();
    world_free(&w);
    return took_us / 1e6;
}

#define LINKS 40u

static struct link link_of(size_t n, uint32_t buf_size)
{
    static const uint32_t intervals[] = { 7500, 15000, 30000, 50000 };
    static const uint16_t mtus[] = { 23, 65, 185, 247, 498 };

    return (struct link){ intervals[n / 10], mtus[n / 2 % 5], (n & 1) != 0, buf_size };
}

static void an_upload_fills_nine_tenths_of_any_link(void **state)
{
    const uint32_t size = 448 * 1024;
    double worst = 1;

    (void)state;
    image = image_make((struct dfu_image_version){ 1, 0, 0, 0 }, size);
    printf(
        "| interval | MTU | PHY | link kB/s | image kB/s | share |\n|--:|--:|--:|--:|--:|--:|\n");
    for (size_t n = 0; n < LINKS; n++) {
        const struct link link = link_of(n, 3072);
        double can = capacity(&link), did = size / upload_time(&link);

        printf("| %.1f ms | %u | %s | %.1f | %.1f | %.1f %% |\n", link.interval_us / 1000.0,
               link.mtu, link.is_2m ? "2M" : "1M", can / 1000, did / 1000, 100 * did / can);
        worst = did / can < worst ? did / can : worst;
    }
    image_free(&image);
    assert_true(worst >= 0.9);
}

/* Its first chunk is answered in the next interval, what follows goes in the one after it, and the
 * last chunk's answer comes in one more. */
static void what_a_short_upload_loses_beyond_a_tenth_is_three_intervals_at_most(void **state)
{
    (void)state;
    for (uint32_t size = 64 * 1024; size <= 256 * 1024; size *= 2) {
        image = image_make((struct dfu_image_version){ 1, 0, 0, 0 }, size);
        for (size_t n = 0; n < LINKS; n++) {
            const struct link link = link_of(n, 2048);
            double least = size / capacity(&link), most = least / 0.9 + link.interval_us * 3e-6;

            assert_true(upload_time(&link) <= most);
        }
        image_free(&image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_fills_nine_tenths_of_any_link),
        cmocka_unit_test(what_a_short_upload_loses_beyond_a_tenth_is_three_intervals_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
