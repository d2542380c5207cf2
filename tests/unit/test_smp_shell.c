/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/smp_shell.h"
#include "hex.h"
#include "smp_peer.h"

static int print_version(void *ctx, struct dfu_shell_output *out, int count,
                         const char *const *words)
{
    (void)ctx;
    (void)count;
    (void)words;
    dfu_shell_print(out, "Zephyr version 4.3.0\r\n");
    return 0;
}

/* Shows its words in brackets; returns minus their number. */
static int show_words(void *ctx, struct dfu_shell_output *out, int count, const char *const *words)
{
    (void)ctx;
    for (int i = 0; i < count; i++) {
        dfu_shell_print(out, "[");
        dfu_shell_print(out, words[i]);
        dfu_shell_print(out, "]");
    }
    return -count;
}

static int print_much(void *ctx, struct dfu_shell_output *out, int count, const char *const *words)
{
    (void)ctx;
    (void)count;
    (void)words;
    for (int i = 0; i < 100; i++) {
        dfu_shell_print_number(out, -7);
    }
    return 0;
}

static const struct dfu_shell_command commands[] = {
    { "kernel version", "tell the kernel's version", print_version },
    { "show", "show the words", show_words },
    { "show twice", "the longer name wins", print_much },
};
static char line[64], output[96];
static struct dfu_smp_shell shell;
static const struct dfu_smp_binding bindings[] = { { &dfu_smp_group_shell, &shell } };
static struct smp_peer peer;

static int fresh_peer(void **state)
{
    (void)state;
    shell = (struct dfu_smp_shell){ .commands = commands,
                                    .command_count = 3,
                                    .line = line,
                                    .line_cap = sizeof line,
                                    .output = output,
                                    .output_cap = sizeof output };
    smp_peer_init(&peer, bindings, 1);
    return 0;
}

/* Run one line as a single word of argv; what was printed, and the result. */
static const char *run(const char *text, int32_t *result)
{
    static char printed[256];
    uint8_t packet[300] = { 0x0a, 0, 0, 0, 0, 9, 1, 0, 0xa1, 0x64, 'a', 'r', 'g', 'v', 0x81, 0x78 };
    size_t len = strlen(text);
    struct dfu_cbor_span out = { 0 };
    struct dfu_cbor_key keys[] = { { "o", DFU_CBOR_TEXT, &out, false },
                                   { "ret", DFU_CBOR_INT, result, false } };
    struct dfu_cbor_span map;

    packet[16] = (uint8_t)len;
    memcpy(packet + 17, text, len);
    packet[3] = (uint8_t)(9 + len);
    smp_peer_receive(&peer, packet, 17 + len);
    assert_int_equal(peer.count, 1);
    map = (struct dfu_cbor_span){ peer.answers[0].data + 8, peer.answers[0].len - 8 };
    assert_int_equal(dfu_cbor_decode_map(map, keys, 2), 0);
    assert_true(keys[0].found && keys[1].found);
    assert_int_equal(dfu_cbor_text_copy(out, printed, sizeof printed), 0);
    return printed;
}

static void a_command_of_two_words_is_run_as_in_the_worked_example(void **state)
{
    (void)state;
    smp_peer_expect(
        &peer,
        "0a 00 00 16 00 09 75 00 a1 64 61 72 67 76 82 66 6b 65 72 6e 65 6c 67 76 65 72 73 69 6f "
        "6e",
        "0b 00 00 20 00 09 75 00 bf 61 6f 76 5a 65 70 68 79 72 20 76 65 72 73 69 6f 6e 20 34 2e "
        "33 2e 30 0d 0a 63 72 65 74 00 ff");
}

static void quotes_keep_blanks_and_go(void **state)
{
    int32_t result;

    (void)state;
    assert_string_equal(run("show a 'b  c'  \"d'e\" f\"g h\"i ''", &result),
                        "[a][b  c][d'e][fg hi][]");
    assert_int_equal(result, -5);
    assert_string_equal(run("  show  ", &result), "");
    assert_int_equal(result, 0);
    assert_string_equal(run("show 'open end", &result), "[open end]");
}

static void the_longest_name_that_fits_is_run(void **state)
{
    int32_t result;

    (void)state;
    assert_string_equal(run("show twicex", &result), "[twicex]");
    assert_int_equal(strncmp(run("show twice", &result), "-7-7", 4), 0);
}

static void output_that_does_not_fit_is_cut(void **state)
{
    int32_t result;

    (void)state;
    assert_int_equal(strlen(run("show twice", &result)), sizeof output);
}

static void unknown_commands_say_how_to_go_on_and_help_lists_all(void **state)
{
    int32_t result;

    (void)state;
    assert_string_equal(run("kernel", &result), "kernel: no such command; help lists them\n");
    assert_int_equal(result, DFU_SHELL_NO_SUCH_COMMAND);
    assert_non_null(strstr(run("help", &result), "show: show the words\n"));
    assert_int_equal(result, 0);
}

static void the_result_has_its_old_name_for_old_clients(void **state)
{
    (void)state;
    shell.legacy_rc = true;
    smp_peer_write(&peer, 9, 0, "a1 64 61 72 67 76 81 64 73 68 6f 77",
                   "bf 61 6f 60 62 72 63 00 ff");
}

static void lines_that_are_no_command_are_refused(void **state)
{
    char longest[3 * sizeof line];
    int at = sprintf(longest, "a1 64 61 72 67 76 81 78 %02x", (unsigned)sizeof line);

    (void)state;
    for (size_t i = 0; i < sizeof line; i++) {
        at += sprintf(longest + at, "61");
    }
    smp_peer_write(&peer, 9, 0, longest,
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 09 62 72 63 02 ff ff");
    smp_peer_write(&peer, 9, 0, "a1 64 61 72 67 76 80",
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 09 62 72 63 03 ff ff");
    smp_peer_write(&peer, 9, 0, "a1 64 61 72 67 76 82 60 61 20",
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 09 62 72 63 03 ff ff");
    smp_peer_expect(&peer, "02 00 00 07 00 09 00 00 a1 64 61 72 67 76 80",
                    "03 00 00 06 00 09 00 00 bf 62 72 63 03 ff");
}

static void more_words_than_there_is_room_for_are_too_long(void **state)
{
    (void)state;
    smp_peer_write(
        &peer, 9, 0,
        "a1 64 61 72 67 76 91 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 "
        "61 61 61 61 61 61 61 61 61 61 61 61 61 61",
        "bf 63 65 72 72 bf 65 67 72 6f 75 70 09 62 72 63 02 ff ff");
}

static void requests_without_words_are_invalid(void **state)
{
    (void)state;
    smp_peer_write(&peer, 9, 0, "a0", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 9, 0, "a1 64 61 72 67 76 81 01", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 9, 0, "a1 64 61 72 67 76 81 63 61 00 62", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 9, 0, "", "bf 62 72 63 03 ff");
}

#define test(name) cmocka_unit_test_setup(name, fresh_peer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_command_of_two_words_is_run_as_in_the_worked_example),
        test(quotes_keep_blanks_and_go),
        test(the_longest_name_that_fits_is_run),
        test(output_that_does_not_fit_is_cut),
        test(unknown_commands_say_how_to_go_on_and_help_lists_all),
        test(the_result_has_its_old_name_for_old_clients),
        test(lines_that_are_no_command_are_refused),
        test(more_words_than_there_is_room_for_are_too_long),
        test(requests_without_words_are_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
