/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Uploads that send only what differs: the server's side, driven by the real client wherever a
 * client that means well is enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "dfu/smp_lock.h"
#include "dfu/upload.h"
#include "hex.h"
#include "img_world.h"

#define SECTOR 4096u
#define SIZE   30000u /* of the images: seven sectors and a part of one */

static struct img_world w;
static struct test_image running_image, old_image, new_image;

static void digest(const void *data, size_t len, uint8_t out[32])
{
    struct dfu_hash hash = { .alg = &dfu_sha256_openssl };

    assert_int_equal(hash.alg->start(&hash), 0);
    assert_int_equal(hash.alg->update(&hash, data, len), 0);
    assert_int_equal(hash.alg->finish(&hash, out), 0);
}

/* An image whose TLVs stay valid in form; hash and digest are made right again. */
static void change(struct test_image *image, uint32_t off)
{
    uint32_t payload = image->size - 40;

    image->data[off] ^= 0x5a;
    digest(image->data, payload, image->hash);
    memcpy(image->data + payload + 8, image->hash, 32);
    digest(image->data, image->size, image->sha);
}

static struct test_image copy_of(const struct test_image *image)
{
    struct test_image copy = *image;

    copy.data = malloc(image->size);
    assert_non_null(copy.data);
    memcpy(copy.data, image->data, image->size);
    return copy;
}

/* Slot 1 holds the old image; the new one differs from it in the pages 0, 2 and the last. */
static void with_write_size(uint8_t write_size)
{
    world_init(&w, 1, 16, write_size);
    running_image = image_make((struct dfu_image_version){ 1, 0, 0, 0 }, SIZE);
    old_image = image_make((struct dfu_image_version){ 2, 0, 0, 0 }, SIZE);
    new_image = copy_of(&old_image);
    new_image.data[20]++;
    change(&new_image, 2 * SECTOR + 77);
    world_program(&w, 0, 0, &running_image);
    world_program(&w, 0, 1, &old_image);
    w.img.store = &w.store;
}

static int begin(void **state)
{
    (void)state;
    with_write_size(8);
    return 0;
}

static int end(void **state)
{
    (void)state;
    image_free(&running_image);
    image_free(&old_image);
    image_free(&new_image);
    world_free(&w);
    return 0;
}

/* ---- The real client ---- */

static struct dfu_upload u;

/* As many packets as that, or to the end. */
static int send_image(const struct test_image *image, uint32_t packets)
{
    struct dfu_memory_span span = { image->data, image->size };
    struct dfu_upload_config config = { .image = dfu_memory_reader(&span),
                                        .sha256 = &dfu_sha256_openssl,
                                        .version = DFU_SMP_V2,
                                        .frame_max = 700 };
    uint8_t frame[1024];
    uint64_t now_ms = 0;

    memcpy(config.sha, image->sha, 32);
    assert_int_equal(dfu_upload_start(&u, &config), 0);
    while (u.result == DFU_CLIENT_RUNNING && packets > 0) {
        size_t len = dfu_upload_next(&u, now_ms, frame, sizeof(frame));

        if (len == 0) {
            now_ms = max_u32((uint32_t)now_ms + 1, (uint32_t)dfu_upload_deadline(&u));
            continue;
        }
        packets--;
        smp_peer_receive(&w.peer, frame, len);
        for (unsigned i = 0; i < w.peer.count; i++) {
            dfu_upload_answer(&u, now_ms, w.peer.answers[i].data, w.peer.answers[i].len);
        }
    }
    return u.result;
}

static void assert_sent(const struct test_image *image)
{
    assert_int_equal(send_image(image, UINT32_MAX), 0);
    assert_true(u.has_match);
    assert_slot_holds(&w, 0, 1, image);
    assert_int_equal(w.nor->flash.double_programs, 0);
}

/* ---- What is sent ---- */

static void pages_that_the_slot_holds_are_neither_sent_nor_written(void **state)
{
    (void)state;
    assert_sent(&new_image);
    assert_int_equal(u.kept, 5 * SECTOR);
    assert_int_equal(u.copied, 0);
    assert_int_equal(u.data_bytes, SIZE - 5 * SECTOR);
    /* The trailer; the sector of the old TLVs; three pages, of which the last once more. */
    assert_int_equal(w.nor->flash.erases, 1 + 1 + 3);
    assert_in_range(w.nor->flash.bytes_written, SIZE - 5 * SECTOR, SIZE - 5 * SECTOR + 8);
}

static void pages_of_the_running_image_are_copied(void **state)
{
    (void)state;
    memcpy(new_image.data + 3 * SECTOR, running_image.data + 3 * SECTOR, 2 * SECTOR);
    change(&new_image, 40);
    assert_sent(&new_image);
    assert_int_equal(u.kept, 3 * SECTOR);
    assert_int_equal(u.copied, 2 * SECTOR);
}

static void a_page_that_both_slots_hold_is_kept(void **state)
{
    (void)state;
    memcpy(running_image.data + 4 * SECTOR, old_image.data + 4 * SECTOR, SECTOR);
    world_program(&w, 0, 0, &running_image);
    assert_sent(&new_image);
    assert_int_equal(u.kept, 5 * SECTOR);
    assert_int_equal(u.copied, 0);
}

static void what_runs_can_be_uploaded_by_copying_it(void **state)
{
    (void)state;
    change(&old_image, 4 * SECTOR); /* in the slot as it was */
    assert_sent(&running_image);
    assert_int_equal(u.kept, 0);
    assert_int_equal(u.copied, SIZE - SECTOR);
    assert_int_equal(u.data_bytes, SECTOR);
}

static void where_everything_differs_everything_is_sent(void **state)
{
    (void)state;
    image_free(&new_image);
    new_image = image_make((struct dfu_image_version){ 3, 0, 0, 0 }, 33333);
    assert_sent(&new_image);
    assert_int_equal(u.kept + u.copied, 0);
    assert_int_equal(u.data_bytes, 33333);
}

static void an_image_that_is_there_is_not_sent(void **state)
{
    (void)state;
    assert_sent(&old_image);
    assert_int_equal(u.sent, 1);
    assert_int_equal(w.nor->flash.erases, 0);
}

static void every_write_size_erased_value_and_sector_size_will_do(void **state)
{
    static const struct dfu_sector_run mixed[] = {
        { 4096, 2 }, { 8192, 1 }, { 4096, 3 }, { 16384, 1 }, { 4096, 5 }
    };
    static const uint8_t write_sizes[] = { 1, 2, 4, 8, 16, 32 };

    for (unsigned i = 0; i < 2 * sizeof(write_sizes); i++) {
        struct dfu_area areas[2];

        end(state);
        with_write_size(write_sizes[i / 2]);
        for (unsigned slot = 0; i % 2 && slot < 2; slot++) {
            areas[slot] = *world_slot(&w, 0, (uint8_t)slot);
            areas[slot].pages = &w.nor->run;
            areas[slot].page_run_count = 1;
            areas[slot].runs = mixed;
            areas[slot].run_count = 5;
        }
        if (i % 2) {
            w.map.images[0].primary = &areas[0];
            w.map.images[0].secondary = &areas[1];
            w.map.mode = DFU_MODE_OVERWRITE;
        }
        assert_int_equal(dfu_slot_map_check(&w.map, &(const char *){ NULL }), 0);
        assert_sent(&new_image);
        /* Mixed: page 2 is one of 8192 bytes; behind it two of 4096 are equal, and one more. */
        assert_int_equal(u.kept, i % 2 ? 4 * SECTOR : 5 * SECTOR);
    }
}

static void small_sectors_are_grouped_to_pages(void **state)
{
    struct dfu_area *area = &w.nor->areas[1];
    struct dfu_sector_run small = { 256, 16 * SECTOR / 256 };

    (void)state;
    w.nor->run = (struct dfu_sector_run){ 256, 2 * 16 * SECTOR / 256 };
    area->runs = &small;
    w.nor->areas[0].runs = &small;
    free(w.nor->flash.wear);
    w.nor->flash.wear = NULL;
    w.map.max_sectors = 512;
    assert_sent(&new_image);
    /* 0, 8 (of byte 2 * 4096 + 77) and the last, which begins at 29 * 1024. */
    assert_int_equal(u.kept, 27 * 1024);
}

/* ---- Going on ---- */

static bool slot_begins_as(const struct test_image *image)
{
    const struct dfu_area *area = world_slot(&w, 0, 1);

    return memcmp(w.nor->flash.mem + area->base, image->data, DFU_IMAGE_HEADER_SIZE) == 0;
}

/* After anything the same file is sent again by a client that knows nothing. */
static void assert_goes_on(uint32_t at_most)
{
    assert_int_equal(dfu_mcuboot_swap_type(&w.map, 0), DFU_SWAP_NONE);
    if (strcmp(world_flags(&w, 0, 1), "absent") != 0) {
        /* Then it is one image and not two, but for what the power failed in: the sector of the
         * old TLVs, which is erased before a header is written, or the block of the new ones. */
        struct test_image start = slot_begins_as(&new_image) ? new_image : old_image;

        start.size -= slot_begins_as(&new_image) ? DFU_IMG_BLOCK_BUF_SIZE : SIZE % SECTOR;
        assert_slot_holds(&w, 0, 1, &start);
    }
    assert_sent(&new_image);
    assert_in_range(u.data_bytes, 0, at_most);
    assert_string_equal(world_flags(&w, 0, 1), "");
    assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err, 0);
}

static void a_client_may_be_killed_after_any_packet(void **state)
{
    for (uint32_t packets = 1;; packets++) {
        for (int has_reset = 0; has_reset <= 1; has_reset++) {
            if (send_image(&new_image, packets) == 0) {
                return;
            }
            if (has_reset) {
                world_reset(&w);
            }
            assert_goes_on(SIZE - 5 * SECTOR);
            end(state);
            begin(state);
        }
    }
}

static void power_may_fail_in_any_flash_operation(void **state)
{
    for (int kind = 0; kind < 4; kind++) {
        bool has_store = kind & 1, is_copied = kind & 2;

        for (uint32_t cut = 1;; cut++) {
            end(state);
            begin(state);
            w.img.store = has_store ? &w.store : NULL;
            if (is_copied) {
                memcpy(new_image.data + 3 * SECTOR, running_image.data + 3 * SECTOR, 2 * SECTOR);
                change(&new_image, 40);
            }
            dfu_sim_flash_power_on(&w.nor->flash);
            dfu_sim_flash_cut(&w.nor->flash, DFU_SIM_CUT_INSIDE, cut, cut);
            if (send_image(&new_image, UINT32_MAX) == 0) {
                assert_true(cut > 20); /* every operation was cut once */
                break;
            }
            dfu_sim_flash_power_on(&w.nor->flash);
            world_reset(&w);
            /* What was sent is not sent again, but for the page in which it broke off, and page 0
             * where nothing was stored. */
            assert_goes_on(SIZE - 5 * SECTOR + SECTOR);
        }
    }
}

static void without_a_store_the_pages_tell_how_far_an_upload_came(void **state)
{
    uint32_t acked;

    (void)state;
    image_free(&new_image);
    new_image = image_make((struct dfu_image_version){ 3, 0, 0, 0 }, SIZE);
    w.img.store = NULL;
    assert_int_equal(send_image(&new_image, 40), DFU_CLIENT_RUNNING);
    acked = u.acked;
    assert_in_range(acked, 5 * SECTOR, SIZE - SECTOR);
    world_reset(&w);
    assert_sent(&new_image);
    assert_in_range(u.kept, acked - 2 * SECTOR - DFU_IMG_BLOCK_BUF_SIZE, acked - SECTOR);
}

/* ---- Refusals ---- */

static void begin_upload(const struct test_image *image, bool with_sha)
{
    struct chunk chunk = CHUNK_NONE;

    chunk.off = 0;
    chunk.len = image->size;
    chunk.data = image->data;
    chunk.data_len = 512;
    chunk.sha = with_sha ? image->sha : NULL;
    chunk.sha_len = 32;
    assert_int_equal(world_chunk(&w, &chunk).off, 512);
    for (uint32_t off = 512; off < SECTOR; off += 512) {
        chunk = CHUNK_NONE;
        chunk.off = off;
        chunk.data = image->data + off;
        chunk.data_len = 512;
        assert_int_equal(world_chunk(&w, &chunk).off, off + 512);
    }
}

static void a_hash_is_of_the_bytes_of_a_page(void **state)
{
    char expected[256];
    uint8_t hash[32];

    (void)state;
    begin_upload(&new_image, true);
    /* The last page, asked for in the middle of the last but one: it ends with the file. */
    digest(old_image.data + 7 * SECTOR, SIZE - 7 * SECTOR, hash);
    memset(w.nor->flash.mem + world_slot(&w, 0, 1)->base + 7 * SECTOR, 0xff, SECTOR);
    world_program(&w, 0, 1, &old_image);
    snprintf(expected, sizeof(expected),
             "bf 63 6f 66 66 19 70 00 63 6c 65 6e 19 05 30 64 73 69 7a 65 19 10 00 "
             "64 63 6f 70 79 19 20 00 66 68 61 73 68 65 73 48 "
             "%02x %02x %02x %02x %02x %02x %02x %02x ff",
             hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]);
    smp_peer_read(&w.peer, 65, 0, "a1 63 6f 66 66 19 60 01", expected);
    /* Behind the last one there is none. */
    smp_peer_read(&w.peer, 65, 0, "a1 63 6f 66 66 19 70 01",
                  "bf 63 6f 66 66 19 75 30 63 6c 65 6e 00 64 73 69 7a 65 00 64 63 6f 70 79 19 20 "
                  "00 66 68 61 73 68 65 73 40 ff");
}

static void an_answer_hashes_no_more_than_its_limit(void **state)
{
    uint32_t len = 0;
    struct dfu_cbor_key key = { "len", DFU_CBOR_UINT, &len, false };
    struct test_image large;

    end(state);
    world_init(&w, 1, 64, 8);
    running_image = image_make((struct dfu_image_version){ 1, 0, 0, 0 }, SIZE);
    old_image = image_make((struct dfu_image_version){ 2, 0, 0, 0 }, SIZE);
    new_image = copy_of(&old_image);
    large = image_make((struct dfu_image_version){ 2, 0, 0, 0 }, 200000);
    world_program(&w, 0, 0, &running_image);
    begin_upload(&large, true);
    smp_peer_receive_hex(&w.peer, "08 00 00 08 00 41 00 00 a1 63 6f 66 66 19 10 00");
    assert_int_equal(dfu_cbor_decode_map((struct dfu_cbor_span){ w.peer.answers[0].data + 8,
                                                                 w.peer.answers[0].len - 8 },
                                         &key, 1),
                     0);
    assert_int_equal(len, DFU_SMP_PAGES_HASH_MAX);
    /* Nor than its answer holds: (64 - ...) leaves no page at all in the smallest one. */
    w.peer.server.response_cap = DFU_SMP_RESPONSE_MIN;
    smp_peer_receive_hex(&w.peer, "08 00 00 08 00 41 00 00 a1 63 6f 66 66 19 10 00");
    assert_int_equal(w.peer.count, 1);
    image_free(&large);
}

#define NO_UPLOAD   "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 41 62 72 63 02 ff ff"
#define NO_DIGEST   "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 41 62 72 63 03 ff ff"
#define NOT_OFFERED "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 41 62 72 63 04 ff ff"
#define NO_PAGE     "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 41 62 72 63 05 ff ff"
#define EINVAL_RC   "bf 62 72 63 03 ff"
#define OFF_0       "bf 63 6f 66 66 00 ff"
#define OFF_1000    "bf 63 6f 66 66 19 10 00 ff"

static void without_an_upload_there_are_no_pages(void **state)
{
    (void)state;
    smp_peer_read(&w.peer, 65, 0, "a1 63 6f 66 66 00", NO_UPLOAD);
    smp_peer_write(&w.peer, 65, 1, "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 10 00", OFF_0);
    smp_peer_expect(&w.peer, "00 00 00 06 00 41 07 00 a1 63 6f 66 66 00",
                    "01 00 00 06 00 41 07 00 bf 62 72 63 06 ff");
    begin_upload(&new_image, false);
    smp_peer_read(&w.peer, 65, 0, "a1 63 6f 66 66 00", NO_DIGEST);
    smp_peer_write(&w.peer, 65, 1, "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 10 00", NO_DIGEST);
}

static void what_is_no_page_is_refused_and_the_upload_goes_on(void **state)
{
    static const struct {
        const char *request, *answer;
    } rows[] = {
        { "a0", EINVAL_RC },
        { "a1 63 6f 66 66 19 10 00", EINVAL_RC },                          /* no len */
        { "a2 63 6f 66 66 19 10 00 63 6c 65 6e 20", EINVAL_RC },           /* len -1 */
        { "a2 63 6f 66 66 19 10 00 63 6c 65 6e 00", NO_PAGE },             /* len 0 */
        { "a2 63 6f 66 66 19 10 00 63 6c 65 6e 01", NO_PAGE },             /* a part of one */
        { "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 10 01", NO_PAGE },       /* and one byte */
        { "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 65 31", NO_PAGE },       /* beyond the file */
        { "a2 63 6f 66 66 19 10 00 63 6c 65 6e 1a ff ff f0 00", NO_PAGE }, /* wraps */
        { "a2 63 6f 66 66 19 20 00 63 6c 65 6e 19 10 00", OFF_1000 },      /* a later page */
        { "a2 63 6f 66 66 00 63 6c 65 6e 19 10 00", OFF_1000 },            /* an earlier one */
        { "a3 63 6f 66 66 19 10 00 63 6c 65 6e 19 30 00 67 72 75 6e 6e 69 6e 67 f5",
          NO_PAGE }, /* more than is copied at a time */
    };

    (void)state;
    begin_upload(&new_image, true);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        smp_peer_write(&w.peer, 65, 1, rows[i].request, rows[i].answer);
    }
    smp_peer_write(&w.peer, 65, 1, "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 10 00",
                   "bf 63 6f 66 66 19 20 00 ff");
    assert_int_equal(world_upload(&w, &new_image, 2 * SECTOR, 700, true).match, 1);
}

/* Bytes of the page were sent: its sector is erased. */
static void a_page_that_has_begun_is_not_kept(void **state)
{
    struct chunk chunk = CHUNK_NONE;

    (void)state;
    begin_upload(&new_image, true);
    chunk.off = SECTOR;
    chunk.data = new_image.data + SECTOR;
    chunk.data_len = 600;
    assert_int_equal(world_chunk(&w, &chunk).off, SECTOR + 600);
    smp_peer_write(&w.peer, 65, 1, "a2 63 6f 66 66 19 12 58 63 6c 65 6e 19 0d a8", NO_PAGE);
}

/* A client that lies, or was lied to: what is then in the slot is no image. */
static void what_is_not_the_file_in_the_end_cannot_be_asked_for(void **state)
{
    struct chunk chunk = CHUNK_NONE;
    struct reply reply;

    (void)state;
    begin_upload(&new_image, true);
    smp_peer_write(&w.peer, 65, 1, "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 60 00",
                   "bf 63 6f 66 66 19 70 00 ff"); /* page 2, too, which is another */
    assert_string_equal(world_flags(&w, 0, 1), "absent");
    chunk.off = 7 * SECTOR;
    chunk.data = new_image.data + 7 * SECTOR;
    chunk.data_len = SIZE - 7 * SECTOR;
    reply = world_chunk(&w, &chunk);
    assert_int_equal(reply.off, SIZE);
    assert_int_equal(reply.match, 0);
    assert_string_equal(world_flags(&w, 0, 1), "absent");
    assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err,
                     DFU_SMP_IMG_HASH_NOT_FOUND);
    assert_sent(&new_image);
}

/* What was kept before a reset was kept by nobody the server knows of. */
static void nor_after_a_reset_in_between(void **state)
{
    struct chunk chunk = CHUNK_NONE;

    (void)state;
    begin_upload(&new_image, true);
    smp_peer_write(&w.peer, 65, 1, "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 60 00",
                   "bf 63 6f 66 66 19 70 00 ff");
    world_reset(&w);
    chunk = CHUNK_NONE;
    chunk.off = 0;
    chunk.len = SIZE;
    chunk.data = new_image.data;
    chunk.data_len = 512;
    chunk.sha = new_image.sha;
    chunk.sha_len = 32;
    assert_int_equal(world_chunk(&w, &chunk).off, 7 * SECTOR);
    chunk = CHUNK_NONE;
    chunk.off = 7 * SECTOR;
    chunk.data = new_image.data + 7 * SECTOR;
    chunk.data_len = SIZE - 7 * SECTOR;
    assert_int_equal(world_chunk(&w, &chunk).match, 0);
    assert_string_equal(world_flags(&w, 0, 1), "absent");
}

static void the_running_pages_of_an_encrypted_image_are_not_told(void **state)
{
    (void)state;
    w.nor->flash.mem[16] |= DFU_IMAGE_F_ENCRYPTED_AES128;
    begin_upload(&new_image, true);
    smp_peer_read(&w.peer, 65, 0, "a2 63 6f 66 66 19 10 00 67 72 75 6e 6e 69 6e 67 f5",
                  NOT_OFFERED);
    smp_peer_write(&w.peer, 65, 1,
                   "a3 63 6f 66 66 19 10 00 63 6c 65 6e 19 10 00 67 72 75 6e 6e 69 6e 67 f5",
                   NOT_OFFERED);
    assert_sent(&new_image); /* without it */
}

static void a_hook_sees_and_may_refuse_what_is_kept(void **state)
{
    (void)state;
    begin_upload(&new_image, true);
    w.refused_event = DFU_SMP_EV_DFU_CHUNK;
    smp_peer_write(&w.peer, 65, 1, "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 10 00",
                   "bf 62 72 63 0b ff");
    assert_int_equal(w.events[w.event_count - 1], DFU_SMP_EV_DFU_STOPPED);
    assert_false(w.img.upload.is_active);
    w.refused_event = 0;
    assert_sent(&new_image);
}

static void pages_are_taken_under_the_lock(void **state)
{
    static const struct dfu_lock_owner other = { "USB DFU", NULL, NULL };
    struct dfu_lock lock = { 0 };
    struct dfu_smp_lock guard;
    struct dfu_smp_hook hook;

    (void)state;
    dfu_smp_lock_init(&guard, &lock, &w.img);
    hook = dfu_smp_lock_hook(&guard);
    w.peer.server.hooks = &hook;
    begin_upload(&new_image, true);
    dfu_smp_lock_poll(&guard, 0);
    dfu_smp_lock_poll(&guard, DFU_SMP_LOCK_TIMEOUT_MS);
    assert_int_equal(dfu_lock_claim(&lock, &other), 0);
    smp_peer_write(&w.peer, 65, 1, "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 10 00",
                   "bf 62 72 63 0b ff");
    smp_peer_read(&w.peer, 65, 0, "a1 63 6f 66 66 00", NO_UPLOAD);
    assert_int_equal(dfu_lock_release(&lock, &other), 0);
    smp_peer_write(&w.peer, 65, 1, "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 10 00", OFF_0);
    assert_sent(&new_image);
}

static void in_a_slot_that_was_erased_first_erased_pages_are_kept_and_others_copied(void **state)
{
    (void)state;
    w.img.erase_progressively = false;
    memset(new_image.data + 3 * SECTOR, 0xff, SECTOR);
    memcpy(new_image.data + 5 * SECTOR, running_image.data + 5 * SECTOR, SECTOR);
    change(&new_image, 40);
    assert_sent(&new_image);
    assert_int_equal(u.kept, SECTOR);
    assert_int_equal(u.copied, SECTOR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_that_the_slot_holds_are_neither_sent_nor_written),
        TEST(pages_of_the_running_image_are_copied),
        TEST(a_page_that_both_slots_hold_is_kept),
        TEST(what_runs_can_be_uploaded_by_copying_it),
        TEST(where_everything_differs_everything_is_sent),
        TEST(an_image_that_is_there_is_not_sent),
        TEST(every_write_size_erased_value_and_sector_size_will_do),
        TEST(small_sectors_are_grouped_to_pages),
        TEST(a_client_may_be_killed_after_any_packet),
        TEST(power_may_fail_in_any_flash_operation),
        TEST(without_a_store_the_pages_tell_how_far_an_upload_came),
        TEST(a_hash_is_of_the_bytes_of_a_page),
        TEST(an_answer_hashes_no_more_than_its_limit),
        TEST(without_an_upload_there_are_no_pages),
        TEST(what_is_no_page_is_refused_and_the_upload_goes_on),
        TEST(a_page_that_has_begun_is_not_kept),
        TEST(what_is_not_the_file_in_the_end_cannot_be_asked_for),
        TEST(nor_after_a_reset_in_between),
        TEST(the_running_pages_of_an_encrypted_image_are_not_told),
        TEST(a_hook_sees_and_may_refuse_what_is_kept),
        TEST(pages_are_taken_under_the_lock),
        TEST(in_a_slot_that_was_erased_first_erased_pages_are_kept_and_others_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
