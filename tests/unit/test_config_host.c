/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The host's side of the configuration channel, against the device's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config_world.h"
#include "dfu/config_host.h"
#include "dfu/err.h"
#include "dfu/update.h"

#define ORDERS_MAX 100000u

static struct dfu_config_host host;

/* What the way between them does. */
static struct {
    unsigned data_reports;   /* that passed */
    unsigned spoiled_report; /* the n-th of them gets a wrong byte; 0: none */
    unsigned silent_after;   /* so many nothing comes for 6 s; 0: never */
    bool is_stalled;         /* no application takes reports */
    unsigned gets;           /* so far; */
    unsigned stalls_get;     /* each n-th of them is stalled; 0: none */
    void (*meanwhile)(void); /* at each wait */
} way;

static const uint8_t *spoil(const uint8_t report[DFU_CONFIG_REPORT_SIZE], uint8_t *out)
{
    bool is_data = report[3] == DFU_CONFIG_SET && (report[2] & 15) == DFU_CONFIG_DFU_DATA + 1;

    memcpy(out, report, DFU_CONFIG_REPORT_SIZE);
    if (is_data && ++way.data_reports == way.spoiled_report) {
        out[5] ^= 1;
    }
    if (is_data && way.data_reports == way.silent_after) {
        config_pass(&config_world, DFU_CONFIG_DFU_TIMEOUT_MS + 1000);
    }
    return out;
}

static int carry_out(uint8_t report[DFU_CONFIG_REPORT_SIZE])
{
    uint8_t sent[DFU_CONFIG_REPORT_SIZE];

    switch (host.order) {
    case DFU_CONFIG_HOST_SET:
        if (way.is_stalled) {
            return DFU_ERR_STATE;
        }
        dfu_config_dfu_poll(&config_world.dfu, config_world.now_ms);
        return dfu_config_channel_set_report(&config_world.channel, spoil(host.report, sent),
                                             sizeof sent, config_world.now_ms);
    case DFU_CONFIG_HOST_GET:
        if (way.stalls_get && ++way.gets % way.stalls_get == 0) {
            return DFU_ERR_STATE;
        }
        dfu_config_channel_get_report(&config_world.channel, report);
        return 0;
    case DFU_CONFIG_HOST_WAIT:
        config_pass(&config_world, host.wait_ms);
        if (way.meanwhile) {
            way.meanwhile();
        }
        return 0;
    default: fail_msg("there is nothing to carry out");
    }
    return DFU_ERR_INVAL;
}

static void run(void)
{
    for (unsigned i = 0; host.order < DFU_CONFIG_HOST_DONE; i++) {
        uint8_t report[DFU_CONFIG_REPORT_SIZE] = { 0 };
        int result = carry_out(report);

        assert_true(i < ORDERS_MAX);
        dfu_config_host_answer(&host, result, report);
    }
}

static void upload(bool is_patient)
{
    dfu_config_host_info(&host);
    run();
    assert_int_equal(host.order, DFU_CONFIG_HOST_DONE);
    dfu_config_host_upload(&host, config_image.data, config_image.size, is_patient);
    run();
}

static void expect_refusal(enum dfu_config_host_refusal refusal)
{
    assert_int_equal(host.order, DFU_CONFIG_HOST_FAILED);
    assert_int_equal(host.err, DFU_ERR_STATE);
    assert_int_equal(host.refusal, refusal);
}

static void expect_stored(uint32_t resumed_at)
{
    assert_int_equal(host.order, DFU_CONFIG_HOST_DONE);
    assert_int_equal(host.resumed_at, resumed_at);
    assert_int_equal(host.stored, config_image.size);
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
    assert_int_equal(dfu_mcuboot_swap_type(&config_world.img.map, 0), DFU_SWAP_TEST);
}

static int fresh(void **state)
{
    memset(&way, 0, sizeof way);
    return config_fresh(state);
}

/* ---- What a device tells ---- */

static void a_device_is_asked_for_all_it_tells(void **state)
{
    (void)state;
    dfu_config_host_info(&host);
    run();
    assert_int_equal(host.order, DFU_CONFIG_HOST_DONE);
    assert_string_equal(host.board, "sim");
    assert_string_equal(host.variant, "MCUBOOT");
    assert_string_equal(host.generation, "gen1");
    assert_int_equal(host.vendor, 0x1915);
    assert_true(host.has_firmware);
    assert_int_equal(host.version.major, 1);
    assert_int_equal(host.sync.buf_size, CONFIG_BUF);
}

static const char *const other_options[] = { "start", "sync" };
static const struct dfu_config_module other_module = { "other", other_options, 2, NULL, NULL };

static void its_module_is_found_by_name_wherever_the_names_begin(void **state)
{
    struct dfu_config_binding bindings[3] = { { &other_module, NULL }, { &other_module, NULL } };

    (void)state;
    bindings[2] = config_world.binding;
    config_world.channel.bindings = bindings;
    config_world.channel.binding_count = 3;
    for (uint8_t said = 0; said < 10; said++) { /* the device goes on where it was */
        memset(config_world.channel.described, said % 3, sizeof config_world.channel.described);
        config_world.channel.described[2] = said % 9;
        dfu_config_host_info(&host);
        run();
        assert_int_equal(host.order, DFU_CONFIG_HOST_DONE);
        assert_string_equal(host.variant, "MCUBOOT");
    }
    config_world.channel.binding_count = 2;
    dfu_config_host_info(&host);
    run();
    expect_refusal(DFU_CONFIG_HOST_NO_MODULE);
}

static void a_device_whose_application_does_not_run_is_given_up(void **state)
{
    (void)state;
    way.is_stalled = true;
    dfu_config_host_info(&host);
    run();
    expect_refusal(DFU_CONFIG_HOST_STALLED);
    assert_true(config_world.now_ms >= 4000 && config_world.now_ms < 5000);
}

/* ---- Updates ---- */

static void an_image_is_stored_and_the_device_restarted(void **state)
{
    (void)state;
    upload(false);
    expect_stored(0);
    dfu_config_host_reboot(&host);
    run();
    assert_int_equal(host.order, DFU_CONFIG_HOST_DONE);
    config_pass(&config_world, DFU_CONFIG_DFU_REBOOT_MS);
    assert_int_equal(config_world.reboots, 1);
}

static void what_is_there_already_is_not_sent_again(void **state)
{
    unsigned sent;

    (void)state;
    upload(false);
    sent = way.data_reports;
    upload(false);
    assert_true(host.was_there);
    assert_int_equal(way.data_reports, sent);
    expect_stored(config_image.size);
}

static void an_update_that_the_device_ended_goes_on_where_it_was(void **state)
{
    (void)state;
    way.silent_after = 25; /* in the third buffer */
    upload(false);
    expect_refusal(DFU_CONFIG_HOST_INTERRUPTED);
    assert_int_equal(host.stored, 2 * CONFIG_BUF);
    upload(false);
    expect_stored(2 * CONFIG_BUF);
}

static void a_byte_that_changed_on_the_way_is_noticed(void **state)
{
    (void)state;
    way.spoiled_report = 100;
    upload(false);
    expect_refusal(DFU_CONFIG_HOST_DISCARDED);
    assert_int_equal(dfu_mcuboot_swap_type(&config_world.img.map, 0), DFU_SWAP_NONE);
    upload(false);
    expect_stored(0);
}

static void an_answer_that_stalls_is_asked_for_again_and_its_request_not_repeated(void **state)
{
    (void)state;
    way.stalls_get = 3;
    upload(false);
    expect_stored(0);
    assert_int_equal(way.data_reports, config_image.size / CONFIG_BUF * 11 +
                                           (config_image.size % CONFIG_BUF + 24) / 25);
}

static void one_that_does_not_fit_is_given_up(void **state)
{
    (void)state;
    image_free(&config_image);
    config_image = image_make((struct dfu_image_version){ .major = 2 }, CONFIG_SECTORS * 4096u);
    upload(false);
    expect_refusal(DFU_CONFIG_HOST_IGNORED);
}

/* ---- Others ---- */

static const struct dfu_lock_owner other_owner = { .name = "other" };

static void let_go_after_a_minute(void)
{
    if (config_world.now_ms > 60000) {
        (void)dfu_lock_release(&config_world.lock, &other_owner);
    }
}

static void while_another_transport_updates_it_is_refused_or_waits(void **state)
{
    (void)state;
    assert_int_equal(dfu_lock_claim(&config_world.lock, &other_owner), 0);
    upload(false);
    expect_refusal(DFU_CONFIG_HOST_OTHER);
    dfu_config_host_reboot(&host);
    run();
    expect_refusal(DFU_CONFIG_HOST_OTHER);
    assert_int_equal(config_world.now_ms, 0); /* at once */
    way.meanwhile = let_go_after_a_minute;
    upload(true);
    expect_stored(0);
    assert_true(config_world.now_ms > 60000);
}

static void send_as_another_host(void)
{
    config_data(&config_world, config_image.data, 1);
}

static void another_host_on_the_channel_is_waited_for_as_long_as_one_that_broke_off(void **state)
{
    struct test_image theirs = image_make((struct dfu_image_version){ .major = 3 }, 7000);
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &theirs, &offset));
    way.meanwhile = send_as_another_host;
    upload(false);
    expect_refusal(DFU_CONFIG_HOST_ACTIVE);
    way.meanwhile = NULL; /* that one vanished */
    upload(false);
    expect_stored(0);
    image_free(&theirs);
}

#define test(name) cmocka_unit_test_setup_teardown(name, fresh, config_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_device_is_asked_for_all_it_tells),
        test(its_module_is_found_by_name_wherever_the_names_begin),
        test(a_device_whose_application_does_not_run_is_given_up),
        test(an_image_is_stored_and_the_device_restarted),
        test(what_is_there_already_is_not_sent_again),
        test(an_update_that_the_device_ended_goes_on_where_it_was),
        test(a_byte_that_changed_on_the_way_is_noticed),
        test(an_answer_that_stalls_is_asked_for_again_and_its_request_not_repeated),
        test(one_that_does_not_fit_is_given_up),
        test(while_another_transport_updates_it_is_refused_or_waits),
        test(another_host_on_the_channel_is_waited_for_as_long_as_one_that_broke_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
