/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Uploads and upgrades over every kind of bad link, against the real server and bootloader in
 * virtual time: an upload completes or says why, and a slot never verifies unless it holds the
 * image byte by byte. Seeds are fixed and named in every failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client_rig.h"
#include "dfu/err.h"

static const char app[] = "dfukit-app\nname=new\n";
static const char good[] = "dfukit-app\nname=new\nconfirm=now\n";

static const uint32_t losses[] = { 0, 10, 50, 200 }; /* in a thousand */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What else may be wrong; all that a bit of the number names at once. */
enum { REPEAT = 1, REORDER = 2, SLOW = 4, DAMAGE = 8, KINDS = 16 };

static void spoil(struct sim_link *link, uint32_t loss, unsigned kinds, uint64_t seed)
{
    link->loss_permille = loss;
    link->repeat_permille = kinds & REPEAT ? 100 : 0;
    link->delay_ms = 5;
    link->jitter_ms = kinds & REORDER ? 60 : 0;
    link->jitter_ms = kinds & SLOW ? 2000 : link->jitter_ms;
    link->damage_permille = kinds & DAMAGE ? 10 : 0;
    link->seed = seed;
}

static bool says_why(const struct dfu_upload *u)
{
    return u->result == DFU_ERR_VERIFY || u->result == DFU_ERR_STATE ||
           u->result == DFU_ERR_TIMEOUT || u->result == DFU_ERR_FORMAT ||
           (u->result == DFU_ERR_PERM && u->refusal.rc != 0);
}

struct tally {
    unsigned runs, whole, damaged, deceived;
};

static void upload_once(uint32_t loss, unsigned kinds, uint64_t seed, struct tally *tally)
{
    struct rig *rig = rig_new(app, 20000, 512, 4);
    struct dfu_upload_config config = rig_upload_config(rig, 3);
    struct dfu_upload u;
    bool is_whole;

    spoil(&rig->link, loss, kinds, seed);
    assert_int_equal(dfu_upload_start(&u, &config), 0);
    rig_run_upload(rig, &u);
    is_whole = rig_holds(rig, 1, &rig->new_image);
    tally->runs++;
    tally->whole += u.result == 0;
    tally->damaged += rig->link.damaged;
    /* Damage can turn the device's own "it does not match" into something else: then the client
     * is deceived, but the bootloader is not. */
    tally->deceived += u.result == 0 && !is_whole && (kinds & DAMAGE);
    if ((u.result == 0 && !is_whole && !(kinds & DAMAGE)) || (u.result != 0 && !says_why(&u))) {
        fail_msg("loss %u, kinds %u, seed %u: result %d, slot %s", (unsigned)loss, kinds,
                 (unsigned)seed, u.result, is_whole ? "whole" : "not whole");
    }
    if (rig_verifies(rig, 1) && !is_whole) {
        fail_msg("loss %u, kinds %u, seed %u: wrong bytes verify", (unsigned)loss, kinds,
                 (unsigned)seed);
    }
    if (u.result != 0 && !(kinds & DAMAGE)) {
        fail_msg("loss %u, kinds %u, seed %u: result %d at %u", (unsigned)loss, kinds,
                 (unsigned)seed, u.result, (unsigned)u.acked);
    }
    rig_free(rig);
}

static void an_upload_over_any_link_completes_or_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(losses); i++) {
        struct tally clean = { 0 }, damaged = { 0 };

        for (unsigned kinds = 0; kinds < KINDS; kinds++) {
            for (uint64_t seed = 1; seed <= 6; seed++) {
                upload_once(losses[i], kinds, seed, kinds & DAMAGE ? &damaged : &clean);
            }
        }
        print_message("loss %3u/1000: %u of %u uploads complete; with 1 %% of the packets "
                      "damaged (%u of them) %u of %u, %u only seem so\n",
                      (unsigned)losses[i], clean.whole, clean.runs, damaged.damaged,
                      damaged.whole - damaged.deceived, damaged.runs, damaged.deceived);
        assert_int_equal(clean.whole, clean.runs);
        assert_true(damaged.damaged > 0 && damaged.whole > 0 && damaged.deceived <= 1);
    }
}

/* Whoever is told that it failed runs the command again. */
static void a_damaged_upload_is_whole_after_some_tries(void **state)
{
    unsigned most = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rig *rig = rig_new(app, 20000, 512, 4);
        struct dfu_upload_config config = rig_upload_config(rig, 3);
        struct dfu_upload u = { .result = DFU_ERR_STATE };
        unsigned tries = 0;

        spoil(&rig->link, 10, DAMAGE, seed);
        while (u.result != 0 && tries++ < 10) {
            sim_link_clear(&rig->link);
            assert_int_equal(dfu_upload_start(&u, &config), 0);
            rig_run_upload(rig, &u);
        }
        if (u.result != 0 || !rig_holds(rig, 1, &rig->new_image)) {
            fail_msg("seed %u: result %d after %u tries", (unsigned)seed, u.result, tries);
        }
        most = tries > most ? tries : most;
        rig_free(rig);
    }
    print_message("at most %u tries\n", most);
}

/* It keeps its progress every 8 KiB; what it says it has is not sent again. */
static void what_a_restarted_device_has_stored_is_not_sent_again(void **state)
{
    uint32_t packets = 0;

    (void)state;
    for (uint32_t at = 0; at <= packets; at++) {
        struct rig *rig = rig_new(app, 40000, 512, 4);
        struct dfu_upload_config config = rig_upload_config(rig, 3);
        struct dfu_upload u;

        rig->link.delay_ms = 3;
        rig->restart_at = at;
        assert_int_equal(dfu_upload_start(&u, &config), 0);
        rig_run_upload(rig, &u);
        assert_int_equal(u.result, 0);
        assert_true(rig_holds(rig, 1, &rig->new_image));
        if (at == 0) {
            packets = rig->to_device;
        } else {
            /* one to ask, those since the last 8 KiB, those that were in flight and after */
            assert_in_range(u.sent, packets, packets + 1 + 8192 / 464 + 1 + 2 * 3);
        }
        rig_free(rig);
    }
    assert_true(packets > 80);
}

static void a_link_that_breaks_at_any_packet_of_any_bad_link_is_survived(void **state)
{
    (void)state;
    for (uint32_t cut = 1; cut <= 90; cut++) {
        struct rig *rig = rig_new(app, 15000, 512, 4);
        struct dfu_upload_config config = rig_upload_config(rig, 3);
        struct dfu_upload u;

        spoil(&rig->link, losses[cut % 4], cut % 8, cut);
        rig->link.cut_number = cut;
        assert_int_equal(dfu_upload_start(&u, &config), 0);
        rig_run_upload(rig, &u);
        if (u.result != 0 || !rig_holds(rig, 1, &rig->new_image)) {
            fail_msg("cut at %u: result %d", (unsigned)cut, u.result);
        }
        rig_free(rig);
    }
}

/* ---- Devices that sleep ---- */

static void a_device_that_sleeps_is_not_flooded_where_its_latency_is_told(void **state)
{
    (void)state;
    for (uint32_t latency_ms = 0; latency_ms <= 60000; latency_ms += 60000) {
        struct rig *rig = rig_new(app, 20000, 512, 4);
        struct dfu_upload_config config = rig_upload_config(rig, 3);
        struct dfu_upload u;

        rig->link.wake_ms = 60000;
        rig->link.delay_ms = 5;
        config.latency_ms = latency_ms;
        assert_int_equal(dfu_upload_start(&u, &config), 0);
        rig_run_upload(rig, &u);
        assert_int_equal(u.result, 0);
        assert_true(rig_holds(rig, 1, &rig->new_image));
        if (latency_ms > 0) {
            /* three chunks each time it wakes, after the first */
            assert_int_equal(u.repeated, 0);
            assert_in_range(rig->now_ms, 15 * 60000, 17 * 60000);
        }
        rig_free(rig);
    }
}

static void a_device_that_sleeps_is_upgraded(void **state)
{
    struct rig *rig = rig_new(good, 12000, 512, 4);
    struct dfu_upgrade_config config = rig_upgrade_config(rig);
    struct dfu_upgrade g;

    (void)state;
    rig->link.wake_ms = 60000;
    rig->link.delay_ms = 5;
    config.latency_ms = 60000;
    dfu_upgrade_start(&g, &config);
    rig_run_upgrade(rig, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
    assert_int_equal(rig->resets_sent, 1);
    assert_true(rig_holds(rig, 0, &rig->new_image));
    rig_free(rig);
}

/* ---- Resets ---- */

static void run_upgrade(struct rig *rig, struct dfu_upgrade *g)
{
    struct dfu_upgrade_config config = rig_upgrade_config(rig);

    dfu_upgrade_start(g, &config);
    rig_run_upgrade(rig, g);
}

/* Sent again, but not before a device that heard it would have restarted. */
static void a_reset_that_was_lost_is_sent_again_after_five_seconds(void **state)
{
    struct rig *rig = rig_new(good, 12000, 512, 4);
    struct dfu_upgrade g;

    (void)state;
    rig->lose_resets = 1;
    run_upgrade(rig, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
    assert_int_equal(rig->resets_sent, 2);
    assert_in_range(rig->reset_ms[1] - rig->reset_ms[0], 5000, 6000);
    assert_true(rig_holds(rig, 0, &rig->new_image));
    rig_free(rig);
}

static void resets_that_are_lost_are_sent_three_times(void **state)
{
    struct rig *rig = rig_new(good, 12000, 512, 4);
    struct dfu_upgrade g;

    (void)state;
    rig->lose_resets = 2;
    run_upgrade(rig, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
    assert_int_equal(rig->resets_sent, 3);
    rig_free(rig);

    rig = rig_new(good, 12000, 512, 4);
    rig->lose_resets = 3;
    run_upgrade(rig, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_NOT_RESTARTED);
    assert_int_equal(rig->resets_sent, 3);
    rig_free(rig);
}

/* One too many would revert the image on test. */
static void a_reset_that_was_answered_is_never_sent_again(void **state)
{
    struct rig *rig = rig_new(good, 12000, 512, 4);
    struct dfu_upgrade g;

    (void)state;
    run_upgrade(rig, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
    assert_int_equal(rig->resets_sent, 1);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_over_any_link_completes_or_says_why),
        cmocka_unit_test(a_damaged_upload_is_whole_after_some_tries),
        cmocka_unit_test(what_a_restarted_device_has_stored_is_not_sent_again),
        cmocka_unit_test(a_link_that_breaks_at_any_packet_of_any_bad_link_is_survived),
        cmocka_unit_test(a_device_that_sleeps_is_not_flooded_where_its_latency_is_told),
        cmocka_unit_test(a_device_that_sleeps_is_upgraded),
        cmocka_unit_test(a_reset_that_was_lost_is_sent_again_after_five_seconds),
        cmocka_unit_test(resets_that_are_lost_are_sent_three_times),
        cmocka_unit_test(a_reset_that_was_answered_is_never_sent_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
