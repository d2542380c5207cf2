/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A whole upgrade against the virtual device: real bootloader, real server, bad firmware, bad
 * links, clients that die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client_rig.h"
#include "dfu/err.h"

static const char good[] = "dfukit-app\nname=good\n";
static const char eager[] = "dfukit-app\nname=eager\nconfirm=self\n";
static const char stubborn[] = "dfukit-app\nname=stubborn\nconfirm=never\n";
static const char crashes[] = "dfukit-app\nname=crashes\nstart=crash\n";
static const char hangs[] = "dfukit-app\nname=hangs\nstart=hang\n";

static const struct dfu_upgrade_config plain;

/* Run an upgrade with the options of wanted. */
static void upgrade(struct rig *rig, const struct dfu_upgrade_config *wanted, struct dfu_upgrade *g)
{
    struct dfu_upgrade_config config = rig_upgrade_config(rig);

    config.permanent = wanted->permanent;
    config.test_only = wanted->test_only;
    config.no_reset = wanted->no_reset;
    config.upgrade_only = wanted->upgrade_only;
    config.boot_ms = wanted->boot_ms;
    dfu_upgrade_start(g, &config);
    rig_run_upgrade(rig, g);
}

static const struct dfu_client_slot *seen(struct rig *rig, struct dfu_client_images *images,
                                          unsigned slot);

static void an_upgrade_ends_confirmed(void **state)
{
    struct rig *rig = rig_new(good, 50000, 1024, 4);
    struct dfu_client_images images;
    struct dfu_upgrade g;

    (void)state;
    upgrade(rig, &plain, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
    assert_string_equal(g.before.version, "1.0.0");
    assert_string_equal(g.after.version, "2.0.0");
    assert_true(rig_holds(rig, 0, &rig->new_image));
    assert_true(rig_holds(rig, 1, &rig->old_image));
    assert_true(seen(rig, &images, 0)->confirmed);
    rig_free(rig);
}

/* The slots as the device lists them, asked without any of its engines. */
static const struct dfu_client_slot *seen(struct rig *rig, struct dfu_client_images *images,
                                          unsigned slot)
{
    struct dfu_call call = { .version = 1, .seq = 0x77 };
    struct dfu_answer answer;
    uint8_t frame[64], in[1024];
    int len = dfu_client_image_list(&call, frame, sizeof(frame));
    size_t got;

    sim_link_clear(&rig->link);
    rig->link = (struct sim_link){ 0 };
    dfu_sim_device_receive(&rig->device, 1, frame, (size_t)len, rig->now_ms);
    got = sim_link_receive(&rig->link, rig->now_ms, SIM_LINK_CLIENT, in, sizeof(in));
    assert_int_equal(dfu_client_answer(&call, in, got, &answer), 0);
    assert_int_equal(dfu_client_images_read(&answer, images), 0);
    assert_true(slot < images->count);
    return &images->slots[slot];
}

static void what_runs_already_is_not_sent_again(void **state)
{
    struct rig *rig = rig_new(good, 30000, 1024, 4);
    struct dfu_upgrade g;
    uint32_t sent;

    (void)state;
    upgrade(rig, &plain, &g);
    sent = rig->link.sent;
    upgrade(rig, &plain, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_ALREADY_RUNNING);
    assert_int_equal(rig->link.sent - sent, 6); /* three questions and their answers */
    rig_free(rig);
}

/* How long it takes to find that the image runs already, and what is sent for it. */
static uint64_t time_to_know(struct rig *rig, bool asks_at_once, uint32_t *packets)
{
    struct dfu_upgrade_config config = rig_upgrade_config(rig);
    uint64_t start_ms = rig->now_ms;
    uint32_t sent = rig->to_device;
    struct dfu_upgrade g;

    config.asks_at_once = asks_at_once;
    dfu_upgrade_start(&g, &config);
    rig_run_upgrade(rig, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_ALREADY_RUNNING);
    assert_true(g.has_params);
    assert_int_equal(g.params.buf_size, 1024);
    *packets = rig->to_device - sent;
    return rig->now_ms - start_ms;
}

static void questions_before_an_upload_take_one_round_trip_where_they_may(void **state)
{
    struct rig *rig = rig_new(good, 30000, 1024, 4);
    struct dfu_upgrade g;
    uint32_t packets;

    (void)state;
    upgrade(rig, &plain, &g);
    rig->link.delay_ms = 50;
    assert_int_equal(time_to_know(rig, true, &packets), 100);
    assert_int_equal(packets, 3);
    assert_int_equal(time_to_know(rig, false, &packets), 300);
    assert_int_equal(packets, 3);
    /* One of them is lost: the answer to the next tells, or that to the one before it, and what was
     * answered before its turn is asked again. */
    for (uint32_t lost = 1; lost <= 3; lost++) {
        static const uint32_t most_ms[] = { 400, 300, 300 };

        rig->lose_at = rig->to_device + lost;
        assert_in_range(time_to_know(rig, true, &packets), 200, most_ms[lost - 1]);
        assert_in_range(packets, 4, 6);
    }
    rig_free(rig);
}

/* The first is repeated, and none of the others is waited for. */
static void questions_that_are_all_lost_cost_the_wait_for_one(void **state)
{
    struct rig *rig = rig_new(good, 30000, 1024, 4);
    struct dfu_upgrade_config config = rig_upgrade_config(rig);
    uint64_t start_ms = rig->now_ms;
    struct dfu_upgrade g;

    (void)state;
    config.asks_at_once = true;
    config.no_reset = true;
    rig->link.delay_ms = 50;
    rig->link.loss_permille = 1000;
    dfu_upgrade_start(&g, &config);
    rig_run_upgrade_for(rig, &g, 3);
    rig->link.loss_permille = 0;
    while (g.step < DFU_UPGRADE_UPLOAD) {
        rig_run_upgrade_for(rig, &g, 1);
    }
    assert_in_range(rig->now_ms - start_ms, 1300, 1400);
    rig_free(rig);
}

/* Answers in another order, twice, or not at all. */
static void questions_at_once_survive_bad_links(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 100; seed++) {
        struct rig *rig = rig_new(good, 3000, 1024, 4);
        struct dfu_upgrade_config config = rig_upgrade_config(rig);
        struct dfu_upgrade g;

        rig->link.delay_ms = 5;
        rig->link.jitter_ms = seed % 60;
        rig->link.loss_permille = seed * 7 % 250;
        rig->link.repeat_permille = seed * 3 % 300;
        rig->link.seed = seed;
        config.asks_at_once = true;
        dfu_upgrade_start(&g, &config);
        rig_run_upgrade(rig, &g);
        if (g.outcome != DFU_UPGRADE_CONFIRMED || (g.has_params && g.params.buf_size != 1024) ||
            !rig_holds(rig, 0, &rig->new_image)) {
            fail_msg("seed %u: outcome %d, step %d", (unsigned)seed, g.outcome, g.failed_in);
        }
        rig_free(rig);
    }
}

static void bad_firmware_is_reported_as_reverted(void **state)
{
    static const char *const apps[] = { crashes, hangs };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rig *rig = rig_new(apps[i], 30000, 1024, 4);
        struct dfu_upgrade g;

        upgrade(rig, &plain, &g);
        assert_int_equal(g.outcome, DFU_UPGRADE_REVERTED);
        assert_string_equal(g.after.version, "1.0.0");
        assert_true(rig_holds(rig, 0, &rig->old_image));
        rig_free(rig);
    }
}

static void firmware_that_refuses_its_confirmation_is_a_refusal(void **state)
{
    struct rig *rig = rig_new(stubborn, 30000, 1024, 4);
    struct dfu_upgrade g;

    (void)state;
    upgrade(rig, &plain, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_FAILED);
    assert_int_equal(g.failed_in, DFU_UPGRADE_CONFIRM);
    assert_int_equal(g.err, DFU_ERR_PERM);
    rig_free(rig);
}

static void firmware_that_confirms_itself_is_taken_as_confirmed(void **state)
{
    struct rig *rig = rig_new(eager, 30000, 1024, 4);
    struct dfu_upgrade g;

    (void)state;
    upgrade(rig, &plain, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
    rig_free(rig);
}

static void test_only_leaves_the_way_back_open(void **state)
{
    struct rig *rig = rig_new(good, 30000, 1024, 4);
    const struct dfu_upgrade_config wanted = { .test_only = true };
    struct dfu_client_images images;
    struct dfu_upgrade g;

    (void)state;
    upgrade(rig, &wanted, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_ON_TEST);
    assert_false(seen(rig, &images, 0)->confirmed);
    upgrade(rig, &plain, &g); /* the same file again confirms what is on test */
    assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
    assert_int_equal(g.upload.sent, 0);
    rig_free(rig);
}

static void permanent_needs_no_confirmation(void **state)
{
    struct rig *rig = rig_new(good, 30000, 1024, 4);
    const struct dfu_upgrade_config wanted = { .permanent = true };
    struct dfu_client_images images;
    struct dfu_upgrade g;

    (void)state;
    upgrade(rig, &wanted, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
    assert_true(seen(rig, &images, 0)->confirmed);
    rig_free(rig);
}

static void without_a_reset_it_stays_staged_and_is_taken_up_later(void **state)
{
    struct rig *rig = rig_new(good, 30000, 1024, 4);
    const struct dfu_upgrade_config wanted = { .no_reset = true };
    struct dfu_client_images images;
    struct dfu_upgrade g;

    (void)state;
    upgrade(rig, &wanted, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_STAGED);
    assert_true(seen(rig, &images, 1)->pending);
    assert_true(rig_holds(rig, 0, &rig->old_image));
    upgrade(rig, &plain, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
    assert_int_equal(g.upload.sent, 0);
    rig_free(rig);
}

static void an_image_that_cannot_fit_is_refused_before_anything_is_sent(void **state)
{
    struct rig *rig = rig_new(good, 30000, 1024, 4);
    struct dfu_upgrade_config config = rig_upgrade_config(rig);
    struct dfu_upgrade g;

    (void)state;
    config.firmware.size = RIG_SLOT - 100; /* fits the slot, but not beside the trailer */
    dfu_upgrade_start(&g, &config);
    rig_run_upgrade(rig, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_TOO_LARGE);
    assert_int_equal(g.limit, dfu_slot_max_image(&rig->map, 0));
    assert_int_equal(rig->nor->flash.writes, 0);
    rig_free(rig);
}

static void an_image_number_the_device_has_not_is_refused_before_anything_is_sent(void **state)
{
    struct rig *rig = rig_new(good, 30000, 1024, 4);
    struct dfu_upgrade_config config = rig_upgrade_config(rig);
    struct dfu_upgrade g;

    (void)state;
    config.image_number = 5;
    dfu_upgrade_start(&g, &config);
    rig_run_upgrade(rig, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_NO_SUCH_IMAGE);
    assert_int_equal(rig->nor->flash.writes, 0);
    rig_free(rig);
}

static void a_silent_device_is_a_time_out(void **state)
{
    struct rig *rig = rig_new(good, 30000, 1024, 4);
    struct dfu_upgrade g;
    uint64_t start_ms = rig->now_ms;

    (void)state;
    rig->link.loss_permille = 1000;
    upgrade(rig, &plain, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_FAILED);
    assert_int_equal(g.err, DFU_ERR_TIMEOUT);
    assert_int_equal(rig->now_ms - start_ms, 20000);
    rig_free(rig);
}

static void a_device_that_never_comes_back_is_reported(void **state)
{
    struct rig *rig = rig_new(good, 30000, 1024, 4);
    const struct dfu_upgrade_config staged = { .no_reset = true };
    const struct dfu_upgrade_config wanted = { .boot_ms = 30000 };
    struct dfu_upgrade g;

    (void)state;
    upgrade(rig, &staged, &g);
    rig->link.sent = 0;
    rig->link.cut_number = 11; /* after five questions and the answer to "reset" follows silence */
    rig->down_ms = 3000000;
    upgrade(rig, &wanted, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_GONE);
    rig_free(rig);
}

static void upgrades_end_well_over_bad_links(void **state)
{
    (void)state;
    for (uint32_t loss = 0; loss <= 200; loss += 50) {
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct rig *rig = rig_new(good, 20000, 512, 4);
            struct dfu_upgrade g;

            rig->link.loss_permille = loss;
            rig->link.repeat_permille = 50;
            rig->link.delay_ms = 10;
            rig->link.seed = seed;
            upgrade(rig, &plain, &g);
            if (g.outcome != DFU_UPGRADE_CONFIRMED || !rig_holds(rig, 0, &rig->new_image)) {
                fail_msg("loss %u, seed %u: outcome %d in step %s, err %d", (unsigned)loss,
                         (unsigned)seed, (int)g.outcome, dfu_upgrade_step_text(g.failed_in), g.err);
            }
            rig_free(rig);
        }
    }
}

static void a_link_that_breaks_at_any_packet_is_survived(void **state)
{
    uint32_t packets = 0;

    (void)state;
    for (uint32_t cut = 0; cut <= packets; cut++) {
        struct rig *rig = rig_new(good, 12000, 512, 4);
        struct dfu_upgrade g;

        rig->link.delay_ms = 3;
        rig->link.cut_number = cut;
        upgrade(rig, &plain, &g);
        assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
        packets = cut == 0 ? rig->link.sent : packets;
        rig_free(rig);
    }
    assert_true(packets > 60);
}

/* Nobody heard whether the image is confirmed: the device is asked what runs. */
static void a_confirmation_whose_answer_is_lost_is_looked_up(void **state)
{
    uint32_t packets = 0;

    (void)state;
    for (int round = 0; round < 2; round++) {
        struct rig *rig = rig_new(good, 12000, 512, 4);
        struct dfu_upgrade g;

        rig->link.cut_number = packets;
        rig->down_ms = 25000; /* longer than the client's patience with one question */
        upgrade(rig, &plain, &g);
        assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
        packets = rig->link.sent;
        rig_free(rig);
    }
}

static void a_client_killed_at_any_packet_is_taken_up_by_the_next(void **state)
{
    bool was_over = false;
    uint32_t kills = 0;

    (void)state;
    for (uint32_t kill_at = 1; !was_over; kill_at++) {
        struct rig *rig = rig_new(good, 12000, 512, 4);
        struct dfu_upgrade_config config = rig_upgrade_config(rig);
        struct dfu_upgrade g;

        rig->link.delay_ms = 3;
        dfu_upgrade_start(&g, &config);
        rig_run_upgrade_for(rig, &g, kill_at);
        was_over = g.step == DFU_UPGRADE_OVER;
        rig->now_ms += 2000; /* whoever starts it again is not faster */
        dfu_sim_device_poll(&rig->device, rig->now_ms);
        sim_link_clear(&rig->link);
        upgrade(rig, &plain, &g);
        assert_true(g.outcome == DFU_UPGRADE_CONFIRMED || g.outcome == DFU_UPGRADE_ALREADY_RUNNING);
        assert_true(rig_holds(rig, 0, &rig->new_image));
        kills++;
        rig_free(rig);
    }
    assert_true(kills > 30);
}

/* A power cycle at any packet: before the mark the upload goes on, after it the swap is done. Only
 * one between the first look at the new image and its confirmation takes the new image away, as
 * it must: nobody had confirmed it. */
static void a_device_that_restarts_at_any_packet_ends_as_its_flash_says(void **state)
{
    uint32_t packets = 0;

    (void)state;
    for (uint32_t at = 0; at <= packets; at++) {
        struct rig *rig = rig_new(good, 12000, 512, 4);
        bool is_on_test = at > 0 && at + 1 >= packets;
        struct dfu_client_images images;
        struct dfu_upgrade g;

        rig->link.delay_ms = 3;
        rig->restart_at = at;
        upgrade(rig, &plain, &g);
        if (g.outcome != (is_on_test ? DFU_UPGRADE_REVERTED : DFU_UPGRADE_CONFIRMED)) {
            fail_msg("restart at packet %u of %u: outcome %d in %s, err %d", (unsigned)at,
                     (unsigned)packets, (int)g.outcome, dfu_upgrade_step_text(g.failed_in), g.err);
        }
        packets = at == 0 ? rig->to_device : packets;
        /* A confirmation that comes too late must not ask for the image again. */
        assert_true(!is_on_test || !seen(rig, &images, 1)->pending);
        rig_free(rig);
    }
    assert_true(packets > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upgrade_ends_confirmed),
        cmocka_unit_test(what_runs_already_is_not_sent_again),
        cmocka_unit_test(questions_before_an_upload_take_one_round_trip_where_they_may),
        cmocka_unit_test(questions_that_are_all_lost_cost_the_wait_for_one),
        cmocka_unit_test(questions_at_once_survive_bad_links),
        cmocka_unit_test(bad_firmware_is_reported_as_reverted),
        cmocka_unit_test(firmware_that_refuses_its_confirmation_is_a_refusal),
        cmocka_unit_test(firmware_that_confirms_itself_is_taken_as_confirmed),
        cmocka_unit_test(test_only_leaves_the_way_back_open),
        cmocka_unit_test(permanent_needs_no_confirmation),
        cmocka_unit_test(without_a_reset_it_stays_staged_and_is_taken_up_later),
        cmocka_unit_test(an_image_that_cannot_fit_is_refused_before_anything_is_sent),
        cmocka_unit_test(an_image_number_the_device_has_not_is_refused_before_anything_is_sent),
        cmocka_unit_test(a_silent_device_is_a_time_out),
        cmocka_unit_test(a_device_that_never_comes_back_is_reported),
        cmocka_unit_test(upgrades_end_well_over_bad_links),
        cmocka_unit_test(a_link_that_breaks_at_any_packet_is_survived),
        cmocka_unit_test(a_confirmation_whose_answer_is_lost_is_looked_up),
        cmocka_unit_test(a_client_killed_at_any_packet_is_taken_up_by_the_next),
        cmocka_unit_test(a_device_that_restarts_at_any_packet_ends_as_its_flash_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
