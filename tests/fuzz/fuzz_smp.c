/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Packets into a server over simulated flash, several to a run, with resets and pending swaps
 * between them. Whatever comes: at most one answer for 8 bytes, each a whole packet with a map
 * that decodes, none larger than the buffer; the running image is never touched. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/smp_img.h"
#include "dfu/smp_os.h"
#include "dfu/smp_pages.h"
#include "dfu/trailer.h"
#include "input.h"
#include "nor.h"

#define SECTOR      1024u
#define SECTORS     8u
#define BUF_SIZE    384u
#define PACKETS_MAX 64u

enum { RAW, NEXT_CHUNK, FIRST_CHUNK, RESET, PENDING, ON_TEST, OPTIONS, PAGES, KINDS };

struct device {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_smp_img img;
    struct dfu_smp_os os;
    struct dfu_smp_binding bindings[3];
    struct dfu_smp_server server;
    struct dfu_smp_link link;
    uint8_t response[BUF_SIZE];
    uint8_t record[DFU_STREAM_PROGRESS_SIZE];
    int record_len;
    struct dfu_stream_store store;
    size_t answers;
    uint32_t trailer; /* of the running slot: what lies before it may not change */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* ---- Device ---- */

static int save(void *ctx, const void *record, size_t len)
{
    struct device *d = ctx;

    require(len == sizeof(d->record));
    memcpy(d->record, record, len);
    d->record_len = (int)len;
    return 0;
}

static int load(void *ctx, void *record, size_t cap)
{
    const struct device *d = ctx;

    require(cap >= sizeof(d->record));
    memcpy(record, d->record, sizeof(d->record));
    return d->record_len > 0 ? d->record_len : DFU_ERR_NOENT;
}

static int clear(void *ctx)
{
    struct device *d = ctx;

    d->record_len = 0;
    return 0;
}

static int check_answer(void *ctx, const uint8_t *frame, size_t len)
{
    struct device *d = ctx;
    struct dfu_smp_header header;
    struct dfu_cbor_span map = { frame + DFU_SMP_HEADER_SIZE, len - DFU_SMP_HEADER_SIZE };
    struct dfu_cbor_walk walk;
    struct dfu_cbor_span key, value;
    int more;

    d->answers++;
    require(len > DFU_SMP_HEADER_SIZE && len <= BUF_SIZE);
    dfu_smp_header_decode(frame, &header);
    require(header.length == map.len && header.version <= DFU_SMP_V2);
    require(header.op == DFU_SMP_READ_RSP || header.op == DFU_SMP_WRITE_RSP);
    require(dfu_cbor_open_map(&walk, map) == 0);
    while ((more = dfu_cbor_next_pair(&walk, &key, &value)) == 1) {
    }
    require(more == 0 && walk.pos == walk.end);
    return 0;
}

static void guard_running(void *ctx, const struct dfu_sim_op *op)
{
    const struct device *d = ctx;
    const struct dfu_area *running = d->map.images[0].primary;

    require(op->off >= running->base + d->trailer || op->off + op->len <= running->base);
}

static int note_reset(void *ctx, bool force, uint8_t boot_mode)
{
    (void)ctx;
    (void)boot_mode;
    return force ? 0 : DFU_ERR_BUSY;
}

static int get_clock(void *ctx, struct dfu_smp_time *time)
{
    (void)ctx;
    *time = (struct dfu_smp_time){ 2026, 1, 2, 3, 4, 5, 6 };
    return 0;
}

static int set_clock(void *ctx, const struct dfu_smp_time *time)
{
    (void)ctx;
    require(time->month >= 1 && time->month <= 12 && time->hour < 24 && time->year >= 1900);
    return 0;
}

static void program(struct device *d, const struct dfu_area *area, uint8_t minor)
{
    uint8_t raw[96] = { 0 };

    put_le32(raw, DFU_IMAGE_MAGIC);
    put_le16(raw + 8, 32);
    put_le32(raw + 12, 16);
    raw[21] = minor;
    put_le16(raw + 48, 0x6907);
    put_le16(raw + 50, 40);
    put_le16(raw + 52, DFU_TLV_SHA256);
    put_le16(raw + 54, 32);
    raw[56] = minor;
    require(dfu_sim_flash_load(&d->nor->flash, area->base, raw, sizeof(raw)) == 0);
}

static void open_device(struct device *d)
{
    struct dfu_trailer trailer;

    memset(d, 0, sizeof(*d));
    d->nor = nor_new(SECTOR, 2 * SECTORS, 8, 0xff);
    d->map = (struct dfu_slot_map){
        .mode = DFU_MODE_SWAP_MOVE, .max_align = 8, .max_sectors = SECTORS, .image_count = 1
    };
    d->map.images[0].primary = nor_area(d->nor, "primary", SECTORS);
    d->map.images[0].secondary = nor_area(d->nor, "secondary", SECTORS);
    require(dfu_slot_trailer(&d->map, d->map.images[0].primary, &trailer) == 0);
    d->trailer = trailer.status;
    program(d, d->map.images[0].primary, 1);
    program(d, d->map.images[0].secondary, 2);
    d->nor->flash.on_op = guard_running;
    d->nor->flash.on_op_ctx = d;
    d->store = (struct dfu_stream_store){ save, load, clear, d };
    d->img = (struct dfu_smp_img){ .map = &d->map,
                                   .sha256 = &dfu_sha256_openssl,
                                   .store = &d->store,
                                   .erase_progressively = true };
    d->os = (struct dfu_smp_os){ .kernel = "Zephyr",
                                 .bootloader = "MCUboot",
                                 .boot_mode = 3,
                                 .takes_boot_mode = true,
                                 .reset = note_reset,
                                 .clock_get = get_clock,
                                 .clock_set = set_clock };
    d->bindings[0] = (struct dfu_smp_binding){ &dfu_smp_group_os, &d->os };
    d->bindings[1] = (struct dfu_smp_binding){ &dfu_smp_group_img, &d->img };
    d->bindings[2] = (struct dfu_smp_binding){ &dfu_smp_group_pages, &d->img };
    d->server = (struct dfu_smp_server){ .bindings = d->bindings,
                                         .binding_count = 3,
                                         .response = d->response,
                                         .response_cap = sizeof(d->response),
                                         .buf_size = BUF_SIZE,
                                         .buf_count = 4 };
    d->link = (struct dfu_smp_link){ .send = check_answer, .ctx = d };
}

static void set_options(struct device *d, uint8_t bits)
{
    d->server.definite_lengths = bits & 1;
    d->server.verbose_errors = bits & 2;
    d->server.legacy_rc = bits & 4;
    d->server.response_cap = bits & 8 ? DFU_SMP_RESPONSE_MIN : BUF_SIZE;
    d->img.frugal_list = bits & 16;
    d->img.refuse_erase_pending = bits & 32;
    d->map.mode = bits & 64 ? DFU_MODE_OVERWRITE : DFU_MODE_SWAP_MOVE;
    if (!d->img.upload.is_active) {
        d->img.erase_progressively = bits & 128;
    }
}

/* ---- Packets ---- */

static void receive(struct device *d, const uint8_t *packet, size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a read past the end is seen */

    require(exact != NULL);
    if (len > 0) {
        memcpy(exact, packet, len);
    }
    d->answers = 0;
    (void)dfu_smp_receive(&d->server, exact, len, &d->link);
    require(d->answers <= len / DFU_SMP_HEADER_SIZE);
    free(exact);
}

/* A chunk that fits the running upload (or starts one), with data of the fuzzer's. */
static void send_chunk(struct device *d, struct input *in, bool is_first)
{
    uint8_t packet[BUF_SIZE] = { 0x0a };
    uint8_t data[288] = { 0x3d, 0xb8, 0xf3, 0x96 };
    uint8_t size = take_byte(in);
    struct input content = take(in, size);
    struct dfu_cbor_encoder enc;

    if (content.len > 0) {
        memcpy(data + (is_first ? 4 : 0), content.data, content.len);
    }
    dfu_cbor_encoder_init(&enc, packet + 8, sizeof(packet) - 8, true);
    dfu_cbor_begin_map(&enc);
    dfu_cbor_pair_uint(&enc, "off", is_first ? 0 : d->img.upload.off);
    if (is_first) {
        dfu_cbor_pair_uint(&enc, "len", 32u + size * 24u);
        /* Mostly whole ones: no pages without. */
        dfu_cbor_pair_bytes(&enc, "sha", data + 4, size % 4 ? 32 : size % 33);
    }
    dfu_cbor_pair_bytes(&enc, "data", data, is_first && size < 32 ? 32 : size);
    dfu_cbor_end(&enc);
    if (dfu_cbor_finish(&enc)) {
        return;
    }
    put_be16(packet + 2, (uint16_t)enc.len);
    packet[5] = DFU_SMP_GROUP_IMG;
    packet[7] = DFU_SMP_IMG_UPLOAD;
    receive(d, packet, 8 + enc.len);
}

/* Hashes, or pages to take: those that come next, or others. */
static void ask_for_pages(struct device *d, uint8_t how, uint8_t pages)
{
    uint8_t packet[64] = { (how & 1) ? 0x0a : 0x08 };
    uint32_t off = (how & 2) ? d->img.upload.off : (how >> 4) * (SECTOR / 2);
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, packet + 8, sizeof(packet) - 8, true);
    dfu_cbor_begin_map(&enc);
    dfu_cbor_pair_uint(&enc, "off", off);
    if (how & 1) {
        dfu_cbor_pair_uint(&enc, "len",
                           (how & 4) && off < d->img.upload.size ? d->img.upload.size - off
                                                                 : pages * (SECTOR / 2));
    }
    dfu_cbor_pair_bool(&enc, "running", how & 8);
    dfu_cbor_end(&enc);
    put_be16(packet + 2, (uint16_t)enc.len);
    packet[5] = DFU_SMP_GROUP_PAGES;
    packet[7] = how & 1;
    receive(d, packet, 8 + enc.len);
}

static void step(struct device *d, struct input *in)
{
    const struct dfu_area *primary = d->map.images[0].primary;
    struct input raw;
    uint8_t how;

    switch (take_byte(in) % KINDS) {
    case NEXT_CHUNK: send_chunk(d, in, false); break;
    case FIRST_CHUNK: send_chunk(d, in, true); break;
    case RESET: memset(&d->img.upload, 0, sizeof(d->img.upload)); break;
    case PENDING: (void)dfu_boot_request_upgrade(&d->map, 0, take_byte(in) & 1); break;
    case ON_TEST:
        (void)dfu_trailer_write_magic(&d->map, primary);
        (void)dfu_trailer_write_copy_done(&d->map, primary);
        break;
    case PAGES:
        how = take_byte(in);
        ask_for_pages(d, how, take_byte(in));
        break;
    case OPTIONS: set_options(d, take_byte(in)); break;
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
