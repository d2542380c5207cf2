/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* framing.h - SMP packets on a stream of bytes: as console lines, or raw, back to back. The same on
 * a serial port, a pseudo terminal and a TCP connection. */
#ifndef DFU_POSIX_FRAMING_H
#define DFU_POSIX_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/smp_raw.h"
#include "dfu/smp_serial.h"

struct dfu_framing {
    bool is_raw;
    bool was_text; /* the last byte was of no frame: something typed at a console */
    uint8_t *buf;  /* the caller's: the largest packet plus DFU_SMP_SERIAL_CRC_SIZE */
    struct dfu_smp_serial_decoder console;
    struct dfu_smp_raw_decoder raw;
};

void dfu_framing_init(struct dfu_framing *framing, bool is_raw, uint8_t *buf, size_t cap);

/* One byte that came at now_ms. The length of the packet that it completed in buf, or 0. */
size_t dfu_framing_feed(struct dfu_framing *framing, uint8_t byte, uint64_t now_ms);

/* Hand a packet to put, a piece at a time, until it returns other than 0; that is the result. A
 * packet too long for its framing is lost. */
int dfu_framing_send(const struct dfu_framing *framing, const uint8_t *packet, size_t len,
                     int (*put)(void *ctx, const uint8_t *data, size_t len), void *ctx);

#endif
