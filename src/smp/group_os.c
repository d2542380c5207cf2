/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_os.h"

#include <string.h>

#include "base/text.h"
#include "dfu/err.h"
#include "smp/datetime.h"

#define INFO_MAX         256u /* the field's default: longer output is rc 7 */
#define BOOT_MODE_MAX    255u
#define COUNT_OF(table)  (sizeof(table) / sizeof((table)[0]))
#define DATETIME_SET_MIN 19u
#define DATETIME_SET_MAX 31u

static int decode(const struct dfu_smp_call *call, struct dfu_cbor_key *keys, size_t count)
{
    return dfu_cbor_decode_map(call->request, keys, count) ? DFU_SMP_EINVAL : 0;
}

static int echo(struct dfu_smp_call *call)
{
    struct dfu_cbor_span text;
    struct dfu_cbor_key keys[] = { { .name = "d", .type = DFU_CBOR_TEXT, .out = &text } };
    int rc = decode(call, keys, COUNT_OF(keys));

    if (rc) {
        return rc;
    }
    if (!keys[0].found) {
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
    const struct dfu_smp_os *os = call->ctx;
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
    const struct dfu_smp_os *os = call->ctx;
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
    const struct dfu_smp_os *os = call->ctx;
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

/* Which fields a format asks for, one bit each; 0 for a format with an unknown letter. */
static uint32_t info_wanted(const struct info_field fields[INFO_LETTERS],
                            struct dfu_cbor_span format)
{
    uint32_t all = 0, wanted = 0;

    for (uint32_t i = 0; i < INFO_LETTERS; i++) {
        all |= is_missing_letter(&fields[i]) ? 0 : 1u << i;
    }
    for (size_t at = 0; at < format.len; at++) {
        uint32_t bits = format.data[at] == 'a' ? all : 0;

        for (uint32_t i = 0; i < INFO_LETTERS; i++) {
            bits |= (uint8_t)fields[i].letter == format.data[at] ? all & (1u << i) : 0;
        }
        if (bits == 0) {
            return 0;
        }
        wanted |= bits;
    }
    return wanted;
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

    if (decode(call, keys, COUNT_OF(keys))) {
        return DFU_SMP_EINVAL;
    }
    if (format.len == 0) {
        format = (struct dfu_cbor_span){ default_format, sizeof(default_format) };
    }
    info_fields(call->ctx, fields);
    wanted = info_wanted(fields, format);
    if (wanted == 0) {
        return dfu_smp_fail(call, DFU_SMP_OS_INVALID_FORMAT);
    }
    for (uint32_t i = 0; i < INFO_LETTERS; i++) {
        if (wanted & (1u << i)) {
            text_add(&text, text.len > 0 ? " " : "");
            text_add(&text, fields[i].value ? fields[i].value : "unknown");
        }
    }
    if (text.len == INFO_MAX) {
        return DFU_SMP_EMSGSIZE;
    }
    dfu_cbor_pair_text(call->enc, "output", buf);
    return 0;
}

/* ---- Bootloader info ---- */

static int bootinfo(struct dfu_smp_call *call)
{
    const struct dfu_smp_os *os = call->ctx;
    struct dfu_cbor_span query = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "query", .type = DFU_CBOR_TEXT, .out = &query } };

    if (!os->bootloader) {
        return DFU_SMP_ENOTSUP;
    }
    if (decode(call, keys, COUNT_OF(keys))) {
        return DFU_SMP_EINVAL;
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

static const struct dfu_smp_command os_commands[] = {
    [DFU_SMP_OS_ECHO] = { .read = echo, .write = echo },
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
