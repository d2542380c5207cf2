/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What a set of images makes of a device's lists once both are on test: each answer is written by
 * hand. Against the virtual device: interop-packages, interop-interrupted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/cbor.h"
#include "dfu/err.h"
#include "dfu/smp.h"
#include "dfu/upgrade_set.h"

#define IMAGES   2u
#define HASH_LEN 32u

/* What the device answers instead of a list. */
enum instead { A_LIST, NO_MAP, A_REFUSAL, NOTHING };

struct device {
    bool is_new[IMAGES], is_confirmed[IMAGES]; /* what runs */
    bool is_confirming_for_show;               /* a confirmation is answered, and changes nothing */
    enum instead instead;
    enum dfu_upgrade_set_step instead_in;
    /* When that step begins, this becomes of what runs. */
    enum dfu_upgrade_set_step change_in;
    void (*change)(struct device *device);
    unsigned confirmed_images[4], confirmations; /* in this order */
};

static struct dfu_upgrade_part parts[IMAGES];

static void fill_hash(uint8_t *hash, unsigned image, bool is_new)
{
    memset(hash, (int)(16 * image + (is_new ? 2 : 1)), HASH_LEN);
}

static void put_slot(struct dfu_cbor_encoder *enc, const struct device *device, unsigned image)
{
    uint8_t hash[HASH_LEN];

    fill_hash(hash, image, device->is_new[image]);
    dfu_cbor_begin_map(enc);
    dfu_cbor_pair_uint(enc, "image", image);
    dfu_cbor_pair_uint(enc, "slot", 0);
    dfu_cbor_pair_text(enc, "version", device->is_new[image] ? "2.0.0" : "1.0.0");
    dfu_cbor_pair_bytes(enc, "hash", hash, HASH_LEN);
    dfu_cbor_pair_bool(enc, "active", true);
    dfu_cbor_pair_bool(enc, "confirmed", device->is_confirmed[image]);
    dfu_cbor_end(enc);
}

/* A confirmation without a hash is that of image 0. */
static void take_confirmation(struct device *device, const uint8_t *body, size_t len)
{
    struct dfu_cbor_span hash = { 0 };
    struct dfu_cbor_key key = { "hash", DFU_CBOR_BYTES, &hash, false };
    unsigned image;

    assert_int_equal(dfu_cbor_decode_map((struct dfu_cbor_span){ body, len }, &key, 1), 0);
    image = hash.len > 0 ? hash.data[0] / 16u : 0;
    assert_true(device->confirmations < 4);
    device->confirmed_images[device->confirmations++] = image;
    device->is_confirmed[image] = !device->is_confirming_for_show;
}

static void put_answer(const struct device *device, const struct dfu_smp_header *asked,
                       bool is_instead, struct dfu_cbor_encoder *enc)
{
    dfu_cbor_begin_map(enc);
    if (is_instead && device->instead == A_REFUSAL) {
        dfu_cbor_pair_uint(enc, "rc", DFU_SMP_EUNKNOWN);
    } else if (asked->group == DFU_SMP_GROUP_IMG && asked->id == DFU_SMP_IMG_STATE) {
        dfu_cbor_put_text(enc, "images");
        dfu_cbor_begin_array(enc);
        for (unsigned i = 0; i < IMAGES; i++) {
            put_slot(enc, device, i);
        }
        dfu_cbor_end(enc);
    } else {
        dfu_cbor_pair_uint(enc, "rc", DFU_SMP_ENOTSUP);
    }
    dfu_cbor_end(enc);
}

static size_t respond(struct device *device, bool is_instead, const uint8_t *frame, size_t len,
                      uint8_t *out, size_t cap)
{
    struct dfu_smp_header header;
    struct dfu_cbor_encoder enc;

    dfu_smp_header_decode(frame, &header);
    if (header.op == DFU_SMP_WRITE) {
        assert_int_equal(header.id, DFU_SMP_IMG_STATE);
        take_confirmation(device, frame + 8, len - 8);
    }
    dfu_cbor_encoder_init(&enc, out + 8, cap - 8, true);
    put_answer(device, &header, is_instead, &enc);
    if (is_instead && device->instead == NO_MAP) {
        out[8] = 0xff;
    }
    header.op++;
    header.length = (uint16_t)enc.len;
    dfu_smp_header_encode(&header, out);
    return 8 + enc.len;
}

static void start(struct dfu_upgrade_set *set, bool test_only)
{
    struct dfu_upgrade_set_config config = { .parts = parts, .count = IMAGES };

    for (unsigned i = 0; i < IMAGES; i++) {
        parts[i] = (struct dfu_upgrade_part){ .image_number = i };
        parts[i].firmware.hash_len = HASH_LEN;
        fill_hash(parts[i].firmware.hash, i, true);
        fill_hash(parts[i].firmware.run_hash, i, true);
    }
    config.each.test_only = test_only;
    assert_int_equal(dfu_upgrade_set_start(set, &config), 0);
}

static struct dfu_upgrade_set run(struct device *device, bool test_only)
{
    struct dfu_upgrade_set set;
    uint8_t frame[512], back[512];
    uint64_t now_ms = 1;

    start(&set, test_only);
    for (unsigned turns = 0; set.step != DFU_UPGRADE_SET_OVER; turns++) {
        size_t len = dfu_upgrade_set_next(&set, now_ms, frame, sizeof(frame));
        bool is_instead = device->instead && set.step == device->instead_in;

        assert_true(turns < 1000);
        if (set.step == device->change_in && device->change) {
            device->change(device);
            device->change = NULL;
        }
        if (len == 0 || (is_instead && device->instead == NOTHING)) {
            uint64_t due_ms = dfu_upgrade_set_deadline(&set);

            now_ms = due_ms > now_ms && due_ms != UINT64_MAX ? due_ms : now_ms + 1;
            continue;
        }
        len = respond(device, is_instead, frame, len, back, sizeof(back));
        dfu_upgrade_set_answer(&set, now_ms, back, len);
    }
    return set;
}

#define ON_TEST            \
    {                      \
        .is_new = { 1, 1 } \
    }

static void both_on_test_are_confirmed_one_after_the_other(void **state)
{
    struct device device = ON_TEST;
    struct dfu_upgrade_set set = run(&device, false);

    (void)state;
    assert_int_equal(set.outcome, DFU_UPGRADE_CONFIRMED);
    assert_int_equal(device.confirmations, 2);
    assert_int_equal(device.confirmed_images[0], 0);
    assert_int_equal(device.confirmed_images[1], 1);
}

static void what_is_confirmed_already_is_not_confirmed_again(void **state)
{
    struct device device = { .is_new = { 1, 1 }, .is_confirmed = { 1, 0 } };

    (void)state;
    assert_int_equal(run(&device, false).outcome, DFU_UPGRADE_CONFIRMED);
    assert_int_equal(device.confirmations, 1);
    assert_int_equal(device.confirmed_images[0], 1);
}

static void both_on_test_stay_so_where_that_is_wanted(void **state)
{
    struct device device = ON_TEST;

    (void)state;
    assert_int_equal(run(&device, true).outcome, DFU_UPGRADE_ON_TEST);
    assert_int_equal(device.confirmations, 0);
}

static void the_second_is_old(struct device *device)
{
    device->is_new[1] = false;
    device->is_confirmed[1] = true;
}

static void where_one_is_old_before_the_first_confirmation_nothing_is_confirmed(void **state)
{
    struct device device = { .is_new = { 1, 1 },
                             .change_in = DFU_UPGRADE_SET_LIST,
                             .change = the_second_is_old };
    struct dfu_upgrade_set set = run(&device, false);

    (void)state;
    assert_int_equal(set.outcome, DFU_UPGRADE_REVERTED);
    assert_int_equal(set.failed_in, DFU_UPGRADE_SET_LIST);
    assert_int_equal(device.confirmations, 0);
}

/* ---- The last look, after the confirmations ---- */

static void a_confirmation_that_does_not_last_is_no_success(void **state)
{
    struct device device = { .is_new = { 1, 1 }, .is_confirming_for_show = true };
    struct dfu_upgrade_set set = run(&device, false);

    (void)state;
    assert_int_equal(set.outcome, DFU_UPGRADE_FAILED);
    assert_int_equal(set.err, DFU_ERR_STATE);
    assert_int_equal(set.failed_in, DFU_UPGRADE_SET_CHECK);
    assert_int_equal(set.at, 0);
}

static void the_second_is_on_test_again(struct device *device)
{
    device->is_confirmed[1] = false;
}

static void the_one_that_is_not_confirmed_is_named(void **state)
{
    struct device device = { .is_new = { 1, 1 },
                             .change_in = DFU_UPGRADE_SET_CHECK,
                             .change = the_second_is_on_test_again };
    struct dfu_upgrade_set set = run(&device, false);

    (void)state;
    assert_int_equal(set.outcome, DFU_UPGRADE_FAILED);
    assert_int_equal(set.err, DFU_ERR_STATE);
    assert_int_equal(set.at, 1);
}

static void one_that_went_back_while_it_was_confirmed_is_told(void **state)
{
    struct device device = { .is_new = { 1, 1 },
                             .change_in = DFU_UPGRADE_SET_CHECK,
                             .change = the_second_is_old };
    struct dfu_upgrade_set set = run(&device, false);

    (void)state;
    assert_int_equal(set.outcome, DFU_UPGRADE_REVERTED);
    assert_int_equal(set.failed_in, DFU_UPGRADE_SET_CHECK);
    assert_int_equal(set.at, 1);
    assert_int_equal(set.new_count, 1);
    assert_int_equal(set.old.image, 1);
    assert_string_equal(set.old.version, "1.0.0");
}

static void a_list_that_can_not_be_had_fails_in_its_step(void **state)
{
    static const enum dfu_upgrade_set_step steps[] = { DFU_UPGRADE_SET_LIST,
                                                       DFU_UPGRADE_SET_CONFIRM,
                                                       DFU_UPGRADE_SET_CHECK };
    static const struct {
        enum instead instead;
        int err;
    } rows[] = { { NO_MAP, DFU_ERR_FORMAT },
                 { A_REFUSAL, DFU_ERR_PERM },
                 { NOTHING, DFU_ERR_TIMEOUT } };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
            struct device device = { .is_new = { 1, 1 },
                                     .instead = rows[i].instead,
                                     .instead_in = steps[k] };
            struct dfu_upgrade_set set = run(&device, false);

            assert_int_equal(set.outcome, DFU_UPGRADE_FAILED);
            assert_int_equal(set.err, rows[i].err);
            assert_int_equal(set.failed_in, steps[k]);
            assert_int_equal(set.refusal.rc, rows[i].instead == A_REFUSAL ? DFU_SMP_EUNKNOWN : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_on_test_are_confirmed_one_after_the_other),
        cmocka_unit_test(what_is_confirmed_already_is_not_confirmed_again),
        cmocka_unit_test(both_on_test_stay_so_where_that_is_wanted),
        cmocka_unit_test(where_one_is_old_before_the_first_confirmation_nothing_is_confirmed),
        cmocka_unit_test(a_confirmation_that_does_not_last_is_no_success),
        cmocka_unit_test(the_one_that_is_not_confirmed_is_named),
        cmocka_unit_test(one_that_went_back_while_it_was_confirmed_is_told),
        cmocka_unit_test(a_list_that_can_not_be_had_fails_in_its_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
