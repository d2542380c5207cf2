/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "smp_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"

static int keep(void *ctx, const uint8_t *frame, size_t len)
{
    struct smp_peer *peer = ctx;

    assert_true(peer->count < PEER_ANSWERS_MAX && len <= sizeof(peer->answers[0].data));
    memcpy(peer->answers[peer->count].data, frame, len);
    peer->answers[peer->count++].len = len;
    return peer->send_err;
}

void smp_peer_init(struct smp_peer *peer, const struct dfu_smp_binding *bindings, size_t count)
{
    memset(peer, 0, sizeof(*peer));
    peer->server = (struct dfu_smp_server){ .bindings = bindings,
                                            .binding_count = count,
                                            .response = peer->response,
                                            .response_cap = sizeof(peer->response),
                                            .buf_size = 384,
                                            .buf_count = 4 };
    peer->link = (struct dfu_smp_link){ .send = keep, .ctx = peer };
}

void smp_peer_receive(struct smp_peer *peer, const uint8_t *packet, size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a read past the end is seen */

    assert_non_null(exact);
    memcpy(exact, packet, len);
    peer->count = 0;
    peer->result = dfu_smp_receive(&peer->server, exact, len, &peer->link);
    free(exact);
}

void smp_peer_receive_hex(struct smp_peer *peer, const char *packet)
{
    static uint8_t bytes[8192];

    smp_peer_receive(peer, bytes, hex_bytes(packet, bytes, sizeof(bytes)));
}

void smp_peer_expect(struct smp_peer *peer, const char *request, const char *answer)
{
    smp_peer_receive_hex(peer, request);
    assert_int_equal(peer->count, 1);
    assert_hex(peer->answers[0].data, peer->answers[0].len, answer);
}

static void exchange(struct smp_peer *peer, struct dfu_smp_header header, const char *request,
                     const char *answer)
{
    static uint8_t bytes[8192];
    struct dfu_smp_header got;
    size_t len =
        hex_bytes(request, bytes + DFU_SMP_HEADER_SIZE, sizeof(bytes) - DFU_SMP_HEADER_SIZE);

    header.length = (uint16_t)len;
    dfu_smp_header_encode(&header, bytes);
    smp_peer_receive(peer, bytes, DFU_SMP_HEADER_SIZE + len);
    assert_int_equal(peer->count, 1);
    assert_true(peer->answers[0].len >= DFU_SMP_HEADER_SIZE);
    dfu_smp_header_decode(peer->answers[0].data, &got);
    assert_int_equal(got.op, header.op + 1);
    assert_int_equal(got.length, peer->answers[0].len - DFU_SMP_HEADER_SIZE);
    assert_int_equal(got.group, header.group);
    assert_int_equal(got.id, header.id);
    assert_int_equal(got.seq, header.seq);
    assert_hex(peer->answers[0].data + DFU_SMP_HEADER_SIZE, got.length, answer);
}

void smp_peer_read(struct smp_peer *peer, uint16_t group, uint8_t id, const char *request,
                   const char *answer)
{
    exchange(peer,
             (struct dfu_smp_header){
                 .op = DFU_SMP_READ, .version = DFU_SMP_V2, .group = group, .id = id, .seq = 7 },
             request, answer);
}

void smp_peer_write(struct smp_peer *peer, uint16_t group, uint8_t id, const char *request,
                    const char *answer)
{
    exchange(peer,
             (struct dfu_smp_header){
                 .op = DFU_SMP_WRITE, .version = DFU_SMP_V2, .group = group, .id = id, .seq = 7 },
             request, answer);
}
