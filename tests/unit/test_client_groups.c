/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Requests and answers of the groups beside OS and image, byte by byte as in the field: Zephyr's
 * worked examples, canonical and older servers' shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/client_groups.h"
#include "dfu/err.h"
#include "dfu/smp.h"
#include "hex.h"

static void assert_frame(const uint8_t *frame, int len, const char *hex)
{
    uint8_t expected[256];
    size_t expected_len = hex_bytes(hex, expected, sizeof(expected));

    assert_int_equal(len, expected_len);
    assert_memory_equal(frame, expected, expected_len);
}

static struct dfu_call *call_of(uint8_t seq)
{
    static struct dfu_call call;

    call = (struct dfu_call){ .version = DFU_SMP_V2, .seq = seq };
    return &call;
}

#define REQUEST(encoder, seq, hex, ...) \
    assert_frame(f, encoder(call_of(seq), __VA_ARGS__ f, sizeof(f)), hex)

static void requests_for_facts_and_settings_are_those_of_the_field(void **state)
{
    static const uint8_t id[] = { 1, 2, 3, 4 };
    uint8_t f[128];

    (void)state;
    REQUEST(dfu_client_taskstat, 0x49, "08 00 00 01 00 00 49 02 a0", );
    REQUEST(dfu_client_mpstat, 0x49, "08 00 00 01 00 00 49 03 a0", );
    REQUEST(dfu_client_stat_list, 0x61, "08 00 00 01 00 02 61 01 a0", );
    REQUEST(dfu_client_stat_show, 0x60,
            "08 00 00 14 00 02 60 00 a1 64 6e 61 6d 65 6d 73 6d 70 5f 73 76 72 5f 73 74 61 74 73",
            "smp_svr_stats", );
    REQUEST(dfu_client_setting_read, 0x62,
            "08 00 00 0d 00 03 62 00 a1 64 6e 61 6d 65 66 61 70 70 2f 69 64", "app/id", 0, );
    REQUEST(dfu_client_setting_read, 0x62,
            "08 00 00 18 00 03 62 00 a2 64 6e 61 6d 65 66 61 70 70 2f 69 64 68 6d 61 78 5f 73 69 "
            "7a 65 18 40",
            "app/id", 64, );
    REQUEST(dfu_client_setting_write, 0x63,
            "0a 00 00 16 00 03 63 00 a2 64 6e 61 6d 65 66 61 70 70 2f 69 64 63 76 61 6c 44 01 02 "
            "03 04",
            "app/id", id, sizeof(id), );
    REQUEST(dfu_client_setting_delete, 0x64,
            "0a 00 00 0d 00 03 64 01 a1 64 6e 61 6d 65 66 61 70 70 2f 69 64", "app/id", );
    REQUEST(dfu_client_settings_commit, 0x65, "0a 00 00 01 00 03 65 02 a0", );
    REQUEST(dfu_client_settings_load, 0x66, "08 00 00 01 00 03 66 03 a0", );
    REQUEST(dfu_client_settings_save, 0x67, "0a 00 00 01 00 03 67 03 a0", NULL, );
    REQUEST(dfu_client_settings_save, 0x67, "0a 00 00 0a 00 03 67 03 a1 64 6e 61 6d 65 63 61 70 70",
            "app", );
}

static void requests_for_files_shell_groups_and_logs_are_those_of_the_field(void **state)
{
    static const char *const words[] = { "kernel", "version" };
    static const uint32_t groups[] = { 0, 300 };
    uint8_t f[128];

    (void)state;
    REQUEST(dfu_client_file_status, 0x73,
            "08 00 00 0d 00 08 73 01 a1 64 6e 61 6d 65 66 2f 6c 66 73 2f 61", "/lfs/a", );
    REQUEST(dfu_client_file_hash, 0x74,
            "08 00 00 18 00 08 74 02 a2 64 6e 61 6d 65 66 2f 6c 66 73 2f 61 64 74 79 70 65 65 63 "
            "72 63 33 32",
            "/lfs/a", "crc32", 0, 0, );
    REQUEST(dfu_client_file_hash, 0x74,
            "08 00 00 17 00 08 74 02 a3 64 6e 61 6d 65 66 2f 6c 66 73 2f 61 63 6f 66 66 01 63 6c "
            "65 6e 02",
            "/lfs/a", NULL, 1, 2, );
    REQUEST(dfu_client_hash_types, 0x75, "08 00 00 01 00 08 75 03 a0", );
    REQUEST(dfu_client_file_close, 0x76, "0a 00 00 01 00 08 76 04 a0", );
    REQUEST(dfu_client_shell, 0x75,
            "0a 00 00 16 00 09 75 00 a1 64 61 72 67 76 82 66 6b 65 72 6e 65 6c 67 76 65 72 73 69 "
            "6f 6e",
            words, 2, );
    REQUEST(dfu_client_group_count, 0x75, "08 00 00 01 00 0a 75 00 a0", );
    REQUEST(dfu_client_group_list, 0x76, "08 00 00 01 00 0a 76 01 a0", );
    REQUEST(dfu_client_group_single, 0x77, "08 00 00 08 00 0a 77 02 a1 65 69 6e 64 65 78 03", 3, );
    REQUEST(dfu_client_group_details, 0x78, "08 00 00 01 00 0a 78 03 a0", NULL, 0, );
    REQUEST(dfu_client_group_details, 0x78,
            "08 00 00 0d 00 0a 78 03 a1 66 67 72 6f 75 70 73 82 00 19 01 2c", groups, 2, );
    REQUEST(dfu_client_log_list, 0x11, "08 00 00 01 00 04 11 05 a0", );
    REQUEST(dfu_client_log_modules, 0x11, "08 00 00 01 00 04 11 03 a0", );
    REQUEST(dfu_client_log_levels, 0x11, "08 00 00 01 00 04 11 04 a0", );
    REQUEST(dfu_client_log_clear, 0x11, "0a 00 00 01 00 04 11 01 a0", NULL, );
    REQUEST(
        dfu_client_log_show, 0x11,
        "08 00 00 17 00 04 11 00 a3 68 6c 6f 67 5f 6e 61 6d 65 61 63 62 74 73 00 65 69 6e 64 65 "
        "78 07",
        "c", 7, );
    REQUEST(dfu_client_crash, 0x11, "0a 00 00 08 00 05 11 00 a1 61 74 64 64 69 76 30", "div0", );
    REQUEST(dfu_client_core_erase, 0x11, "0a 00 00 01 00 01 11 04 a0", );
    REQUEST(dfu_client_erase_storage, 0x79, "0a 00 00 01 00 3f 79 00 a0", );
}

static uint8_t body[256];

static struct dfu_answer said(const char *hex)
{
    return (struct dfu_answer){ .body = body, .len = hex_bytes(hex, body, sizeof(body)) };
}

static void assert_text(struct dfu_client_text text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static void tasks_are_read(void **state)
{
    struct dfu_answer answer =
        said("bf 65 74 61 73 6b 73 bf 64 69 64 6c 65 bf 64 70 72 69 6f 0f 63 "
             "74 69 64 00 65 73 74 61 74 65 00 66 73 74 6b 75 73 65 18 19 "
             "66 73 74 6b 73 69 7a 18 50 ff ff ff");
    struct dfu_client_task task;
    struct dfu_cbor_walk walk;

    (void)state;
    assert_int_equal(dfu_client_tasks_open(&answer, &walk), 0);
    assert_int_equal(dfu_client_tasks_next(&walk, &task), 1);
    assert_text(task.name, "idle");
    assert_int_equal(task.prio, 15);
    assert_true(task.has_stack);
    assert_int_equal(task.stack_used, 25);
    assert_int_equal(task.stack_words, 80);
    assert_int_equal(dfu_client_tasks_next(&walk, &task), 0);
    /* {"tasks": {"a": 1}} */
    answer = said("a1 65 74 61 73 6b 73 a1 61 61 01");
    assert_int_equal(dfu_client_tasks_open(&answer, &walk), 0);
    assert_int_equal(dfu_client_tasks_next(&walk, &task), DFU_ERR_FORMAT);
    answer = said("a0");
    assert_int_equal(dfu_client_tasks_open(&answer, &walk), DFU_ERR_FORMAT);
}

static void pools_are_read_in_all_three_shapes(void **state)
{
    /* {"0": {"nblks": 100, "nfree": 60, "min": 40}}, then inside "tasks", then mynewt's */
    static const char *const shapes[] = {
        "bf 61 30 a3 65 6e 62 6c 6b 73 18 64 65 6e 66 72 65 65 18 3c 63 6d 69 6e 18 28 ff",
        "a1 65 74 61 73 6b 73 a1 61 30 a3 65 6e 62 6c 6b 73 18 64 65 6e 66 72 65 65 18 3c 63 6d 69 "
        "6e 18 28",
        "a2 62 72 63 00 66 6d 70 6f 6f 6c 73 a1 61 30 a3 65 6e 62 6c 6b 73 18 64 65 6e 66 72 65 65 "
        "18 3c 63 6d 69 6e 18 28",
        "a2 62 72 63 00 61 30 a3 65 6e 62 6c 6b 73 18 64 65 6e 66 72 65 65 18 3c 63 6d 69 6e 18 28",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct dfu_answer answer = said(shapes[i]);
        struct dfu_client_pool pool;
        struct dfu_cbor_walk walk;

        assert_int_equal(dfu_client_pools_open(&answer, &walk), 0);
        assert_int_equal(dfu_client_pools_next(&walk, &pool), 1);
        assert_text(pool.name, "0");
        assert_int_equal(pool.block_size, 1);
        assert_int_equal(pool.count, 100);
        assert_int_equal(pool.free, 60);
        assert_int_equal(pool.min_free, 40);
        assert_int_equal(dfu_client_pools_next(&walk, &pool), 0);
    }
}

static void statistics_are_read(void **state)
{
    struct dfu_answer answer =
        said("bf 62 72 63 00 69 73 74 61 74 5f 6c 69 73 74 9f 6d 73 6d 70 5f "
             "73 76 72 5f 73 74 61 74 73 ff ff");
    struct dfu_client_text name;
    struct dfu_cbor_walk walk;
    uint64_t value;

    (void)state;
    assert_int_equal(dfu_client_stats_open(&answer, &walk), 0);
    assert_int_equal(dfu_client_stats_next(&walk, &name), 1);
    assert_text(name, "smp_svr_stats");
    assert_int_equal(dfu_client_stats_next(&walk, &name), 0);
    answer =
        said("bf 64 6e 61 6d 65 6d 73 6d 70 5f 73 76 72 5f 73 74 61 74 73 66 66 69 65 6c 64 73 "
             "bf 65 74 69 63 6b 73 1b ff ff ff ff ff ff ff ff ff ff");
    assert_int_equal(dfu_client_fields_open(&answer, &walk), 0);
    assert_int_equal(dfu_client_fields_next(&walk, &name, &value), 1);
    assert_text(name, "ticks");
    assert_true(value == UINT64_MAX);
    assert_int_equal(dfu_client_fields_next(&walk, &name, &value), 0);
    answer = said("a1 69 73 74 61 74 5f 6c 69 73 74 81 01"); /* a number for a name */
    assert_int_equal(dfu_client_stats_open(&answer, &walk), 0);
    assert_int_equal(dfu_client_stats_next(&walk, &name), DFU_ERR_FORMAT);
}

static void settings_are_bytes_or_mynewts_texts(void **state)
{
    struct dfu_answer answer = said("bf 63 76 61 6c 44 01 02 03 04 ff");
    struct dfu_client_setting setting;

    (void)state;
    assert_int_equal(dfu_client_setting_read_read(&answer, &setting), 0);
    assert_int_equal(setting.value.len, 4);
    assert_int_equal(setting.value.data[3], 4);
    assert_int_equal(setting.max_size, 0);
    answer = said("a3 62 72 63 00 63 76 61 6c 62 6f 6e 68 6d 61 78 5f 73 69 7a 65 18 20");
    assert_int_equal(dfu_client_setting_read_read(&answer, &setting), 0);
    assert_memory_equal(setting.value.data, "on", 2);
    assert_int_equal(setting.max_size, 32);
    answer = said("a1 63 76 61 6c 05");
    assert_int_equal(dfu_client_setting_read_read(&answer, &setting), DFU_ERR_FORMAT);
}

static void what_is_known_of_files_is_read(void **state)
{
    struct dfu_answer answer = said("bf 63 6c 65 6e 04 ff");
    struct dfu_client_file_hash hash;
    struct dfu_client_hash_type type;
    struct dfu_cbor_walk walk;
    uint32_t size;

    (void)state;
    assert_int_equal(dfu_client_file_size_read(&answer, &size), 0);
    assert_int_equal(size, 4);
    answer =
        said("bf 64 74 79 70 65 65 63 72 63 33 32 63 6c 65 6e 04 66 6f 75 74 70 75 74 1a ed 82 "
             "cd 11 ff");
    assert_int_equal(dfu_client_file_hash_read(&answer, &hash), 0);
    assert_text(hash.type, "crc32");
    assert_true(hash.is_number && hash.number == 0xed82cd11);
    answer = said("a3 64 74 79 70 65 61 78 63 6f 66 66 05 66 6f 75 74 70 75 74 42 aa bb");
    assert_int_equal(dfu_client_file_hash_read(&answer, &hash), 0);
    assert_true(!hash.is_number && hash.hash.len == 2 && hash.hash.data[0] == 0xaa);
    assert_int_equal(hash.off, 5);
    answer = said("a1 66 6f 75 74 70 75 74 61 78"); /* a text for a hash */
    assert_int_equal(dfu_client_file_hash_read(&answer, &hash), DFU_ERR_FORMAT);
    /* {"types": {"crc32": {"format": 0, "size": 4}}} */
    answer =
        said("a1 65 74 79 70 65 73 a1 65 63 72 63 33 32 a2 66 66 6f 72 6d 61 74 00 64 73 69 7a "
             "65 04");
    assert_int_equal(dfu_client_hash_types_open(&answer, &walk), 0);
    assert_int_equal(dfu_client_hash_types_next(&walk, &type), 1);
    assert_text(type.name, "crc32");
    assert_int_equal(type.size, 4);
    assert_int_equal(dfu_client_hash_types_next(&walk, &type), 0);
}

static void the_shell_answers_in_both_ways(void **state)
{
    /* ret 0; ret -8; and rc 2, which older servers mean the same by */
    static const struct {
        const char *hex;
        int32_t returned;
    } cases[] = {
        { "bf 61 6f 62 6f 6b 63 72 65 74 00 ff", 0 },
        { "a2 61 6f 62 6f 6b 63 72 65 74 27", -8 },
        { "a2 61 6f 62 6f 6b 62 72 63 02", 2 },
    };
    struct dfu_client_text text;
    struct dfu_answer answer;
    int32_t returned;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answer = said(cases[i].hex);
        assert_int_equal(dfu_client_shell_read(&answer, &text, &returned), 0);
        assert_text(text, "ok");
        assert_int_equal(returned, cases[i].returned);
    }
    answer = said("a1 62 72 63 02"); /* a refusal */
    assert_int_equal(dfu_client_shell_read(&answer, &text, &returned), DFU_ERR_FORMAT);
}

static void groups_are_read_as_list_and_as_details(void **state)
{
    struct dfu_answer answer = said("bf 66 67 72 6f 75 70 73 9f 00 01 09 0a ff ff");
    struct dfu_client_group group;
    struct dfu_cbor_walk walk;
    uint32_t number;
    bool is_last;

    (void)state;
    assert_int_equal(dfu_client_groups_open(&answer, &walk), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(dfu_client_groups_next(&walk, &group), 1);
        assert_int_equal(group.name.len, 0);
    }
    assert_int_equal(group.id, 10);
    assert_int_equal(dfu_client_groups_next(&walk, &group), 0);
    answer =
        said("bf 66 67 72 6f 75 70 73 9f bf 65 67 72 6f 75 70 00 64 6e 61 6d 65 67 6f 73 20 6d "
             "67 6d 74 68 68 61 6e 64 6c 65 72 73 09 ff ff ff");
    assert_int_equal(dfu_client_groups_open(&answer, &walk), 0);
    assert_int_equal(dfu_client_groups_next(&walk, &group), 1);
    assert_text(group.name, "os mgmt");
    assert_int_equal(group.handlers, 9);
    answer = said("bf 65 67 72 6f 75 70 0a 63 65 6e 64 f5 ff");
    assert_int_equal(dfu_client_group_single_read(&answer, &number, &is_last), 0);
    assert_true(number == 10 && is_last);
    answer = said("a1 65 63 6f 75 6e 74 08");
    assert_int_equal(dfu_client_group_count_read(&answer, &number), 0);
    assert_int_equal(number, 8);
    answer = said("a1 66 67 72 6f 75 70 73 81 a0"); /* a group without a number */
    assert_int_equal(dfu_client_groups_open(&answer, &walk), 0);
    assert_int_equal(dfu_client_groups_next(&walk, &group), DFU_ERR_FORMAT);
}

static void the_entries_of_all_logs_are_walked(void **state)
{
    /* {"next_index": 9, "logs": [{"name": "a", "entries": []}, {"name": "b", "type": 1, "entries":
     * [{"type": "str", "ts": -1, "level": 2, "index": 8, "module": 3, "msg": h'6869'}]}]} */
    struct dfu_answer answer = said(
        "a2 6a 6e 65 78 74 5f 69 6e 64 65 78 09 64 6c 6f 67 73 82 a2 64 6e 61 6d 65 61 61 67 65 "
        "6e 74 72 69 65 73 80 a3 64 6e 61 6d 65 61 62 64 74 79 70 65 01 67 65 6e 74 72 69 65 73 "
        "81 a6 64 74 79 70 65 63 73 74 72 62 74 73 20 65 6c 65 76 65 6c 02 65 69 6e 64 65 78 08 "
        "66 6d 6f 64 75 6c 65 03 63 6d 73 67 42 68 69");
    struct dfu_client_log_entry entry;
    struct dfu_client_log_walk logs;
    struct dfu_client_text name;
    struct dfu_cbor_walk walk;
    uint64_t value;

    (void)state;
    assert_int_equal(dfu_client_log_entries_open(&answer, &logs), 0);
    assert_int_equal(dfu_client_log_entries_next(&logs, &entry), 1);
    assert_text(entry.log, "b");
    assert_text(entry.type, "str");
    assert_int_equal(entry.index, 8);
    assert_int_equal(entry.timestamp, -1);
    assert_int_equal(entry.level, 2);
    assert_int_equal(entry.module, 3);
    assert_int_equal(entry.message.len, 2);
    assert_int_equal(dfu_client_log_entries_next(&logs, &entry), 0);
    answer = said("a2 62 72 63 00 68 6c 6f 67 5f 6c 69 73 74 81 61 61");
    assert_int_equal(dfu_client_logs_open(&answer, &walk), 0);
    assert_int_equal(dfu_client_stats_next(&walk, &name), 1);
    answer = said("a1 69 6c 65 76 65 6c 5f 6d 61 70 a1 61 61 02");
    assert_int_equal(dfu_client_log_numbers_open(&answer, &walk), 0);
    assert_int_equal(dfu_client_fields_next(&walk, &name, &value), 1);
    assert_int_equal(value, 2);
    answer = said("a1 64 6c 6f 67 73 81 a1 67 65 6e 74 72 69 65 73 81 a1 63 6d 73 67 40");
    assert_int_equal(dfu_client_log_entries_open(&answer, &logs), 0);
    assert_int_equal(dfu_client_log_entries_next(&logs, &entry), DFU_ERR_FORMAT); /* no index */
}

static void every_code_of_every_group_has_words(void **state)
{
    static const struct {
        uint16_t group;
        uint32_t last;
    } groups[] = { { DFU_SMP_GROUP_OS, 7 },   { DFU_SMP_GROUP_IMG, 34 },
                   { DFU_SMP_GROUP_STAT, 5 }, { DFU_SMP_GROUP_SETTINGS, 8 },
                   { DFU_SMP_GROUP_FS, 16 },  { DFU_SMP_GROUP_SHELL, 3 },
                   { DFU_SMP_GROUP_ENUM, 4 }, { 11, 17 },
                   { DFU_SMP_GROUP_BASIC, 4 } };
    struct dfu_refusal nobody = { .from_group = true, .group = 999, .rc = 1 };

    (void)state;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        struct dfu_refusal r = { .from_group = true, .group = groups[i].group };

        for (r.rc = 1; r.rc <= groups[i].last + 1; r.rc++) {
            bool is_own = strcmp(dfu_refusal_what(&r), dfu_refusal_what(&nobody)) != 0;

            assert_true(dfu_refusal_hint(&r)[0] != 0);
            if (is_own != (r.rc <= groups[i].last)) {
                fail_msg("group %u code %u", (unsigned)r.group, (unsigned)r.rc);
            }
        }
    }
}

static void statistics_refuse_under_their_own_group(void **state)
{
    struct dfu_call call = { .version = 1, .seq = 0x60, .op = DFU_SMP_READ, .group = 2, .id = 0 };
    struct dfu_answer answer = { 0 };
    uint8_t frame[64];
    size_t len =
        hex_bytes("09 00 00 14 00 02 60 00 bf 63 65 72 72 bf 65 67 72 6f 75 70 18 3f 62 72 "
                  "63 02 ff ff",
                  frame, sizeof(frame));

    (void)state;
    assert_int_equal(dfu_client_answer(&call, frame, len, &answer), DFU_ERR_PERM);
    assert_int_equal(answer.refusal.group, DFU_SMP_GROUP_STAT);
    call.group = DFU_SMP_GROUP_BASIC;
    frame[5] = DFU_SMP_GROUP_BASIC;
    assert_int_equal(dfu_client_answer(&call, frame, len, &answer), DFU_ERR_PERM);
    assert_int_equal(answer.refusal.group, DFU_SMP_GROUP_BASIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_for_facts_and_settings_are_those_of_the_field),
        cmocka_unit_test(requests_for_files_shell_groups_and_logs_are_those_of_the_field),
        cmocka_unit_test(tasks_are_read),
        cmocka_unit_test(pools_are_read_in_all_three_shapes),
        cmocka_unit_test(statistics_are_read),
        cmocka_unit_test(settings_are_bytes_or_mynewts_texts),
        cmocka_unit_test(what_is_known_of_files_is_read),
        cmocka_unit_test(the_shell_answers_in_both_ways),
        cmocka_unit_test(groups_are_read_as_list_and_as_details),
        cmocka_unit_test(the_entries_of_all_logs_are_walked),
        cmocka_unit_test(every_code_of_every_group_has_words),
        cmocka_unit_test(statistics_refuse_under_their_own_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
