/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Serial recovery against simulated flash: what MCUboot's answers (spec: bootloader, section 7), and
 * what it does to slots, with power failing anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/boot.h"
#include "dfu/err.h"
#include "dfu/recovery.h"
#include "img_world.h"
#include "nor.h"

#define SECTOR    4096u
#define SECTORS   8u /* of a slot */
#define SLOT_SIZE (SECTORS * SECTOR)
#define IDLE      30000u
#define WINDOW    500u
#define OLD_SIZE  6000u
#define NEW_SIZE  9001u
#define EMPTY     "{images:[]}"

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };
static const struct dfu_image_version one = { 1, 0, 0, 0 }, two = { 2, 3, 4, 5 };

struct world {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_recovery_config cfg;
    struct dfu_recovery recovery;
    struct dfu_smp_link link;
    struct test_image old_image, new_image;
    uint64_t now;
    unsigned answers;
    uint8_t answer[1024];
    size_t answer_len;
    char text[2048]; /* of the last answer's map */
    uint8_t buf[256], response[1024];
};

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
    struct world *w = ctx;

    assert_in_range(len, DFU_SMP_HEADER_SIZE, sizeof w->answer);
    memcpy(w->answer, frame, len);
    w->answer_len = len;
    w->answers++;
    return 0;
}

static void enter(struct world *w, enum dfu_recovery_reason reason)
{
    dfu_recovery_start(&w->recovery, &w->cfg, reason, WINDOW, w->now);
}

/* Empty slots, in recovery because nothing may run. */
static struct world *open_world(uint8_t image_count)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->nor = nor_new(SECTOR, 2 * SECTORS * image_count, 8, 0xff);
    w->map = (struct dfu_slot_map){ .mode = DFU_MODE_SWAP_MOVE,
                                    .max_align = 8,
                                    .max_sectors = SECTORS,
                                    .image_count = image_count };
    for (uint8_t i = 0; i < image_count; i++) {
        w->map.images[i].primary = nor_area(w->nor, "primary", SECTORS);
        w->map.images[i].secondary = nor_area(w->nor, "secondary", SECTORS);
    }
    w->cfg = (struct dfu_recovery_config){ .map = &w->map,
                                           .policy = { .hashes = hashes, .hash_only = true },
                                           .erase_progressively = true,
                                           .idle_ms = IDLE,
                                           .buf = w->buf,
                                           .buf_len = sizeof w->buf,
                                           .response = w->response,
                                           .response_cap = sizeof w->response,
                                           .buf_size = 512 };
    w->link = (struct dfu_smp_link){ .send = take_answer, .ctx = w };
    w->old_image = image_make(one, OLD_SIZE);
    w->new_image = image_make(two, NEW_SIZE);
    w->now = 1000;
    assert_int_equal(dfu_recovery_check(&w->cfg), 0);
    enter(w, DFU_RECOVERY_WITHOUT_IMAGE);
    return w;
}

static void close_world(struct world *w)
{
    assert_int_equal(w->nor->flash.double_programs, 0);
    nor_free(w->nor);
    image_free(&w->old_image);
    image_free(&w->new_image);
    free(w);
}

static const struct dfu_area *slot(const struct world *w, uint8_t image, uint8_t number)
{
    return number == 0 ? w->map.images[image].primary : w->map.images[image].secondary;
}

static void program(struct world *w, const struct dfu_area *area, const struct test_image *image)
{
    assert_int_equal(dfu_area_erase(area, 0, area->size), 0);
    assert_int_equal(dfu_sim_flash_load(&w->nor->flash, area->base, image->data, image->size), 0);
}

static void assert_holds(const struct world *w, const struct dfu_area *area,
                         const struct test_image *image)
{
    assert_memory_equal(w->nor->flash.mem + area->base, image->data, image->size);
}

/* One packet; its only answer's map as text, "" for silence. */
static const char *send(struct world *w, struct dfu_smp_header header, const void *payload,
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

static const char *ask(struct world *w, enum dfu_smp_op op, uint16_t group, uint8_t id)
{
    return send(w, (struct dfu_smp_header){ .op = op, .version = 1, .group = group, .id = id },
                "\xa0", 1);
}

static const char *ask_images(struct world *w)
{
    return ask(w, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE);
}

static const char *write_img(struct world *w, uint8_t id, const struct dfu_cbor_encoder *enc)
{
    assert_int_equal(dfu_cbor_finish(enc), 0);
    return send(w,
                (struct dfu_smp_header){
                    .op = DFU_SMP_WRITE, .version = 1, .group = DFU_SMP_GROUP_IMG, .id = id },
                enc->buf, enc->len);
}

/* One upload request; a negative number leaves its key out. */
static const char *chunk(struct world *w, int64_t off, int64_t len, int64_t image,
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
    return write_img(w, DFU_SMP_IMG_UPLOAD, &enc);
}

/* In chunks of 300 bytes, as far as the device answers; true: to the end. */
static bool upload(struct world *w, int64_t number, const struct test_image *image)
{
    uint32_t off = 0;

    while (off < image->size) {
        uint32_t n = image->size - off < 300 ? image->size - off : 300;
        char expected[64];

        (void)snprintf(expected, sizeof expected, "{rc:0,off:%u}", (unsigned)(off + n));
        if (strcmp(chunk(w, off, off == 0 ? (int64_t)image->size : -1, off == 0 ? number : -1,
                         image->data + off, n),
                   expected) != 0) {
            return false;
        }
        off += n;
    }
    return true;
}

static const char *set_state_by(struct world *w, const uint8_t *hash, size_t hash_len, int confirm)
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
    return write_img(w, DFU_SMP_IMG_STATE, &enc);
}

static const char *set_state(struct world *w, const uint8_t *hash, int confirm)
{
    return set_state_by(w, hash, 32, confirm);
}

static const char *erase(struct world *w, int number)
{
    uint8_t payload[16];
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, payload, sizeof payload, false);
    dfu_cbor_begin_map(&enc);
    if (number >= 0) {
        dfu_cbor_pair_uint(&enc, "slot", (uint64_t)number);
    }
    dfu_cbor_end(&enc);
    return write_img(w, DFU_SMP_IMG_ERASE, &enc);
}

static int boot(struct world *w, struct dfu_boot_result *out)
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

/* ---- The first image ---- */

static void an_empty_device_is_given_its_first_image(void **state)
{
    for (int progressive = 0; progressive < 2; progressive++) {
        struct world *w = open_world(1);
        struct dfu_boot_result result;

        (void)state;
        w->cfg.erase_progressively = progressive != 0;
        assert_int_equal(boot(w, &result), DFU_ERR_VERIFY);
        assert_string_equal(ask_images(w), EMPTY);
        assert_true(upload(w, -1, &w->new_image));
        assert_holds(w, slot(w, 0, 0), &w->new_image);
        assert_string_equal(ask_images(w), "{images:[{bootable:true,confirmed:true,active:true,"
                                           "slot:0,hash:32 bytes,version:2.3.4.5}]}");
        assert_string_equal(ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET), "{rc:0}");
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + 249), DFU_RECOVERY_STAY);
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + 250), DFU_RECOVERY_RESET);
        assert_int_equal(boot(w, &result), 0);
        assert_int_equal(result.header.version.major, 2);
        close_world(w);
    }
}

static void a_power_cut_at_any_operation_leaves_a_device_that_can_be_given_an_image(void **state)
{
    static const enum dfu_sim_cut_when whens[] = { DFU_SIM_CUT_BEFORE, DFU_SIM_CUT_INSIDE,
                                                   DFU_SIM_CUT_INSIDE, DFU_SIM_CUT_INSIDE,
                                                   DFU_SIM_CUT_AFTER };
    unsigned cuts = 0, refused = 0;

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof whens / sizeof whens[0]; i++) {
        bool was_cut = true;

        for (uint32_t op = 1; was_cut; op++) {
            struct world *w = open_world(1);
            struct dfu_boot_result result;
            int err;

            w->cfg.erase_progressively = i % 2 == 0;
            program(w, slot(w, 0, 0), &w->old_image);
            assert_int_equal(dfu_trailer_write_magic(&w->map, slot(w, 0, 0)), 0);
            dfu_sim_flash_power_on(&w->nor->flash);
            dfu_sim_flash_cut(&w->nor->flash, whens[i / 2], op, 31 * op + i);
            was_cut = !upload(w, -1, &w->new_image);
            dfu_sim_flash_power_on(&w->nor->flash);

            err = boot(w, &result);
            assert_true(err == 0 || err == DFU_ERR_VERIFY);
            if (err == 0) {
                assert_holds(w, slot(w, 0, 0),
                             result.header.version.major == 1 ? &w->old_image : &w->new_image);
            }
            refused += err != 0;
            cuts += was_cut;
            enter(w, DFU_RECOVERY_WITHOUT_IMAGE);
            assert_true(upload(w, -1, &w->new_image));
            assert_int_equal(boot(w, &result), 0);
            assert_int_equal(result.header.version.major, 2);
            close_world(w);
        }
    }
    assert_true(cuts > 200 && refused > 100);
}

/* ---- List and state ---- */

static void flags_follow_the_swap_type_and_false_ones_are_left_out(void **state)
{
    struct world *w = open_world(1);

    (void)state;
    program(w, slot(w, 0, 0), &w->old_image);
    program(w, slot(w, 0, 1), &w->new_image);
    assert_string_equal(ask_images(w),
                        "{images:[{bootable:true,confirmed:true,active:true,slot:0,hash:32 bytes,"
                        "version:1.0.0},{bootable:true,slot:1,hash:32 bytes,version:2.3.4.5}]}");
    assert_string_equal(set_state(w, w->new_image.hash, 0),
                        "{images:[{bootable:true,confirmed:true,active:true,slot:0,hash:32 bytes,"
                        "version:1.0.0},{bootable:true,pending:true,slot:1,hash:32 bytes,"
                        "version:2.3.4.5}]}");
    assert_true(w->recovery.has_changed);
    close_world(w);

    w = open_world(1);
    program(w, slot(w, 0, 0), &w->old_image);
    program(w, slot(w, 0, 1), &w->new_image);
    assert_string_equal(set_state(w, NULL, 1), /* the secondary of the only image */
                        "{images:[{bootable:true,confirmed:true,active:true,slot:0,hash:32 bytes,"
                        "version:1.0.0},{bootable:true,pending:true,permanent:true,slot:1,"
                        "hash:32 bytes,version:2.3.4.5}]}");
    close_world(w);
}

static void a_trial_can_be_confirmed_and_its_predecessor_left_to_return(void **state)
{
    struct world *w = open_world(1);
    struct dfu_boot_result result;

    (void)state;
    program(w, slot(w, 0, 0), &w->old_image);
    program(w, slot(w, 0, 1), &w->new_image);
    (void)set_state(w, w->new_image.hash, -1);
    assert_int_equal(boot(w, &result), 0);
    assert_string_equal(ask_images(w),
                        "{images:[{bootable:true,active:true,slot:0,hash:32 bytes,"
                        "version:2.3.4.5},{bootable:true,confirmed:true,slot:1,hash:32 bytes,"
                        "version:1.0.0}]}");
    assert_string_equal(set_state(w, w->new_image.hash, 0), "{rc:3}"); /* it is on test */
    (void)set_state(w, w->old_image.hash, 1);                          /* returns anyway */
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_REVERT);
    (void)set_state(w, w->new_image.hash, 1);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    assert_int_equal(boot(w, &result), 0);
    assert_int_equal(result.header.version.major, 2);
    close_world(w);
}

/* Clients ask for a test of whatever they have uploaded. */
static void an_image_in_the_primary_needs_no_mark(void **state)
{
    static const char listed[] = "{images:[{bootable:true,confirmed:true,active:true,slot:0,"
                                 "hash:32 bytes,version:2.3.4.5}]}";
    struct world *w = open_world(1);
    uint32_t ops;

    (void)state;
    assert_true(upload(w, -1, &w->new_image));
    ops = w->nor->flash.ops;
    assert_string_equal(set_state(w, w->new_image.hash, 0), listed);
    assert_string_equal(set_state(w, w->new_image.hash, 1), listed);
    assert_int_equal(w->nor->flash.ops, ops);
    close_world(w);
}

static void what_does_not_verify_is_neither_listed_nor_marked(void **state)
{
    struct world *w = open_world(1);

    (void)state;
    program(w, slot(w, 0, 0), &w->old_image);
    w->new_image.data[3000] ^= 1;
    program(w, slot(w, 0, 1), &w->new_image);
    assert_string_equal(ask_images(w), "{images:[{bootable:true,confirmed:true,active:true,slot:0,"
                                       "hash:32 bytes,version:1.0.0}]}");
    assert_string_equal(set_state(w, w->new_image.hash, 0), "{rc:5}");
    assert_string_equal(set_state(w, NULL, 0), "{rc:5}");
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    assert_false(w->recovery.has_changed);
    close_world(w);
}

static void a_state_that_makes_no_sense_is_refused(void **state)
{
    struct world *w = open_world(2);

    (void)state;
    program(w, slot(w, 0, 0), &w->old_image);
    program(w, slot(w, 1, 1), &w->new_image);
    assert_string_equal(set_state(w, NULL, 1), "{rc:3}"); /* of which image? */
    assert_string_equal(set_state(w, w->old_image.sha, 0), "{rc:5}");
    assert_string_equal(set_state_by(w, w->new_image.hash, 16, 0), "{rc:5}");
    assert_string_equal(set_state_by(w, w->new_image.data, 200, 0), "{rc:5}");
    assert_false(w->recovery.has_changed);
    assert_string_equal(set_state(w, w->new_image.hash, 0),
                        "{images:[{image:0,bootable:true,confirmed:true,active:true,slot:0,"
                        "hash:32 bytes,version:1.0.0},{image:1,bootable:true,pending:true,slot:1,"
                        "hash:32 bytes,version:2.3.4.5}]}");
    close_world(w);
}

/* ---- Upload ---- */

static void an_upload_needs_its_length_and_a_slot_that_can_hold_it(void **state)
{
    struct world *w = open_world(1);
    const uint8_t *data = w->new_image.data;
    uint32_t max = dfu_slot_max_image(&w->map, 0);

    (void)state;
    assert_string_equal(chunk(w, 0, -1, -1, data, 64), "{rc:3}");
    assert_string_equal(chunk(w, 0, 0, -1, data, 0), "{rc:3}");
    assert_string_equal(chunk(w, -1, 900, -1, data, 64), "{rc:3}");
    assert_string_equal(chunk(w, 0, 900, 1, data, 64), "{rc:3}"); /* there is one image */
    w->map.images[1] = w->map.images[0];                          /* beyond the count */
    assert_string_equal(chunk(w, 0, 900, 1, data, 64), "{rc:3}");
    assert_string_equal(chunk(w, 0, max + 1, -1, data, 64), "{rc:3}");
    assert_string_equal(chunk(w, 0, SLOT_SIZE + 1, -1, data, 64), "{rc:3}");
    assert_string_equal(chunk(w, 0, 32, -1, data, 64), "{rc:3}"); /* more than it said */
    assert_int_equal(w->nor->flash.writes, 0);
    assert_string_equal(chunk(w, 0, SLOT_SIZE, -1, data, 64), "{rc:0,off:64}"); /* has a trailer */
    close_world(w);
}

static void a_chunk_out_of_order_is_told_the_offset_and_not_written(void **state)
{
    struct world *w = open_world(1);
    const uint8_t *data = w->new_image.data;
    uint32_t ops;

    (void)state;
    assert_string_equal(chunk(w, 300, -1, -1, data, 64), "{rc:0,off:0}");
    assert_int_equal(w->nor->flash.ops, 0);
    assert_string_equal(chunk(w, 0, 900, -1, data, 300), "{rc:0,off:300}");
    ops = w->nor->flash.ops;
    assert_string_equal(chunk(w, 200, -1, -1, data, 300), "{rc:0,off:300}");
    assert_string_equal(chunk(w, 600, -1, -1, data, 300), "{rc:0,off:300}");
    assert_int_equal(w->nor->flash.ops, ops);
    assert_string_equal(chunk(w, 300, -1, -1, data + 300, 300), "{rc:0,off:600}");
    assert_string_equal(chunk(w, 600, -1, -1, data + 600, 301), "{rc:3}");
    assert_string_equal(chunk(w, 600, -1, -1, data + 600, 300), "{rc:0,off:900}");
    assert_string_equal(chunk(w, 600, -1, -1, data + 600, 300), "{rc:0,off:900}"); /* sent again */
    assert_string_equal(chunk(w, 900, -1, -1, data, 10), "{rc:0,off:900}"); /* it has ended */
    assert_memory_equal(w->nor->flash.mem, data, 900);
    close_world(w);
}

static void the_first_chunk_begins_anew_at_any_time(void **state)
{
    struct world *w = open_world(1);

    (void)state;
    assert_string_equal(chunk(w, 0, 900, -1, w->old_image.data, 300), "{rc:0,off:300}");
    assert_true(upload(w, -1, &w->new_image));
    assert_true(upload(w, -1, &w->old_image));
    assert_holds(w, slot(w, 0, 0), &w->old_image);
    close_world(w);
}

static void sectors_are_erased_just_ahead_and_the_old_trailer_first(void **state)
{
    struct world *w = open_world(1);
    const uint8_t *mem = w->nor->flash.mem;

    (void)state;
    memset(w->nor->flash.mem, 0x55, SLOT_SIZE);
    assert_string_equal(chunk(w, 0, NEW_SIZE, -1, w->new_image.data, 600), "{rc:0,off:600}");
    assert_int_equal(mem[SLOT_SIZE - 1], 0xff);
    assert_int_equal(mem[SECTOR - 1], 0xff);
    assert_int_equal(mem[SECTOR], 0x55);
    close_world(w);
}

/* MCUboot's clears its last sector alone. */
static void a_trailer_of_several_sectors_is_cleared_whole_B9(void **state)
{
    struct world *w = open_world(1);
    struct dfu_trailer trailer;

    (void)state;
    w->map.max_sectors = 512;
    assert_int_equal(dfu_slot_trailer(&w->map, slot(w, 0, 0), &trailer), 0);
    assert_true(trailer.status < SLOT_SIZE - SECTOR);
    memset(w->nor->flash.mem, 0x55, SLOT_SIZE);
    assert_string_equal(chunk(w, 0, NEW_SIZE, -1, w->new_image.data, 600), "{rc:0,off:600}");
    assert_int_equal(dfu_area_is_erased(slot(w, 0, 0), trailer.status, SLOT_SIZE - trailer.status),
                     1);
    close_world(w);
}

static void at_once_the_whole_slot_is_erased_at_the_first_chunk(void **state)
{
    struct world *w = open_world(1);

    (void)state;
    memset(w->nor->flash.mem, 0x55, 2 * SLOT_SIZE);
    w->cfg.erase_progressively = false;
    assert_string_equal(chunk(w, 0, NEW_SIZE, -1, w->new_image.data, 64), "{rc:0,off:64}");
    assert_int_equal(dfu_area_is_erased(slot(w, 0, 0), 512, SLOT_SIZE - 512), 1);
    assert_int_equal(w->nor->flash.mem[SLOT_SIZE], 0x55);
    close_world(w);
}

/* MCUboot's erase of the trailer at the end took the end of such an image with it. */
static void an_image_that_ends_beside_its_trailer_stays_whole(void **state)
{
    struct world *w = open_world(1);
    struct test_image largest = image_make(two, dfu_slot_max_image(&w->map, 0));
    struct dfu_boot_result result;

    (void)state;
    memset(w->nor->flash.mem, 0x55, 2 * SLOT_SIZE);
    assert_true(upload(w, -1, &largest));
    assert_holds(w, slot(w, 0, 0), &largest);
    assert_int_equal(boot(w, &result), 0);
    image_free(&largest);
    close_world(w);
}

static void direct_uploads_reach_every_slot(void **state)
{
    static const struct {
        int64_t number;
        uint8_t image, slot;
    } cases[] = { { -1, 0, 0 }, { 0, 0, 0 }, { 1, 0, 0 }, { 2, 0, 1 }, { 3, 1, 0 }, { 4, 1, 1 } };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world *w = open_world(2);

        w->cfg.direct_upload = true;
        assert_true(upload(w, cases[i].number, &w->new_image));
        assert_holds(w, slot(w, cases[i].image, cases[i].slot), &w->new_image);
        assert_string_equal(chunk(w, 0, 900, 5, w->new_image.data, 64), "{rc:3}");
        close_world(w);
    }
}

static void other_uploads_reach_the_primary_of_their_image(void **state)
{
    struct world *w = open_world(2);

    (void)state;
    assert_true(upload(w, 1, &w->new_image));
    assert_holds(w, slot(w, 1, 0), &w->new_image);
    assert_string_equal(chunk(w, 0, 900, 2, w->new_image.data, 64), "{rc:3}");
    close_world(w);
}

static void flash_that_fails_ends_the_upload_with_a_refusal(void **state)
{
    struct world *w = open_world(1);

    (void)state;
    assert_string_equal(chunk(w, 0, 900, -1, w->new_image.data, 300), "{rc:0,off:300}");
    w->nor->flash.is_off = true;
    assert_string_equal(chunk(w, 300, -1, -1, w->new_image.data + 300, 600), "{rc:1}");
    dfu_sim_flash_power_on(&w->nor->flash);
    assert_string_equal(chunk(w, 300, -1, -1, w->new_image.data + 300, 600), "{rc:0,off:0}");
    close_world(w);
}

/* ---- Erase, slot info, OS group ---- */

static void any_slot_can_be_erased(void **state)
{
    struct world *w = open_world(2);

    (void)state;
    memset(w->nor->flash.mem, 0x55, 4 * SLOT_SIZE);
    assert_string_equal(erase(w, -1), "{rc:0}");
    assert_int_equal(dfu_area_is_erased(slot(w, 0, 1), 0, SLOT_SIZE), 1);
    assert_string_equal(erase(w, 2), "{rc:0}");
    assert_int_equal(dfu_area_is_erased(slot(w, 1, 0), 0, SLOT_SIZE), 1);
    assert_int_equal(w->nor->flash.mem[0], 0x55);
    assert_int_equal(w->nor->flash.mem[3 * SLOT_SIZE], 0x55);
    assert_string_equal(erase(w, 4), "{rc:3}");
    assert_true(w->recovery.has_changed);
    close_world(w);
}

static void an_erase_ends_an_upload(void **state)
{
    struct world *w = open_world(1);

    (void)state;
    (void)chunk(w, 0, 900, -1, w->new_image.data, 300);
    assert_string_equal(erase(w, 0), "{rc:0}");
    assert_string_equal(chunk(w, 300, -1, -1, w->new_image.data + 300, 300), "{rc:0,off:0}");
    assert_int_equal(dfu_area_is_erased(slot(w, 0, 0), 0, SLOT_SIZE), 1);
    close_world(w);
}

/* Where it would have to be decompressed or decrypted first, and nobody does. */
static void what_could_not_run_where_it_lies_is_refused(void **state)
{
    struct world *w = open_world(1);
    uint8_t *at = w->new_image.data;

    (void)state;
    program(w, slot(w, 0, 0), &w->old_image);
    at[17] = 0x04; /* LZMA2 */
    assert_string_equal(chunk(w, 0, 9001, -1, at, 300), "{rc:8}");
    assert_holds(w, slot(w, 0, 0), &w->old_image); /* nothing was erased for it */
    at[17] = 0;
    at[16] = 0x04; /* AES-128, and a hash that is of something else */
    assert_string_equal(chunk(w, 0, 300, -1, at, 10), "{rc:0,off:10}");
    assert_string_equal(chunk(w, 10, -1, -1, at + 10, 200), "{rc:0,off:210}");
    assert_string_equal(chunk(w, 210, -1, -1, at + 210, 90), "{rc:8}");
    assert_string_equal(ask(w, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE), EMPTY);

    w->cfg.direct_upload = true; /* the way that decrypts and decompresses */
    at[17] = 0x04;
    assert_true(upload(w, 2, &w->new_image));
    w->map.mode = DFU_MODE_DIRECT_XIP; /* nobody moves it there */
    assert_string_equal(chunk(w, 0, 9001, 2, at, 300), "{rc:8}");
    w->map.mode = DFU_MODE_RAM_LOAD;
    assert_string_equal(chunk(w, 0, 9001, 2, at, 300), "{rc:0,off:300}");
    close_world(w);
}

/* Settings, a stored upload: what a loader names. Without any there is no such group. */
static void the_storage_can_be_erased(void **state)
{
    struct world *w = open_world(1);
    const struct dfu_area *areas[] = { slot(w, 0, 1) }; /* any area will do */

    (void)state;
    program(w, areas[0], &w->new_image);
    assert_string_equal(ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_BASIC, 0), "{rc:8}");
    assert_int_equal(dfu_area_is_erased(areas[0], 0, 4), 0);
    w->cfg.storage = areas;
    w->cfg.storage_count = 1;
    enter(w, DFU_RECOVERY_BY_PIN);
    assert_string_equal(ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_BASIC, 0), "{rc:0}");
    assert_int_equal(dfu_area_is_erased(areas[0], 0, SLOT_SIZE), 1);
    assert_string_equal(ask(w, DFU_SMP_READ, DFU_SMP_GROUP_BASIC, 0), "{rc:8}");
    assert_true(w->recovery.has_changed);
    dfu_sim_flash_cut(&w->nor->flash, DFU_SIM_CUT_BEFORE, w->nor->flash.ops + 1, 0);
    assert_string_equal(ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_BASIC, 0), "{rc:1}");
    dfu_sim_flash_power_on(&w->nor->flash);
    w->cfg.storage = NULL;
    assert_int_equal(dfu_recovery_check(&w->cfg), DFU_ERR_INVAL);
    close_world(w);
}

static void the_slot_info_tells_where_an_upload_goes(void **state)
{
    struct world *w = open_world(1);

    (void)state;
    assert_string_equal(ask(w, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO),
                        "{images:[{image:0,slots:[{slot:0,size:32768,upload_image_id:0},"
                        "{slot:1,size:32768}],max_image_size:24576}]}");
    w->cfg.direct_upload = true;
    assert_string_equal(ask(w, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO),
                        "{images:[{image:0,slots:[{slot:0,size:32768,upload_image_id:1},"
                        "{slot:1,size:32768,upload_image_id:2}],max_image_size:24576}]}");
    /* send() asserts one answer: MCUboot sends two */
    assert_string_equal(ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO), "{rc:8}");
    close_world(w);
}

static void the_os_group_answers_as_clients_know_it(void **state)
{
    struct world *w = open_world(1);
    struct dfu_smp_header header = { .op = DFU_SMP_WRITE, .group = DFU_SMP_GROUP_OS };

    (void)state;
    assert_string_equal(send(w, header, "\xa1\x61\x64\x62hi", 6), "{r:hi}");
    assert_string_equal(send(w, header, "\xa0", 1), "{rc:3}");
    assert_string_equal(ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO_CONTROL), "{rc:0}");
    assert_string_equal(ask(w, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_PARAMS),
                        "{buf_size:512,buf_count:1}");
    assert_string_equal(ask(w, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_INFO), "{rc:8}");
    assert_string_equal(ask(w, DFU_SMP_READ, DFU_SMP_GROUP_STAT, 0), "{rc:8}");
    close_world(w);
}

/* ---- Garbage ---- */

static void what_is_no_request_is_not_answered_and_changes_nothing(void **state)
{
    static const uint8_t *const packets[] = {
        (const uint8_t *)"\x0a\0\0\x01\0\0\x07",                   /* short */
        (const uint8_t *)"\x0b\0\0\0\0\0\x07\x05",                 /* an answer */
        (const uint8_t *)"\x0c\0\0\0\0\0\x07\x05",                 /* no operation */
        (const uint8_t *)"\x0a\0\0\0\0\0\x07\x05\xa0\xa0\xa0\xa0", /* more than it says */
    };
    static const size_t lens[] = { 7, 8, 8, 12 };
    struct world *w = open_world(1);
    uint64_t seed = 1;

    (void)state;
    enter(w, DFU_RECOVERY_IN_WINDOW);
    for (unsigned i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        w->answers = 0;
        dfu_recovery_receive(&w->recovery, packets[i], lens[i], &w->link, w->now + 1);
        assert_int_equal(w->answers, 0);
    }
    assert_false(w->recovery.was_asked);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t packet[48];
        size_t len = test_random(&seed) % sizeof packet;

        for (size_t j = 0; j < len; j++) {
            packet[j] = (uint8_t)test_random(&seed);
        }
        if (len > 7 && i % 2) { /* a right header before it */
            memcpy(packet, "\x0a\0\0\0\0\x01\x07\0", 8);
            packet[3] = (uint8_t)(len - 8);
            packet[7] = (uint8_t)(i % 5); /* not erase, for which anything empty will do */
        }
        w->answers = 0;
        dfu_recovery_receive(&w->recovery, packet, len, &w->link, w->now);
        assert_true(w->answers <= 1);
    }
    assert_int_equal(w->nor->flash.ops, 0);
    assert_true(upload(w, -1, &w->new_image));
    close_world(w);
}

/* ---- Coming and going ---- */

static void only_a_client_that_speaks_keeps_the_window_open(void **state)
{
    struct world *w = open_world(1);
    uint64_t began = w->now;

    (void)state;
    enter(w, DFU_RECOVERY_IN_WINDOW);
    dfu_recovery_receive(&w->recovery, (const uint8_t *)"noise on the line", 17, &w->link, began);
    assert_int_equal(dfu_recovery_due_ms(&w->recovery), began + WINDOW);
    assert_int_equal(dfu_recovery_look(&w->recovery, began + WINDOW - 1), DFU_RECOVERY_STAY);
    assert_int_equal(dfu_recovery_look(&w->recovery, began + WINDOW), DFU_RECOVERY_LEAVE);
    w->now = began + WINDOW - 1;
    (void)ask_images(w);
    assert_int_equal(dfu_recovery_look(&w->recovery, began + WINDOW), DFU_RECOVERY_STAY);
    assert_int_equal(dfu_recovery_due_ms(&w->recovery), w->now + IDLE);
    assert_int_equal(dfu_recovery_look(&w->recovery, w->now + IDLE), DFU_RECOVERY_LEAVE);
    close_world(w);
}

static void a_reset_is_one_even_if_nothing_has_changed(void **state)
{
    struct world *w = open_world(1);

    (void)state;
    enter(w, DFU_RECOVERY_BY_PIN);
    (void)ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET);
    assert_int_equal(dfu_recovery_look(&w->recovery, w->now + 250), DFU_RECOVERY_RESET);
    close_world(w);
}

static void silence_ends_recovery_by_a_reset_if_flash_has_changed(void **state)
{
    static const enum dfu_recovery_reason reasons[] = { DFU_RECOVERY_BY_PIN,
                                                        DFU_RECOVERY_BY_REQUEST };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct world *w = open_world(1);

        enter(w, reasons[i]);
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + IDLE - 1), DFU_RECOVERY_STAY);
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + IDLE), DFU_RECOVERY_LEAVE);
        w->now += IDLE - 1;
        (void)chunk(w, 0, 900, -1, w->new_image.data, 300);
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + IDLE - 1), DFU_RECOVERY_STAY);
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + IDLE), DFU_RECOVERY_RESET);
        close_world(w);
    }
}

static void without_an_image_there_is_nothing_to_leave_for(void **state)
{
    struct world *w = open_world(1);

    (void)state;
    (void)ask_images(w);
    assert_int_equal(dfu_recovery_due_ms(&w->recovery), UINT64_MAX);
    assert_int_equal(dfu_recovery_look(&w->recovery, w->now + 100 * IDLE), DFU_RECOVERY_STAY);
    assert_true(upload(w, -1, &w->new_image));
    assert_int_equal(dfu_recovery_look(&w->recovery, w->now + IDLE), DFU_RECOVERY_RESET);
    close_world(w);
}

static void without_a_limit_silence_lasts_for_ever(void **state)
{
    struct world *w = open_world(1);

    (void)state;
    w->cfg.idle_ms = 0;
    enter(w, DFU_RECOVERY_BY_PIN);
    (void)erase(w, 1);
    assert_int_equal(dfu_recovery_due_ms(&w->recovery), UINT64_MAX);
    close_world(w);
}

static void a_pin_counts_once_it_has_been_held(void **state)
{
    struct dfu_recovery_pin pin = { .hold_ms = 50 };

    (void)state;
    assert_int_equal(dfu_recovery_pin_look(&pin, true, 1000), DFU_RECOVERY_PIN_LOOK_AGAIN);
    assert_int_equal(dfu_recovery_pin_look(&pin, true, 1049), DFU_RECOVERY_PIN_LOOK_AGAIN);
    assert_int_equal(dfu_recovery_pin_look(&pin, true, 1050), DFU_RECOVERY_PIN_HELD);
    assert_int_equal(dfu_recovery_pin_look(&pin, false, 1051), DFU_RECOVERY_PIN_RELEASED);
    pin = (struct dfu_recovery_pin){ .hold_ms = 0 };
    assert_int_equal(dfu_recovery_pin_look(&pin, true, 0), DFU_RECOVERY_PIN_HELD);
}

static void a_configuration_without_its_buffers_is_refused(void **state)
{
    struct world *w = open_world(1);
    struct dfu_recovery_config cfg = w->cfg;

    (void)state;
    cfg.response_cap = DFU_SMP_RESPONSE_MIN - 1;
    assert_int_equal(dfu_recovery_check(&cfg), DFU_ERR_INVAL);
    cfg = w->cfg;
    cfg.buf_len = 63;
    assert_int_equal(dfu_recovery_check(&cfg), DFU_ERR_INVAL);
    cfg = w->cfg;
    cfg.map = NULL;
    assert_int_equal(dfu_recovery_check(&cfg), DFU_ERR_INVAL);
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_device_is_given_its_first_image),
        cmocka_unit_test(a_power_cut_at_any_operation_leaves_a_device_that_can_be_given_an_image),
        cmocka_unit_test(flags_follow_the_swap_type_and_false_ones_are_left_out),
        cmocka_unit_test(a_trial_can_be_confirmed_and_its_predecessor_left_to_return),
        cmocka_unit_test(an_image_in_the_primary_needs_no_mark),
        cmocka_unit_test(what_does_not_verify_is_neither_listed_nor_marked),
        cmocka_unit_test(a_state_that_makes_no_sense_is_refused),
        cmocka_unit_test(an_upload_needs_its_length_and_a_slot_that_can_hold_it),
        cmocka_unit_test(a_chunk_out_of_order_is_told_the_offset_and_not_written),
        cmocka_unit_test(the_first_chunk_begins_anew_at_any_time),
        cmocka_unit_test(sectors_are_erased_just_ahead_and_the_old_trailer_first),
        cmocka_unit_test(at_once_the_whole_slot_is_erased_at_the_first_chunk),
        cmocka_unit_test(a_trailer_of_several_sectors_is_cleared_whole_B9),
        cmocka_unit_test(an_image_that_ends_beside_its_trailer_stays_whole),
        cmocka_unit_test(direct_uploads_reach_every_slot),
        cmocka_unit_test(other_uploads_reach_the_primary_of_their_image),
        cmocka_unit_test(flash_that_fails_ends_the_upload_with_a_refusal),
        cmocka_unit_test(any_slot_can_be_erased),
        cmocka_unit_test(an_erase_ends_an_upload),
        cmocka_unit_test(what_could_not_run_where_it_lies_is_refused),
        cmocka_unit_test(the_storage_can_be_erased),
        cmocka_unit_test(the_slot_info_tells_where_an_upload_goes),
        cmocka_unit_test(the_os_group_answers_as_clients_know_it),
        cmocka_unit_test(what_is_no_request_is_not_answered_and_changes_nothing),
        cmocka_unit_test(only_a_client_that_speaks_keeps_the_window_open),
        cmocka_unit_test(a_reset_is_one_even_if_nothing_has_changed),
        cmocka_unit_test(silence_ends_recovery_by_a_reset_if_flash_has_changed),
        cmocka_unit_test(without_an_image_there_is_nothing_to_leave_for),
        cmocka_unit_test(without_a_limit_silence_lasts_for_ever),
        cmocka_unit_test(a_pin_counts_once_it_has_been_held),
        cmocka_unit_test(a_configuration_without_its_buffers_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
