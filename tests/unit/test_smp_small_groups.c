/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Enumeration, statistics, and Zephyr's basic group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/smp_basic.h"
#include "dfu/smp_enum.h"
#include "dfu/smp_os.h"
#include "dfu/smp_stat.h"
#include "hex.h"
#include "nor.h"
#include "smp_peer.h"

static uint32_t ticks;
static uint8_t small;
static uint64_t large;
static const struct dfu_smp_stat_field ticks_fields[] = { { "ticks", &ticks, 4 } };
static const struct dfu_smp_stat_field unnamed_fields[] = { { NULL, &small, 1 },
                                                            { NULL, &large, 8 } };
static const struct dfu_smp_stat_set sets[] = { { "smp_svr_stats", ticks_fields, 1 },
                                                { "u", unnamed_fields, 2 } };
static struct dfu_smp_stat stat = { sets, 1 };
static struct dfu_smp_os os;
static struct dfu_smp_basic basic;
static const struct dfu_smp_binding bindings[] = { { &dfu_smp_group_os, &os },
                                                   { &dfu_smp_group_stat, &stat },
                                                   { &dfu_smp_group_basic, &basic },
                                                   { &dfu_smp_group_enum, NULL } };
static struct smp_peer peer;

static int fresh_peer(void **state)
{
    (void)state;
    ticks = 300;
    stat.set_count = 1;
    memset(&os, 0, sizeof os);
    memset(&basic, 0, sizeof basic);
    smp_peer_init(&peer, bindings, 4);
    return 0;
}

/* ---- Enumeration ---- */

static void groups_are_counted_and_listed_in_the_order_of_the_bindings(void **state)
{
    (void)state;
    smp_peer_read(&peer, 10, 0, "a0", "bf 65 63 6f 75 6e 74 04 ff");
    smp_peer_read(&peer, 10, 1, "", "bf 66 67 72 6f 75 70 73 9f 00 02 18 3f 0a ff ff");
    smp_peer_expect(&peer, "00 00 00 00 00 0a 76 01",
                    "01 00 00 10 00 0a 76 01 bf 66 67 72 6f 75 70 73 9f 00 02 18 3f 0a ff ff");
}

static void single_groups_are_told_by_index_and_the_last_says_so(void **state)
{
    (void)state;
    smp_peer_read(&peer, 10, 2, "a0", "bf 65 67 72 6f 75 70 00 ff");
    smp_peer_read(&peer, 10, 2, "a1 65 69 6e 64 65 78 01", "bf 65 67 72 6f 75 70 02 ff");
    smp_peer_expect(&peer, "08 00 00 08 00 0a 77 02 a1 65 69 6e 64 65 78 03",
                    "09 00 00 0e 00 0a 77 02 bf 65 67 72 6f 75 70 0a 63 65 6e 64 f5 ff");
    smp_peer_read(&peer, 10, 2, "a1 65 69 6e 64 65 78 04",
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 0a 62 72 63 04 ff ff");
    smp_peer_expect(&peer, "00 00 00 08 00 0a 77 02 a1 65 69 6e 64 65 78 04",
                    "01 00 00 06 00 0a 77 02 bf 62 72 63 01 ff");
    smp_peer_read(&peer, 10, 2, "", "bf 62 72 63 03 ff");
}

static void details_name_the_groups_asked_for(void **state)
{
    (void)state;
    smp_peer_expect(&peer, "08 00 00 0a 00 0a 78 03 a1 66 67 72 6f 75 70 73 81 00",
                    "09 00 00 2b 00 0a 78 03 bf 66 67 72 6f 75 70 73 9f bf 65 67 72 6f 75 70 00 64 "
                    "6e 61 6d 65 67 6f 73 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 09 ff ff ff");
    smp_peer_read(&peer, 10, 3, "a1 66 67 72 6f 75 70 73 81 05",
                  "bf 66 67 72 6f 75 70 73 9f ff ff");
    smp_peer_read(&peer, 10, 3, "a1 66 67 72 6f 75 70 73 81 f5", "bf 62 72 63 03 ff");
}

static void details_without_a_group_are_of_all(void **state)
{
    static const char *const requests[] = {
        "08 00 00 01 00 0a 78 03 a0",
        "08 00 00 09 00 0a 78 03 a1 66 67 72 6f 75 70 73 80",
        "08 00 00 0a 00 0a 78 03 a1 66 67 72 6f 75 70 73 9f ff",
    };

    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        smp_peer_receive_hex(&peer, requests[i]);
        assert_int_equal(peer.count, 1);
        assert_true(peer.answers[0].len > 0x2b + 60); /* all four */
    }
}

static void details_of_more_groups_than_fit_the_list_are_refused(void **state)
{
    (void)state;
    smp_peer_read(&peer, 10, 3,
                  "a1 66 67 72 6f 75 70 73 91 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10",
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 0a 62 72 63 02 ff ff");
    smp_peer_read(&peer, 10, 3,
                  "a1 66 67 72 6f 75 70 73 90 11 01 12 03 04 05 06 07 08 09 0b 0c 0d 0e 0f 10",
                  "bf 66 67 72 6f 75 70 73 9f ff ff");
}

static void details_that_do_not_fit_are_answered_as_corrupt(void **state)
{
    (void)state;
    peer.server.response_cap = 72;
    smp_peer_read(&peer, 10, 3, "a0", "bf 62 72 63 09 ff");
}

static enum dfu_smp_hook_result add_key(void *ctx, struct dfu_smp_event *event)
{
    const struct dfu_smp_details_event *details = event->data;

    (void)ctx;
    dfu_cbor_pair_uint(details->enc, "x", details->group->id);
    return DFU_SMP_HOOK_OK;
}

static void a_hook_adds_keys_to_the_details(void **state)
{
    static const struct dfu_smp_hook hook = { DFU_SMP_EV_ENUM_DETAILS, add_key, NULL };

    (void)state;
    peer.server.hooks = &hook;
    peer.server.hook_count = 1;
    smp_peer_read(
        &peer, 10, 3, "a1 66 67 72 6f 75 70 73 81 02",
        "bf 66 67 72 6f 75 70 73 9f bf 65 67 72 6f 75 70 02 64 6e 61 6d 65 69 73 74 61 74 "
        "20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 02 61 78 02 ff ff ff");
}

/* ---- Statistics ---- */

static void statistics_are_shown_by_name(void **state)
{
    (void)state;
    smp_peer_expect(
        &peer,
        "08 00 00 14 00 02 60 00 a1 64 6e 61 6d 65 6d 73 6d 70 5f 73 76 72 5f 73 74 61 74 73",
        "09 00 00 27 00 02 60 00 bf 64 6e 61 6d 65 6d 73 6d 70 5f 73 76 72 5f 73 74 61 74 73 66 "
        "66 69 65 6c 64 73 bf 65 74 69 63 6b 73 19 01 2c ff ff");
}

static void statistics_are_listed_with_an_rc_in_version_1(void **state)
{
    (void)state;
    smp_peer_read(
        &peer, 2, 1, "a0",
        "bf 69 73 74 61 74 5f 6c 69 73 74 9f 6d 73 6d 70 5f 73 76 72 5f 73 74 61 74 73 ff "
        "ff");
    smp_peer_expect(&peer, "00 00 00 01 00 02 61 01 a0",
                    "01 00 00 20 00 02 61 01 bf 62 72 63 00 69 73 74 61 74 5f 6c 69 73 74 9f 6d 73 "
                    "6d 70 5f 73 76 72 5f 73 74 61 74 73 ff ff");
    peer.server.legacy_rc = true;
    smp_peer_expect(&peer, "00 00 00 00 00 02 61 01",
                    "01 00 00 20 00 02 61 01 bf 62 72 63 00 69 73 74 61 74 5f 6c 69 73 74 9f 6d 73 "
                    "6d 70 5f 73 76 72 5f 73 74 61 74 73 ff ff");
}

static void fields_without_a_name_are_numbered_and_of_any_width(void **state)
{
    (void)state;
    stat.set_count = 2;
    small = 200;
    large = 0x100000000u;
    smp_peer_read(
        &peer, 2, 0, "a1 64 6e 61 6d 65 61 75",
        "bf 64 6e 61 6d 65 61 75 66 66 69 65 6c 64 73 bf 62 73 30 18 c8 62 73 31 1b 00 00 "
        "00 01 00 00 00 00 ff ff");
}

static void unknown_statistics_are_refused_in_the_basic_groups_name(void **state)
{
    (void)state;
    smp_peer_read(&peer, 2, 0, "a1 64 6e 61 6d 65 61 78",
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 3f 62 72 63 03 ff ff");
    smp_peer_expect(&peer, "00 00 00 08 00 02 60 00 a1 64 6e 61 6d 65 61 78",
                    "01 00 00 06 00 02 60 00 bf 62 72 63 05 ff");
}

static void statistics_without_a_usable_name_are_invalid(void **state)
{
    (void)state;
    smp_peer_read(&peer, 2, 0, "a0", "bf 62 72 63 03 ff");
    smp_peer_read(&peer, 2, 0, "a1 64 6e 61 6d 65 60", "bf 62 72 63 03 ff");
    smp_peer_read(
        &peer, 2, 0,
        "a1 64 6e 61 6d 65 78 21 "
        "61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 "
        "61 61 61 61 61",
        "bf 62 72 63 03 ff");
}

/* ---- Storage ---- */

static unsigned erased_calls;
static const struct dfu_area *areas[2];

static void note_erased(void *ctx)
{
    (void)ctx;
    erased_calls++;
}

static void the_storage_is_erased_before_the_answer(void **state)
{
    struct nor *nor = nor_new(256, 8, 4, 0xff);
    const struct dfu_area *other = nor_area(nor, "other", 2);
    uint8_t zeros[16] = { 0 };

    (void)state;
    erased_calls = 0;
    areas[0] = nor_area(nor, "progress", 2);
    areas[1] = nor_area(nor, "settings", 2);
    basic = (struct dfu_smp_basic){ areas, 2, note_erased, NULL };
    assert_int_equal(dfu_area_write(areas[0], 256, zeros, sizeof zeros), 0);
    assert_int_equal(dfu_area_write(areas[1], 256, zeros, sizeof zeros), 0);
    assert_int_equal(dfu_area_write(other, 0, zeros, sizeof zeros), 0);
    smp_peer_expect(&peer, "0a 00 00 01 00 3f 79 00 a0", "0b 00 00 02 00 3f 79 00 bf ff");
    assert_int_equal(dfu_area_is_erased(areas[0], 0, areas[0]->size), 1);
    assert_int_equal(dfu_area_is_erased(areas[1], 0, areas[1]->size), 1);
    assert_int_equal(dfu_area_is_erased(other, 0, other->size), 0);
    assert_int_equal(erased_calls, 1);
    nor_free(nor);
}

static void a_device_without_storage_or_with_a_broken_one_says_so_in_both_versions(void **state)
{
    struct nor *nor = nor_new(256, 8, 4, 0xff);

    (void)state;
    smp_peer_write(&peer, 63, 0, "a0",
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 3f 62 72 63 02 ff ff");
    smp_peer_expect(&peer, "02 00 00 00 00 3f 79 00", "03 00 00 06 00 3f 79 00 bf 62 72 63 05 ff");

    areas[0] = nor_area(nor, "storage_partition", 4);
    basic = (struct dfu_smp_basic){ areas, 1, NULL, NULL };
    dfu_sim_flash_cut(&nor->flash, DFU_SIM_CUT_BEFORE, 1, 0);
    smp_peer_write(&peer, 63, 0, "a0",
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 3f 62 72 63 04 ff ff");
    smp_peer_expect(&peer, "02 00 00 00 00 3f 79 00", "03 00 00 06 00 3f 79 00 bf 62 72 63 01 ff");
    nor_free(nor);
}

#define test(name) cmocka_unit_test_setup(name, fresh_peer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(groups_are_counted_and_listed_in_the_order_of_the_bindings),
        test(single_groups_are_told_by_index_and_the_last_says_so),
        test(details_name_the_groups_asked_for),
        test(details_without_a_group_are_of_all),
        test(details_of_more_groups_than_fit_the_list_are_refused),
        test(details_that_do_not_fit_are_answered_as_corrupt),
        test(a_hook_adds_keys_to_the_details),
        test(statistics_are_shown_by_name),
        test(statistics_are_listed_with_an_rc_in_version_1),
        test(fields_without_a_name_are_numbered_and_of_any_width),
        test(unknown_statistics_are_refused_in_the_basic_groups_name),
        test(statistics_without_a_usable_name_are_invalid),
        test(the_storage_is_erased_before_the_answer),
        test(a_device_without_storage_or_with_a_broken_one_says_so_in_both_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
