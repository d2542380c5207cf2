/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The console of ports/mcu, with the client's packets already decoded. */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "dfu/smp_basic.h"

#define PACKETS_MAX 12u
#define CHUNK       400u

static struct {
    uint8_t bytes[CONSOLE_PACKET_MAX];
    size_t len;
} packets[PACKETS_MAX];
static size_t packet_count, next;
static uint8_t *into;

static void add(uint8_t op, uint16_t group, uint8_t id, const struct dfu_cbor_encoder *enc)
{
    struct dfu_smp_header header = {
        .op = op, .version = 1, .length = (uint16_t)enc->len, .group = group, .id = id
    };

    if (packet_count == PACKETS_MAX || dfu_cbor_finish(enc) ||
        enc->len > CONSOLE_PACKET_MAX - DFU_SMP_HEADER_SIZE) {
        abort();
    }
    dfu_smp_header_encode(&header, packets[packet_count].bytes);
    memcpy(packets[packet_count].bytes + DFU_SMP_HEADER_SIZE, enc->buf, enc->len);
    packets[packet_count++].len = DFU_SMP_HEADER_SIZE + enc->len;
}

static void add_empty(uint8_t op, uint16_t group, uint8_t id)
{
    uint8_t payload[4];
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, payload, sizeof payload, true);
    dfu_cbor_begin_map(&enc);
    dfu_cbor_end(&enc);
    add(op, group, id, &enc);
}

static void add_upload(const uint8_t *image, size_t size)
{
    for (size_t off = 0; off < size; off += CHUNK) {
        uint8_t payload[CHUNK + 64];
        struct dfu_cbor_encoder enc;

        dfu_cbor_encoder_init(&enc, payload, sizeof payload, true);
        dfu_cbor_begin_map(&enc);
        dfu_cbor_pair_uint(&enc, "off", off);
        dfu_cbor_pair_uint(&enc, "len", size);
        dfu_cbor_pair_bytes(&enc, "data", image + off, size - off < CHUNK ? size - off : CHUNK);
        dfu_cbor_end(&enc);
        add(DFU_SMP_WRITE, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, &enc);
    }
}

static void add_confirmation(void)
{
    uint8_t payload[16];
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, payload, sizeof payload, true);
    dfu_cbor_begin_map(&enc);
    dfu_cbor_pair_bool(&enc, "confirm", true);
    dfu_cbor_end(&enc);
    add(DFU_SMP_WRITE, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, &enc);
}

void client_prepare(enum client client, const uint8_t *image, size_t size)
{
    if (client == LOOKER) {
        add_empty(DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE);
    }
    if (client == UPLOADER || client == RESETTER) {
        add_upload(image, size);
    }
    if (client == MARKER) {
        add_confirmation();
    }
    if (client == RESETTER || client == MARKER) {
        add_empty(DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET);
    }
}

bool client_is_done(void)
{
    return next == packet_count;
}

/* ---- ports/mcu/console.h ---- */

void console_init(struct console *console, uint8_t *buf, size_t size)
{
    (void)console;
    (void)size;
    into = buf;
}

size_t console_poll(struct console *console)
{
    (void)console;
    if (client_is_done()) {
        return 0;
    }
    memcpy(into, packets[next].bytes, packets[next].len);
    return packets[next++].len;
}

int console_send(void *ctx, const uint8_t *frame, size_t len)
{
    (void)ctx;
    (void)frame;
    (void)len;
    return 0;
}

void console_print_line(const char *text)
{
    (void)text;
}
