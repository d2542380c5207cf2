/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "hex.h"
#include "smp_world.h"

static struct smp_world world;
static struct smp_peer *const peer = &world.peer;

static int begin(void **state)
{
    (void)state;
    smp_world_init(&world);
    return 0;
}

static int end(void **state)
{
    (void)state;
    smp_world_free(&world);
    return 0;
}

/* {"key": "text"} in hex. */
static const char *text_map(const char *key, const char *text)
{
    static char hex[2048];
    size_t at = 0;

    at += (size_t)sprintf(hex + at, "a1 %02zx", 0x60 + strlen(key));
    for (; *key; key++) {
        at += (size_t)sprintf(hex + at, " %02x", (unsigned char)*key);
    }
    at += (size_t)sprintf(hex + at, " 78 %02zx", strlen(text));
    for (; *text; text++) {
        at += (size_t)sprintf(hex + at, " %02x", (unsigned char)*text);
    }
    return hex;
}

/* The text under a key of the last answer, or "" if it is not there. */
static const char *answered_text(const char *key)
{
    static char text[512];
    struct dfu_cbor_span value = { 0 };
    struct dfu_cbor_key keys[] = { { .name = key, .type = DFU_CBOR_TEXT, .out = &value } };
    struct dfu_cbor_span map = { peer->answers[0].data + DFU_SMP_HEADER_SIZE,
                                 peer->answers[0].len - DFU_SMP_HEADER_SIZE };

    assert_int_equal(peer->count, 1);
    assert_int_equal(dfu_cbor_decode_map(map, keys, 1), 0);
    assert_int_equal(dfu_cbor_text_copy(value, text, sizeof(text)), 0);
    return text;
}

static void send(uint8_t op, uint8_t id, const char *payload_hex)
{
    uint8_t packet[1024];
    size_t len = hex_bytes(payload_hex, packet + 8, sizeof(packet) - 8);
    struct dfu_smp_header header = { .op = op,
                                     .version = DFU_SMP_V2,
                                     .length = (uint16_t)len,
                                     .group = DFU_SMP_GROUP_OS,
                                     .id = id };

    dfu_smp_header_encode(&header, packet);
    smp_peer_receive(peer, packet, 8 + len);
}

static void echo_returns_the_text_in_both_versions_and_directions(void **state)
{
    (void)state;
    smp_peer_expect(peer, "0a 00 00 06 00 00 42 00 a1 61 64 62 68 69",
                    "0b 00 00 07 00 00 42 00 bf 61 72 62 68 69 ff");
    smp_peer_expect(peer, "02 00 00 06 00 00 42 00 a1 61 64 62 68 69",
                    "03 00 00 07 00 00 42 00 bf 61 72 62 68 69 ff");
    smp_peer_expect(peer, "08 00 00 06 00 00 42 00 a1 61 64 62 68 69",
                    "09 00 00 07 00 00 42 00 bf 61 72 62 68 69 ff");
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO, "a1 61 64 60", "bf 61 72 60 ff");
}

static void echo_without_a_text_is_invalid(void **state)
{
    (void)state;
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO, "a0", "bf 62 72 63 03 ff");
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO, "", "bf 62 72 63 03 ff");
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO, "a1 61 64 01", "bf 62 72 63 03 ff");
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO, "80", "bf 62 72 63 03 ff");
}

static void an_echo_too_long_for_the_answer_is_said_to_be(void **state)
{
    char text[101] = { 0 };

    (void)state;
    memset(text, 'x', 100);
    peer->server.response_cap = 8 + 104; /* bf 61 72 78 64 ... ff needs 106 */
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO, text_map("d", text), "bf 62 72 63 07 ff");
}

static void what_is_not_there_is_not_supported(void **state)
{
    (void)state;
    smp_peer_read(peer, 0, DFU_SMP_OS_RESET, "a0", "bf 62 72 63 08 ff");
    world.os.echo_control = NULL;
    world.os.task = NULL;
    world.os.pool = NULL;
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO_CONTROL, "a1 64 65 63 68 6f 01", "bf 62 72 63 08 ff");
    smp_peer_read(peer, 0, DFU_SMP_OS_TASKSTAT, "a0", "bf 62 72 63 08 ff");
    smp_peer_read(peer, 0, DFU_SMP_OS_MPSTAT, "a0", "bf 62 72 63 08 ff");
    world.os.reset = NULL;
    world.os.clock_get = NULL;
    world.os.clock_set = NULL;
    world.os.bootloader = NULL;
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "a0", "bf 62 72 63 08 ff");
    smp_peer_read(peer, 0, DFU_SMP_OS_DATETIME, "a0", "bf 62 72 63 08 ff");
    smp_peer_write(peer, 0, DFU_SMP_OS_DATETIME, text_map("datetime", "2026-11-20T11:56:05"),
                   "bf 62 72 63 08 ff");
    smp_peer_read(peer, 0, DFU_SMP_OS_BOOTINFO, "a0", "bf 62 72 63 08 ff");
}

static void what_is_left_out_is_not_supported_either(void **state)
{
    (void)state;
    world.os.no_echo = true;
    world.os.no_info = true;
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO, "a1 61 64 61 31", "bf 62 72 63 08 ff");
    smp_peer_read(peer, 0, DFU_SMP_OS_INFO, "a0", "bf 62 72 63 08 ff");
}

static void params_tell_the_buffers(void **state)
{
    (void)state;
    smp_peer_expect(peer, "08 00 00 01 00 00 43 06 a0",
                    "09 00 00 19 00 00 43 06 bf 68 62 75 66 5f 73 69 7a 65 19 01 80 69 62 75 66 5f "
                    "63 6f 75 6e 74 04 ff");
    smp_peer_read(peer, 0, DFU_SMP_OS_PARAMS, "",
                  "bf 68 62 75 66 5f 73 69 7a 65 19 01 80 69 62 75 66 5f 63 6f 75 6e 74 04 ff");
}

/* ---- Reset ---- */

static void reset_is_answered_and_noted(void **state)
{
    (void)state;
    smp_peer_expect(peer, "0a 00 00 01 00 00 46 05 a0", "0b 00 00 02 00 00 46 05 bf ff");
    assert_int_equal(world.resets, 1);
    assert_false(world.is_forced);
    smp_peer_expect(peer,
                    "0a 00 00 13 00 00 46 05 a2 65 66 6f 72 63 65 f5 69 62 6f 6f 74 5f 6d 6f 64 65 "
                    "01",
                    "0b 00 00 02 00 00 46 05 bf ff");
    assert_true(world.is_forced);
    assert_int_equal(world.boot_mode, 1);
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "a1 65 66 6f 72 63 65 01", "bf ff");
    assert_true(world.is_forced);
}

static void reset_does_not_mind_arguments_it_cannot_read(void **state)
{
    (void)state;
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "", "bf ff");
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "ff", "bf ff");
    assert_int_equal(world.resets, 2);
}

static void a_boot_mode_is_a_byte_and_an_option(void **state)
{
    (void)state;
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "a1 69 62 6f 6f 74 5f 6d 6f 64 65 19 01 00",
                   "bf 62 72 63 03 ff");
    assert_int_equal(world.resets, 0);
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "a1 69 62 6f 6f 74 5f 6d 6f 64 65 18 ff", "bf ff");
    assert_int_equal(world.boot_mode, 255);
    world.os.takes_boot_mode = false;
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "a1 69 62 6f 6f 74 5f 6d 6f 64 65 18 ff", "bf ff");
    assert_int_equal(world.boot_mode, 0);
}

static enum dfu_smp_hook_result busy(void *ctx, struct dfu_smp_event *event)
{
    const struct dfu_smp_reset_event *reset = event->data;

    (void)ctx;
    event->rc = DFU_SMP_EBUSY;
    return reset->force ? DFU_SMP_HOOK_OK : DFU_SMP_HOOK_RC;
}

static void reset_may_be_refused_until_forced(void **state)
{
    const struct dfu_smp_hook hook = { DFU_SMP_EV_OS_RESET, busy, NULL };

    (void)state;
    peer->server.hooks = &hook;
    peer->server.hook_count = 1;
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "a0", "bf 62 72 63 0a ff");
    assert_int_equal(world.resets, 0);
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "a1 65 66 6f 72 63 65 f5", "bf ff");
    assert_int_equal(world.resets, 1);
    world.reset_err = DFU_ERR_BUSY;
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "a1 65 66 6f 72 63 65 f5", "bf 62 72 63 0a ff");
    world.reset_err = DFU_ERR_PERM;
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "a1 65 66 6f 72 63 65 f5", "bf 62 72 63 0b ff");
    world.reset_err = DFU_ERR_IO;
    smp_peer_write(peer, 0, DFU_SMP_OS_RESET, "a1 65 66 6f 72 63 65 f5", "bf 62 72 63 01 ff");
}

/* ---- Date and time ---- */

static void the_time_set_is_the_time_told(void **state)
{
    (void)state;
    smp_peer_expect(peer,
                    "0a 00 00 1e 00 00 44 04 a1 68 64 61 74 65 74 69 6d 65 73 32 30 32 36 2d 31 31 "
                    "2d 32 30 54 31 31 3a 35 36 3a 30 35",
                    "0b 00 00 02 00 00 44 04 bf ff");
    assert_int_equal(world.time.year, 2026);
    assert_int_equal(world.time.second, 5);
    world.time.millisecond = 366;
    smp_peer_expect(peer, "08 00 00 01 00 00 45 04 a0",
                    "09 00 00 23 00 00 45 04 bf 68 64 61 74 65 74 69 6d 65 77 32 30 32 36 2d 31 31 "
                    "2d 32 30 54 31 31 3a 35 36 3a 30 35 2e 33 36 36 ff");
    world.os.clock_has_ms = false;
    world.time = (struct dfu_smp_time){ 1999, 1, 2, 3, 4, 5, 6 };
    send(DFU_SMP_READ, DFU_SMP_OS_DATETIME, "a0");
    assert_string_equal(answered_text("datetime"), "1999-01-02T03:04:05");
}

static void times_are_checked_field_by_field(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
    } rows[] = {
        { "2026-11-20T11:56:05", true },
        { "2026/11/20 11.56.05", true }, /* any separators */
        { "2026-11-20T11:56:05.366", true },
        { "2026-11-20T11:56:05Z", true },
        { "2026-11-20T11:56:05+01:00", true },
        { "2026-11-20T11:56:05.123456+01:0", true },   /* 31 */
        { "2026-11-20T11:56:05.123456+01:00", false }, /* 32 */
        { "2026-11-20T11:56:0", false },
        { "", false },
        { "1900-01-01T00:00:00", true },
        { "9999-12-31T23:59:59", true },
        { "1899-12-31T23:59:59", false },
        { "2026-00-20T11:56:05", false },
        { "2026-13-20T11:56:05", false },
        { "2026-11-00T11:56:05", false },
        { "2026-11-32T11:56:05", false },
        { "2026-11-20T24:56:05", false },
        { "2026-11-20T11:60:05", false },
        { "2026-11-20T11:56:60", false },
        { "2026-11-20T11:56:-5", false },
        { "2026-1x-20T11:56:05", false },
        { " 026-11-20T11:56:05", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        smp_peer_write(peer, 0, DFU_SMP_OS_DATETIME, text_map("datetime", rows[i].text),
                       rows[i].is_good ? "bf ff" : "bf 62 72 63 03 ff");
    }
    smp_peer_write(peer, 0, DFU_SMP_OS_DATETIME, "a0", "bf 62 72 63 03 ff");
}

static void a_fraction_is_taken_and_a_zone_is_not(void **state)
{
    static const struct {
        const char *text;
        uint16_t ms;
    } rows[] = {
        { "2026-11-20T11:56:05.366", 366 }, { "2026-11-20T11:56:05.366+01:00", 366 },
        { "2026-11-20T11:56:05", 0 },       { "2026-11-20T11:56:05+01:00", 0 },
        { "2026-11-20T11:56:05.36", 0 },    { "2026-11-20T11:56:05.3xx", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        send(DFU_SMP_WRITE, DFU_SMP_OS_DATETIME, text_map("datetime", rows[i].text));
        assert_int_equal(world.time.millisecond, rows[i].ms);
    }
}

static void a_clock_never_set_and_one_that_fails_differ(void **state)
{
    (void)state;
    world.clock_err = DFU_ERR_NOENT;
    smp_peer_read(peer, 0, DFU_SMP_OS_DATETIME, "a0",
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 00 62 72 63 04 ff ff");
    smp_peer_expect(peer, "00 00 00 01 00 00 45 04 a0",
                    "01 00 00 06 00 00 45 04 bf 62 72 63 05 ff");
    world.clock_err = DFU_ERR_IO;
    smp_peer_read(peer, 0, DFU_SMP_OS_DATETIME, "a0",
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 00 62 72 63 05 ff ff");
    smp_peer_write(peer, 0, DFU_SMP_OS_DATETIME, text_map("datetime", "2026-11-20T11:56:05"),
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 00 62 72 63 05 ff ff");
}

/* ---- Information ---- */

static void info_follows_the_vectors_of_the_field(void **state)
{
    (void)state;
    smp_peer_expect(peer, "00 00 00 0b 00 00 01 07 bf 66 66 6f 72 6d 61 74 61 73 ff",
                    "01 00 00 10 00 00 01 07 bf 66 6f 75 74 70 75 74 66 5a 65 70 68 79 72 ff");
}

static void info_is_in_its_own_order(void **state)
{
    static const struct {
        const char *format, *output;
    } rows[] = {
        { "s", "Zephyr" },
        { "n", "node" },
        { "r", "v4.3.0" },
        { "v", "4.3.0" },
        { "b", "Fri Nov 20 11:56:05 2026" },
        { "m", "arm" },
        { "p", "cortex-m0" },
        { "i", "board" },
        { "o", "Zephyr" },
        { "", "Zephyr" },
        { "ons", "Zephyr node Zephyr" },
        { "ss", "Zephyr" },
        { "a", "Zephyr node v4.3.0 4.3.0 Fri Nov 20 11:56:05 2026 arm cortex-m0 board "
               "Zephyr" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        send(DFU_SMP_READ, DFU_SMP_OS_INFO, text_map("format", rows[i].format));
        assert_string_equal(answered_text("output"), rows[i].output);
    }
    send(DFU_SMP_READ, DFU_SMP_OS_INFO, "a0");
    assert_string_equal(answered_text("output"), "Zephyr");
}

static void info_refuses_letters_it_does_not_know(void **state)
{
    static const char refusal[] = "bf 63 65 72 72 bf 65 67 72 6f 75 70 00 62 72 63 02 ff ff";

    (void)state;
    smp_peer_read(peer, 0, DFU_SMP_OS_INFO, text_map("format", "sh"), refusal);
    smp_peer_read(peer, 0, DFU_SMP_OS_INFO, text_map("format", "ah"), refusal);
    world.os.build_time = NULL; /* a build that does not know its time has no letter b */
    smp_peer_read(peer, 0, DFU_SMP_OS_INFO, text_map("format", "b"), refusal);
    send(DFU_SMP_READ, DFU_SMP_OS_INFO, text_map("format", "a"));
    assert_string_equal(answered_text("output"),
                        "Zephyr node v4.3.0 4.3.0 arm cortex-m0 board Zephyr");
    smp_peer_expect(peer, "00 00 00 0b 00 00 01 07 bf 66 66 6f 72 6d 61 74 61 68 ff",
                    "01 00 00 06 00 00 01 07 bf 62 72 63 03 ff");
    smp_peer_read(peer, 0, DFU_SMP_OS_INFO, "", "bf 62 72 63 03 ff");
}

static void a_nameless_node_is_unknown_and_long_info_is_too_long(void **state)
{
    char name[301] = { 0 };

    (void)state;
    world.os.node = NULL;
    send(DFU_SMP_READ, DFU_SMP_OS_INFO, text_map("format", "n"));
    assert_string_equal(answered_text("output"), "unknown");
    memset(name, 'n', 300);
    world.os.node = name;
    smp_peer_read(peer, 0, DFU_SMP_OS_INFO, text_map("format", "n"), "bf 62 72 63 07 ff");
}

static void bootloader_info_names_it_and_its_mode(void **state)
{
    (void)state;
    smp_peer_expect(peer, "08 00 00 01 00 00 47 08 a0",
                    "09 00 00 15 00 00 47 08 bf 6a 62 6f 6f 74 6c 6f 61 64 65 72 67 4d 43 55 62 6f "
                    "6f 74 ff");
    smp_peer_expect(peer, "08 00 00 0c 00 00 48 08 a1 65 71 75 65 72 79 64 6d 6f 64 65",
                    "09 00 00 08 00 00 48 08 bf 64 6d 6f 64 65 03 ff");
    world.os.boot_mode = -1;
    world.os.no_downgrade = true;
    smp_peer_read(peer, 0, DFU_SMP_OS_BOOTINFO, text_map("query", "mode"),
                  "bf 64 6d 6f 64 65 20 6c 6e 6f 2d 64 6f 77 6e 67 72 61 64 65 f5 ff");
    smp_peer_read(peer, 0, DFU_SMP_OS_BOOTINFO, text_map("query", "color"),
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 00 62 72 63 03 ff ff");
}

/* ---- What an application adds ---- */

/* One whose stack is not known, besides. */
static int two_tasks(void *ctx, uint32_t index, struct dfu_smp_task *task)
{
    static const struct dfu_smp_task tasks[] = {
        { .name = "idle", .priority = 15, .stack_size = 320, .stack_used = 100 },
        { .name = "m",
          .priority = -1,
          .state = 2,
          .stack_used = 100,
          .has_runtime = true,
          .runtime = 0x100000000u },
    };

    (void)ctx;
    if (index > 1) {
        return DFU_ERR_NOENT;
    }
    *task = tasks[index];
    return 0;
}

static void tasks_are_told_with_their_stacks_in_words(void **state)
{
    (void)state;
    world.os.task = two_tasks;
    smp_peer_read(
        peer, 0, DFU_SMP_OS_TASKSTAT, "a0",
        "bf 65 74 61 73 6b 73 bf 64 69 64 6c 65 bf 64 70 72 69 6f 0f 63 74 69 64 00 65 73 "
        "74 61 74 65 00 66 73 74 6b 75 73 65 18 19 66 73 74 6b 73 69 7a 18 50 ff 61 6d bf "
        "64 70 72 69 6f 20 63 74 69 64 01 65 73 74 61 74 65 02 67 72 75 6e 74 69 6d 65 1b "
        "00 00 00 01 00 00 00 00 ff ff ff");
    peer->server.response_cap = 64;
    smp_peer_read(peer, 0, DFU_SMP_OS_TASKSTAT, "a0", "bf 62 72 63 07 ff");
}

static void pools_are_the_keys_of_the_answer(void **state)
{
    (void)state;
    smp_peer_read(
        peer, 0, DFU_SMP_OS_MPSTAT, "",
        "bf 61 30 bf 66 62 6c 6b 73 69 7a 01 65 6e 62 6c 6b 73 19 01 2c 65 6e 66 72 65 65 "
        "18 c8 63 6d 69 6e 18 64 ff ff");
}

static void echo_of_the_console_is_switched(void **state)
{
    (void)state;
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO_CONTROL, "a1 64 65 63 68 6f 01", "bf ff");
    assert_true(world.is_echo_on);
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO_CONTROL, "a1 64 65 63 68 6f f4", "bf ff");
    assert_false(world.is_echo_on);
    smp_peer_write(peer, 0, DFU_SMP_OS_ECHO_CONTROL, "a0", "bf 62 72 63 03 ff");
}

static bool is_long;

/* Knows the letter h, and the query "slot". */
static enum dfu_smp_hook_result know_more(void *ctx, struct dfu_smp_event *event)
{
    (void)ctx;
    if (event->id == DFU_SMP_EV_OS_INFO_CHECK) {
        const struct dfu_smp_info_check_event *check = event->data;

        *check->is_known = check->letter == 'h';
    } else if (event->id == DFU_SMP_EV_OS_INFO_APPEND) {
        const struct dfu_smp_info_append_event *append = event->data;

        if (append->is_all || memchr(append->format.data, 'h', append->format.len)) {
            size_t at = strlen(append->output);

            snprintf(append->output + at, append->cap - at, at ? " %0*d" : "%0*d",
                     is_long ? 300 : 2, 7);
        }
    } else if (event->id == DFU_SMP_EV_OS_BOOTINFO) {
        const struct dfu_smp_bootinfo_event *bootinfo = event->data;

        if (dfu_cbor_text_is(bootinfo->query, "slot")) {
            dfu_cbor_pair_uint(bootinfo->enc, "slot", 1);
            *bootinfo->is_answered = true;
        }
    }
    return DFU_SMP_HOOK_OK;
}

static const struct dfu_smp_hook more_hook = { DFU_SMP_EVENT_ALL, know_more, NULL };

static void a_hook_adds_letters_to_info(void **state)
{
    (void)state;
    peer->server.hooks = &more_hook;
    peer->server.hook_count = 1;
    is_long = false;
    send(DFU_SMP_READ, DFU_SMP_OS_INFO, text_map("format", "hv"));
    assert_string_equal(answered_text("output"), "4.3.0 07");
    send(DFU_SMP_READ, DFU_SMP_OS_INFO, text_map("format", "h"));
    assert_string_equal(answered_text("output"), "07");
    send(DFU_SMP_READ, DFU_SMP_OS_INFO, text_map("format", "s"));
    assert_string_equal(answered_text("output"), "Zephyr");
    smp_peer_read(peer, 0, DFU_SMP_OS_INFO, text_map("format", "hx"),
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 00 62 72 63 02 ff ff");
    is_long = true;
    smp_peer_read(peer, 0, DFU_SMP_OS_INFO, text_map("format", "h"), "bf 62 72 63 07 ff");
}

static void a_hook_answers_queries_about_the_bootloader(void **state)
{
    (void)state;
    peer->server.hooks = &more_hook;
    peer->server.hook_count = 1;
    smp_peer_read(peer, 0, DFU_SMP_OS_BOOTINFO, text_map("query", "slot"),
                  "bf 64 73 6c 6f 74 01 ff");
    smp_peer_read(peer, 0, DFU_SMP_OS_BOOTINFO, text_map("query", "mode"),
                  "bf 64 6d 6f 64 65 03 ff");
    smp_peer_read(peer, 0, DFU_SMP_OS_BOOTINFO, text_map("query", "x"),
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 00 62 72 63 03 ff ff");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(echo_returns_the_text_in_both_versions_and_directions),
        TEST(echo_without_a_text_is_invalid),
        TEST(an_echo_too_long_for_the_answer_is_said_to_be),
        TEST(what_is_not_there_is_not_supported),
        TEST(what_is_left_out_is_not_supported_either),
        TEST(params_tell_the_buffers),
        TEST(reset_is_answered_and_noted),
        TEST(reset_does_not_mind_arguments_it_cannot_read),
        TEST(a_boot_mode_is_a_byte_and_an_option),
        TEST(reset_may_be_refused_until_forced),
        TEST(the_time_set_is_the_time_told),
        TEST(times_are_checked_field_by_field),
        TEST(a_fraction_is_taken_and_a_zone_is_not),
        TEST(a_clock_never_set_and_one_that_fails_differ),
        TEST(info_follows_the_vectors_of_the_field),
        TEST(info_is_in_its_own_order),
        TEST(info_refuses_letters_it_does_not_know),
        TEST(a_nameless_node_is_unknown_and_long_info_is_too_long),
        TEST(bootloader_info_names_it_and_its_mode),
        TEST(tasks_are_told_with_their_stacks_in_words),
        TEST(pools_are_the_keys_of_the_answer),
        TEST(echo_of_the_console_is_switched),
        TEST(a_hook_adds_letters_to_info),
        TEST(a_hook_answers_queries_about_the_bootloader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
