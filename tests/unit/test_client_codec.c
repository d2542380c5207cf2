/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Requests as every server in the field takes them, and the answers real servers give: Zephyr's
 * full and frugal lists, version 1 errors, MCUboot's recovery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dfu/client.h"
#include "dfu/err.h"
#include "dfu/smp.h"
#include "dfu/smp_auth.h"
#include "dfu/smp_basic.h"
#include "dfu/smp_enum.h"
#include "dfu/smp_fs.h"
#include "dfu/smp_img.h"
#include "dfu/smp_os.h"
#include "dfu/smp_pages.h"
#include "dfu/smp_settings.h"
#include "dfu/smp_shell.h"
#include "dfu/smp_stat.h"

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t len = 0;

    for (; *hex; hex++) {
        if (*hex != ' ') {
            const char pair[3] = { hex[0], hex[1], 0 };

            out[len++] = (uint8_t)strtoul(pair, NULL, 16);
            hex++;
        }
    }
    return len;
}

static void assert_frame(const uint8_t *frame, int len, const char *hex)
{
    uint8_t expected[512];
    size_t expected_len = from_hex(hex, expected);

    assert_int_equal(len, expected_len);
    assert_memory_equal(frame, expected, expected_len);
}

static void requests_are_those_of_the_field(void **state)
{
    uint8_t f[128], hash[32];
    struct dfu_call v1 = { .version = 0, .seq = 0x42 }, v2 = { .version = 1, .seq = 0x42 };

    (void)state;
    for (uint8_t i = 0; i < 32; i++) {
        hash[i] = (uint8_t)(0x20 + i);
    }
    assert_frame(f, dfu_client_echo(&v2, "hi", f, sizeof(f)),
                 "0a 00 00 06 00 00 42 00 a1 61 64 62 68 69");
    assert_frame(f, dfu_client_echo(&v1, "hi", f, sizeof(f)),
                 "02 00 00 06 00 00 42 00 a1 61 64 62 68 69");
    v2.seq = 0x43;
    assert_frame(f, dfu_client_params(&v2, f, sizeof(f)), "08 00 00 01 00 00 43 06 a0");
    v2.seq = 0x46;
    assert_frame(f, dfu_client_reset(&v2, false, 0, f, sizeof(f)), "0a 00 00 01 00 00 46 05 a0");
    assert_frame(f, dfu_client_reset(&v2, true, 0, f, sizeof(f)),
                 "0a 00 00 08 00 00 46 05 a1 65 66 6f 72 63 65 f5");
    assert_frame(f, dfu_client_reset(&v2, false, 1, f, sizeof(f)),
                 "0a 00 00 0c 00 00 46 05 a1 69 62 6f 6f 74 5f 6d 6f 64 65 01");
    v2.seq = 0x48;
    assert_frame(f, dfu_client_bootinfo(&v2, "mode", f, sizeof(f)),
                 "08 00 00 0c 00 00 48 08 a1 65 71 75 65 72 79 64 6d 6f 64 65");
    v2.seq = 0x44;
    assert_frame(f, dfu_client_datetime_set(&v2, "2026-11-20T11:56:05", f, sizeof(f)),
                 "0a 00 00 1e 00 00 44 04 a1 68 64 61 74 65 74 69 6d 65 73 32 30 32 36 2d 31 31 "
                 "2d 32 30 54 31 31 3a 35 36 3a 30 35");
    v2.seq = 0x51;
    assert_frame(f, dfu_client_image_set(&v2, hash, 32, false, f, sizeof(f)),
                 "0a 00 00 31 00 01 51 00 a2 64 68 61 73 68 58 20 20 21 22 23 24 25 26 27 28 29 "
                 "2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f 67 63 6f 6e "
                 "66 69 72 6d f4");
    v2.seq = 0x52;
    assert_frame(f, dfu_client_image_set(&v2, NULL, 0, true, f, sizeof(f)),
                 "0a 00 00 0a 00 01 52 00 a1 67 63 6f 6e 66 69 72 6d f5");
    v2.seq = 0x56;
    assert_frame(f, dfu_client_image_erase(&v2, 1, f, sizeof(f)),
                 "0a 00 00 07 00 01 56 05 a1 64 73 6c 6f 74 01");
    assert_frame(f, dfu_client_image_erase(&v2, -1, f, sizeof(f)), "0a 00 00 01 00 01 56 05 a0");
    v2.seq = 0x50;
    assert_frame(f, dfu_client_image_list(&v2, f, sizeof(f)), "08 00 00 01 00 01 50 00 a0");
}

static void a_frame_too_small_for_its_request_is_refused(void **state)
{
    uint8_t f[64];
    struct dfu_call call = { .version = 1 };

    (void)state;
    for (size_t cap = 0; cap < 14; cap++) {
        assert_int_equal(dfu_client_echo(&call, "hi", f, cap), DFU_ERR_NOSPACE);
    }
    assert_int_equal(dfu_client_echo(&call, "hi", f, 14), 14);
}

static int answer_of(const struct dfu_call *call, const char *hex, uint8_t *frame,
                     struct dfu_answer *out)
{
    return dfu_client_answer(call, frame, from_hex(hex, frame), out);
}

static const struct dfu_call upload_call = { .version = 1,
                                             .seq = 0x53,
                                             .op = DFU_SMP_WRITE,
                                             .group = DFU_SMP_GROUP_IMG,
                                             .id = DFU_SMP_IMG_UPLOAD };

static void a_refusal_is_found_in_either_shape(void **state)
{
    static const struct {
        const char *hex;
        int expected;
        bool from_group;
        uint32_t rc;
    } cases[] = {
        { "0b 00 00 13 00 01 53 01 bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 17 ff ff",
          DFU_ERR_PERM, true, 23 },
        { "03 00 00 06 00 01 53 01 bf 62 72 63 01 ff", DFU_ERR_PERM, false, 1 },
        { "0b 00 00 06 00 01 53 01 bf 62 72 63 0a ff", DFU_ERR_PERM, false, 10 },
        { "0b 00 00 06 00 01 53 01 bf 62 72 63 00 ff", 0, false, 0 }, /* mcuboot: success */
        { "0b 00 00 02 00 01 53 01 bf ff", 0, false, 0 },
        { "0b 00 00 01 00 01 53 01 a0", 0, false, 0 },
        /* {"err": {"group": 1}} and {"err": 5} and a cut map */
        { "0b 00 00 0e 00 01 53 01 bf 63 65 72 72 bf 65 67 72 6f 75 70 01 ff ff", DFU_ERR_FORMAT,
          false, 0 },
        { "0b 00 00 06 00 01 53 01 a1 63 65 72 72 05", DFU_ERR_FORMAT, false, 0 },
        { "0b 00 00 06 00 01 53 01 bf 62 72 63 0a", DFU_ERR_FORMAT, false, 0 },
        /* header length beyond the frame */
        { "0b 00 00 ff 00 01 53 01 bf 62 72 63 0a ff", DFU_ERR_FORMAT, false, 0 },
        /* somebody else's: other seq, group, id, op; too short */
        { "0b 00 00 02 00 01 54 01 bf ff", DFU_ERR_NOENT, false, 0 },
        { "0b 00 00 02 00 00 53 01 bf ff", DFU_ERR_NOENT, false, 0 },
        { "0b 00 00 02 00 01 53 00 bf ff", DFU_ERR_NOENT, false, 0 },
        { "09 00 00 02 00 01 53 01 bf ff", DFU_ERR_NOENT, false, 0 },
        { "0b 00 00", DFU_ERR_NOENT, false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t frame[64];
        struct dfu_answer answer = { 0 };

        assert_int_equal(answer_of(&upload_call, cases[i].hex, frame, &answer), cases[i].expected);
        if (cases[i].expected == DFU_ERR_PERM) {
            assert_int_equal(answer.refusal.from_group, cases[i].from_group);
            assert_int_equal(answer.refusal.rc, cases[i].rc);
        }
    }
}

static void a_reason_is_kept_and_made_printable(void **state)
{
    /* {"rc": 1, "rsn": "no\x1b[slot"} */
    const char *hex = "03 00 00 13 00 01 53 01 bf 62 72 63 01 63 72 73 6e 68 6e 6f 1b 5b 73 6c 6f "
                      "74 ff";
    uint8_t frame[64];
    struct dfu_answer answer;

    (void)state;
    assert_int_equal(answer_of(&upload_call, hex, frame, &answer), DFU_ERR_PERM);
    assert_string_equal(answer.refusal.reason, "no?[slot");
}

static const struct dfu_call list_call = { .version = 1,
                                           .seq = 0x50,
                                           .op = DFU_SMP_READ,
                                           .group = DFU_SMP_GROUP_IMG,
                                           .id = DFU_SMP_IMG_STATE };

static const char full_list[] =
    "09 00 00 f6 00 01 50 00 bf 66 69 6d 61 67 65 73 9f bf 64 73 6c 6f 74 00 67 76 65 72 73 69 6f "
    "6e 65 31 2e 32 2e 33 64 68 61 73 68 58 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 "
    "11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 "
    "6e 67 f4 69 63 6f 6e 66 69 72 6d 65 64 f5 66 61 63 74 69 76 65 f5 69 70 65 72 6d 61 6e 65 6e "
    "74 f4 ff bf 64 73 6c 6f 74 01 67 76 65 72 73 69 6f 6e 67 31 2e 32 2e 34 2e 37 64 68 61 73 68 "
    "58 20 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 37 38 39 3a 3b 3c "
    "3d 3e 3f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 6e 67 f5 69 63 6f 6e 66 69 72 6d 65 "
    "64 f4 66 61 63 74 69 76 65 f4 69 70 65 72 6d 61 6e 65 6e 74 f4 ff ff 6b 73 70 6c 69 74 53 74 "
    "61 74 75 73 00 ff";

static void a_full_image_list_is_read(void **state)
{
    uint8_t frame[512];
    struct dfu_answer answer;
    struct dfu_client_images images;
    const struct dfu_client_slot *slot;
    uint8_t hash[32];

    (void)state;
    assert_int_equal(answer_of(&list_call, full_list, frame, &answer), 0);
    assert_int_equal(dfu_client_images_read(&answer, &images), 0);
    assert_int_equal(images.count, 2);
    slot = dfu_client_active(&images, 0);
    assert_ptr_equal(slot, &images.slots[0]);
    assert_string_equal(slot->version, "1.2.3");
    assert_true(slot->bootable && slot->confirmed && !slot->pending && !slot->permanent);
    for (uint8_t i = 0; i < 32; i++) {
        hash[i] = (uint8_t)(0x20 + i);
    }
    slot = dfu_client_holding(&images, hash, 32);
    assert_ptr_equal(slot, &images.slots[1]);
    assert_string_equal(slot->version, "1.2.4.7");
    assert_true(slot->pending && !slot->active && slot->slot == 1);
    assert_null(dfu_client_holding(&images, hash, 31));
    assert_null(dfu_client_active(&images, 1));
}

static void a_list_cut_anywhere_is_refused(void **state)
{
    uint8_t whole[512], frame[512];
    size_t len = from_hex(full_list, whole);

    (void)state;
    for (size_t cut = DFU_SMP_HEADER_SIZE; cut < len; cut++) {
        struct dfu_answer answer;
        struct dfu_client_images images;

        memcpy(frame, whole, cut);
        frame[2] = (uint8_t)((cut - DFU_SMP_HEADER_SIZE) >> 8);
        frame[3] = (uint8_t)(cut - DFU_SMP_HEADER_SIZE);
        assert_int_equal(dfu_client_answer(&list_call, frame, cut, &answer), DFU_ERR_FORMAT);
        answer = (struct dfu_answer){ .body = frame + 8, .len = cut - 8 };
        assert_int_equal(dfu_client_images_read(&answer, &images), DFU_ERR_FORMAT);
    }
}

static void frugal_and_recovery_lists_leave_things_out(void **state)
{
    /* {"images": [{"slot": 0, "version": "1.2.3"}], "rc": 0}: MCUboot's recovery, counted maps */
    const char *recovery = "09 00 00 22 00 01 50 00 a2 66 69 6d 61 67 65 73 81 a2 64 73 6c 6f 74 "
                           "00 67 76 65 72 73 69 6f 6e 65 31 2e 32 2e 33 62 72 63 00";
    /* {"images": []} */
    const char *empty = "09 00 00 0b 00 01 50 00 bf 66 69 6d 61 67 65 73 9f ff ff";
    uint8_t frame[128];
    struct dfu_answer answer;
    struct dfu_client_images images;

    (void)state;
    assert_int_equal(answer_of(&list_call, recovery, frame, &answer), 0);
    assert_int_equal(dfu_client_images_read(&answer, &images), 0);
    assert_int_equal(images.count, 1);
    assert_int_equal(images.slots[0].hash_len, 0);
    assert_false(images.slots[0].active);
    assert_int_equal(answer_of(&list_call, empty, frame, &answer), 0);
    assert_int_equal(dfu_client_images_read(&answer, &images), 0);
    assert_int_equal(images.count, 0);
}

static void slot_sizes_are_read_with_the_bootloaders_limit(void **state)
{
    const char *hex =
        "09 00 00 65 00 01 57 06 bf 66 69 6d 61 67 65 73 9f bf 65 69 6d 61 67 65 00 65 73 6c 6f "
        "74 73 9f bf 64 73 6c 6f 74 00 64 73 69 7a 65 1a 00 07 40 00 ff bf 64 73 6c 6f 74 01 64 "
        "73 69 7a 65 1a 00 07 40 00 6f 75 70 6c 6f 61 64 5f 69 6d 61 67 65 5f 69 64 00 ff ff 6e "
        "6d 61 78 5f 69 6d 61 67 65 5f 73 69 7a 65 1a 00 07 30 00 ff ff ff";
    uint8_t frame[128];
    struct dfu_answer answer = { 0 };
    struct dfu_client_slot_sizes sizes;
    size_t len = from_hex(hex, frame);

    (void)state;
    answer.body = frame + 8;
    answer.len = len - 8;
    assert_int_equal(dfu_client_slot_info_read(&answer, &sizes), 0);
    assert_int_equal(sizes.count, 2);
    assert_int_equal(sizes.slots[0].size, 0x74000);
    assert_int_equal(sizes.slots[0].upload_image_id, -1);
    assert_int_equal(sizes.slots[1].upload_image_id, 0);
    /* the limit stands behind the slots in the map, yet belongs to each of them */
    assert_int_equal(sizes.slots[0].max_image_size, 0x73000);
    assert_int_equal(sizes.slots[1].max_image_size, 0x73000);
}

static void every_code_has_words_and_a_next_step(void **state)
{
    struct dfu_refusal r = { 0 };

    (void)state;
    for (r.rc = 1; r.rc < 300; r.rc++) {
        for (uint16_t group = 0; group < 3; group++) {
            r.from_group = group > 0;
            r.group = (uint16_t)(group - 1);
            assert_true(strlen(dfu_refusal_what(&r)) > 10);
            assert_true(strlen(dfu_refusal_hint(&r)) > 5);
        }
    }
    r = (struct dfu_refusal){ .from_group = true, .group = 1, .rc = DFU_SMP_IMG_TOO_LARGE };
    assert_string_equal(dfu_refusal_what(&r), "the image is too large for the slot");
}

/* Those of an application say that its documentation must be read. */
static void each_code_of_our_groups_has_words_of_its_own(void **state)
{
    static const struct dfu_smp_group *const groups[] = {
        &dfu_smp_group_auth,  &dfu_smp_group_basic,    &dfu_smp_group_enum,  &dfu_smp_group_fs,
        &dfu_smp_group_img,   &dfu_smp_group_os,       &dfu_smp_group_pages, &dfu_smp_group_stat,
        &dfu_smp_group_shell, &dfu_smp_group_settings,
    };
    const char *others = dfu_refusal_what(
        &(struct dfu_refusal){ .from_group = true, .group = DFU_SMP_GROUP_USER + 100, .rc = 1 });

    (void)state;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        for (uint32_t rc = 1; rc < groups[i]->to_v1_count; rc++) {
            const struct dfu_refusal r = { .from_group = true, .group = groups[i]->id, .rc = rc };

            if (groups[i]->to_v1[rc] != 0 && strcmp(dfu_refusal_what(&r), others) == 0) {
                fail_msg("group %u, code %u has no words", (unsigned)r.group, (unsigned)rc);
            }
        }
    }
}

static void a_code_that_all_groups_have_speaks_of_the_group_that_was_asked(void **state)
{
    static const uint8_t no[] = { 1, 0, 0, 6, 0, 8, 7, 0, 0xbf, 0x62, 'r', 'c', 8, 0xff };
    struct dfu_call call = { .seq = 7, .op = 0, .group = DFU_SMP_GROUP_FS };
    struct dfu_answer answer;

    (void)state;
    assert_int_equal(dfu_client_answer(&call, no, sizeof no, &answer), DFU_ERR_PERM);
    assert_null(strstr(dfu_refusal_what(&answer.refusal), "image"));
    assert_null(strstr(dfu_refusal_hint(&answer.refusal), "image"));
    answer.refusal.group = DFU_SMP_GROUP_IMG;
    answer.refusal.command = DFU_SMP_IMG_CORE_LOAD;
    assert_null(strstr(dfu_refusal_what(&answer.refusal), "image"));
    answer.refusal.command = DFU_SMP_IMG_UPLOAD;
    assert_non_null(strstr(dfu_refusal_hint(&answer.refusal), "an encrypted or compressed image"));
    answer.refusal.from_group = true; /* the group's own eighth code is another one */
    assert_null(strstr(dfu_refusal_hint(&answer.refusal), "an encrypted or compressed image"));
}

static void an_exchange_repeats_and_then_tries_the_older_version(void **state)
{
    uint8_t frame[32];
    uint8_t versions[16];
    struct dfu_call call = { .version = 1, .seq = 7 };
    struct dfu_exchange x;
    uint64_t now = 1000;
    size_t tries = 0;

    (void)state;
    dfu_exchange_start(&x, &call, frame, 0, 100, 2000);
    x.len = (size_t)dfu_client_params(&call, frame, sizeof(frame));
    x.call = call;
    while (x.result == DFU_CLIENT_RUNNING) {
        if (dfu_exchange_next(&x, now)) {
            versions[tries++] = (uint8_t)(frame[0] >> 3);
        } else if (x.result == DFU_CLIENT_RUNNING) {
            assert_true(dfu_exchange_deadline(&x) > now);
            now = dfu_exchange_deadline(&x);
        }
    }
    assert_int_equal(x.result, DFU_ERR_TIMEOUT);
    assert_int_equal(now, 3000);
    assert_true(tries >= 4);
    assert_memory_equal(versions, ((uint8_t[]){ 1, 1, 0, 1 }), 4);
}

static void a_server_that_knows_only_version_1_gets_it_at_once(void **state)
{
    uint8_t frame[32], in[32];
    struct dfu_call call = { .version = 1, .seq = 7 };
    struct dfu_exchange x;
    int len = dfu_client_params(&call, frame, sizeof(frame));

    (void)state;
    dfu_exchange_start(&x, &call, frame, len, 100, 2000);
    assert_true(dfu_exchange_next(&x, 5));
    assert_int_equal(
        dfu_exchange_answer(&x, in, from_hex("01 00 00 06 00 00 07 06 bf 62 72 63 0d ff", in)),
        DFU_CLIENT_RUNNING);
    assert_true(dfu_exchange_next(&x, 5));
    assert_int_equal(frame[0], 0x00);
    assert_int_equal(dfu_exchange_answer(&x, in, from_hex("01 00 00 02 00 00 07 06 bf ff", in)), 0);
    assert_int_equal(x.call.version, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_those_of_the_field),
        cmocka_unit_test(a_frame_too_small_for_its_request_is_refused),
        cmocka_unit_test(a_refusal_is_found_in_either_shape),
        cmocka_unit_test(a_reason_is_kept_and_made_printable),
        cmocka_unit_test(a_full_image_list_is_read),
        cmocka_unit_test(a_list_cut_anywhere_is_refused),
        cmocka_unit_test(frugal_and_recovery_lists_leave_things_out),
        cmocka_unit_test(slot_sizes_are_read_with_the_bootloaders_limit),
        cmocka_unit_test(every_code_has_words_and_a_next_step),
        cmocka_unit_test(each_code_of_our_groups_has_words_of_its_own),
        cmocka_unit_test(a_code_that_all_groups_have_speaks_of_the_group_that_was_asked),
        cmocka_unit_test(an_exchange_repeats_and_then_tries_the_older_version),
        cmocka_unit_test(a_server_that_knows_only_version_1_gets_it_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
