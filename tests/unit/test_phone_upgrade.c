/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What Nordic's libraries for phones say during an upgrade, over the Bluetooth service to the
 * virtual device: their requests in their order, byte by byte as their published sources build
 * them (nRF Connect Device Manager for Android, 2.x: McuMgrBleTransport, Validate, Uploader,
 * ImageManager; for iOS, 1.x: FirmwareUpgradeManager, ImageManager, McuManager), in values of the
 * MTU that each negotiates; and what they insist on in the answers. No phone is part of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "dfu/client.h"
#include "dfu/err.h"
#include "dfu/smp_ble.h"
#include "sim_rig.h"

#define BUF        DFU_SIM_SMP_BUF_SIZE
#define WINDOW_MAX 3u /* one buffer of four is for an answer */
#define HASH_LEN   32u

/* ---- The phone, the air, the device ---- */

enum kind {
    ANDROID,
    IOS,
    OLDER /* either library before SMP version 2: asks for nothing, tags uploads with three bytes */
};

struct phone {
    enum kind kind;
    uint16_t mtu;
    uint32_t window, alignment; /* settings of the upload */
    uint8_t version, seq;
    uint32_t packet_max;
};

#define IS_ANDROID (phone.kind == ANDROID)

static struct sim_rig *rig;
static struct phone phone;
static struct dfu_smp_ble ble;
static uint8_t rx[BUF], tx[4 * BUF];
static unsigned room; /* for notifications */
static struct dfu_ble_joiner joiner;
static uint8_t joined[BUF], answers[WINDOW_MAX][BUF];
static size_t answer_lens[WINDOW_MAX], answer_count;
static uint8_t digest[32]; /* of the file */

static void to_device(void *ctx, const uint8_t *packet, size_t len)
{
    (void)ctx;
    dfu_sim_device_receive(&rig->device, SIM_RIG_LINK, packet, len, rig->now);
}

static void from_device(void *ctx, uint32_t link, const uint8_t *packet, size_t len)
{
    (void)ctx;
    assert_int_equal(link, SIM_RIG_LINK);
    assert_int_equal(dfu_smp_ble_send(&ble, packet, len), 0);
}

static int notify(void *ctx, const uint8_t *value, size_t len)
{
    (void)ctx;
    if (room == 0) {
        return DFU_ERR_BUSY;
    }
    assert_true(len <= dfu_ble_value_max(phone.mtu));
    if (dfu_ble_join(&joiner, value, len) == 1) {
        assert_true(answer_count < WINDOW_MAX);
        memcpy(answers[answer_count], joined, joiner.len);
        answer_lens[answer_count++] = joiner.len;
    }
    return 0;
}

static void connect(void)
{
    ble = (struct dfu_smp_ble){ .packet = to_device,
                                .notify = notify,
                                .rx = rx,
                                .rx_cap = sizeof rx,
                                .tx = tx,
                                .tx_cap = sizeof tx };
    joiner = (struct dfu_ble_joiner){ .buf = joined, .cap = sizeof joined };
    assert_int_equal(dfu_smp_ble_connected(&ble), 0);
    dfu_smp_ble_mtu_changed(&ble, phone.mtu);
    dfu_smp_ble_subscribed(&ble, true);
}

/* Values without response, one behind the other; nothing comes back meanwhile. */
static void write_packet(const uint8_t *packet, size_t len)
{
    size_t max = dfu_ble_value_max(phone.mtu);

    room = 0;
    for (size_t at = 0; at < len; at += max) {
        assert_int_equal(dfu_smp_ble_on_write(&ble, packet + at, len - at < max ? len - at : max),
                         0);
    }
}

static void listen(size_t count)
{
    answer_count = 0;
    room = UINT32_MAX;
    dfu_smp_ble_sent(&ble);
    assert_int_equal(answer_count, count);
}

/* ---- Requests ---- */

struct request {
    uint8_t bytes[BUF];
    struct dfu_cbor_encoder enc;
    uint8_t op, group, id;
};

static void begin(struct request *rq, uint8_t op, uint8_t group, uint8_t id)
{
    rq->op = op;
    rq->group = group;
    rq->id = id;
    /* Both count the pairs of their maps. */
    dfu_cbor_encoder_init(&rq->enc, rq->bytes + 8, sizeof rq->bytes - 8, true);
    dfu_cbor_begin_map(&rq->enc);
}

static size_t finish(struct request *rq)
{
    struct dfu_smp_header header = {
        .op = rq->op, .version = phone.version, .group = rq->group, .seq = phone.seq++, .id = rq->id
    };

    dfu_cbor_end(&rq->enc);
    assert_int_equal(dfu_cbor_finish(&rq->enc), 0);
    header.length = (uint16_t)rq->enc.len;
    dfu_smp_header_encode(&header, rq->bytes);
    return DFU_SMP_HEADER_SIZE + rq->enc.len;
}

/* The body of an answer, whose header fits; neither "err" nor an "rc" that is not 0. */
static struct dfu_answer accept(size_t index, const struct request *rq, uint8_t seq)
{
    struct dfu_call call = {
        .version = phone.version, .seq = seq, .op = rq->op, .group = rq->group, .id = rq->id
    };
    struct dfu_answer answer;

    assert_int_equal(dfu_client_answer(&call, answers[index], answer_lens[index], &answer), 0);
    assert_int_equal(answers[index][0] >> 3, phone.version);
    return answer;
}

static struct dfu_answer ask(struct request *rq)
{
    size_t len = finish(rq);

    write_packet(rq->bytes, len);
    listen(1);
    return accept(0, rq, (uint8_t)(phone.seq - 1u));
}

static struct dfu_answer ask_plainly(uint8_t op, uint8_t group, uint8_t id)
{
    struct request rq;

    begin(&rq, op, group, id);
    return ask(&rq);
}

/* ---- Steps of an upgrade ---- */

static const uint8_t *hash_of(const struct sim_image *image)
{
    return image->bytes + image->len - HASH_LEN;
}

/* Android asks as it connects, in version 1 and with this sequence number; iOS as anything else. */
static void read_buffer_size(void)
{
    static const uint8_t hard_wired[] = { 0, 0, 0, 1, 0, 0, 0xff, 6, 0xa0 };
    const struct dfu_call call = { .op = DFU_SMP_READ, .seq = 0xff, .id = DFU_SMP_OS_PARAMS };
    struct dfu_client_params params;
    struct dfu_answer answer;

    if (IS_ANDROID) {
        write_packet(hard_wired, sizeof hard_wired);
        listen(1);
        assert_true(answer_lens[0] > 14); /* shorter ones say to it that there are none */
        assert_int_equal(dfu_client_answer(&call, answers[0], answer_lens[0], &answer), 0);
    } else {
        answer = ask_plainly(DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_PARAMS);
    }
    assert_int_equal(dfu_client_params_read(&answer, &params), 0);
    assert_true(params.buf_count > phone.window);
    phone.packet_max = params.buf_size;
}

static void ask_for_the_bootloader(void)
{
    struct dfu_answer answer = ask_plainly(DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_BOOTINFO);
    struct dfu_client_bootinfo info;
    struct request rq;

    assert_int_equal(dfu_client_bootinfo_read(&answer, &info), 0);
    assert_memory_equal(info.bootloader.data, "MCUboot", 7);
    begin(&rq, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_BOOTINFO);
    dfu_cbor_pair_text(&rq.enc, "query", "mode");
    answer = ask(&rq);
    assert_int_equal(dfu_client_bootinfo_read(&answer, &info), 0);
    assert_true(info.has_mode);
    assert_int_equal(info.mode, DFU_MODE_SWAP_MOVE);
}

/* The slot with this hash, as a list shows it. */
static struct dfu_client_slot slot_in(const struct dfu_answer *answer, const uint8_t *hash)
{
    struct dfu_client_images images;
    const struct dfu_client_slot *slot;

    assert_int_equal(dfu_client_images_read(answer, &images), 0);
    slot = dfu_client_holding(&images, hash, HASH_LEN);
    return slot ? *slot : (struct dfu_client_slot){ .slot = UINT32_MAX };
}

static void find_that_it_runs_something_else(void)
{
    struct dfu_answer answer = ask_plainly(DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE);
    struct dfu_client_slot running = slot_in(&answer, hash_of(&rig->old_image));

    assert_true(running.active && running.confirmed && running.slot == 0);
    assert_int_equal(slot_in(&answer, hash_of(&rig->new_image)).slot, UINT32_MAX);
}

static struct dfu_client_slot set_state(bool confirm)
{
    struct dfu_answer answer;
    struct request rq;

    begin(&rq, DFU_SMP_WRITE, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE);
    if (phone.kind != IOS || phone.seq % 2) {
        dfu_cbor_pair_bool(&rq.enc, "confirm", confirm);
        dfu_cbor_pair_bytes(&rq.enc, "hash", hash_of(&rig->new_image), HASH_LEN);
    } else { /* its dictionaries have no order */
        dfu_cbor_pair_bytes(&rq.enc, "hash", hash_of(&rig->new_image), HASH_LEN);
        dfu_cbor_pair_bool(&rq.enc, "confirm", confirm);
    }
    answer = ask(&rq);
    return slot_in(&answer, hash_of(&rig->new_image));
}

/* ---- Upload ---- */

/* The map of a chunk: of Java's HashMap for Android; of a dictionary, which has no order, for iOS. */
static void put_chunk(struct request *rq, uint32_t off, uint32_t len)
{
    static const char *const keys[] = { "data", "len", "sha", "off" };
    const struct sim_image *image = &rig->new_image;
    unsigned turn = phone.kind == IOS ? phone.seq : 0;

    begin(rq, DFU_SMP_WRITE, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD);
    for (unsigned i = 0; i < 4; i++) {
        const char *key = keys[(i + turn) % 4];

        if (key[0] == 'd') {
            dfu_cbor_pair_bytes(&rq->enc, key, image->bytes + off, len);
        } else if (key[0] == 'o') {
            dfu_cbor_pair_uint(&rq->enc, key, off);
        } else if (off == 0 && key[0] == 'l') {
            dfu_cbor_pair_uint(&rq->enc, key, image->len);
        } else if (off == 0) {
            dfu_cbor_pair_bytes(&rq->enc, key, digest, phone.kind == OLDER ? 3 : sizeof digest);
        }
    }
}

static uint32_t uint_size(uint32_t n)
{
    return n < 24 ? 1 : n < 256 ? 2 : n < 65536 ? 3 : 5;
}

/* Android reckons what the map takes, iOS builds it around one byte and adds five. */
static uint32_t chunk_len(uint32_t off)
{
    uint32_t left = (uint32_t)rig->new_image.len - off, used, most;
    struct request rq;

    if (IS_ANDROID) {
        used = 8 + 1 + 4 + uint_size(off) + 5;
        used += off == 0 ? 4 + uint_size((uint32_t)rig->new_image.len) + 4 + 2 + 32 : 0;
        most = phone.packet_max - used - uint_size(phone.packet_max - used);
    } else {
        put_chunk(&rq, off, 1);
        most = phone.packet_max - (8 + (uint32_t)rq.enc.len + 5);
    }
    most = most < left ? most / phone.alignment * phone.alignment : left;
    return most;
}

/* Where the device wants to go on, from the answer to one of them. */
static uint32_t read_off(const struct dfu_answer *answer, bool *has_match)
{
    struct dfu_cbor_span map = { answer->body, answer->len };
    uint32_t off = 0;
    bool match = false;
    struct dfu_cbor_key keys[] = { { "off", DFU_CBOR_UINT, &off, false },
                                   { "match", DFU_CBOR_BOOL, &match, false } };

    assert_int_equal(dfu_cbor_decode_map(map, keys, 2), 0);
    assert_true(keys[0].found && (!keys[1].found || match));
    *has_match = keys[1].found;
    return off;
}

/* The window's chunks are written before the first answer is looked at; the first chunk goes alone,
 * and the device may have more already. Ends behind `stop`; returns what the device has then. */
static uint32_t upload(uint32_t stop)
{
    const uint32_t size = (uint32_t)rig->new_image.len;
    uint32_t off = 0;
    bool has_match = false;

    do {
        uint32_t count = 0, ends[WINDOW_MAX], at = off;
        struct request rq;

        for (; count < (off == 0 ? 1 : phone.window) && at < size; count++) {
            uint32_t len = chunk_len(at);
            size_t packet;

            put_chunk(&rq, at, len);
            packet = finish(&rq);
            assert_true(packet <= phone.packet_max);
            write_packet(rq.bytes, packet);
            at += len;
            ends[count] = at;
        }
        listen(count);
        for (uint32_t i = 0; i < count; i++) {
            struct dfu_answer answer = accept(i, &rq, (uint8_t)(phone.seq - count + i));
            bool is_first = off == 0;

            off = read_off(&answer, &has_match);
            assert_true(off == ends[i] || (is_first && off > ends[i]));
        }
    } while (off < stop);
    assert_true(off < size || has_match == (phone.kind != OLDER));
    return off;
}

/* ---- Stories ---- */

static void take_up(struct phone settings)
{
    phone = settings;
    phone.version = phone.kind == OLDER ? DFU_SMP_V1 : DFU_SMP_V2;
    phone.packet_max = (uint32_t)dfu_ble_value_max(phone.mtu);
    rig = sim_new_rig();
    rig->cfg.frame = from_device;
    sim_make_image(&rig->new_image, 2, sim_calm, 15000);
    assert_int_equal(
        EVP_Digest(rig->new_image.bytes, rig->new_image.len, digest, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(sim_power_on(rig), DFU_SIM_RUNNING);
    rig->device.is_bluetooth = true;
}

static void come_near(void)
{
    connect();
    if (phone.kind != OLDER) {
        read_buffer_size();
    }
}

static void reset(void)
{
    uint32_t starts = rig->device.starts;

    (void)ask_plainly(DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET);
    assert_int_equal(rig->device.starts, starts);
    sim_advance(rig, DFU_SIM_RESET_DELAY_MS);
    assert_int_equal(rig->device.starts, starts + 1);
    dfu_smp_ble_disconnected(&ble);
}

static void upgrade(struct phone settings)
{
    struct dfu_client_slot slot;

    take_up(settings);
    come_near();
    if (phone.kind != OLDER) {
        ask_for_the_bootloader();
    }
    find_that_it_runs_something_else();
    assert_int_equal(upload((uint32_t)rig->new_image.len), rig->new_image.len);
    if (phone.kind == IOS) { /* "erase application settings" */
        (void)ask_plainly(DFU_SMP_WRITE, DFU_SMP_GROUP_BASIC, 0);
    }
    slot = set_state(false);
    assert_true(slot.pending && !slot.permanent && slot.slot == 1);
    reset();
    come_near();
    if (phone.kind == IOS) {
        struct dfu_answer answer = ask_plainly(DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE);

        assert_true(slot_in(&answer, hash_of(&rig->new_image)).active);
    }
    slot = set_state(true);
    assert_true(slot.active && slot.confirmed && slot.slot == 0);
    reset();
    assert_int_equal(rig->device.boot.header.version.major, 2);
    free(rig);
}

static const uint16_t mtus[] = { 23, 185, 247, 498, 517 };

static void an_upgrade_by_the_android_library_is_confirmed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        upgrade((struct phone){ ANDROID, mtus[i], .window = 1, .alignment = 1 });
        upgrade((struct phone){ ANDROID, mtus[i], .window = 3, .alignment = 4 });
    }
}

static void an_upgrade_by_the_ios_library_is_confirmed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        upgrade((struct phone){ IOS, mtus[i], .seq = 250, .window = 1, .alignment = 1 });
        upgrade((struct phone){ IOS, mtus[i], .seq = 17, .window = 3, .alignment = 16 });
    }
}

/* A packet in each value; no more than fits. */
static void an_upgrade_by_their_older_versions_is_confirmed(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof mtus / sizeof mtus[0]; i++) {
        upgrade((struct phone){ OLDER, mtus[i], .window = 1, .alignment = 1 });
    }
}

static void a_phone_that_was_out_of_reach_goes_on_where_it_was(void **state)
{
    (void)state;
    for (enum kind kind = ANDROID; kind <= OLDER; kind++) {
        uint32_t had, first;

        take_up((struct phone){ kind, 247, .window = kind == OLDER ? 1 : 3, .alignment = 4 });
        come_near();
        had = upload(7000);
        dfu_smp_ble_disconnected(&ble);
        come_near();
        first = upload(1); /* it begins with its first chunk, and is told */
        assert_int_equal(first, had);
        assert_true(first > 7000 && first < rig->new_image.len);
        free(rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upgrade_by_the_android_library_is_confirmed),
        cmocka_unit_test(an_upgrade_by_the_ios_library_is_confirmed),
        cmocka_unit_test(an_upgrade_by_their_older_versions_is_confirmed),
        cmocka_unit_test(a_phone_that_was_out_of_reach_goes_on_where_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
