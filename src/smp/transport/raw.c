/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Invariants between bytes: have < cap; at most a header of bytes, or the start of a packet that
 * fits. */
#include "dfu/smp_raw.h"

#include "dfu/smp.h"

#define OP_LIMIT 4u /* greater ones exist in no version: the line is out of step */

static void take_silence(struct dfu_smp_raw_decoder *dec, uint64_t now_ms)
{
    if (now_ms - dec->heard_ms < (dec->silence_ms ? dec->silence_ms : DFU_SMP_RAW_SILENCE_MS)) {
        return;
    }
    dec->dropped += dec->have > 0 ? 1u : 0u;
    dec->have = 0;
    dec->is_lost = false;
}

static void lose_step(struct dfu_smp_raw_decoder *dec)
{
    dec->dropped++;
    dec->have = 0;
    dec->is_lost = true;
}

void dfu_smp_raw_decoder_init(struct dfu_smp_raw_decoder *dec, uint8_t *buf, size_t cap)
{
    *dec = (struct dfu_smp_raw_decoder){ .buf = buf, .cap = cap };
}

bool dfu_smp_raw_feed(struct dfu_smp_raw_decoder *dec, uint8_t byte, uint64_t now_ms)
{
    struct dfu_smp_header header;
    size_t need;

    take_silence(dec, now_ms);
    dec->heard_ms = now_ms;
    if (dec->is_lost) {
        return false;
    }
    if (dec->cap < DFU_SMP_HEADER_SIZE) {
        lose_step(dec);
        return false;
    }
    dec->buf[dec->have++] = byte;
    if (dec->have < DFU_SMP_HEADER_SIZE) {
        return false;
    }
    dfu_smp_header_decode(dec->buf, &header);
    need = DFU_SMP_HEADER_SIZE + (size_t)header.length;
    if (header.op >= OP_LIMIT || need > dec->cap) {
        lose_step(dec);
        return false;
    }
    if (dec->have < need) {
        return false;
    }
    dec->len = need;
    dec->have = 0;
    return true;
}
