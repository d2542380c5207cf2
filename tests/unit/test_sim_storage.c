/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What the virtual device keeps in its storage: settings and the progress of an upload, changed
 * over SMP, with power failing at every flash operation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "client_rig.h"
#include "dfu/err.h"
#include "hex.h"

#define UPLOAD_STEP 1000u

static struct rig *rig;
static uint8_t answer[DFU_SIM_SMP_BUF_MAX];
static size_t answer_len;

static void take_answer(void *ctx, uint32_t link, const uint8_t *packet, size_t len)
{
    (void)ctx;
    (void)link;
    assert_true(len <= sizeof answer);
    memcpy(answer, packet, len);
    answer_len = len;
}

static int begin(void **state)
{
    (void)state;
    rig = rig_new("dfukit-app\nname=new\n", 60000, 2048, 4);
    rig->config.frame = take_answer;
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_free(rig);
    return 0;
}

static void power_cycle(void)
{
    dfu_sim_device_power_off(&rig->device);
    assert_int_equal(dfu_sim_device_power_on(&rig->device, rig->now_ms), DFU_SIM_RUNNING);
}

/* ---- Requests: write, version 2 ---- */

struct request {
    uint8_t packet[1400];
    struct dfu_cbor_encoder enc;
};

static void start_request(struct request *q)
{
    dfu_cbor_encoder_init(&q->enc, q->packet + 8, sizeof q->packet - 8, true);
    dfu_cbor_begin_map(&q->enc);
}

/* True if the answer is a success. */
static bool send(struct request *q, uint16_t group, uint8_t id)
{
    struct dfu_smp_header header = {
        .op = DFU_SMP_WRITE, .version = DFU_SMP_V2, .group = group, .id = id
    };
    struct dfu_cbor_span map;
    struct dfu_cbor_key keys[] = { { .name = "rc", .type = DFU_CBOR_ANY, .out = &map },
                                   { .name = "err", .type = DFU_CBOR_ANY, .out = &map } };

    dfu_cbor_end(&q->enc);
    assert_int_equal(dfu_cbor_finish(&q->enc), 0);
    header.length = (uint16_t)q->enc.len;
    dfu_smp_header_encode(&header, q->packet);
    dfu_sim_device_receive(&rig->device, 1, q->packet, 8 + q->enc.len, rig->now_ms);
    map = (struct dfu_cbor_span){ answer + 8, answer_len - 8 };
    assert_int_equal(dfu_cbor_decode_map(map, keys, 2), 0);
    return !keys[0].found && !keys[1].found;
}

static bool set(const char *name, unsigned value)
{
    struct request q;
    uint8_t bytes[DFU_SETTING_VALUE_MAX];

    memset(bytes, (int)value, sizeof bytes);
    start_request(&q);
    dfu_cbor_pair_text(&q.enc, "name", name);
    dfu_cbor_pair_bytes(&q.enc, "val", bytes, sizeof bytes);
    return send(&q, DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_VALUE);
}

static bool save(void)
{
    struct request q;

    start_request(&q);
    return send(&q, DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_STORE);
}

static bool erase_storage(void)
{
    struct request q;

    start_request(&q);
    return send(&q, DFU_SMP_GROUP_BASIC, DFU_SMP_BASIC_ERASE_STORAGE);
}

/* The value, whose bytes must all be the same; -1: there is none. */
static int get(const char *name)
{
    uint8_t bytes[DFU_SETTING_VALUE_MAX];
    int len =
        dfu_settings_get(&rig->device.server.groups.store, name, strlen(name), bytes, sizeof bytes);

    if (len == DFU_ERR_NOENT) {
        return -1;
    }
    assert_int_equal(len, sizeof bytes);
    for (size_t i = 1; i < sizeof bytes; i++) {
        assert_int_equal(bytes[i], bytes[0]);
    }
    return bytes[0];
}

/* The offset that the device asks for. */
static uint32_t upload_chunk(uint32_t off)
{
    const struct rig_image *image = &rig->new_image;
    uint32_t len = min_u32(UPLOAD_STEP, (uint32_t)image->span.len - off);
    struct dfu_hash hash = { .alg = &dfu_sha256_openssl };
    struct dfu_cbor_span map;
    uint32_t next = 0;
    struct dfu_cbor_key keys[] = { { .name = "off", .type = DFU_CBOR_UINT, .out = &next } };
    uint8_t sha[32];
    struct request q;

    assert_int_equal(hash.alg->start(&hash), 0);
    assert_int_equal(hash.alg->update(&hash, image->bytes, image->span.len), 0);
    assert_int_equal(hash.alg->finish(&hash, sha), 0);
    start_request(&q);
    dfu_cbor_pair_uint(&q.enc, "off", off);
    dfu_cbor_pair_uint(&q.enc, "len", image->span.len);
    dfu_cbor_pair_bytes(&q.enc, "sha", sha, sizeof sha);
    dfu_cbor_pair_bytes(&q.enc, "data", image->bytes + off, len);
    (void)send(&q, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD);
    map = (struct dfu_cbor_span){ answer + 8, answer_len - 8 };
    assert_int_equal(dfu_cbor_decode_map(map, keys, 1), 0);
    return next;
}

static uint32_t upload_until(uint32_t off, uint32_t until)
{
    while (off < until) {
        uint32_t next = upload_chunk(off);

        assert_true(next > off);
        off = next;
    }
    return off;
}

/* ---- Tests ---- */

static void saved_settings_survive_a_power_cycle_and_others_do_not(void **state)
{
    (void)state;
    assert_true(set("a", 1));
    assert_true(save());
    assert_true(set("a", 2));
    assert_true(set("b", 2));
    power_cycle();
    assert_int_equal(get("a"), 1);
    assert_int_equal(get("b"), -1);
}

static void erasing_the_storage_takes_settings_and_progress(void **state)
{
    (void)state;
    assert_true(set("a", 1));
    assert_true(save());
    (void)upload_until(0, 40000);
    assert_true(erase_storage());
    assert_int_equal(get("a"), -1);
    power_cycle();
    assert_int_equal(get("a"), -1);
    assert_int_equal(upload_chunk(0), UPLOAD_STEP);
}

static void an_upload_goes_on_where_it_was_and_the_settings_stay(void **state)
{
    uint32_t off;

    (void)state;
    (void)upload_until(0, 20000);
    assert_true(set("a", 7));
    assert_true(save());
    (void)upload_until(20000, 40000);
    power_cycle();
    off = upload_chunk(0);
    assert_in_range(off, 40000 - 2 * 8192, 40000);
    (void)upload_until(off, (uint32_t)rig->new_image.span.len);
    assert_true(rig_holds(rig, 1, &rig->new_image));
    assert_int_equal(get("a"), 7);
    power_cycle();
    assert_int_equal(get("a"), 7);
    assert_int_equal(get(DFU_SETTINGS_UPLOAD), -1);
}

static void what_the_device_keeps_for_itself_is_no_operators(void **state)
{
    (void)state;
    (void)upload_until(0, 20000);
    assert_false(set(DFU_SETTINGS_UPLOAD, 1));
    assert_false(set("dfu/x", 1));
    assert_true(set("dfu", 1));
}

/* Rounds of saves before the one that is cut: the first of a storage, one in the middle of a bank,
 * those around its end. */
static const unsigned rounds[] = { 0, 1, 9, 19, 20, 21, 22, 41, 42 };

static unsigned cut_one_save(unsigned round, enum dfu_sim_cut_when when, uint32_t op)
{
    unsigned was_cut;

    assert_true(erase_storage());
    for (unsigned i = 1; i <= round; i++) {
        assert_true(set("a", i) && set("b", i) && save());
    }
    assert_true(set("a", round + 1) && set("b", round + 1));
    dfu_sim_flash_power_on(&rig->nor->flash);
    dfu_sim_flash_cut(&rig->nor->flash, when, op, round * 977 + op);
    (void)save();
    was_cut = rig->nor->flash.is_off;
    power_cycle();
    return was_cut;
}

static void each_setting_is_the_old_or_the_new_one_after_a_cut_anywhere(void **state)
{
    static const enum dfu_sim_cut_when whens[] = { DFU_SIM_CUT_BEFORE, DFU_SIM_CUT_INSIDE,
                                                   DFU_SIM_CUT_AFTER };
    unsigned cuts = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof rounds / sizeof rounds[0]; i++) {
        for (unsigned j = 0; j < 3; j++) {
            unsigned was_cut = 1;

            for (uint32_t op = 1; was_cut; op++) {
                int old = rounds[i] ? (int)rounds[i] : -1, new = (int)rounds[i] + 1;

                was_cut = cut_one_save(rounds[i], whens[j], op);
                cuts += was_cut;
                assert_true(get("a") == old || get("a") == new);
                assert_true(get("b") == old || get("b") == new);
                assert_true(was_cut || (get("a") == new &&get("b") == new));
                assert_true(set("a", 99) && set("b", 98) && save()); /* and life goes on */
                power_cycle();
                assert_int_equal(get("a"), 99);
                assert_int_equal(get("b"), 98);
            }
        }
    }
    print_message("%u cuts\n", cuts);
    assert_true(cuts >= 50);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(saved_settings_survive_a_power_cycle_and_others_do_not),
        test(erasing_the_storage_takes_settings_and_progress),
        test(an_upload_goes_on_where_it_was_and_the_settings_stay),
        test(what_the_device_keeps_for_itself_is_no_operators),
        test(each_setting_is_the_old_or_the_new_one_after_a_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
