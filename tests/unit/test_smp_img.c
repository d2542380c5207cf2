/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* List, test, confirm and slot info. Erase: test_smp_img_erase.c; uploads: test_smp_upload.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "archive.h"
#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/trailer.h"
#include "hex.h"
#include "img_world.h"

static struct img_world w;
static struct test_image old_image, new_image;

static const uint8_t nobodys_hash[64] = { 0xee };

/* 1.0.0 runs, 1.1.0 lies in the other slot of the last image. */
static int make_images(uint8_t count)
{
    world_fill(&w, count, &old_image, &new_image);
    return 0;
}

static int two_images(void **state)
{
    (void)state;
    return make_images(1);
}

static int end(void **state)
{
    (void)state;
    image_free(&old_image);
    image_free(&new_image);
    world_free(&w);
    return 0;
}

/* ---- List ---- */

/* Two images whose hashes count up from 0, as in the worked examples. */
static void program_examples(bool both)
{
    static const uint8_t tlvs[] = { 0x07, 0x69, 40, 0, 0x10, 0, 32, 0 };

    for (uint8_t slot = 0; slot < (both ? 2 : 1); slot++) {
        uint8_t raw[128] = { 0 };
        const struct dfu_area *area = world_slot(&w, 0, slot);

        put_le32(raw, DFU_IMAGE_MAGIC);
        put_le16(raw + 8, 32);
        put_le32(raw + 12, 16);
        raw[20] = 1;
        raw[21] = 2;
        put_le16(raw + 22, 3u + slot);
        put_le32(raw + 24, slot == 0 ? 0 : 7);
        memcpy(raw + 48, tlvs, sizeof(tlvs));
        for (uint8_t i = 0; i < 32; i++) {
            raw[56 + i] = (uint8_t)(32 * slot + i);
        }
        assert_int_equal(dfu_sim_flash_load(&w.nor->flash, area->base, raw, 88), 0);
    }
}

static int empty_slots(void **state)
{
    (void)state;
    world_init(&w, 1, 8, 8);
    return 0;
}

static void the_list_is_the_worked_example(void **state)
{
    (void)state;
    program_examples(true);
    world_make_swap_type(&w, DFU_SWAP_TEST);
    smp_peer_expect(
        &w.peer, "08 00 00 01 00 01 50 00 a0",
        "09 00 00 f6 00 01 50 00 bf 66 69 6d 61 67 65 73 9f bf 64 73 6c 6f 74 00 67 76 65 72 73 69 "
        "6f 6e 65 31 2e 32 2e 33 64 68 61 73 68 58 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e "
        "0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 "
        "6e 64 69 6e 67 f4 69 63 6f 6e 66 69 72 6d 65 64 f5 66 61 63 74 69 76 65 f5 69 70 65 72 6d "
        "61 6e 65 6e 74 f4 ff bf 64 73 6c 6f 74 01 67 76 65 72 73 69 6f 6e 67 31 2e 32 2e 34 2e 37 "
        "64 68 61 73 68 58 20 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 "
        "37 38 39 3a 3b 3c 3d 3e 3f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 6e 67 f5 69 63 "
        "6f 6e 66 69 72 6d 65 64 f4 66 61 63 74 69 76 65 f4 69 70 65 72 6d 61 6e 65 6e 74 f4 ff ff "
        "6b 73 70 6c 69 74 53 74 61 74 75 73 00 ff");
}

static void the_frugal_list_is_the_worked_example(void **state)
{
    (void)state;
    program_examples(false);
    w.img.frugal_list = true;
    smp_peer_expect(
        &w.peer, "08 00 00 01 00 01 50 00 a0",
        "09 00 00 65 00 01 50 00 bf 66 69 6d 61 67 65 73 9f bf 64 73 6c 6f 74 00 67 76 65 72 73 69 "
        "6f 6e 65 31 2e 32 2e 33 64 68 61 73 68 58 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e "
        "0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 68 62 6f 6f 74 61 62 6c 65 f5 69 63 6f "
        "6e 66 69 72 6d 65 64 f5 66 61 63 74 69 76 65 f5 ff ff ff");
}

static void test_and_confirm_answer_the_worked_requests_with_the_list(void **state)
{
    (void)state;
    program_examples(true);
    smp_peer_receive_hex(&w.peer, "0a 00 00 31 00 01 51 00 a2 64 68 61 73 68 58 20 20 21 22 23 24 "
                                  "25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 37 38 39 "
                                  "3a 3b 3c 3d 3e 3f 67 63 6f 6e 66 69 72 6d f4");
    assert_int_equal(w.peer.count, 1);
    assert_int_equal(w.peer.answers[0].len, 254);
    assert_hex(w.peer.answers[0].data, 8, "0b 00 00 f6 00 01 51 00");
    assert_int_equal(dfu_mcuboot_swap_type(&w.map, 0), DFU_SWAP_TEST);
}

static void an_empty_device_has_an_empty_list(void **state)
{
    (void)state;
    smp_peer_read(&w.peer, 1, DFU_SMP_IMG_STATE, "",
                  "bf 66 69 6d 61 67 65 73 9f ff 6b 73 70 6c 69 74 53 74 61 74 75 73 00 ff");
}

static void slots_that_hold_no_whole_image_are_left_out(void **state)
{
    static const struct {
        uint32_t off;
        const char *what;
    } damage[] = {
        { 0, "the magic" },
        { 4960, "the TLV magic" },
        { 4964, "the hash's type" },
        { 4966, "the hash's size" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        const struct dfu_area *area = world_slot(&w, 0, 0);
        uint8_t *byte = w.nor->flash.mem + area->base + damage[i].off;
        uint8_t kept = *byte;

        *byte = (uint8_t)~kept;
        if (strcmp(world_flags(&w, 0, 0), "absent") != 0) {
            fail_msg("listed without %s", damage[i].what);
        }
        assert_string_equal(world_flags(&w, 0, 1), "");
        *byte = kept;
    }
    assert_string_equal(world_flags(&w, 0, 0), "active,confirmed");
    w.img.hash_size = 64; /* a loader built for another hash sees none here */
    assert_string_equal(world_flags(&w, 0, 0), "absent");
    w.img.hash_size = 0;
    assert_string_equal(world_flags(&w, 0, 0), "active,confirmed");
}

static void flags_follow_the_swap_type(void **state)
{
    static const struct {
        enum dfu_swap_type type;
        const char *active, *other;
    } rows[] = {
        { DFU_SWAP_NONE, "active,confirmed", "" },
        { DFU_SWAP_TEST, "active,confirmed", "pending" },
        { DFU_SWAP_PERM, "active,confirmed", "pending,permanent" },
        { DFU_SWAP_REVERT, "active", "confirmed" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_make_swap_type(&w, rows[i].type);
        assert_string_equal(world_flags(&w, 0, 0), rows[i].active);
        assert_string_equal(world_flags(&w, 0, 1), rows[i].other);
        end(state);
        two_images(state);
    }
}

static void a_list_that_does_not_fit_is_too_long(void **state)
{
    (void)state;
    w.peer.server.response_cap = 128;
    smp_peer_read(&w.peer, 1, DFU_SMP_IMG_STATE, "a0", "bf 62 72 63 07 ff");
}

static void images_made_by_imgtool_are_listed_by_their_hash(void **state)
{
    struct archive vectors = archive_open(DFU_SOURCE_DIR "/tests/vectors/images.tar.gz");
    struct archive_file file = archive_find(&vectors, "images/s001-unsigned-sha256-1024.bin");
    const struct dfu_area *area = world_slot(&w, 0, 1);

    (void)state;
    assert_int_equal(dfu_boot_erase_img_bank(area), 0);
    assert_int_equal(dfu_sim_flash_load(&w.nor->flash, area->base, file.data, file.len), 0);
    assert_string_equal(world_flags(&w, 0, 1), "");
    /* The list ends with slot 1's entry: its hash TLV is the file's last 32 bytes. */
    assert_int_equal(world_set_state(&w, file.data + file.len - 32, 32, false).err, 0);
    assert_string_equal(world_flags(&w, 0, 1), "pending");
    archive_close(&vectors);
}

/* ---- Test and confirm, in the order the protocol decides ---- */

/* The Go tool's "image confirm" sends an empty hash. */
enum target { NO_HASH, EMPTY_HASH, ACTIVE, OTHER, UNKNOWN, SHORT_HASH };

struct state_case {
    enum dfu_swap_type before;
    enum target target;
    bool confirm;
    int err;
    enum dfu_swap_type after;
};

static const struct state_case state_cases[] = {
    /* what a request means at all */
    { DFU_SWAP_NONE, NO_HASH, false, 24, DFU_SWAP_NONE },
    { DFU_SWAP_NONE, EMPTY_HASH, false, 24, DFU_SWAP_NONE },
    { DFU_SWAP_NONE, SHORT_HASH, false, 24, DFU_SWAP_NONE },
    { DFU_SWAP_NONE, SHORT_HASH, true, 24, DFU_SWAP_NONE },
    { DFU_SWAP_NONE, UNKNOWN, false, 8, DFU_SWAP_NONE },
    { DFU_SWAP_NONE, UNKNOWN, true, 8, DFU_SWAP_NONE },
    { DFU_SWAP_NONE, ACTIVE, false, 33, DFU_SWAP_NONE },
    { DFU_SWAP_TEST, ACTIVE, false, 33, DFU_SWAP_TEST },
    { DFU_SWAP_REVERT, ACTIVE, false, 33, DFU_SWAP_REVERT },
    /* nothing pending */
    { DFU_SWAP_NONE, NO_HASH, true, 0, DFU_SWAP_NONE },
    { DFU_SWAP_NONE, ACTIVE, true, 0, DFU_SWAP_NONE },
    { DFU_SWAP_NONE, OTHER, false, 0, DFU_SWAP_TEST },
    { DFU_SWAP_NONE, OTHER, true, 0, DFU_SWAP_PERM },
    /* a test pending */
    { DFU_SWAP_TEST, OTHER, false, 0, DFU_SWAP_TEST },
    { DFU_SWAP_TEST, OTHER, true, 28, DFU_SWAP_TEST },
    { DFU_SWAP_TEST, ACTIVE, true, 28, DFU_SWAP_TEST },
    { DFU_SWAP_TEST, NO_HASH, true, 28, DFU_SWAP_TEST },
    /* a permanent swap pending */
    { DFU_SWAP_PERM, OTHER, true, 0, DFU_SWAP_PERM },
    { DFU_SWAP_PERM, OTHER, false, 28, DFU_SWAP_PERM },
    { DFU_SWAP_PERM, ACTIVE, true, 28, DFU_SWAP_PERM },
    { DFU_SWAP_PERM, NO_HASH, true, 28, DFU_SWAP_PERM },
    /* on test */
    { DFU_SWAP_REVERT, NO_HASH, true, 0, DFU_SWAP_NONE },
    { DFU_SWAP_REVERT, EMPTY_HASH, true, 0, DFU_SWAP_NONE },
    { DFU_SWAP_REVERT, ACTIVE, true, 0, DFU_SWAP_NONE },
    { DFU_SWAP_REVERT, OTHER, true, 0, DFU_SWAP_REVERT },
    { DFU_SWAP_REVERT, OTHER, false, 28, DFU_SWAP_REVERT },
};

static struct reply request_state(enum target target, bool confirm)
{
    switch (target) {
    case EMPTY_HASH: return world_set_state(&w, nobodys_hash, 0, confirm);
    case ACTIVE: return world_set_state(&w, old_image.hash, 32, confirm);
    case OTHER: return world_set_state(&w, new_image.hash, 32, confirm);
    case UNKNOWN: return world_set_state(&w, nobodys_hash, 32, confirm);
    case SHORT_HASH: return world_set_state(&w, new_image.hash, 31, confirm);
    default: return world_set_state(&w, NULL, 0, confirm);
    }
}

static void state_requests_are_decided_as_the_table_says(void **state)
{
    for (size_t i = 0; i < sizeof(state_cases) / sizeof(state_cases[0]); i++) {
        const struct state_case *c = &state_cases[i];
        struct reply reply;
        uint32_t ops;

        world_make_swap_type(&w, c->before);
        ops = w.nor->flash.ops;
        /* Confirming the running image is the one write its slot ever sees. */
        w.guards_active = !(c->before == DFU_SWAP_REVERT && c->after == DFU_SWAP_NONE);
        reply = request_state(c->target, c->confirm);
        if (reply.err != c->err || reply.rc != 0 ||
            dfu_mcuboot_swap_type(&w.map, 0) != (int)c->after) {
            fail_msg("row %zu: err %d, then %d", i, (int)reply.err,
                     dfu_mcuboot_swap_type(&w.map, 0));
        }
        if (c->before == c->after) {
            assert_int_equal(w.nor->flash.ops, ops);
        }
        end(state);
        two_images(state);
    }
}

static void a_state_request_that_cannot_be_read_is_invalid(void **state)
{
    (void)state;
    smp_peer_write(&w.peer, 1, DFU_SMP_IMG_STATE, "", "bf 62 72 63 03 ff");
    smp_peer_write(&w.peer, 1, DFU_SMP_IMG_STATE, "a1 67 63 6f 6e 66 69 72 6d 01",
                   "bf 62 72 63 03 ff");
}

static void a_loader_of_any_hash_takes_the_three_lengths(void **state)
{
    (void)state;
    w.img.hash_size = 0;
    assert_int_equal(world_set_state(&w, nobodys_hash, 48, false).err, DFU_SMP_IMG_HASH_NOT_FOUND);
    assert_int_equal(world_set_state(&w, nobodys_hash, 64, false).err, DFU_SMP_IMG_HASH_NOT_FOUND);
    assert_int_equal(world_set_state(&w, nobodys_hash, 33, false).err, DFU_SMP_IMG_INVALID_HASH);
    assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err, 0);
}

static void confirming_the_running_image_is_told_once(void **state)
{
    (void)state;
    world_make_swap_type(&w, DFU_SWAP_REVERT);
    w.guards_active = false;
    assert_int_equal(world_set_state(&w, NULL, 0, true).err, 0);
    assert_int_equal(w.event_count, 1);
    assert_int_equal(w.events[0], DFU_SMP_EV_DFU_CONFIRMED);
    assert_string_equal(world_flags(&w, 0, 0), "active,confirmed");
    assert_int_equal(world_set_state(&w, NULL, 0, true).err, 0); /* nothing to do any more */
    assert_int_equal(w.event_count, 1);
}

static void a_damaged_trailer_is_an_error_of_its_own(void **state)
{
    const struct dfu_area *other = world_slot(&w, 0, 1);

    (void)state;
    memset(w.nor->flash.mem + other->base + other->size - 16, 0xa5, 16);
    assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err,
                     DFU_SMP_IMG_INVALID_HEADER_MAGIC);
}

static void a_mark_that_cannot_be_written_is_a_write_failure(void **state)
{
    (void)state;
    dfu_sim_flash_power_on(&w.nor->flash);
    w.nor->flash.is_off = false;
    dfu_sim_flash_cut(&w.nor->flash, DFU_SIM_CUT_BEFORE, 1, 1);
    assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err,
                     DFU_SMP_IMG_FLASH_WRITE_FAILED);
}

static void modes_without_a_mark_have_no_state_write(void **state)
{
    static const enum dfu_boot_mode modes[] = { DFU_MODE_DIRECT_XIP, DFU_MODE_RAM_LOAD,
                                                DFU_MODE_SINGLE_SLOT, DFU_MODE_FIRMWARE_LOADER };

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        w.map.mode = modes[i];
        assert_int_equal(world_set_state(&w, new_image.hash, 32, false).rc, DFU_SMP_ENOTSUP);
    }
}

/* ---- Several images ---- */

static int two_pairs(void **state)
{
    (void)state;
    return make_images(2);
}

static void images_are_numbered_where_there_are_several(void **state)
{
    (void)state;
    assert_string_equal(world_flags(&w, 0, 0), "active,confirmed");
    assert_string_equal(world_flags(&w, 0, 1), "absent");
    assert_string_equal(world_flags(&w, 1, 1), "");
    assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err, 0);
    assert_int_equal(dfu_mcuboot_swap_type(&w.map, 1), DFU_SWAP_TEST);
    assert_int_equal(dfu_mcuboot_swap_type(&w.map, 0), DFU_SWAP_NONE);
    assert_string_equal(world_flags(&w, 1, 1), "pending");
}

static void another_core_s_image_is_confirmed_only_where_it_does_not_run(void **state)
{
    struct test_image other = image_make((struct dfu_image_version){ 2, 0, 0, 0 }, 4096);

    (void)state;
    world_program(&w, 1, 0, &other);
    assert_int_equal(world_set_state(&w, other.hash, 32, true).err,
                     DFU_SMP_IMG_CONFIRMATION_DENIED);
    w.img.refuse_other_images = true;
    assert_int_equal(world_set_state(&w, new_image.hash, 32, true).err,
                     DFU_SMP_IMG_CONFIRMATION_DENIED);
    w.img.refuse_other_images = false;
    assert_int_equal(world_set_state(&w, new_image.hash, 32, true).err, 0);
    assert_int_equal(dfu_mcuboot_swap_type(&w.map, 1), DFU_SWAP_PERM);
    image_free(&other);
}

/* ---- Slot info ---- */

static void slot_info_tells_sizes_and_where_to_upload(void **state)
{
    uint32_t max = dfu_slot_max_image(&w.map, 0);
    char expected[512];

    (void)state;
    assert_true(max > 0x100 && max < 0x8000);
    (void)snprintf(expected, sizeof(expected),
                   "bf 66 69 6d 61 67 65 73 9f bf 65 69 6d 61 67 65 00 65 73 6c 6f 74 73 9f bf 64 "
                   "73 6c 6f 74 00 64 73 69 7a 65 19 80 00 ff bf 64 73 6c 6f 74 01 64 73 69 7a 65 "
                   "19 80 00 6f 75 70 6c 6f 61 64 5f 69 6d 61 67 65 5f 69 64 00 ff ff 6e 6d 61 78 "
                   "5f 69 6d 61 67 65 5f 73 69 7a 65 19 %02x %02x ff ff ff",
                   (unsigned)(max >> 8), (unsigned)(max & 0xff));
    smp_peer_read(&w.peer, 1, DFU_SMP_IMG_SLOT_INFO, "a0", expected);
}

static void slot_info_and_erase_can_be_left_out(void **state)
{
    (void)state;
    w.img.no_erase = true;
    w.img.no_slot_info = true;
    smp_peer_write(&w.peer, 1, DFU_SMP_IMG_ERASE, "a0", "bf 62 72 63 08 ff");
    smp_peer_read(&w.peer, 1, DFU_SMP_IMG_SLOT_INFO, "a0", "bf 62 72 63 08 ff");
}

static void commands_of_other_systems_are_not_supported(void **state)
{
    (void)state;
    smp_peer_read(&w.peer, 1, DFU_SMP_IMG_FILE, "a0", "bf 62 72 63 08 ff");
    smp_peer_read(&w.peer, 1, DFU_SMP_IMG_CORE_LIST, "a0", "bf 62 72 63 08 ff");
    smp_peer_read(&w.peer, 1, DFU_SMP_IMG_CORE_LOAD, "a0", "bf 62 72 63 08 ff");
    smp_peer_read(&w.peer, 1, DFU_SMP_IMG_UPLOAD, "a0", "bf 62 72 63 08 ff");
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, two_images, end)
#define TEST_EMPTY(name) cmocka_unit_test_setup_teardown(name, empty_slots, end)
#define TEST_PAIRS(name) cmocka_unit_test_setup_teardown(name, two_pairs, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_EMPTY(the_list_is_the_worked_example),
        TEST_EMPTY(the_frugal_list_is_the_worked_example),
        TEST_EMPTY(test_and_confirm_answer_the_worked_requests_with_the_list),
        TEST_EMPTY(an_empty_device_has_an_empty_list),
        TEST(slots_that_hold_no_whole_image_are_left_out),
        TEST(flags_follow_the_swap_type),
        TEST(a_list_that_does_not_fit_is_too_long),
        TEST(images_made_by_imgtool_are_listed_by_their_hash),
        TEST(state_requests_are_decided_as_the_table_says),
        TEST(a_state_request_that_cannot_be_read_is_invalid),
        TEST(a_loader_of_any_hash_takes_the_three_lengths),
        TEST(confirming_the_running_image_is_told_once),
        TEST(a_damaged_trailer_is_an_error_of_its_own),
        TEST(a_mark_that_cannot_be_written_is_a_write_failure),
        TEST(modes_without_a_mark_have_no_state_write),
        TEST_PAIRS(images_are_numbered_where_there_are_several),
        TEST_PAIRS(another_core_s_image_is_confirmed_only_where_it_does_not_run),
        TEST(slot_info_tells_sizes_and_where_to_upload),
        TEST(slot_info_and_erase_can_be_left_out),
        TEST(commands_of_other_systems_are_not_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
