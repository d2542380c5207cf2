/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Descriptors byte for byte as the standards lay them out, chapter 9 requests, and USB/IP messages
 * as Linux sends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/usb_device.h"
#include "dfu/usb_host.h"
#include "dfu/usbip.h"
#include "usb_memory.h"

struct rig {
    struct usb_world w;
    struct dfu_usb_identity identity;
    struct dfu_usb_device_config cfg;
    struct dfu_usb_device dev;
    uint8_t out[512];
};

static void start(struct rig *rig, enum dfu_usb_mode mode, bool cdc)
{
    memset(rig, 0, sizeof *rig);
    usb_world_start(&rig->w);
    rig->w.cfg.interface = cdc ? 2 : 0;
    rig->w.cfg.text_string = 6;
    rig->w.cfg.transfer_size = 4096;
    rig->w.cfg.detach_timeout_ms = 1000;
    rig->identity = (struct dfu_usb_identity){
        .vendor = 0x2fe3,
        .product = 0x0100,
        .dfu_product = 0xffff,
        .release = 0x0203,
        .manufacturer = "maker",
        .name = "thing",
        .serial = "42",
        .guid = "{5d2c63c1-47d5-4f3f-a0a5-3f2c0d9e1b64}",
        .web_url = "https://example.org/dfu",
    };
    rig->cfg = (struct dfu_usb_device_config){ &rig->identity, &rig->w.cfg, cdc, NULL };
    assert_int_equal(dfu_usb_device_check(&rig->cfg), 0);
    dfu_usb_device_start(&rig->dev, &rig->cfg, mode);
}

static void expect_bytes(struct rig *rig, size_t len, const uint8_t *expected, size_t expected_len)
{
    assert_int_equal(len, expected_len);
    assert_memory_equal(rig->out, expected, expected_len);
}

static void dfu_mode_describes_one_alternate_per_target(void **state)
{
    static const uint8_t device[] = { 18,   1,    0x01, 0x02, 0,    0, 0, 64, 0xe3,
                                      0x2f, 0xff, 0xff, 0x03, 0x02, 1, 2, 3,  1 };
    static const uint8_t configuration[] = {
        0x09, 0x02, 0x24, 0x00, 0x01, 0x01, 0x00, 0x80, 0x32, /* 36 bytes, one interface */
        0x09, 0x04, 0x00, 0x00, 0x00, 0xfe, 0x01, 0x02, 0x04, /* alternate 0 */
        0x09, 0x04, 0x00, 0x01, 0x00, 0xfe, 0x01, 0x02, 0x05, /* alternate 1 */
        0x09, 0x21, 0x0f, 0xe8, 0x03, 0x00, 0x10, 0x10, 0x01, /* 1000 ms, 4096 bytes, DFU 1.1 */
    };
    struct rig rig;

    (void)state;
    start(&rig, DFU_USB_DFU_MODE, true);
    expect_bytes(&rig, dfu_usb_describe_device(&rig.dev, rig.out, sizeof rig.out), device,
                 sizeof device);
    expect_bytes(&rig, dfu_usb_describe_configuration(&rig.dev, rig.out, sizeof rig.out),
                 configuration, sizeof configuration);
}

static void the_application_is_cdc_acm_and_run_time_dfu(void **state)
{
    struct rig rig;
    size_t len;
    static const uint8_t tail[] = { 0x09, 0x04, 2,    0,    0,    0xfe, 1,    1,    4,
                                    0x09, 0x21, 0x0f, 0xe8, 0x03, 0x00, 0x10, 0x10, 0x01 };

    (void)state;
    start(&rig, DFU_USB_RUNTIME, true);
    len = dfu_usb_describe_device(&rig.dev, rig.out, sizeof rig.out);
    assert_int_equal(len, 18);
    assert_memory_equal(rig.out + 4, "\xef\x02\x01", 3);
    assert_memory_equal(rig.out + 10, "\x00\x01", 2);
    len = dfu_usb_describe_configuration(&rig.dev, rig.out, sizeof rig.out);
    assert_int_equal(len, 9 + 66 + 18);
    assert_int_equal(rig.out[2], len);
    assert_int_equal(rig.out[4], 3);
    for (size_t at = 0; at < len; at += rig.out[at]) { /* every length leads to the next */
        assert_true(rig.out[at] >= 2 && rig.out[at] <= len - at);
    }
    assert_memory_equal(rig.out + len - sizeof tail, tail, sizeof tail);

    start(&rig, DFU_USB_RUNTIME, false);
    len = dfu_usb_describe_configuration(&rig.dev, rig.out, sizeof rig.out);
    assert_int_equal(len, 27);
    assert_int_equal(rig.out[4], 1);
}

static void windows_finds_winusb(void **state)
{
    static const uint8_t bos[] = { 5,    15,   57,   0,    2,    28,   16,   5,    0,    0xdf,
                                   0x60, 0xdd, 0xd8, 0x89, 0x45, 0xc7, 0x4c, 0x9c, 0xd2, 0x65,
                                   0x9d, 0x9e, 0x64, 0x8a, 0x9f, 0,    0,    3,    6,    162,
                                   0,    0x20, 0,    24,   16,   5,    0 };
    struct rig rig;

    (void)state;
    start(&rig, DFU_USB_DFU_MODE, true);
    assert_int_equal(dfu_usb_describe_bos(&rig.dev, rig.out, sizeof rig.out), 57);
    assert_memory_equal(rig.out, bos, sizeof bos);
    assert_int_equal(dfu_usb_describe_ms_os(&rig.dev, rig.out, sizeof rig.out), 162);
    assert_memory_equal(rig.out, "\x0a\0\0\0\0\0\x03\x06\xa2\0\x14\0\x03\0WINUSB\0\0", 22);
    assert_memory_equal(rig.out + 30, "\x84\0\x04\0\x07\0\x2a\0D\0e\0v\0", 14);
    assert_memory_equal(rig.out + 78,
                        "\0\0\x50\0{\0"
                        "5\0",
                        8);

    start(&rig, DFU_USB_RUNTIME, true); /* one function of a composite device */
    assert_int_equal(dfu_usb_describe_ms_os(&rig.dev, rig.out, sizeof rig.out), 178);
    assert_memory_equal(rig.out + 10, "\x08\0\x01\0\0\0\xa8\0\x08\0\x02\0\x02\0\xa0\0", 16);

    rig.identity.guid = NULL;
    rig.identity.web_url = NULL;
    assert_int_equal(dfu_usb_describe_bos(&rig.dev, rig.out, sizeof rig.out), 0);
    dfu_usb_describe_device(&rig.dev, rig.out, sizeof rig.out);
    assert_int_equal(rig.out[2], 0x00); /* without BOS it is USB 2.0 */
}

static int ask(struct rig *rig, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
               uint16_t length)
{
    struct dfu_usb_setup setup = { type, request, value, index, length };

    return dfu_usb_device_control(&rig->dev, &setup, rig->out, 0);
}

static void browsers_find_the_page(void **state)
{
    struct rig rig;

    (void)state;
    start(&rig, DFU_USB_DFU_MODE, true);
    assert_int_equal(ask(&rig, 0xc0, DFU_USB_VENDOR_WEBUSB, 1, 2, 255), 18);
    assert_memory_equal(rig.out,
                        "\x12\x03\x01"
                        "example.org/dfu",
                        18);
}

static void strings_name_what_the_descriptors_point_to(void **state)
{
    static const struct {
        enum dfu_usb_mode mode;
        uint8_t index;
        const char *text;
    } cases[] = {
        { DFU_USB_DFU_MODE, 1, "maker" },   { DFU_USB_DFU_MODE, 2, "thing" },
        { DFU_USB_DFU_MODE, 3, "42" },      { DFU_USB_DFU_MODE, 4, "image_0" },
        { DFU_USB_DFU_MODE, 5, "image_1" }, { DFU_USB_DFU_MODE, 6, "" },
        { DFU_USB_RUNTIME, 4, "DFU" },      { DFU_USB_RUNTIME, 5, "SMP console" },
    };
    struct rig rig;
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(&rig, cases[i].mode, true);
        int len = ask(&rig, 0x80, 6, (uint16_t)(0x0300 | cases[i].index), 0x0409, 255);

        assert_int_equal(len, 2 + 2 * strlen(cases[i].text));
        assert_int_equal(rig.out[0], len);
        dfu_usb_string_text(rig.out, (size_t)len, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
    assert_int_equal(ask(&rig, 0x80, 6, 0x0300, 0, 255), 4);
    assert_memory_equal(rig.out, "\x04\x03\x09\x04", 4);
    assert_int_equal(ask(&rig, 0x80, 6, 0x0307, 0x0409, 255), DFU_ERR_STATE);
}

static void descriptors_are_cut_to_what_was_asked_for(void **state)
{
    struct rig rig;

    (void)state;
    start(&rig, DFU_USB_DFU_MODE, true);
    for (uint16_t len = 0; len < 60; len++) {
        memset(rig.out, 0xa5, sizeof rig.out);
        assert_int_equal(ask(&rig, 0x80, 6, 0x0200, 0, len), len < 36 ? len : 36);
        assert_int_equal(rig.out[len], 0xa5);
        assert_true(ask(&rig, 0x80, 6, 0x0f00, 0, len) <= len);
        assert_true(ask(&rig, 0xc0, DFU_USB_VENDOR_MS_OS, 0, 7, len) <= len);
        assert_int_equal(rig.out[len], 0xa5);
    }
}

static void chapter_9_is_answered(void **state)
{
    struct rig rig;

    (void)state;
    start(&rig, DFU_USB_DFU_MODE, true);
    assert_int_equal(ask(&rig, 0x80, 8, 0, 0, 1), 1);
    assert_int_equal(rig.out[0], 0);
    assert_int_equal(ask(&rig, 0x00, 9, 2, 0, 0), DFU_ERR_STATE);
    assert_int_equal(ask(&rig, 0x00, 9, 1, 0, 0), 0);
    assert_int_equal(ask(&rig, 0x80, 8, 0, 0, 1), 1);
    assert_int_equal(rig.out[0], 1);
    assert_int_equal(ask(&rig, 0x01, 11, 1, 0, 0), 0);
    assert_int_equal(ask(&rig, 0x81, 10, 0, 0, 1), 1);
    assert_int_equal(rig.out[0], 1);
    assert_int_equal(ask(&rig, 0x01, 11, 2, 0, 0), DFU_ERR_STATE);
    assert_int_equal(ask(&rig, 0x80, 0, 0, 0, 2), 2);
    assert_int_equal(ask(&rig, 0x80, 6, 0x0600, 0, 10), DFU_ERR_STATE); /* device qualifier */
    assert_int_equal(ask(&rig, 0xa1, DFU_USB_GETSTATUS, 0, 0, 6), 6);
    assert_int_equal(ask(&rig, 0xa1, DFU_USB_GETSTATUS, 0, 1, 6), DFU_ERR_STATE);
}

static void the_serial_port_keeps_its_settings(void **state)
{
    struct rig rig;

    (void)state;
    start(&rig, DFU_USB_RUNTIME, true);
    memcpy(rig.out, "\x80\x25\0\0\0\0\x07", 7);
    assert_int_equal(ask(&rig, 0x21, 0x20, 0, 0, 7), 0);
    memset(rig.out, 0, 7);
    assert_int_equal(ask(&rig, 0xa1, 0x21, 0, 0, 7), 7);
    assert_memory_equal(rig.out, "\x80\x25\0\0\0\0\x07", 7);
    assert_int_equal(ask(&rig, 0x21, 0x22, 1, 0, 0), 0);
    assert_true(rig.dev.is_line_open);
    start(&rig, DFU_USB_DFU_MODE, true);
    assert_int_equal(ask(&rig, 0x21, 0x22, 1, 0, 0), DFU_ERR_STATE);
}

static void a_host_reads_back_what_the_device_describes(void **state)
{
    struct dfu_usb_function function;
    struct rig rig;
    size_t len;

    (void)state;
    start(&rig, DFU_USB_RUNTIME, true);
    len = dfu_usb_describe_configuration(&rig.dev, rig.out, sizeof rig.out);
    assert_int_equal(dfu_usb_function_find(rig.out, len, &function), 0);
    assert_int_equal(function.mode, DFU_USB_RUNTIME);
    assert_int_equal(function.interface, 2);
    assert_int_equal(function.transfer_size, 4096);
    start(&rig, DFU_USB_DFU_MODE, true);
    len = dfu_usb_describe_configuration(&rig.dev, rig.out, sizeof rig.out);
    assert_int_equal(dfu_usb_function_find(rig.out, len, &function), 0);
    assert_int_equal(function.mode, DFU_USB_DFU_MODE);
    assert_int_equal(function.alt_count, 2);
    assert_int_equal(function.strings[1], 5);
    while (len-- > 0) { /* cut anywhere, it is read within its bounds */
        (void)dfu_usb_function_find(rig.out, len, &function);
    }
}

/* ---- USB/IP ---- */

struct wire {
    struct rig rig;
    struct dfu_usbip_export shown;
    struct dfu_usbip_connection c;
    uint8_t sent[4096];
    size_t len;
    unsigned resets;
    bool has_bytes;
};

static const struct dfu_usb_device *wire_device(void *ctx)
{
    struct wire *wire = ctx;

    return &wire->rig.dev;
}

static int wire_control(void *ctx, const struct dfu_usb_setup *setup, uint8_t *data)
{
    struct wire *wire = ctx;

    return dfu_usb_device_control(&wire->rig.dev, setup, data, 0);
}

static size_t wire_in(void *ctx, uint8_t endpoint, uint8_t *buf, size_t cap)
{
    struct wire *wire = ctx;

    if (!wire->has_bytes || endpoint != 2 || cap < 2) {
        return 0;
    }
    wire->has_bytes = false;
    memcpy(buf, "hi", 2);
    return 2;
}

static void wire_reset(void *ctx)
{
    struct wire *wire = ctx;

    wire->resets++;
    dfu_usb_device_bus_reset(&wire->rig.dev, 0);
}

static void wire_send(void *ctx, const uint8_t *bytes, size_t len)
{
    struct wire *wire = ctx;

    assert_true(len <= sizeof wire->sent - wire->len);
    memcpy(wire->sent + wire->len, bytes, len);
    wire->len += len;
}

static void start_wire(struct wire *wire)
{
    memset(wire, 0, sizeof *wire);
    start(&wire->rig, DFU_USB_DFU_MODE, true);
    wire->shown = (struct dfu_usbip_export){ .device = wire_device,
                                             .control = wire_control,
                                             .in = wire_in,
                                             .bus_reset = wire_reset,
                                             .ctx = wire };
    wire->c.shown = &wire->shown;
    wire->c.send = wire_send;
    wire->c.ctx = wire;
    dfu_usbip_open(&wire->c);
}

static int say(struct wire *wire, const void *bytes, size_t len)
{
    wire->len = 0;
    return dfu_usbip_receive(&wire->c, bytes, len);
}

static void import(struct wire *wire)
{
    uint8_t request[40] = { 0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0, '1', '-', '1' };

    start_wire(wire);
    assert_int_equal(say(wire, request, sizeof request), 0);
    assert_int_equal(wire->len, 8 + 312);
    assert_memory_equal(wire->sent, "\x01\x11\0\x03\0\0\0\0", 8);
    assert_memory_equal(wire->sent + 8 + 256, "1-1", 4);
    assert_memory_equal(wire->sent + 8 + 296, "\0\0\0\x02\x2f\xe3\xff\xff\x02\x03", 10);
}

static int submit(struct wire *wire, uint32_t seqnum, uint32_t endpoint, bool is_in,
                  uint32_t length, const char *setup)
{
    struct dfu_usbip_header header = { .command = DFU_USBIP_SUBMIT,
                                       .seqnum = seqnum,
                                       .devid = 0x10002,
                                       .direction = is_in,
                                       .endpoint = endpoint,
                                       .status = 0x200,
                                       .length = length };
    uint8_t bytes[48];

    memcpy(header.setup, setup, 8);
    dfu_usbip_header_encode(&header, bytes);
    return say(wire, bytes, sizeof bytes);
}

static void the_list_shows_device_and_interfaces_and_ends(void **state)
{
    struct wire wire;

    (void)state;
    start_wire(&wire);
    assert_int_equal(say(&wire, "\x01\x11\x80\x05\0\0\0\0", 8), DFU_ERR_STATE);
    assert_int_equal(wire.len, 8 + 4 + 312 + 4);
    assert_memory_equal(wire.sent, "\x01\x11\0\x05\0\0\0\0\0\0\0\x01", 12);
    assert_memory_equal(wire.sent + 12 + 312, "\xfe\x01\x02\0", 4);
}

static void getstatus_and_a_stall_go_over_the_wire_as_in_the_protocol(void **state)
{
    static const uint8_t answer[] = {
        0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0,
    };
    struct wire wire;

    (void)state;
    import(&wire);
    assert_int_equal(submit(&wire, 5, 0, true, 6, "\xa1\x03\0\0\0\0\x06\0"), 0);
    assert_int_equal(wire.len, sizeof answer);
    assert_memory_equal(wire.sent, answer, sizeof answer);
    assert_int_equal(submit(&wire, 6, 0, true, 10, "\x80\x06\0\x06\0\0\x0a\0"), 0);
    assert_int_equal(wire.len, 48);
    assert_memory_equal(wire.sent + 20, "\xff\xff\xff\xe0\0\0\0\0", 8);
}

static void bytes_may_arrive_one_by_one(void **state)
{
    struct wire wire;
    uint8_t request[40] = { 0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0, '1', '-', '1' };

    (void)state;
    start_wire(&wire);
    for (size_t i = 0; i < sizeof request; i++) {
        assert_int_equal(dfu_usbip_receive(&wire.c, request + i, 1), 0);
    }
    assert_true(dfu_usbip_is_imported(&wire.c));
    assert_int_equal(wire.len, 320);
}

static void a_second_importer_and_a_wrong_bus_id_are_refused(void **state)
{
    struct wire wire;
    static struct dfu_usbip_connection other;
    uint8_t request[40] = { 0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0, '1', '-', '1' };

    (void)state;
    import(&wire);
    other = (struct dfu_usbip_connection){ .shown = &wire.shown, .send = wire_send, .ctx = &wire };
    dfu_usbip_open(&other);
    wire.len = 0;
    assert_int_equal(dfu_usbip_receive(&other, request, sizeof request), DFU_ERR_STATE);
    assert_memory_equal(wire.sent, "\x01\x11\0\x03\0\0\0\x02", 8);
    dfu_usbip_close(&other);
    assert_true(dfu_usbip_is_imported(&wire.c));
    dfu_usbip_close(&wire.c);
    assert_null(wire.shown.importer);
    request[8] = '7';
    start_wire(&wire);
    assert_int_equal(say(&wire, request, sizeof request), DFU_ERR_STATE);
    assert_int_equal(wire.sent[7], 4);
}

static void an_in_transfer_waits_until_there_is_something(void **state)
{
    struct wire wire;

    (void)state;
    import(&wire);
    assert_int_equal(submit(&wire, 9, 2, true, 64, "\0\0\0\0\0\0\0\0"), 0);
    assert_int_equal(wire.len, 0);
    dfu_usbip_poll(&wire.c);
    assert_int_equal(wire.len, 0);
    wire.has_bytes = true;
    dfu_usbip_poll(&wire.c);
    assert_int_equal(wire.len, 50);
    assert_memory_equal(wire.sent + 48, "hi", 2);
}

static void transfers_of_one_endpoint_are_served_in_order(void **state)
{
    struct wire wire;

    (void)state;
    import(&wire);
    submit(&wire, 9, 2, true, 1, "\0\0\0\0\0\0\0\0"); /* too short for what will come */
    submit(&wire, 10, 2, true, 64, "\0\0\0\0\0\0\0\0");
    wire.has_bytes = true;
    wire.len = 0;
    dfu_usbip_poll(&wire.c);
    assert_int_equal(wire.len, 0);
}

static void lengths_that_disagree_are_stalled(void **state)
{
    struct wire wire;

    (void)state;
    import(&wire);
    assert_int_equal(submit(&wire, 3, 0, true, 64, "\xa1\x03\0\0\0\0\x06\0"), 0);
    assert_memory_equal(wire.sent + 20, "\xff\xff\xff\xe0", 4);
    assert_int_equal(submit(&wire, 4, 0, false, 0, "\xa1\x03\0\0\0\0\0\0"), 0);
    assert_memory_equal(wire.sent + 20, "\xff\xff\xff\xe0", 4);
}

static void unlink_cancels_what_waits_and_misses_what_is_done(void **state)
{
    struct dfu_usbip_header header = { .command = DFU_USBIP_UNLINK, .seqnum = 10, .status = 9 };
    uint8_t bytes[48];
    struct wire wire;

    (void)state;
    import(&wire);
    submit(&wire, 9, 2, true, 64, "\0\0\0\0\0\0\0\0");
    dfu_usbip_header_encode(&header, bytes);
    assert_int_equal(say(&wire, bytes, sizeof bytes), 0);
    assert_memory_equal(wire.sent, "\0\0\0\x04\0\0\0\x0a", 8);
    assert_memory_equal(wire.sent + 20, "\xff\xff\xff\x98", 4); /* -ECONNRESET */
    assert_int_equal(say(&wire, bytes, sizeof bytes), 0);
    assert_memory_equal(wire.sent + 20, "\0\0\0\0", 4);
    wire.has_bytes = true;
    wire.len = 0;
    dfu_usbip_poll(&wire.c);
    assert_int_equal(wire.len, 0); /* nothing waits any more */
}

static void a_reset_is_guessed_only_for_a_configured_device(void **state)
{
    static const char enumerate[] = "\x80\x06\0\x01\0\0\x40\0";
    struct wire wire;

    (void)state;
    import(&wire);
    submit(&wire, 1, 0, true, 64, enumerate);
    assert_int_equal(wire.resets, 0);
    submit(&wire, 2, 0, false, 0, "\0\x09\x01\0\0\0\0\0");
    submit(&wire, 3, 0, true, 18, "\x80\x06\0\x01\0\0\x12\0");
    assert_int_equal(wire.resets, 0);
    submit(&wire, 4, 0, true, 64, enumerate);
    assert_int_equal(wire.resets, 1);
}

static void what_is_no_usbip_ends_the_connection(void **state)
{
    struct wire wire;

    (void)state;
    start_wire(&wire);
    assert_int_equal(say(&wire, "GET / HTTP/1.1\r\n", 16), DFU_ERR_FORMAT);
    import(&wire);
    assert_int_equal(submit(&wire, 1, 2, false, DFU_USBIP_DATA_MAX + 1, "\0\0\0\0\0\0\0\0"),
                     DFU_ERR_FORMAT);
    import(&wire);
    assert_int_equal(submit(&wire, 1, 2, true, DFU_USBIP_DATA_MAX + 1, "\0\0\0\0\0\0\0\0"), 0);
    assert_memory_equal(wire.sent + 20, "\xff\xff\xff\xb5", 4); /* -EOVERFLOW */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dfu_mode_describes_one_alternate_per_target),
        cmocka_unit_test(the_application_is_cdc_acm_and_run_time_dfu),
        cmocka_unit_test(windows_finds_winusb),
        cmocka_unit_test(browsers_find_the_page),
        cmocka_unit_test(strings_name_what_the_descriptors_point_to),
        cmocka_unit_test(descriptors_are_cut_to_what_was_asked_for),
        cmocka_unit_test(chapter_9_is_answered),
        cmocka_unit_test(the_serial_port_keeps_its_settings),
        cmocka_unit_test(a_host_reads_back_what_the_device_describes),
        cmocka_unit_test(the_list_shows_device_and_interfaces_and_ends),
        cmocka_unit_test(getstatus_and_a_stall_go_over_the_wire_as_in_the_protocol),
        cmocka_unit_test(bytes_may_arrive_one_by_one),
        cmocka_unit_test(a_second_importer_and_a_wrong_bus_id_are_refused),
        cmocka_unit_test(an_in_transfer_waits_until_there_is_something),
        cmocka_unit_test(transfers_of_one_endpoint_are_served_in_order),
        cmocka_unit_test(lengths_that_disagree_are_stalled),
        cmocka_unit_test(unlink_cancels_what_waits_and_misses_what_is_done),
        cmocka_unit_test(a_reset_is_guessed_only_for_a_configured_device),
        cmocka_unit_test(what_is_no_usbip_ends_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
