/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The history over SMP: entry by entry as they lie on flash, as many as an answer holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/history.h"
#include "dfu/record.h"
#include "dfu/smp_history.h"
#include "nor.h"
#include "smp_peer.h"

#define SECTOR 1024u

static struct nor *nor;
static const struct dfu_area *area;
static struct dfu_smp_binding binding;
static struct smp_peer peer;

static int begin(void **state)
{
    (void)state;
    nor = nor_new(SECTOR, 3, 8, 0xff);
    area = nor_area(nor, "history", 2);
    binding = (struct dfu_smp_binding){ &dfu_smp_group_history, (void *)(uintptr_t)area };
    smp_peer_init(&peer, &binding, 1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    nor_free(nor);
    return 0;
}

static void save(const uint8_t raw[DFU_RECORD_MAX])
{
    struct dfu_record record;

    assert_int_equal(dfu_record_open(&record, area), 0);
    assert_int_equal(dfu_record_save(&record, raw, DFU_RECORD_MAX), 0);
}

/* An entry of image 0: confirmed, from 1.0.0 to 2.0.0. */
static void save_plain(unsigned count)
{
    static const uint8_t raw[DFU_RECORD_MAX] = { DFU_HISTORY_CONFIRMED,
                                                 0x30, [4] = 1, [12] = 2, [20] = 0xa1 };

    while (count-- > 0) {
        save(raw);
    }
}

struct told {
    uint32_t first, count; /* number of the first entry; how many */
    bool more;
};

static struct told ask(uint32_t skip)
{
    char request[64];
    struct dfu_cbor_span list = { 0 }, item;
    struct told told = { 0 };
    struct dfu_cbor_key keys[] = { { "history", DFU_CBOR_ARRAY, &list, false },
                                   { "more", DFU_CBOR_BOOL, &told.more, false } };
    struct dfu_cbor_walk walk;

    snprintf(request, sizeof request,
             "08 00 00 0b 00 40 07 00 a1 64 73 6b 69 70 1a %02x %02x %02x %02x", skip >> 24 & 255u,
             skip >> 16 & 255u, skip >> 8 & 255u, skip & 255u);
    smp_peer_receive_hex(&peer, request);
    assert_int_equal(peer.count, 1);
    assert_int_equal(
        dfu_cbor_decode_map((struct dfu_cbor_span){ peer.answers[0].data + DFU_SMP_HEADER_SIZE,
                                                    peer.answers[0].len - DFU_SMP_HEADER_SIZE },
                            keys, 2),
        0);
    assert_true(keys[0].found && keys[1].found);
    assert_int_equal(dfu_cbor_open_array(&walk, list), 0);
    while (dfu_cbor_next_item(&walk, &item) == 1) {
        uint32_t number = 0;
        struct dfu_cbor_key key = { "n", DFU_CBOR_UINT, &number, false };

        assert_int_equal(dfu_cbor_decode_map(item, &key, 1), 0);
        told.first = told.count == 0 ? number : told.first;
        assert_int_equal(number, told.first - told.count);
        told.count++;
    }
    return told;
}

static void expect(uint32_t skip, uint32_t first, uint32_t count, bool more)
{
    struct told told = ask(skip);

    assert_int_equal(told.first, first);
    assert_int_equal(told.count, count);
    assert_int_equal(told.more, more);
}

static void an_entry_is_told_in_words(void **state)
{
    (void)state;
    save_plain(1);
    smp_peer_read(&peer, 64, 0, "a0",
                  "bf 67 68 69 73 74 6f 72 79 9f bf 61 6e 01 65 69 6d 61 67 65 00 66 72 65 73 75 "
                  "6c 74 69 63 6f 6e 66 69 72 6d 65 64 64 66 72 6f 6d 67 31 2e 30 2e 30 2b 30 62 "
                  "74 6f 67 32 2e 30 2e 30 2b 30 64 68 61 73 68 44 a1 00 00 00 ff ff 64 6d 6f 72 "
                  "65 f4 ff");
}

static void the_newest_come_first_and_the_rest_is_asked_for(void **state)
{
    (void)state;
    save_plain(11);
    peer.server.response_cap = 8 + 1 + 48 + 4 * 200;
    expect(0, 11, 4, true);
    expect(4, 7, 4, true);
    expect(8, 3, 3, false);
    peer.server.response_cap--;
    expect(0, 11, 3, true);
}

static void behind_the_oldest_there_is_nothing(void **state)
{
    (void)state;
    expect(0, 0, 0, false);
    save_plain(2);
    expect(0, 2, 2, false);
    expect(2, 0, 0, false);
    expect(UINT32_MAX - 1, 0, 0, false);
    expect(UINT32_MAX, 0, 0, false);
}

/* The longest result, versions, reason and fault there are. */
static void an_entry_at_its_longest_fits_where_one_is_promised(void **state)
{
    uint8_t raw[DFU_RECORD_MAX];

    (void)state;
    peer.server.response_cap = 8 + 1 + 48 + 200;
    for (uint8_t result = DFU_HISTORY_TRIAL; result <= DFU_HISTORY_BEGUN; result++) {
        for (unsigned word = 1; word < 64; word++) {
            memset(raw, 0xff, sizeof raw);
            raw[0] = result;
            raw[1] = 0x3f;
            raw[2] = (uint8_t)(word % 32);
            raw[3] = (uint8_t)word;
            save(raw);
            assert_int_equal(ask(0).count, 1);
        }
    }
}

static void what_cannot_be_answered_is_refused(void **state)
{
    (void)state;
    binding.ctx = (void *)(uintptr_t)nor_area(nor, "too small for a history", 1);
    smp_peer_read(&peer, 64, 0, "a0", "bf 62 72 63 01 ff");
    binding.ctx = (void *)(uintptr_t)area;
    smp_peer_read(&peer, 64, 0, "a1 64 73 6b 69 70 20", "bf 62 72 63 03 ff"); /* -1 */
    smp_peer_read(&peer, 64, 0, "", "bf 62 72 63 03 ff");
    peer.server.response_cap = 8 + 1 + 48 + 199;
    smp_peer_read(&peer, 64, 0, "a0", "bf 62 72 63 07 ff");
    peer.server.response_cap = DFU_SMP_RESPONSE_MIN;
    smp_peer_read(&peer, 64, 0, "a0", "bf 62 72 63 07 ff");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_entry_is_told_in_words),
        TEST(the_newest_come_first_and_the_rest_is_asked_for),
        TEST(behind_the_oldest_there_is_nothing),
        TEST(an_entry_at_its_longest_fits_where_one_is_promised),
        TEST(what_cannot_be_answered_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
