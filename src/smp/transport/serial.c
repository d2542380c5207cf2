/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Nothing is buffered but the packet itself: each base64 group is decoded as soon as it is whole.
 * Invariants: have <= expected <= cap while a packet is open; group_len < 4 between bytes. */
#include "dfu/smp_serial.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/err.h"
#include "smp/transport/base64.h"

#define LENGTH_SIZE   2u
#define FIRST_LINE_1  0x06u
#define FIRST_LINE_2  0x09u
#define NEXT_LINE_1   0x04u
#define NEXT_LINE_2   0x14u
#define LINE_OVERHEAD 3u /* marker and newline */

enum mode {
    OUTSIDE,   /* console text */
    IN_LINE,   /* base64 */
    SKIP_LINE, /* the rest of a line that was no good */
};

/* ---- Sending ---- */

/* The byte at pos of length | packet | CRC. */
static uint8_t stream_byte(const struct dfu_smp_serial_encoder *enc, size_t pos)
{
    uint8_t edge[2];

    if (pos < LENGTH_SIZE) {
        put_be16(edge, (uint16_t)(enc->len + DFU_SMP_SERIAL_CRC_SIZE));
        return edge[pos];
    }
    pos -= LENGTH_SIZE;
    if (pos < enc->len) {
        return enc->packet[pos];
    }
    put_be16(edge, enc->crc);
    return edge[pos - enc->len];
}

int dfu_smp_serial_encode(struct dfu_smp_serial_encoder *enc, const uint8_t *packet, size_t len)
{
    if (len > DFU_SMP_SERIAL_PACKET_MAX) {
        return DFU_ERR_RANGE;
    }
    *enc = (struct dfu_smp_serial_encoder){ .packet = packet,
                                            .len = len,
                                            .crc = dfu_crc16(0, packet, len) };
    return 0;
}

size_t dfu_smp_serial_next_line(struct dfu_smp_serial_encoder *enc, uint8_t *line, size_t cap)
{
    size_t total = LENGTH_SIZE + enc->len + DFU_SMP_SERIAL_CRC_SIZE;
    size_t at = 2;

    if (enc->pos == total || cap < DFU_SMP_SERIAL_LINE_MIN) {
        return 0;
    }
    line[0] = enc->pos == 0 ? FIRST_LINE_1 : NEXT_LINE_1;
    line[1] = enc->pos == 0 ? FIRST_LINE_2 : NEXT_LINE_2;
    while (enc->pos < total && cap - at >= 4 + 1) {
        uint8_t bytes[3];
        size_t n = 0;

        while (n < sizeof(bytes) && enc->pos < total) {
            bytes[n++] = stream_byte(enc, enc->pos++);
        }
        base64_put_group(bytes, n, line + at);
        at += 4;
    }
    line[at++] = '\n';
    return at;
}

/* ---- Receiving ---- */

static void drop_packet(struct dfu_smp_serial_decoder *dec)
{
    dec->dropped++;
    dec->is_open = false;
    dec->mode = SKIP_LINE;
}

static void begin_line(struct dfu_smp_serial_decoder *dec)
{
    dec->mode = IN_LINE;
    dec->group = 0;
    dec->group_len = 0;
    dec->pad = 0;
}

/* A marker is complete: second is its second byte. Whether it was one. */
static bool take_marker(struct dfu_smp_serial_decoder *dec, uint8_t second)
{
    if (dec->marker == FIRST_LINE_1 && second == FIRST_LINE_2) {
        if (dec->is_open) {
            dec->dropped++;
        }
        dec->is_open = true;
        dec->length_bytes = 0;
        dec->expected = 0;
        dec->have = 0;
        begin_line(dec);
        return true;
    }
    if (dec->marker == NEXT_LINE_1 && second == NEXT_LINE_2) {
        if (dec->is_open) {
            begin_line(dec);
        } else {
            dec->mode = SKIP_LINE;
        }
        return true;
    }
    return false;
}

/* One decoded byte: of the length field, or of body and CRC. */
static bool take_byte(struct dfu_smp_serial_decoder *dec, uint8_t byte)
{
    if (dec->length_bytes < LENGTH_SIZE) {
        dec->expected = dec->expected << 8 | byte;
        dec->length_bytes++;
        return dec->length_bytes < LENGTH_SIZE ||
               (dec->expected >= DFU_SMP_SERIAL_CRC_SIZE && dec->expected <= dec->cap);
    }
    if (dec->have == dec->expected) {
        return false;
    }
    dec->buf[dec->have++] = byte;
    return true;
}

static bool take_group(struct dfu_smp_serial_decoder *dec)
{
    uint32_t bytes = 3u - dec->pad;

    for (uint32_t i = 0; i < bytes; i++) {
        if (!take_byte(dec, (uint8_t)(dec->group >> (16 - 8 * i)))) {
            return false;
        }
    }
    dec->group = 0;
    dec->group_len = 0;
    return true;
}

/* One character of a line. False: the packet is no good. */
static bool take_character(struct dfu_smp_serial_decoder *dec, uint8_t character)
{
    int value = base64_value(character);

    if (character == '=' && dec->group_len >= 2) {
        dec->pad++;
        value = 0;
    } else if (value < 0 || dec->pad > 0) { /* also anything after a padded group */
        return false;
    }
    dec->group = dec->group << 6 | (uint32_t)value;
    dec->group_len++;
    return dec->group_len < 4 || take_group(dec);
}

static enum dfu_smp_serial_result end_line(struct dfu_smp_serial_decoder *dec)
{
    if (dec->group_len > 0) {
        drop_packet(dec);
    }
    dec->mode = OUTSIDE;
    if (!dec->is_open) {
        return DFU_SMP_SERIAL_MORE;
    }
    if (dec->length_bytes < LENGTH_SIZE || dec->have < dec->expected) {
        return DFU_SMP_SERIAL_MORE;
    }
    dec->is_open = false;
    if (dfu_crc16(0, dec->buf, dec->have) != 0) {
        dec->dropped++;
        return DFU_SMP_SERIAL_MORE;
    }
    dec->len = dec->have - DFU_SMP_SERIAL_CRC_SIZE;
    return DFU_SMP_SERIAL_PACKET;
}

static enum dfu_smp_serial_result feed_in_mode(struct dfu_smp_serial_decoder *dec, uint8_t byte)
{
    if (dec->mode == OUTSIDE) {
        return DFU_SMP_SERIAL_TEXT;
    }
    if (byte == '\r') {
        return DFU_SMP_SERIAL_MORE;
    }
    if (byte == '\n') {
        if (dec->mode == IN_LINE) {
            return end_line(dec);
        }
        dec->mode = OUTSIDE;
        return DFU_SMP_SERIAL_MORE;
    }
    if (dec->mode == IN_LINE && !take_character(dec, byte)) {
        drop_packet(dec);
    }
    return DFU_SMP_SERIAL_MORE;
}

void dfu_smp_serial_decoder_init(struct dfu_smp_serial_decoder *dec, uint8_t *buf, size_t cap)
{
    *dec = (struct dfu_smp_serial_decoder){ .buf = buf, .cap = cap, .mode = OUTSIDE };
}

enum dfu_smp_serial_result dfu_smp_serial_feed(struct dfu_smp_serial_decoder *dec, uint8_t byte)
{
    bool was_marker = dec->marker != 0 && take_marker(dec, byte);

    dec->marker = 0;
    if (was_marker) {
        return DFU_SMP_SERIAL_MORE;
    }
    /* Neither byte occurs in base64: inside a line it ends the packet, whatever comes next. */
    if (byte == FIRST_LINE_1 || byte == NEXT_LINE_1) {
        dec->marker = byte;
        if (dec->mode == IN_LINE) {
            drop_packet(dec);
        }
        return DFU_SMP_SERIAL_MORE;
    }
    return feed_in_mode(dec, byte);
}
