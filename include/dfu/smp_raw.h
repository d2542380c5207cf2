/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_raw.h - SMP packets back to back on a serial line, without console framing: no marker, no
 * CRC, the length in each header says where the next packet begins (Zephyr's raw UART transport,
 * MCUboot's raw recovery). Sending is writing the packet.
 *
 * A line like this can only be told to be out of step, not where it is in step again: what looks
 * like a header inside a damaged packet may be bytes of an image. So what can't be a packet is
 * dropped together with all that follows, until the line has been silent for a while; and a packet
 * that stops in its middle is forgotten by the same silence. */
#ifndef DFU_SMP_RAW_H
#define DFU_SMP_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SMP_RAW_SILENCE_MS 300u /* less than any client waits before it repeats itself */

struct dfu_smp_raw_decoder {
    uint8_t *buf; /* the caller's, cap bytes: the largest packet */
    size_t cap;
    uint32_t silence_ms; /* 0: DFU_SMP_RAW_SILENCE_MS */
    size_t len;          /* of the packet just completed */
    uint32_t dropped;    /* packets cut short by silence, and stretches that were none */
    /* state */
    size_t have;
    bool is_lost; /* out of step until the line is silent */
    uint64_t heard_ms;
};

/* With the usual silence; set silence_ms afterwards for another. */
void dfu_smp_raw_decoder_init(struct dfu_smp_raw_decoder *dec, uint8_t *buf, size_t cap);

/* One byte that came at now_ms, of any clock that doesn't go back. True: it completed a packet,
 * buf holds len bytes until the next byte. */
bool dfu_smp_raw_feed(struct dfu_smp_raw_decoder *dec, uint8_t byte, uint64_t now_ms);

#ifdef __cplusplus
}
#endif
#endif
