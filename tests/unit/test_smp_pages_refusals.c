/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The page group's requests one by one: what it answers, refuses, and lets nobody ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/smp_lock.h"
#include "pages_world.h"

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
    for (uint32_t off = 512; off < PAGES_SECTOR; off += 512) {
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
    pages_digest(old_image.data + 7 * PAGES_SECTOR, PAGES_SIZE - 7 * PAGES_SECTOR, hash);
    memset(w.nor->flash.mem + world_slot(&w, 0, 1)->base + 7 * PAGES_SECTOR, 0xff, PAGES_SECTOR);
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

/* An upload of this size, of which the first page has come. */
static struct test_image begin_upload_of(void **state, uint32_t size)
{
    struct test_image large;

    pages_end(state);
    world_init(&w, 1, 64, 8);
    running_image = image_make((struct dfu_image_version){ 1, 0, 0, 0 }, PAGES_SIZE);
    old_image = image_make((struct dfu_image_version){ 2, 0, 0, 0 }, PAGES_SIZE);
    new_image = pages_copy_of(&old_image);
    large = image_make((struct dfu_image_version){ 2, 0, 0, 0 }, size);
    world_program(&w, 0, 0, &running_image);
    begin_upload(&large, true);
    return large;
}

/* Asked for pages from 69632 on, whose number takes five bytes: how many are told of. */
static uint32_t pages_told(void)
{
    uint32_t len = 0;
    struct dfu_cbor_span hashes = { 0 };
    struct dfu_cbor_key keys[] = { { "len", DFU_CBOR_UINT, &len, false },
                                   { "hashes", DFU_CBOR_BYTES, &hashes, false } };
    struct dfu_cbor_span map;

    smp_peer_receive_hex(&w.peer, "08 00 00 0a 00 41 00 00 a1 63 6f 66 66 1a 00 01 10 00");
    assert_int_equal(w.peer.count, 1);
    map = (struct dfu_cbor_span){ w.peer.answers[0].data + 8, w.peer.answers[0].len - 8 };
    assert_int_equal(dfu_cbor_decode_map(map, keys, 2), 0);
    assert_true(keys[0].found && keys[1].found);
    assert_int_equal(len, hashes.len / DFU_SMP_PAGE_HASH * PAGES_SECTOR);
    return len / PAGES_SECTOR;
}

static void an_answer_hashes_no_more_than_its_limit(void **state)
{
    struct test_image large = begin_upload_of(state, 200000);

    assert_int_equal(pages_told(), DFU_SMP_PAGES_HASH_MAX / PAGES_SECTOR);
    image_free(&large);
}

static void an_answer_of_any_size_has_as_many_hashes_as_it_holds(void **state)
{
    struct test_image large = begin_upload_of(state, 200000);

    for (size_t cap = DFU_SMP_RESPONSE_MIN; cap < 256; cap++) {
        /* header, begin of the map, the rest at its longest */
        uint32_t room = (uint32_t)(cap - 8 - 1 - 49) / DFU_SMP_PAGE_HASH;

        w.peer.server.response_cap = cap;
        assert_int_equal(pages_told(), room < 16 ? room : 16);
    }
    image_free(&large);
}

static void behind_an_image_that_fills_its_last_page_there_is_none(void **state)
{
    struct test_image large = begin_upload_of(state, 20 * PAGES_SECTOR);

    assert_int_equal(pages_told(), 3); /* 17, 18, 19 */
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
    assert_int_equal(world_upload(&w, &new_image, 2 * PAGES_SECTOR, 700, true).match, 1);
}

/* Bytes of the page were sent: its sector is erased. */
static void a_page_that_has_begun_is_not_kept(void **state)
{
    struct chunk chunk = CHUNK_NONE;

    (void)state;
    begin_upload(&new_image, true);
    chunk.off = PAGES_SECTOR;
    chunk.data = new_image.data + PAGES_SECTOR;
    chunk.data_len = 600;
    assert_int_equal(world_chunk(&w, &chunk).off, PAGES_SECTOR + 600);
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
    chunk.off = 7 * PAGES_SECTOR;
    chunk.data = new_image.data + 7 * PAGES_SECTOR;
    chunk.data_len = PAGES_SIZE - 7 * PAGES_SECTOR;
    reply = world_chunk(&w, &chunk);
    assert_int_equal(reply.off, PAGES_SIZE);
    assert_int_equal(reply.match, 0);
    assert_string_equal(world_flags(&w, 0, 1), "absent");
    assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err,
                     DFU_SMP_IMG_HASH_NOT_FOUND);
    pages_assert_sent(&new_image);
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
    chunk.len = PAGES_SIZE;
    chunk.data = new_image.data;
    chunk.data_len = 512;
    chunk.sha = new_image.sha;
    chunk.sha_len = 32;
    assert_int_equal(world_chunk(&w, &chunk).off, 7 * PAGES_SECTOR);
    chunk = CHUNK_NONE;
    chunk.off = 7 * PAGES_SECTOR;
    chunk.data = new_image.data + 7 * PAGES_SECTOR;
    chunk.data_len = PAGES_SIZE - 7 * PAGES_SECTOR;
    assert_int_equal(world_chunk(&w, &chunk).match, 0);
    assert_string_equal(world_flags(&w, 0, 1), "absent");
}

/* That one of its pages was put together is forgotten with an upload that another one ends. */
static void a_file_that_was_sent_whole_stays_even_where_it_does_not_match(void **state)
{
    (void)state;
    begin_upload(&new_image, true);
    smp_peer_write(&w.peer, 65, 1, "a2 63 6f 66 66 19 10 00 63 6c 65 6e 19 10 00",
                   "bf 63 6f 66 66 19 20 00 ff");
    new_image.data[3 * PAGES_SECTOR] ^= 1;
    new_image.sha[0] ^= 1;
    assert_int_equal(world_upload(&w, &new_image, 0, 700, true).match, 0);
    assert_slot_holds(&w, 0, 1, &new_image);
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
    pages_assert_sent(&new_image); /* without it */
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
    pages_assert_sent(&new_image);
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
    pages_assert_sent(&new_image);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pages_begin, pages_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hash_is_of_the_bytes_of_a_page),
        TEST(an_answer_hashes_no_more_than_its_limit),
        TEST(an_answer_of_any_size_has_as_many_hashes_as_it_holds),
        TEST(behind_an_image_that_fills_its_last_page_there_is_none),
        TEST(without_an_upload_there_are_no_pages),
        TEST(what_is_no_page_is_refused_and_the_upload_goes_on),
        TEST(a_page_that_has_begun_is_not_kept),
        TEST(what_is_not_the_file_in_the_end_cannot_be_asked_for),
        TEST(nor_after_a_reset_in_between),
        TEST(a_file_that_was_sent_whole_stays_even_where_it_does_not_match),
        TEST(the_running_pages_of_an_encrypted_image_are_not_told),
        TEST(a_hook_sees_and_may_refuse_what_is_kept),
        TEST(pages_are_taken_under_the_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
