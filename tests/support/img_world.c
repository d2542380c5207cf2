/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "img_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "hex.h"

#define SECTOR 4096u

/* ---- Device ---- */

static int save(void *ctx, const void *record, size_t len)
{
    struct img_world *w = ctx;

    assert_int_equal(len, sizeof(w->stored));
    memcpy(w->stored, record, len);
    w->stored_len = (int)len;
    w->saves++;
    return 0;
}

static int load(void *ctx, void *record, size_t cap)
{
    const struct img_world *w = ctx;

    assert_true(cap >= sizeof(w->stored));
    memcpy(record, w->stored, sizeof(w->stored));
    return w->stored_len > 0 ? w->stored_len : DFU_ERR_NOENT;
}

static int clear(void *ctx)
{
    struct img_world *w = ctx;

    w->stored_len = 0;
    return 0;
}

static enum dfu_smp_hook_result watch(void *ctx, struct dfu_smp_event *event)
{
    struct img_world *w = ctx;

    if (event->id >> 16 == 3 && event->id < DFU_SMP_EV_IMG_SLOT_STATE) {
        assert_true(w->event_count < WORLD_EVENTS_MAX);
        w->events[w->event_count++] = event->id;
    }
    event->rc = DFU_SMP_EACCESSDENIED;
    return event->id == w->refused_event ? DFU_SMP_HOOK_RC : DFU_SMP_HOOK_OK;
}

static void guard_active(void *ctx, const struct dfu_sim_op *op)
{
    const struct img_world *w = ctx;
    const struct dfu_area *active = world_slot(w, w->img.running_image, w->img.active_slot);

    if (w->guards_active && op->off < active->base + active->size &&
        op->off + op->len > active->base) {
        fail_msg("the running slot was written at %#x", (unsigned)op->off);
    }
}

static void start_server(struct img_world *w)
{
    w->bindings[0] = (struct dfu_smp_binding){ &dfu_smp_group_img, &w->img };
    w->bindings[1] = (struct dfu_smp_binding){ &dfu_smp_group_pages, &w->img };
    smp_peer_init(&w->peer, w->bindings, 2);
    w->hook = (struct dfu_smp_hook){ DFU_SMP_EVENT_ALL, watch, w };
    w->peer.server.hooks = &w->hook;
    w->peer.server.hook_count = 1;
}

void world_init(struct img_world *w, uint8_t image_count, uint32_t slot_sectors, uint8_t write_size)
{
    memset(w, 0, sizeof(*w));
    w->nor = nor_new(SECTOR, 2u * image_count * slot_sectors, write_size, 0xff);
    w->map = (struct dfu_slot_map){ .mode = DFU_MODE_SWAP_MOVE,
                                    .max_align = write_size > 8 ? write_size : 8,
                                    .max_sectors = 128,
                                    .image_count = image_count };
    for (uint8_t i = 0; i < image_count; i++) {
        w->map.images[i].primary = nor_area(w->nor, "primary", slot_sectors);
        w->map.images[i].secondary = nor_area(w->nor, "secondary", slot_sectors);
    }
    w->store = (struct dfu_stream_store){ save, load, clear, w };
    w->img = (struct dfu_smp_img){
        .map = &w->map, .hash_size = 32, .sha256 = &dfu_sha256_openssl, .erase_progressively = true
    };
    w->nor->flash.on_op = guard_active;
    w->nor->flash.on_op_ctx = w;
    w->guards_active = true;
    start_server(w);
}

void world_free(struct img_world *w)
{
    nor_free(w->nor);
}

void world_reset(struct img_world *w)
{
    memset(&w->img.upload, 0, sizeof(w->img.upload));
    start_server(w);
}

const struct dfu_area *world_slot(const struct img_world *w, uint8_t image, uint8_t slot)
{
    return slot == 0 ? w->map.images[image].primary : w->map.images[image].secondary;
}

/* ---- Images ---- */

static void digest(const uint8_t *data, size_t len, uint8_t out[32])
{
    struct dfu_hash hash = { .alg = &dfu_sha256_openssl };

    assert_int_equal(hash.alg->start(&hash), 0);
    assert_int_equal(hash.alg->update(&hash, data, len), 0);
    assert_int_equal(hash.alg->finish(&hash, out), 0);
}

struct test_image image_make(struct dfu_image_version version, uint32_t size)
{
    const uint32_t tlv_size = 4 + 4 + 32;
    struct test_image image = { .data = malloc(size), .size = size };
    uint64_t seed = version.major * 1000u + version.minor * 100u + version.revision;
    uint8_t *p = image.data;
    uint32_t payload = size - tlv_size;

    assert_non_null(p);
    memset(p, 0, 32);
    put_le32(p, DFU_IMAGE_MAGIC);
    put_le16(p + 8, 32);
    put_le32(p + 12, payload - 32);
    p[20] = version.major;
    p[21] = version.minor;
    put_le16(p + 22, version.revision);
    put_le32(p + 24, version.build);
    for (uint32_t i = 32; i < payload; i++) {
        p[i] = (uint8_t)test_random(&seed);
    }
    put_le16(p + payload, 0x6907);
    put_le16(p + payload + 2, (uint16_t)tlv_size);
    put_le16(p + payload + 4, DFU_TLV_SHA256);
    put_le16(p + payload + 6, 32);
    digest(p, payload, image.hash);
    memcpy(p + payload + 8, image.hash, 32);
    digest(p, size, image.sha);
    return image;
}

void image_free(struct test_image *image)
{
    free(image->data);
    image->data = NULL;
}

void world_program(struct img_world *w, uint8_t image, uint8_t slot,
                   const struct test_image *content)
{
    const struct dfu_area *area = world_slot(w, image, slot);

    assert_int_equal(dfu_sim_flash_load(&w->nor->flash, area->base, content->data, content->size),
                     0);
}

void assert_slot_holds(const struct img_world *w, uint8_t image, uint8_t slot,
                       const struct test_image *content)
{
    const struct dfu_area *area = world_slot(w, image, slot);
    uint32_t off = slot == 1 ? dfu_slot_upload_offset(&w->map, image) : 0;

    assert_memory_equal(w->nor->flash.mem + area->base + off, content->data, content->size);
}

void world_fill(struct img_world *w, uint8_t image_count, struct test_image *old_image,
                struct test_image *new_image)
{
    world_init(w, image_count, 8, 8);
    *old_image = image_make((struct dfu_image_version){ 1, 0, 0, 0 }, 5000);
    *new_image = image_make((struct dfu_image_version){ 1, 1, 0, 0 }, 6000);
    world_program(w, 0, 0, old_image);
    world_program(w, (uint8_t)(image_count - 1), 1, new_image);
}

void world_make_swap_type(struct img_world *w, enum dfu_swap_type type)
{
    const struct dfu_area *primary = world_slot(w, 0, 0);

    w->guards_active = false;
    switch (type) {
    case DFU_SWAP_TEST: assert_int_equal(dfu_boot_request_upgrade(&w->map, 0, false), 0); break;
    case DFU_SWAP_PERM: assert_int_equal(dfu_boot_request_upgrade(&w->map, 0, true), 0); break;
    case DFU_SWAP_REVERT:
        assert_int_equal(dfu_trailer_write_magic(&w->map, primary), 0);
        assert_int_equal(dfu_trailer_write_copy_done(&w->map, primary), 0);
        break;
    default: break;
    }
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), type);
    w->guards_active = true;
}

/* ---- Requests ---- */

static struct reply parse_reply(const struct smp_peer *peer)
{
    struct reply reply = { .off = -1, .match = -1, .rc = 0, .err = 0, .err_group = -1 };
    uint32_t off = 0, rc = 0, err_rc = 0, group = 0;
    bool match = false;
    struct dfu_cbor_span err = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "off", .type = DFU_CBOR_UINT, .out = &off },
                                   { .name = "match", .type = DFU_CBOR_BOOL, .out = &match },
                                   { .name = "rc", .type = DFU_CBOR_UINT, .out = &rc },
                                   { .name = "err", .type = DFU_CBOR_MAP, .out = &err } };
    struct dfu_cbor_key in_err[] = { { .name = "group", .type = DFU_CBOR_UINT, .out = &group },
                                     { .name = "rc", .type = DFU_CBOR_UINT, .out = &err_rc } };
    struct dfu_cbor_span map = { peer->answers[0].data + DFU_SMP_HEADER_SIZE,
                                 peer->answers[0].len - DFU_SMP_HEADER_SIZE };

    assert_int_equal(peer->count, 1);
    assert_int_equal(dfu_cbor_decode_map(map, keys, 4), 0);
    reply.off = keys[0].found ? (int64_t)off : -1;
    reply.match = keys[1].found ? match : -1;
    reply.rc = rc;
    if (keys[3].found) {
        assert_int_equal(dfu_cbor_decode_map(err, in_err, 2), 0);
        assert_int_equal(group, DFU_SMP_GROUP_IMG);
        reply.err = err_rc;
        reply.err_group = group;
    }
    return reply;
}

struct writing {
    uint8_t packet[4096];
    struct dfu_cbor_encoder enc;
};

static void begin(struct writing *q)
{
    dfu_cbor_encoder_init(&q->enc, q->packet + DFU_SMP_HEADER_SIZE,
                          sizeof(q->packet) - DFU_SMP_HEADER_SIZE, true);
    dfu_cbor_begin_map(&q->enc);
}

static struct reply finish(struct writing *q, struct img_world *w, uint8_t id)
{
    struct dfu_smp_header header = {
        .op = DFU_SMP_WRITE, .version = DFU_SMP_V2, .group = DFU_SMP_GROUP_IMG, .id = id
    };

    dfu_cbor_end(&q->enc);
    assert_int_equal(dfu_cbor_finish(&q->enc), 0);
    header.length = (uint16_t)q->enc.len;
    dfu_smp_header_encode(&header, q->packet);
    smp_peer_receive(&w->peer, q->packet, DFU_SMP_HEADER_SIZE + q->enc.len);
    return parse_reply(&w->peer);
}

struct reply world_chunk(struct img_world *w, const struct chunk *chunk)
{
    struct writing q;

    begin(&q);
    if (chunk->image >= 0) {
        dfu_cbor_pair_uint(&q.enc, "image", (uint64_t)chunk->image);
    }
    if (chunk->len >= 0) {
        dfu_cbor_pair_uint(&q.enc, "len", (uint64_t)chunk->len);
    }
    if (chunk->off >= 0) {
        dfu_cbor_pair_uint(&q.enc, "off", (uint64_t)chunk->off);
    }
    if (chunk->sha) {
        dfu_cbor_pair_bytes(&q.enc, "sha", chunk->sha, chunk->sha_len);
    }
    if (chunk->data) {
        dfu_cbor_pair_bytes(&q.enc, "data", chunk->data, chunk->data_len);
    }
    if (chunk->upgrade >= 0) {
        dfu_cbor_pair_bool(&q.enc, "upgrade", chunk->upgrade);
    }
    return finish(&q, w, DFU_SMP_IMG_UPLOAD);
}

struct reply world_upload(struct img_world *w, const struct test_image *image, uint32_t off,
                          uint32_t step, bool with_sha)
{
    struct reply reply;

    do {
        struct chunk chunk = CHUNK_NONE;
        uint32_t n = min_u32(step, image->size - off);

        chunk.off = off;
        chunk.data = image->data + off;
        chunk.data_len = n;
        if (off == 0) {
            chunk.len = image->size;
            chunk.sha = with_sha ? image->sha : NULL;
            chunk.sha_len = 32;
        }
        reply = world_chunk(w, &chunk);
        if (reply.off <= (int64_t)off) {
            return reply; /* an error, or no progress */
        }
        off = (uint32_t)reply.off;
    } while (off < image->size);
    return reply;
}

struct reply world_set_state(struct img_world *w, const uint8_t *hash, size_t hash_len,
                             bool confirm)
{
    struct writing q;

    begin(&q);
    if (hash) {
        dfu_cbor_pair_bytes(&q.enc, "hash", hash, hash_len);
    }
    dfu_cbor_pair_bool(&q.enc, "confirm", confirm);
    return finish(&q, w, DFU_SMP_IMG_STATE);
}

struct reply world_erase(struct img_world *w, int64_t slot)
{
    struct writing q;

    begin(&q);
    if (slot >= 0) {
        dfu_cbor_pair_uint(&q.enc, "slot", (uint64_t)slot);
    }
    return finish(&q, w, DFU_SMP_IMG_ERASE);
}

static void add_flag(char *text, bool flag, const char *name)
{
    if (flag) {
        strcat(text, text[0] ? "," : "");
        strcat(text, name);
    }
}

const char *world_flags(struct img_world *w, uint8_t image, uint8_t slot)
{
    static char text[64];
    struct dfu_cbor_span images = { 0 }, entry = { 0 };
    struct dfu_cbor_key top = { .name = "images", .type = DFU_CBOR_ARRAY, .out = &images };
    struct dfu_cbor_walk walk;

    smp_peer_receive_hex(&w->peer, "08 00 00 01 00 01 00 00 a0");
    assert_int_equal(w->peer.count, 1);
    assert_int_equal(dfu_cbor_decode_map((struct dfu_cbor_span){ w->peer.answers[0].data + 8,
                                                                 w->peer.answers[0].len - 8 },
                                         &top, 1),
                     0);
    assert_int_equal(dfu_cbor_open_array(&walk, images), 0);
    while (dfu_cbor_next_item(&walk, &entry) == 1) {
        uint32_t n = 0, s = 0;
        bool pending = false, confirmed = false, active = false, permanent = false;
        struct dfu_cbor_key keys[] = {
            { .name = "image", .type = DFU_CBOR_UINT, .out = &n },
            { .name = "slot", .type = DFU_CBOR_UINT, .out = &s },
            { .name = "pending", .type = DFU_CBOR_BOOL, .out = &pending },
            { .name = "confirmed", .type = DFU_CBOR_BOOL, .out = &confirmed },
            { .name = "active", .type = DFU_CBOR_BOOL, .out = &active },
            { .name = "permanent", .type = DFU_CBOR_BOOL, .out = &permanent },
        };

        assert_int_equal(dfu_cbor_decode_map(entry, keys, 6), 0);
        if (n != image || s != slot) {
            continue;
        }
        text[0] = '\0';
        add_flag(text, active, "active");
        add_flag(text, confirmed, "confirmed");
        add_flag(text, pending, "pending");
        add_flag(text, permanent, "permanent");
        return text;
    }
    return "absent";
}
