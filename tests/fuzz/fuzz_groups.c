/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Packets into a server with every group there is. The mutator builds them from the groups' own
 * numbers, keys and words, right and slightly wrong, so that handlers are reached and not only the
 * frame. Whatever comes: at most one answer for 8 bytes, each a whole packet with a map that
 * decodes, none larger than the buffer; no more flash operations than the sectors of one slot
 * explain; one file open; the running image is never touched. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "input.h"
#include "smp_world.h"

#define PACKETS_MAX 48u
#define BUF_SIZE    384u
#define HEAD        2u /* a packet's length in the input */
#define OPS_MAX     200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max);

/* ---- Grammar ---- */

enum kind { NUMBER, SIGNED, SWITCH, TEXT, BYTES, WORDS, NUMBERS };

/* The keys of a group's requests. */
static const struct {
    uint16_t group;
    uint8_t commands;
    struct {
        const char *name;
        enum kind kind;
    } keys[8];
} groups[] = {
    { 0,
      9,
      { { "d", TEXT },
        { "echo", NUMBER },
        { "datetime", TEXT },
        { "force", SWITCH },
        { "boot_mode", NUMBER },
        { "format", TEXT },
        { "query", TEXT } } },
    { 1,
      7,
      { { "hash", BYTES },
        { "confirm", SWITCH },
        { "image", NUMBER },
        { "len", NUMBER },
        { "off", NUMBER },
        { "data", BYTES },
        { "slot", NUMBER },
        { "sha", BYTES } } },
    { 2, 2, { { "name", TEXT } } },
    { 3, 4, { { "name", TEXT }, { "val", BYTES }, { "max_size", NUMBER } } },
    { 4, 6, { { "log_name", TEXT }, { "ts", SIGNED }, { "index", NUMBER } } },
    { 5, 1, { { "t", TEXT } } },
    { 8,
      5,
      { { "name", TEXT },
        { "off", NUMBER },
        { "data", BYTES },
        { "len", NUMBER },
        { "type", TEXT } } },
    { 9, 1, { { "argv", WORDS } } },
    { 10, 4, { { "index", NUMBER }, { "groups", NUMBERS } } },
    { 63, 1, { { "", NUMBER } } },
    { 64, 1, { { "skip", NUMBER } } },
    { 65, 2, { { "off", NUMBER }, { "len", NUMBER }, { "running", SWITCH } } },
    { 66, 4, { { "key", BYTES }, { "role", NUMBER }, { "sig", BYTES } } },
};

static const char *const words[] = {
    "",
    "/lfs/a",
    "/lfs/b",
    "app/id",
    "app",
    "boot",
    "none",
    "smp_svr_stats",
    "div0",
    "wdog",
    "mode",
    "kernel",
    "version",
    "help",
    "crc32",
    "sha256",
    "a",
    "snrvbmpio",
    "x",
    "2026-11-20T11:56:05.366Z",
    "2026-02-30 00:00:00",
};
static const uint64_t numbers[] = {
    0,    1,    2,     3,     4,      5,          8,          9,          31,   32,
    40,   48,   64,    255,   256,    1000,       1024,       2000,       2048, 4096,
    8192, 6144, 65535, 65536, 0x7fff, 0x7fffffff, 0xffffffff, 0x100000000
};

static uint32_t draw(uint64_t *state, uint32_t below)
{
    return test_random(state) % below;
}

#define PICK(state, table) (table)[draw(state, sizeof(table) / sizeof((table)[0]))]

static void put_blob(struct dfu_cbor_encoder *enc, uint64_t *state)
{
    /* A header of an image of 16 bytes; the hash of the second one; or anything. */
    uint8_t blob[128] = { 0x3d, 0xb8, 0xf3, 0x96, 0, 0, 0, 0, 32, 0, 0, 0, 16 };
    static const uint8_t lengths[] = { 0, 1, 4, 8, 16, 31, 32, 33, 48, 64, 100 };
    uint32_t how = draw(state, 3);

    for (size_t i = 0; how > 0 && i < sizeof blob; i++) {
        blob[i] = how == 1 ? (uint8_t)(0x20 + i) : (uint8_t)test_random(state);
    }
    dfu_cbor_put_bytes(enc, blob, PICK(state, lengths));
}

static void put_list(struct dfu_cbor_encoder *enc, uint64_t *state, bool of_words)
{
    dfu_cbor_begin_array(enc);
    for (uint32_t i = draw(state, 19); i > 0; i--) {
        if (of_words) {
            dfu_cbor_put_text(enc, PICK(state, words));
        } else {
            dfu_cbor_put_uint(enc, draw(state, 70));
        }
    }
    dfu_cbor_end(enc);
}

static void put_value(struct dfu_cbor_encoder *enc, uint64_t *state, enum kind kind)
{
    /* One in sixteen is of another kind. */
    switch (draw(state, 16) == 0 ? (enum kind)draw(state, NUMBERS + 1) : kind) {
    case NUMBER: dfu_cbor_put_uint(enc, PICK(state, numbers)); break;
    case SIGNED:
        dfu_cbor_put_int(enc, (int64_t)PICK(state, numbers) * (draw(state, 2) ? 1 : -1));
        break;
    case SWITCH: dfu_cbor_put_bool(enc, draw(state, 2)); break;
    case TEXT: dfu_cbor_put_text(enc, PICK(state, words)); break;
    case BYTES: put_blob(enc, state); break;
    case WORDS: put_list(enc, state, true); break;
    case NUMBERS: put_list(enc, state, false); break;
    }
}

/* A request with its length before it; at most HEAD + BUF_SIZE bytes. */
static size_t make_packet(uint8_t *out, uint64_t *state)
{
    size_t which = draw(state, sizeof groups / sizeof groups[0]);
    struct dfu_smp_header header = { .op = (uint8_t)(draw(state, 2) ? DFU_SMP_WRITE : DFU_SMP_READ),
                                     .version = (uint8_t)draw(state, 2),
                                     .group = groups[which].group,
                                     .seq = (uint8_t)test_random(state),
                                     .id = (uint8_t)draw(state, groups[which].commands + 1u) };
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, out + HEAD + DFU_SMP_HEADER_SIZE, BUF_SIZE - DFU_SMP_HEADER_SIZE,
                          draw(state, 2));
    dfu_cbor_begin_map(&enc);
    for (size_t i = 0; i < 8 && groups[which].keys[i].name; i++) {
        if (draw(state, 4) > 0) {
            dfu_cbor_put_text(&enc, groups[which].keys[i].name);
            put_value(&enc, state, groups[which].keys[i].kind);
        }
    }
    dfu_cbor_end(&enc);
    header.length = (uint16_t)enc.len;
    dfu_smp_header_encode(&header, out + HEAD);
    put_be16(out, (uint16_t)(DFU_SMP_HEADER_SIZE + enc.len));
    return HEAD + DFU_SMP_HEADER_SIZE + enc.len;
}

/* The packet at pos with its length, or what is left of the input. */
static size_t packet_size(const uint8_t *data, size_t len, size_t pos)
{
    size_t size = len - pos < HEAD ? len - pos : HEAD + (size_t)get_be16(data + pos);

    return size < len - pos ? size : len - pos;
}

/* Put a packet in front of the index-th, or in its place. */
static size_t insert(uint8_t *data, size_t len, size_t max, const uint8_t *packet, size_t size,
                     uint32_t index, bool replaces)
{
    size_t pos = 1, gone;

    while (index-- > 0 && pos < len) {
        pos += packet_size(data, len, pos);
    }
    gone = replaces && pos < len ? packet_size(data, len, pos) : 0;
    if (len - gone + size > max) {
        return len;
    }
    memmove(data + pos + size, data + pos + gone, len - pos - gone);
    memcpy(data + pos, packet, size);
    return len - gone + size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
    uint8_t packet[HEAD + BUF_SIZE];
    uint64_t state = seed;

    if (len == 0 && max > 0) {
        data[0] = 0;
        len = 1;
    }
    if (len == 0 || draw(&state, 4) == 0) {
        return LLVMFuzzerMutate(data, len, max);
    }
    return insert(data, len, max, packet, make_packet(packet, &state), draw(&state, 8),
                  draw(&state, 2));
}

/* ---- Device ---- */

static struct smp_world world;
static size_t answers;

static int check_answer(void *ctx, const uint8_t *frame, size_t len)
{
    struct dfu_cbor_span map = { frame + DFU_SMP_HEADER_SIZE, len - DFU_SMP_HEADER_SIZE };
    struct dfu_cbor_span key, value;
    struct dfu_smp_header header;
    struct dfu_cbor_walk walk;
    int more;

    (void)ctx;
    answers++;
    require(len > DFU_SMP_HEADER_SIZE && len <= world.peer.server.response_cap);
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
    const struct dfu_area *running = world.map.images[0].primary;
    struct dfu_trailer trailer;

    (void)ctx;
    require(dfu_slot_trailer(&world.map, running, &trailer) == 0);
    require(op->off >= running->base + trailer.status || op->off + op->len <= running->base);
}

static void start(uint8_t options)
{
    static const size_t caps[] = { DFU_SMP_RESPONSE_MIN, 128, 200, BUF_SIZE };

    smp_world_init(&world);
    world.nor->flash.on_op = guard_running;
    world.peer.link.send = check_answer;
    world.peer.server.definite_lengths = options & 1;
    world.peer.server.verbose_errors = options & 2;
    world.peer.server.legacy_rc = options & 4;
    world.img.frugal_list = options & 8;
    world.peer.server.response_cap = caps[options >> 4 & 3];
    world.img.erase_progressively = !(options & 64);
    world.core_size = options & 128 ? 70000 : 4;
}

static void receive(const uint8_t *packet, size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a read past the end is seen */
    uint32_t ops = world.nor->flash.ops;

    require(exact != NULL);
    if (len > 0) {
        memcpy(exact, packet, len);
    }
    answers = 0;
    (void)dfu_smp_receive(&world.peer.server, exact, len, &world.peer.link);
    require(answers <= len / DFU_SMP_HEADER_SIZE);
    require(world.nor->flash.ops - ops <= (1 + answers) * OPS_MAX);
    require(world.open_files <= 1);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t pos = 1;

    if (len == 0) {
        return 0;
    }
    start(data[0]);
    for (unsigned i = 0; pos < len && i < PACKETS_MAX; i++) {
        size_t size = packet_size(data, len, pos);

        if (size > HEAD) {
            receive(data + pos + HEAD, size - HEAD);
        }
        pos += size;
    }
    require(world.nor->flash.double_programs == 0);
    smp_world_free(&world);
    return 0;
}
