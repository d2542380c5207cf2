/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_serial.h - SMP packets on a console: base64 lines with a length and a CRC, between whatever
 * else the console prints.
 *
 * A packet is sent as length (2 bytes) | body | CRC-16, in base64, cut into lines. The first line
 * starts with 06 09, the others with 04 14, each ends with a newline. A damaged packet is dropped
 * without an answer; the next 06 09 starts afresh, also in the middle of a line. */
#ifndef DFU_SMP_SERIAL_H
#define DFU_SMP_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SMP_SERIAL_LINE_MAX   127u   /* markers and newline included */
#define DFU_SMP_SERIAL_LINE_MIN   7u     /* markers, one base64 group, newline */
#define DFU_SMP_SERIAL_PACKET_MAX 65533u /* what the length field can say */
#define DFU_SMP_SERIAL_CRC_SIZE   2u
#define DFU_SMP_SERIAL_REST       4u /* a server keeps length and CRC in the packet's buffer */

/* ---- Sending ---- */

struct dfu_smp_serial_encoder {
    const uint8_t *packet;
    size_t len, pos; /* pos counts length field, body and CRC */
    uint16_t crc;
};

/* packet must stay valid until the last line is out. DFU_ERR_RANGE above the largest packet. */
int dfu_smp_serial_encode(struct dfu_smp_serial_encoder *enc, const uint8_t *packet, size_t len);

/* The next line, newline included, or 0 when all are out. cap is the line length to keep to:
 * DFU_SMP_SERIAL_LINE_MAX, or more for a peer known to take it. */
size_t dfu_smp_serial_next_line(struct dfu_smp_serial_encoder *enc, uint8_t *line, size_t cap);

/* ---- Receiving ---- */

enum dfu_smp_serial_result {
    DFU_SMP_SERIAL_MORE = 0,   /* the byte was part of a frame */
    DFU_SMP_SERIAL_PACKET = 1, /* and completed one: buf holds len bytes until the next byte */
    DFU_SMP_SERIAL_TEXT = 2,   /* it was not: console output, a prompt, a log line */
};

struct dfu_smp_serial_decoder {
    uint8_t *buf; /* the caller's, cap bytes: the largest packet plus DFU_SMP_SERIAL_CRC_SIZE */
    size_t cap;
    size_t len;       /* of the packet just completed */
    uint32_t dropped; /* packets lost to damage */
    /* state */
    uint8_t mode;
    bool is_open;      /* a first line was seen, the packet is not complete */
    uint8_t marker;    /* first byte of a marker, or 0 */
    uint8_t group_len; /* characters of the base64 group so far */
    uint8_t pad;       /* of them, '=' */
    uint32_t group;
    uint8_t length_bytes;  /* of the length field, seen so far */
    size_t expected, have; /* body and CRC */
};

/* buf stays the caller's. Starts between two lines. */
void dfu_smp_serial_decoder_init(struct dfu_smp_serial_decoder *dec, uint8_t *buf, size_t cap);

/* Feed one byte of the line. Lines of any length are taken. */
enum dfu_smp_serial_result dfu_smp_serial_feed(struct dfu_smp_serial_decoder *dec, uint8_t byte);

#ifdef __cplusplus
}
#endif
#endif
