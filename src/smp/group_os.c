/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_os.h"

#include <string.h>

#include "base/text.h"
#include "dfu/err.h"
#include "smp/datetime.h"
#include "smp/fixed.h"

#define INFO_MAX         256u /* the field's default: longer output is rc 7 */
#define BOOT_MODE_MAX    255u
#define COUNT_OF(table)  (sizeof(table) / sizeof((table)[0]))
#define DATETIME_SET_MIN 19u
#define DATETIME_SET_MAX 31u
#define STACK_WORD       4u

static int decode(const struct dfu_smp_call *call, struct dfu_cbor_key *keys, size_t count)
{
    return dfu_cbor_decode_map(call->request, keys, count) ? DFU_SMP_EINVAL : 0;
}

static int echo(struct dfu_smp_call *call)
{
    struct dfu_cbor_span text;
    struct dfu_cbor_key keys[] = { { .name = "d", .type = DFU_CBOR_TEXT, .out = &text } };

    if (fixed_os(call->ctx)->no_echo) {
        return DFU_SMP_ENOTSUP;
    }
    if (decode(call, keys, COUNT_OF(keys)) || !keys[0].found) {
        return DFU_SMP_EINVAL;
    }
    dfu_cbor_put_text(call->enc, "r");
    dfu_cbor_put_text_n(call->enc, (const char *)text.data, text.len);
    return 0;
}

/* ---- Date and time ---- */

static int clock_refusal(struct dfu_smp_call *call, int err)
{
    return dfu_smp_fail(call,
                        err == DFU_ERR_NOENT ? DFU_SMP_OS_RTC_NOT_SET : DFU_SMP_OS_RTC_FAILED);
}

static int datetime_get(struct dfu_smp_call *call)
{
    const struct dfu_smp_os *os = fixed_os(call->ctx);
    char buf[DATETIME_TEXT_SIZE];
    struct dfu_smp_time time;
    int err;

    if (!os->clock_get) {
        return DFU_SMP_ENOTSUP;
    }
    err = dfu_smp_notify(call, DFU_SMP_EV_DATETIME_GET, NULL, 0);
    if (err) {
        return err;
    }
    err = os->clock_get(os->ctx, &time);
    if (err) {
        return clock_refusal(call, err);
    }
    dfu_cbor_pair_text(call->enc, "datetime", datetime_text(&time, os->clock_has_ms, buf));
    return 0;
}

static int datetime_set(struct dfu_smp_call *call)
{
    const struct dfu_smp_os *os = fixed_os(call->ctx);
    struct dfu_cbor_span text = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "datetime", .type = DFU_CBOR_TEXT, .out = &text } };
    struct dfu_smp_time time;
    int err;

    if (!os->clock_set) {
        return DFU_SMP_ENOTSUP;
    }
    if (decode(call, keys, COUNT_OF(keys)) || text.len < DATETIME_SET_MIN ||
        text.len > DATETIME_SET_MAX || datetime_parse(text.data, text.len, &time)) {
        return DFU_SMP_EINVAL;
    }
    err = dfu_smp_notify(call, DFU_SMP_EV_DATETIME_SET, &time, sizeof(time));
    if (err) {
        return err;
    }
    err = os->clock_set(os->ctx, &time);
    return err ? clock_refusal(call, err) : 0;
}

/* ---- Reset and parameters ---- */

/* Arguments that can't be decoded are no reason not to restart. */
static int reset(struct dfu_smp_call *call)
{
    const struct dfu_smp_os *os = fixed_os(call->ctx);
    struct dfu_smp_reset_event event = { 0 };
    uint32_t boot_mode = 0;
    struct dfu_cbor_key keys[] = {
        { .name = "force", .type = DFU_CBOR_FLAG, .out = &event.force },
        { .name = "boot_mode", .type = DFU_CBOR_UINT, .out = &boot_mode },
    };
    int err;

    if (!os->reset) {
        return DFU_SMP_ENOTSUP;
    }
    if (decode(call, keys, COUNT_OF(keys)) || !os->takes_boot_mode) {
        boot_mode = 0;
    }
    if (boot_mode > BOOT_MODE_MAX) {
        return DFU_SMP_EINVAL;
    }
    event.boot_mode = (uint8_t)boot_mode;
    err = dfu_smp_notify(call, DFU_SMP_EV_OS_RESET, &event, sizeof(event));
    if (err) {
        return err;
    }
    switch (os->reset(os->ctx, event.force, event.boot_mode)) {
    case 0: return 0;
    case DFU_ERR_BUSY: return DFU_SMP_EBUSY;
    case DFU_ERR_PERM: return DFU_SMP_EACCESSDENIED;
    default: return DFU_SMP_EUNKNOWN;
    }
}

static int params(struct dfu_smp_call *call)
{
    dfu_cbor_pair_uint(call->enc, "buf_size", call->server->buf_size);
    dfu_cbor_pair_uint(call->enc, "buf_count", call->server->buf_count);
    return 0;
}

/* ---- Application info ---- */

#define INFO_LETTERS 9u

struct info_field {
    char letter;
    const char *value;
};

/* In the order of the output, whatever the order of the request. */
static void info_fields(const struct dfu_smp_os *os, struct info_field out[INFO_LETTERS])
{
    const struct info_field fields[INFO_LETTERS] = {
        { 's', os->kernel },    { 'n', os->node },       { 'r', os->release },
        { 'v', os->version },   { 'b', os->build_time }, { 'm', os->machine },
        { 'p', os->processor }, { 'i', os->board },      { 'o', os->os },
    };

    memcpy(out, fields, sizeof(fields));
}

static bool is_missing_letter(const struct info_field *field)
{
    return field->letter == 'b' && !field->value;
}

static uint32_t info_bits(const struct info_field fields[INFO_LETTERS], char letter)
{
    uint32_t bits = 0;

    for (uint32_t i = 0; i < INFO_LETTERS; i++) {
        bool is_asked = letter == 'a' || letter == fields[i].letter;

        bits |= is_asked && !is_missing_letter(&fields[i]) ? 1u << i : 0;
    }
    return bits;
}

static int ask_hooks_for_letter(struct dfu_smp_call *call, char letter)
{
    bool is_known = false;
    struct dfu_smp_info_check_event event = { letter, &is_known };
    int err = dfu_smp_notify(call, DFU_SMP_EV_OS_INFO_CHECK, &event, sizeof(event));

    if (!err && !is_known) {
        err = dfu_smp_fail(call, DFU_SMP_OS_INVALID_FORMAT);
    }
    return err;
}

/* Which fields a format asks for, one bit each. */
static int info_wanted(struct dfu_smp_call *call, const struct info_field fields[INFO_LETTERS],
                       struct dfu_cbor_span format, uint32_t *wanted)
{
    *wanted = 0;
    for (size_t at = 0; at < format.len; at++) {
        uint32_t bits = info_bits(fields, (char)format.data[at]);
        int err = bits ? 0 : ask_hooks_for_letter(call, (char)format.data[at]);

        if (err) {
            return err;
        }
        *wanted |= bits;
    }
    return 0;
}

static int info_append(struct dfu_smp_call *call, struct dfu_cbor_span format, char *buf)
{
    struct dfu_smp_info_append_event event = { format, memchr(format.data, 'a', format.len) != NULL,
                                               buf, INFO_MAX + 1 };

    return dfu_smp_notify(call, DFU_SMP_EV_OS_INFO_APPEND, &event, sizeof(event));
}

static int info(struct dfu_smp_call *call)
{
    static const uint8_t default_format[] = { 's' };
    struct dfu_cbor_span format = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "format", .type = DFU_CBOR_TEXT, .out = &format } };
    struct info_field fields[INFO_LETTERS];
    char buf[INFO_MAX + 1];
    struct text text = text_in(buf, sizeof(buf));
    uint32_t wanted;
    int err;

    if (fixed_os(call->ctx)->no_info) {
        return DFU_SMP_ENOTSUP;
    }
    if (decode(call, keys, COUNT_OF(keys))) {
        return DFU_SMP_EINVAL;
    }
    if (format.len == 0) {
        format = (struct dfu_cbor_span){ default_format, sizeof(default_format) };
    }
    info_fields(fixed_os(call->ctx), fields);
    err = info_wanted(call, fields, format, &wanted);
    if (err) {
        return err;
    }
    for (uint32_t i = 0; i < INFO_LETTERS; i++) {
        if (wanted & (1u << i)) {
            text_add(&text, text.len > 0 ? " " : "");
            text_add(&text, fields[i].value ? fields[i].value : "unknown");
        }
    }
    err = info_append(call, format, buf);
    if (err) {
        return err;
    }
    if (strlen(buf) >= INFO_MAX) {
        return DFU_SMP_EMSGSIZE;
    }
    dfu_cbor_pair_text(call->enc, "output", buf);
    return 0;
}

/* ---- Bootloader info ---- */

static int bootinfo(struct dfu_smp_call *call)
{
    const struct dfu_smp_os *os = fixed_os(call->ctx);
    struct dfu_cbor_span query = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "query", .type = DFU_CBOR_TEXT, .out = &query } };
    bool is_answered = false;
    struct dfu_smp_bootinfo_event event = { .enc = call->enc, .is_answered = &is_answered };
    int err;

    if (!os->bootloader) {
        return DFU_SMP_ENOTSUP;
    }
    if (decode(call, keys, COUNT_OF(keys))) {
        return DFU_SMP_EINVAL;
    }
    event.query = query;
    err = dfu_smp_notify(call, DFU_SMP_EV_OS_BOOTINFO, &event, sizeof(event));
    if (err || is_answered) {
        return err;
    }
    if (!keys[0].found) {
        dfu_cbor_pair_text(call->enc, "bootloader", os->bootloader);
        return 0;
    }
    if (!dfu_cbor_text_is(query, "mode")) {
        return dfu_smp_fail(call, DFU_SMP_OS_NO_ANSWER);
    }
    dfu_cbor_pair_int(call->enc, "mode", os->boot_mode);
    if (os->no_downgrade) {
        dfu_cbor_pair_bool(call->enc, "no-downgrade", true);
    }
    return 0;
}

/* ---- Statistics ---- */

static void put_task(struct dfu_cbor_encoder *enc, const struct dfu_smp_task *task, uint32_t index)
{
    dfu_cbor_put_text(enc, task->name);
    dfu_cbor_begin_map(enc);
    dfu_cbor_pair_int(enc, "prio", task->priority);
    dfu_cbor_pair_uint(enc, "tid", index);
    dfu_cbor_pair_uint(enc, "state", task->state);
    if (task->stack_size > 0) {
        dfu_cbor_pair_uint(enc, "stkuse", task->stack_used / STACK_WORD);
        dfu_cbor_pair_uint(enc, "stksiz", task->stack_size / STACK_WORD);
    }
    if (task->has_runtime) {
        dfu_cbor_pair_uint(enc, "runtime", task->runtime);
    }
    dfu_cbor_end(enc);
}

static int task_stat(struct dfu_smp_call *call)
{
    const struct dfu_smp_os *os = fixed_os(call->ctx);
    struct dfu_smp_task task = { 0 };

    if (!os->task) {
        return DFU_SMP_ENOTSUP;
    }
    dfu_cbor_put_text(call->enc, "tasks");
    dfu_cbor_begin_map(call->enc);
    for (uint32_t i = 0; !call->enc->err && !os->task(os->ctx, i, &task); i++) {
        put_task(call->enc, &task, i);
        task = (struct dfu_smp_task){ 0 };
    }
    dfu_cbor_end(call->enc);
    return 0;
}

/* The pools are the keys of the answer itself, as the newest servers have it. */
static int pool_stat(struct dfu_smp_call *call)
{
    const struct dfu_smp_os *os = fixed_os(call->ctx);
    struct dfu_smp_pool pool = { 0 };

    if (!os->pool) {
        return DFU_SMP_ENOTSUP;
    }
    for (uint32_t i = 0; !call->enc->err && !os->pool(os->ctx, i, &pool); i++) {
        dfu_cbor_put_text(call->enc, pool.name);
        dfu_cbor_begin_map(call->enc);
        dfu_cbor_pair_uint(call->enc, "blksiz", pool.block_size);
        dfu_cbor_pair_uint(call->enc, "nblks", pool.blocks);
        dfu_cbor_pair_uint(call->enc, "nfree", pool.blocks_free);
        dfu_cbor_pair_uint(call->enc, "min", pool.blocks_free_min);
        dfu_cbor_end(call->enc);
    }
    return 0;
}

static int echo_control(struct dfu_smp_call *call)
{
    const struct dfu_smp_os *os = fixed_os(call->ctx);
    bool is_on = false;
    struct dfu_cbor_key keys[] = { { .name = "echo", .type = DFU_CBOR_FLAG, .out = &is_on } };

    if (!os->echo_control) {
        return DFU_SMP_ENOTSUP;
    }
    if (decode(call, keys, COUNT_OF(keys)) || !keys[0].found) {
        return DFU_SMP_EINVAL;
    }
    os->echo_control(os->ctx, is_on);
    return 0;
}

static const struct dfu_smp_command os_commands[] = {
    [DFU_SMP_OS_ECHO] = { .read = echo, .write = echo },
    [DFU_SMP_OS_ECHO_CONTROL] = { .write = echo_control },
    [DFU_SMP_OS_TASKSTAT] = { .read = task_stat },
    [DFU_SMP_OS_MPSTAT] = { .read = pool_stat },
    [DFU_SMP_OS_DATETIME] = { .read = datetime_get, .write = datetime_set },
    [DFU_SMP_OS_RESET] = { .write = reset },
    [DFU_SMP_OS_PARAMS] = { .read = params },
    [DFU_SMP_OS_INFO] = { .read = info },
    [DFU_SMP_OS_BOOTINFO] = { .read = bootinfo },
};

static const uint8_t os_to_v1[] = {
    [DFU_SMP_OS_UNKNOWN] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_OS_INVALID_FORMAT] = DFU_SMP_EINVAL,
    [DFU_SMP_OS_NO_ANSWER] = DFU_SMP_ENOENT,
    [DFU_SMP_OS_RTC_NOT_SET] = DFU_SMP_ENOENT,
    [DFU_SMP_OS_RTC_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_OS_RESPONSE_INVALID] = DFU_SMP_ENOENT,
    [DFU_SMP_OS_HEAP_STATS_FAILED] = DFU_SMP_EUNKNOWN,
};

const struct dfu_smp_group dfu_smp_group_os = {
    .id = DFU_SMP_GROUP_OS,
    .name = "os mgmt",
    .commands = os_commands,
    .command_count = COUNT_OF(os_commands),
    .to_v1 = os_to_v1,
    .to_v1_count = COUNT_OF(os_to_v1),
};
