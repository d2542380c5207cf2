/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_peer.h - a server, and a link that keeps its answers. */
#ifndef DFU_TEST_SMP_PEER_H
#define DFU_TEST_SMP_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "dfu/smp.h"

#define PEER_ANSWERS_MAX 64u
#define PEER_BUF_SIZE    1024u

struct smp_peer {
    struct dfu_smp_server server;
    struct dfu_smp_link link;
    uint8_t response[PEER_BUF_SIZE];
    struct {
        uint8_t data[PEER_BUF_SIZE];
        size_t len;
    } answers[PEER_ANSWERS_MAX];
    unsigned count; /* of answers to the last packet */
    int send_err;   /* what the link says to each answer */
    int result;     /* of the last dfu_smp_receive() */
};

void smp_peer_init(struct smp_peer *peer, const struct dfu_smp_binding *bindings, size_t count);

/* Hand the server one packet; forgets earlier answers. */
void smp_peer_receive(struct smp_peer *peer, const uint8_t *packet, size_t len);
void smp_peer_receive_hex(struct smp_peer *peer, const char *packet);

/* One packet, exactly one answer, these bytes. */
void smp_peer_expect(struct smp_peer *peer, const char *request, const char *answer);

/* The same with the header made here: version 2, sequence 7; payloads only. */
void smp_peer_read(struct smp_peer *peer, uint16_t group, uint8_t id, const char *request,
                   const char *answer);
void smp_peer_write(struct smp_peer *peer, uint16_t group, uint8_t id, const char *request,
                    const char *answer);

#endif
