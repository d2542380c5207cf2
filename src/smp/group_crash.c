/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_crash.h"

#include "dfu/err.h"
#include "smp/rc.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

const char *dfu_crash_name(enum dfu_crash crash)
{
    static const char *const names[DFU_CRASH_COUNT] = {
        [DFU_CRASH_DIV0] = "div0",     [DFU_CRASH_JUMP0] = "jump0", [DFU_CRASH_REF0] = "ref0",
        [DFU_CRASH_ASSERT] = "assert", [DFU_CRASH_WDOG] = "wdog",
    };

    return (unsigned)crash < DFU_CRASH_COUNT ? names[crash] : NULL;
}

static int crash_now(struct dfu_smp_call *call)
{
    const struct dfu_smp_crash *group = call->ctx;
    struct dfu_cbor_span kind = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "t", .type = DFU_CBOR_TEXT, .out = &kind } };
    unsigned crash = 0;
    int err;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys)) || !keys[0].found) {
        return DFU_SMP_EINVAL;
    }
    while (crash < DFU_CRASH_COUNT &&
           !dfu_cbor_text_is(kind, dfu_crash_name((enum dfu_crash)crash))) {
        crash++;
    }
    if (crash == DFU_CRASH_COUNT) {
        return DFU_SMP_EINVAL;
    }
    err = group->crash ? group->crash(group->ctx, (enum dfu_crash)crash) : DFU_ERR_NOTSUP;
    switch (err) {
    case DFU_OK: put_rc_of_v1(call); return 0;
    case DFU_ERR_NOTSUP: return DFU_SMP_ENOTSUP;
    case DFU_ERR_PERM: return DFU_SMP_EACCESSDENIED;
    default: return DFU_SMP_EUNKNOWN;
    }
}

static const struct dfu_smp_command crash_commands[] = {
    [DFU_SMP_CRASH_NOW] = { .write = crash_now },
};

/* It has no codes of its own. */
const struct dfu_smp_group dfu_smp_group_crash = {
    .id = DFU_SMP_GROUP_CRASH,
    .name = "crash mgmt",
    .commands = crash_commands,
    .command_count = COUNT_OF(crash_commands),
};
