/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Packets into serial recovery over simulated flash, with boots and time between them. Whatever
 * comes: at most one answer, a whole one; no unit is programmed twice; what boots has verified. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/boot.h"
#include "dfu/err.h"
#include "dfu/recovery.h"
#include "input.h"
#include "nor.h"

#define SECTOR      1024u
#define SECTORS     8u
#define PACKETS_MAX 64u
#define IDLE        1000u

enum { RAW, NEXT_CHUNK, FIRST_CHUNK, COMMAND, BOOT, TIME, OPTIONS, KINDS };

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };

struct device {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_recovery_config cfg;
    struct dfu_recovery recovery;
    struct dfu_smp_link link;
    uint64_t now;
    size_t answers;
    uint8_t buf[256], response[384];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int check_answer(void *ctx, const uint8_t *frame, size_t len)
{
    struct device *d = ctx;
    struct dfu_smp_header header;
    struct dfu_cbor_walk walk;
    struct dfu_cbor_span key, value;
    int more;

    d->answers++;
    require(len > DFU_SMP_HEADER_SIZE && len <= sizeof d->response);
    dfu_smp_header_decode(frame, &header);
    require(header.length == len - DFU_SMP_HEADER_SIZE);
    require(dfu_cbor_open_map(
                &walk, (struct dfu_cbor_span){ frame + DFU_SMP_HEADER_SIZE, header.length }) == 0);
    while ((more = dfu_cbor_next_pair(&walk, &key, &value)) == 1) {
    }
    require(more == 0);
    return 0;
}

static void open_device(struct device *d)
{
    memset(d, 0, sizeof *d);
    d->nor = nor_new(SECTOR, 4 * SECTORS, 8, 0xff);
    d->map = (struct dfu_slot_map){
        .mode = DFU_MODE_SWAP_MOVE, .max_align = 8, .max_sectors = SECTORS, .image_count = 2
    };
    for (uint8_t i = 0; i < 2; i++) {
        d->map.images[i].primary = nor_area(d->nor, "primary", SECTORS);
        d->map.images[i].secondary = nor_area(d->nor, "secondary", SECTORS);
    }
    d->cfg = (struct dfu_recovery_config){ .map = &d->map,
                                           .policy = { .hashes = hashes, .hash_only = true },
                                           .erase_progressively = true,
                                           .idle_ms = IDLE,
                                           .buf = d->buf,
                                           .buf_len = sizeof d->buf,
                                           .response = d->response,
                                           .response_cap = sizeof d->response,
                                           .buf_size = 512 };
    d->link = (struct dfu_smp_link){ .send = check_answer, .ctx = d };
    dfu_recovery_start(&d->recovery, &d->cfg, DFU_RECOVERY_BY_PIN, 0, 0);
}

static void receive(struct device *d, const uint8_t *packet, size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a read past the end is seen */

    require(exact != NULL);
    if (len > 0) {
        memcpy(exact, packet, len);
    }
    d->answers = 0;
    dfu_recovery_receive(&d->recovery, exact, len, &d->link, d->now);
    require(d->answers <= 1);
    free(exact);
}

static void send_command(struct device *d, uint8_t group, uint8_t id, struct input payload)
{
    uint8_t packet[520] = { id & 0x80 ? 0x08 : 0x0a };

    put_be16(packet + 2, (uint16_t)payload.len);
    packet[5] = group & 1;
    packet[7] = id & 0x07;
    if (payload.len > 0) {
        memcpy(packet + 8, payload.data, payload.len);
    }
    receive(d, packet, 8 + payload.len);
}

/* A chunk that goes on with the running upload or starts one. */
static void send_chunk(struct device *d, struct input *in, bool is_first)
{
    uint8_t payload[400];
    uint8_t number = take_byte(in);
    struct input content = take(in, take_byte(in));
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, payload, sizeof payload, true);
    dfu_cbor_begin_map(&enc);
    dfu_cbor_pair_uint(&enc, "off", is_first ? 0 : d->recovery.upload.off);
    if (is_first) {
        dfu_cbor_pair_uint(&enc, "image", number & 7u);
        dfu_cbor_pair_uint(&enc, "len", 1u + (number >> 3) * 270u);
    }
    dfu_cbor_pair_bytes(&enc, "data", content.data, content.len);
    dfu_cbor_end(&enc);
    require(dfu_cbor_finish(&enc) == 0);
    send_command(d, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, (struct input){ payload, enc.len });
}

static void boot(struct device *d)
{
    static uint8_t buf[1024];
    struct dfu_boot_config cfg = { .map = &d->map,
                                   .strategy = &dfu_boot_swap_move,
                                   .policy = d->cfg.policy,
                                   .validate_primary = true,
                                   .buf = buf,
                                   .buf_len = sizeof buf };
    struct dfu_boot_result result;
    struct dfu_image_report report;
    struct dfu_area_span span = { d->map.images[0].primary, 0 };
    struct dfu_reader reader = dfu_area_reader(&span);

    if (dfu_boot(&cfg, &result) == 0) {
        dfu_image_verify(&cfg.policy, &reader, 0, buf, sizeof buf, NULL, NULL, &report);
        require(dfu_verdict_is_trusted(&report.verdict));
    }
    dfu_recovery_start(&d->recovery, &d->cfg, DFU_RECOVERY_BY_REQUEST, 0, d->now);
}

static void step(struct device *d, struct input *in)
{
    struct input raw;
    uint8_t byte;

    switch (take_byte(in) % KINDS) {
    case NEXT_CHUNK: send_chunk(d, in, false); break;
    case FIRST_CHUNK: send_chunk(d, in, true); break;
    case COMMAND:
        byte = take_byte(in);
        send_command(d, byte >> 6, byte, take(in, take_byte(in)));
        break;
    case BOOT: boot(d); break;
    case TIME:
        d->now += take_byte(in) * 10u;
        if (dfu_recovery_look(&d->recovery, d->now) != DFU_RECOVERY_STAY) {
            boot(d);
        }
        break;
    case OPTIONS:
        byte = take_byte(in);
        d->cfg.direct_upload = byte & 1;
        d->cfg.erase_progressively =
            d->recovery.upload.is_active ? d->cfg.erase_progressively : (byte & 2) != 0;
        break;
    default:
        raw = take(in, take_byte(in));
        receive(d, raw.data, raw.len);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = { data, len };
    struct device device;

    open_device(&device);
    for (unsigned i = 0; in.len > 0 && i < PACKETS_MAX; i++) {
        step(&device, &in);
    }
    require(device.nor->flash.double_programs == 0);
    nor_free(device.nor);
    return 0;
}
