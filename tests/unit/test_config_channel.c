/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/config_channel.h"
#include "dfu/err.h"
#include "hex.h"

static uint8_t last_set[32], last_set_len, last_option;
static int fetch_result;

static void note_set(void *ctx, uint8_t option, const uint8_t *data, size_t len)
{
    (void)ctx;
    last_option = option;
    last_set_len = (uint8_t)len;
    memcpy(last_set, data, len);
}

static int answer_fetch(void *ctx, uint8_t option, uint8_t *out)
{
    (void)ctx;
    memset(out, 0xa0 + option, DFU_CONFIG_FETCH_MAX);
    return fetch_result;
}

static const char *const options[] = { "one", "two" };
static const struct dfu_config_module sensor = { "sensor", options, 2, note_set, answer_fetch };
static const struct dfu_config_module mute = { "a-name-longer-than-an-answer", options, 1, NULL,
                                               NULL };
static const struct dfu_config_binding bindings[] = { { &mute, NULL }, { &sensor, NULL } };
static struct dfu_config_channel channel;

static int fresh_channel(void **state)
{
    (void)state;
    channel = (struct dfu_config_channel){ .bindings = bindings,
                                           .binding_count = 2,
                                           .board = "nrf52840dk_nrf52840",
                                           .hwid = { 1, 2, 3, 4, 5, 6, 7, 8 } };
    fetch_result = 3;
    last_set_len = 0;
    return 0;
}

static int set(const char *hex, uint64_t now_ms)
{
    uint8_t report[64];

    return dfu_config_channel_set_report(&channel, report, hex_bytes(hex, report, sizeof report),
                                         now_ms);
}

/* What the host gets: the header and the data it announces; the rest must be zero. */
static void expect(const char *hex)
{
    uint8_t report[DFU_CONFIG_REPORT_SIZE], zeros[DFU_CONFIG_REPORT_SIZE] = { 0 };
    size_t len;

    dfu_config_channel_get_report(&channel, report);
    len = 5u + report[4];
    assert_hex(report, len, hex);
    assert_memory_equal(report + len, zeros, sizeof report - len);
}

static void before_any_request_the_report_is_empty(void **state)
{
    (void)state;
    expect("06 00 00 00 00");
}

static void the_device_tells_of_itself(void **state)
{
    (void)state;
    assert_int_equal(set("06 00 00 01 00", 0), 0);
    expect("06 00 00 08 01 01");
    assert_int_equal(set("06 00 00 02 00", 0), 0);
    expect("06 00 00 08 08 01 02 03 04 05 06 07 08");
    assert_int_equal(set("06 00 00 03 00", 0), 0);
    expect("06 00 00 08 0a 6e 72 66 35 32 38 34 30 64 6b");
    channel.board = "sim";
    assert_int_equal(set("06 00 00 03 00", 0), 0);
    expect("06 00 00 08 03 73 69 6d");
}

static void a_module_describes_itself_again_and_again(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(set("06 00 10 07 00", 0), 0);
        expect("06 00 10 08 06 73 65 6e 73 6f 72");
        assert_int_equal(set("06 00 10 07 00", 0), 0);
        expect("06 00 10 08 03 6f 6e 65");
        assert_int_equal(set("06 00 10 07 00", 0), 0);
        expect("06 00 10 08 03 74 77 6f");
        assert_int_equal(set("06 00 10 07 00", 0), 0);
        expect("06 00 10 08 01 0a");
    }
    assert_int_equal(set("06 00 00 07 00", 0), 0); /* cut to what an answer holds */
    expect("06 00 00 08 10 61 2d 6e 61 6d 65 2d 6c 6f 6e 67 65 72 2d 74 68");
}

static void set_and_fetch_reach_the_module_that_the_event_names(void **state)
{
    (void)state;
    assert_int_equal(set("06 00 12 06 03 0a 0b 0c", 0), 0);
    expect("06 00 12 08 00");
    assert_int_equal(last_option, 1);
    assert_hex(last_set, last_set_len, "0a 0b 0c");
    assert_int_equal(set("06 00 11 07 00", 0), 0);
    expect("06 00 11 08 03 a0 a0 a0");
    expect("06 00 11 08 03 a0 a0 a0"); /* stays until the next */
}

static void what_is_not_there_is_rejected(void **state)
{
    static const char *const requests[] = {
        "06 00 13 07 00", "06 00 20 07 00", "06 00 21 07 00",
        "06 00 13 06 00", "06 00 10 06 00", "06 00 01 07 00", /* a module that fetches nothing */
    };

    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        uint8_t report[DFU_CONFIG_REPORT_SIZE];

        assert_int_equal(set(requests[i], 0), 0);
        dfu_config_channel_get_report(&channel, report);
        assert_int_equal(report[3], DFU_CONFIG_REJECT);
        assert_int_equal(report[4], 0);
    }
    fetch_result = DFU_CONFIG_FETCH_MAX + 1;
    assert_int_equal(set("06 00 11 07 00", 0), 0);
    expect("06 00 11 0a 00");
    assert_int_equal(set("06 00 01 06 00", 0), 0); /* sets never fail */
    expect("06 00 01 08 00");
}

static void other_recipients_and_operations_are_not_connected(void **state)
{
    (void)state;
    assert_int_equal(set("06 01 11 07 00", 0), 0);
    expect("06 01 11 0c 00");
    assert_int_equal(set("06 00 00 04 00", 0), 0);
    expect("06 00 00 0c 00");
    assert_int_equal(set("06 00 00 ff 00", 0), 0);
    expect("06 00 00 0c 00");
}

static void what_is_no_request_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(set("06 00 11 07 00", 0), 0);
    assert_int_equal(set("06 00 11 07", 0), DFU_ERR_FORMAT);
    assert_int_equal(set("05 00 11 07 00", 0), DFU_ERR_FORMAT);
    assert_int_equal(set("06 00 12 06 03 0a 0b", 0), DFU_ERR_FORMAT);
    assert_int_equal(set("06 00 12 06 1a 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                         "00 00 00 00 00 00 00",
                         0),
                     DFU_ERR_FORMAT);
    assert_int_equal(last_set_len, 0);
    expect("06 00 11 08 03 a0 a0 a0");
}

static void an_answer_may_come_later(void **state)
{
    (void)state;
    fetch_result = DFU_ERR_BUSY;
    assert_int_equal(set("06 00 11 07 00", 100), 0);
    expect("06 00 00 00 00");
    assert_int_equal(set("06 00 11 07 00", 100), DFU_ERR_BUSY);
    dfu_config_channel_answer(&channel, (const uint8_t *)"ab", 2);
    expect("06 00 11 08 02 61 62");
    dfu_config_channel_answer(&channel, (const uint8_t *)"c", 1); /* nobody waits */
    expect("06 00 11 08 02 61 62");
}

static void an_answer_that_does_not_come_is_a_time_out(void **state)
{
    (void)state;
    fetch_result = DFU_ERR_BUSY;
    assert_int_equal(set("06 00 11 07 00", 100), 0);
    assert_int_equal(dfu_config_channel_due_ms(&channel), 100 + DFU_CONFIG_TIMEOUT_MS);
    dfu_config_channel_poll(&channel, 100 + DFU_CONFIG_TIMEOUT_MS - 1);
    expect("06 00 00 00 00");
    dfu_config_channel_poll(&channel, 100 + DFU_CONFIG_TIMEOUT_MS);
    expect("06 00 00 09 00");
    assert_int_equal(dfu_config_channel_due_ms(&channel), UINT64_MAX);
    dfu_config_channel_answer(&channel, (const uint8_t *)"late", 4);
    expect("06 00 00 09 00");
}

static void a_host_that_left_is_forgotten(void **state)
{
    (void)state;
    fetch_result = DFU_ERR_BUSY;
    assert_int_equal(set("06 00 11 07 00", 100), 0);
    dfu_config_channel_disconnect(&channel);
    expect("06 00 00 00 00");
    fetch_result = 1;
    assert_int_equal(set("06 00 11 07 00", 100), 0);
    expect("06 00 11 08 01 a0");
}

#define test(name) cmocka_unit_test_setup(name, fresh_channel)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(before_any_request_the_report_is_empty),
        test(the_device_tells_of_itself),
        test(a_module_describes_itself_again_and_again),
        test(set_and_fetch_reach_the_module_that_the_event_names),
        test(what_is_not_there_is_rejected),
        test(other_recipients_and_operations_are_not_connected),
        test(what_is_no_request_is_refused_and_changes_nothing),
        test(an_answer_may_come_later),
        test(an_answer_that_does_not_come_is_a_time_out),
        test(a_host_that_left_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
