/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* by_hand.h - an upload whose answers a test writes itself, byte by byte and minute by minute. */
#ifndef TEST_BY_HAND_H
#define TEST_BY_HAND_H

#include "client_rig.h"

struct by_hand {
    struct rig *rig; /* for its image; the test releases it */
    struct dfu_upload u;
    uint8_t frame[1024], answer[80]; /* the last request, or what a test puts there; its answer */
    uint64_t now_ms;
};

/* Of 20 072 bytes, in frames of 512. */
void by_hand_begin(struct by_hand *h, uint32_t window);

/* What is sent now is in h->frame: its length, or 0. The same, its group, or 0. */
size_t by_hand_next(struct by_hand *h);
unsigned by_hand_next_group(struct by_hand *h);

/* The upload's answer to the request in h->frame; match < 0: it does not say. The result. */
int by_hand_reply(struct by_hand *h, uint32_t off, int match);

/* Any map as the answer to any request. */
void by_hand_reply_map(struct by_hand *h, const uint8_t *request, const char *map, size_t len);

/* An answer to a chunk, in out: its length. */
size_t by_hand_answer(const uint8_t *request, uint32_t off, int match, uint8_t *out);

#endif
