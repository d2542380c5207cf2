/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "recovery_world.h"

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };
static const struct dfu_image_version one = { 1, 0, 0, 0 }, two = { 2, 3, 4, 5 };

/* ---- Answers as text: {rc:0,off:512} ---- */

static void render(char *out, size_t cap, struct dfu_cbor_span item);

static void add(char *out, size_t cap, const char *text)
{
    size_t len = strlen(out);

    (void)snprintf(out + len, cap - len, "%s", text);
}

static void render_pairs(char *out, size_t cap, struct dfu_cbor_span map)
{
    struct dfu_cbor_walk walk;
    struct dfu_cbor_span key, value;
    const char *before = "{";

    assert_int_equal(dfu_cbor_open_map(&walk, map), 0);
    while (dfu_cbor_next_pair(&walk, &key, &value) == 1) {
        size_t len = strlen(out);

        (void)snprintf(out + len, cap - len, "%s%.*s:", before, (int)key.len,
                       (const char *)key.data);
        render(out, cap, value);
        before = ",";
    }
    add(out, cap, before[0] == '{' ? "{}" : "}");
}

static void render_items(char *out, size_t cap, struct dfu_cbor_span array)
{
    struct dfu_cbor_walk walk;
    struct dfu_cbor_span item;
    const char *before = "";

    assert_int_equal(dfu_cbor_open_array(&walk, array), 0);
    add(out, cap, "[");
    while (dfu_cbor_next_item(&walk, &item) == 1) {
        add(out, cap, before);
        render(out, cap, item);
        before = ",";
    }
    add(out, cap, "]");
}

static void render(char *out, size_t cap, struct dfu_cbor_span item)
{
    struct dfu_cbor_span content;
    uint32_t number;
    bool truth;
    size_t len = strlen(out);

    if (dfu_cbor_decode(item, DFU_CBOR_UINT, &number) == 0) {
        (void)snprintf(out + len, cap - len, "%u", (unsigned)number);
    } else if (dfu_cbor_decode(item, DFU_CBOR_BOOL, &truth) == 0) {
        add(out, cap, truth ? "true" : "false");
    } else if (dfu_cbor_decode(item, DFU_CBOR_TEXT, &content) == 0) {
        (void)snprintf(out + len, cap - len, "%.*s", (int)content.len, (const char *)content.data);
    } else if (dfu_cbor_decode(item, DFU_CBOR_BYTES, &content) == 0) {
        (void)snprintf(out + len, cap - len, "%zu bytes", content.len);
    } else if (item.len > 0 && (item.data[0] & 0xe0) == 0x80) {
        render_items(out, cap, item);
    } else {
        render_pairs(out, cap, item);
    }
}

/* ---- The world ---- */

static int take_answer(void *ctx, const uint8_t *frame, size_t len)
{
    struct recovery_world *w = ctx;

    assert_in_range(len, DFU_SMP_HEADER_SIZE, sizeof w->answer);
    memcpy(w->answer, frame, len);
    w->answer_len = len;
    w->answers++;
    return 0;
}

void rec_enter(struct recovery_world *w, enum dfu_recovery_reason reason)
{
    dfu_recovery_start(&w->recovery, &w->cfg, reason, RECOVERY_WINDOW_MS, w->now);
}

struct recovery_world *rec_open(uint8_t image_count)
{
    struct recovery_world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->nor = nor_new(RECOVERY_SECTOR, 2 * RECOVERY_SECTORS * image_count, 8, 0xff);
    w->map = (struct dfu_slot_map){ .mode = DFU_MODE_SWAP_MOVE,
                                    .max_align = 8,
                                    .max_sectors = RECOVERY_SECTORS,
                                    .image_count = image_count };
    for (uint8_t i = 0; i < image_count; i++) {
        w->map.images[i].primary = nor_area(w->nor, "primary", RECOVERY_SECTORS);
        w->map.images[i].secondary = nor_area(w->nor, "secondary", RECOVERY_SECTORS);
    }
    w->cfg = (struct dfu_recovery_config){ .map = &w->map,
                                           .policy = { .hashes = hashes, .hash_only = true },
                                           .erase_progressively = true,
                                           .idle_ms = RECOVERY_IDLE_MS,
                                           .buf = w->buf,
                                           .buf_len = sizeof w->buf,
                                           .response = w->response,
                                           .response_cap = sizeof w->response,
                                           .buf_size = 512 };
    w->link = (struct dfu_smp_link){ .send = take_answer, .ctx = w };
    w->old_image = image_make(one, 6000);
    w->new_image = image_make(two, 9001);
    w->now = 1000;
    assert_int_equal(dfu_recovery_check(&w->cfg), 0);
    rec_enter(w, DFU_RECOVERY_WITHOUT_IMAGE);
    return w;
}

void rec_close(struct recovery_world *w)
{
    assert_int_equal(w->nor->flash.double_programs, 0);
    nor_free(w->nor);
    image_free(&w->old_image);
    image_free(&w->new_image);
    free(w);
}

const struct dfu_area *rec_slot(const struct recovery_world *w, uint8_t image, uint8_t number)
{
    return number == 0 ? w->map.images[image].primary : w->map.images[image].secondary;
}

void rec_program(struct recovery_world *w, const struct dfu_area *area,
                 const struct test_image *image)
{
    assert_int_equal(dfu_area_erase(area, 0, area->size), 0);
    assert_int_equal(dfu_sim_flash_load(&w->nor->flash, area->base, image->data, image->size), 0);
}

void rec_assert_holds(const struct recovery_world *w, const struct dfu_area *area,
                      const struct test_image *image)
{
    assert_memory_equal(w->nor->flash.mem + area->base, image->data, image->size);
}

const char *rec_send(struct recovery_world *w, struct dfu_smp_header header, const void *payload,
                     size_t len)
{
    uint8_t packet[1024];
    struct dfu_smp_header got;

    assert_true(DFU_SMP_HEADER_SIZE + len <= sizeof packet);
    header.length = (uint16_t)len;
    header.seq = 7;
    dfu_smp_header_encode(&header, packet);
    memcpy(packet + DFU_SMP_HEADER_SIZE, payload, len);
    w->answers = 0;
    w->text[0] = '\0';
    dfu_recovery_receive(&w->recovery, packet, DFU_SMP_HEADER_SIZE + len, &w->link, w->now);
    if (w->answers == 0) {
        return "";
    }
    assert_int_equal(w->answers, 1);
    dfu_smp_header_decode(w->answer, &got);
    assert_int_equal(got.op, header.op + 1);
    assert_int_equal(got.version, header.version);
    assert_int_equal(got.flags, 0);
    assert_int_equal(got.seq, 7);
    assert_int_equal(got.length, w->answer_len - DFU_SMP_HEADER_SIZE);
    render_pairs(w->text, sizeof w->text,
                 (struct dfu_cbor_span){ w->answer + DFU_SMP_HEADER_SIZE, got.length });
    return w->text;
}

const char *rec_ask(struct recovery_world *w, enum dfu_smp_op op, uint16_t group, uint8_t id)
{
    return rec_send(
        w, (struct dfu_smp_header){ .op = (uint8_t)op, .version = 1, .group = group, .id = id },
        "\xa0", 1);
}

const char *rec_ask_images(struct recovery_world *w)
{
    return rec_ask(w, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE);
}

const char *rec_write_img(struct recovery_world *w, uint8_t id, const struct dfu_cbor_encoder *enc)
{
    assert_int_equal(dfu_cbor_finish(enc), 0);
    return rec_send(w,
                    (struct dfu_smp_header){
                        .op = DFU_SMP_WRITE, .version = 1, .group = DFU_SMP_GROUP_IMG, .id = id },
                    enc->buf, enc->len);
}

const char *rec_chunk(struct recovery_world *w, int64_t off, int64_t len, int64_t image,
                      const uint8_t *data, size_t data_len)
{
    uint8_t payload[900];
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, payload, sizeof payload, false);
    dfu_cbor_begin_map(&enc);
    if (image >= 0) {
        dfu_cbor_pair_uint(&enc, "image", (uint64_t)image);
    }
    if (off >= 0) {
        dfu_cbor_pair_uint(&enc, "off", (uint64_t)off);
    }
    if (len >= 0) {
        dfu_cbor_pair_uint(&enc, "len", (uint64_t)len);
    }
    dfu_cbor_pair_bytes(&enc, "data", data, data_len);
    dfu_cbor_end(&enc);
    return rec_write_img(w, DFU_SMP_IMG_UPLOAD, &enc);
}

bool rec_upload(struct recovery_world *w, int64_t number, const struct test_image *image)
{
    uint32_t off = 0;

    while (off < image->size) {
        uint32_t n = image->size - off < 300 ? image->size - off : 300;
        char expected[64];

        (void)snprintf(expected, sizeof expected, "{rc:0,off:%u}", (unsigned)(off + n));
        if (strcmp(rec_chunk(w, off, off == 0 ? (int64_t)image->size : -1, off == 0 ? number : -1,
                             image->data + off, n),
                   expected) != 0) {
            return false;
        }
        off += n;
    }
    return true;
}

const char *rec_set_state_by(struct recovery_world *w, const uint8_t *hash, size_t hash_len,
                             int confirm)
{
    uint8_t payload[256];
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, payload, sizeof payload, false);
    dfu_cbor_begin_map(&enc);
    if (hash) {
        dfu_cbor_pair_bytes(&enc, "hash", hash, hash_len);
    }
    if (confirm >= 0) {
        dfu_cbor_pair_bool(&enc, "confirm", confirm > 0);
    }
    dfu_cbor_end(&enc);
    return rec_write_img(w, DFU_SMP_IMG_STATE, &enc);
}

const char *rec_set_state(struct recovery_world *w, const uint8_t *hash, int confirm)
{
    return rec_set_state_by(w, hash, 32, confirm);
}

const char *rec_erase(struct recovery_world *w, int number)
{
    uint8_t payload[16];
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, payload, sizeof payload, false);
    dfu_cbor_begin_map(&enc);
    if (number >= 0) {
        dfu_cbor_pair_uint(&enc, "slot", (uint64_t)number);
    }
    dfu_cbor_end(&enc);
    return rec_write_img(w, DFU_SMP_IMG_ERASE, &enc);
}

int rec_boot(struct recovery_world *w, struct dfu_boot_result *out)
{
    static uint8_t buf[1024];
    struct dfu_boot_config cfg = { .map = &w->map,
                                   .strategy = &dfu_boot_swap_move,
                                   .policy = w->cfg.policy,
                                   .validate_primary = true,
                                   .buf = buf,
                                   .buf_len = sizeof buf };

    return dfu_boot(&cfg, out);
}
