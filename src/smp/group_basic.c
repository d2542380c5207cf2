/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_basic.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static int erase_storage(struct dfu_smp_call *call)
{
    const struct dfu_smp_basic *basic = call->ctx;

    if (basic->area_count == 0) {
        return dfu_smp_fail(call, DFU_SMP_BASIC_FLASH_OPEN_FAILED);
    }
    for (size_t i = 0; i < basic->area_count; i++) {
        if (dfu_area_erase(basic->areas[i], 0, basic->areas[i]->size)) {
            return dfu_smp_fail(call, DFU_SMP_BASIC_FLASH_ERASE_FAILED);
        }
    }
    if (basic->erased) {
        basic->erased(basic->ctx);
    }
    return 0;
}

static const struct dfu_smp_command basic_commands[] = {
    [DFU_SMP_BASIC_ERASE_STORAGE] = { .write = erase_storage },
};

/* Zephyr translates the last two to 0, which clients of version 1 read as success. */
static const uint8_t basic_to_v1[] = {
    [DFU_SMP_BASIC_UNKNOWN] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_BASIC_FLASH_OPEN_FAILED] = DFU_SMP_ENOENT,
    [DFU_SMP_BASIC_FLASH_CONFIG_QUERY_FAIL] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_BASIC_FLASH_ERASE_FAILED] = DFU_SMP_EUNKNOWN,
};

const struct dfu_smp_group dfu_smp_group_basic = {
    .id = DFU_SMP_GROUP_BASIC,
    .name = "zephyr basic mgmt",
    .commands = basic_commands,
    .command_count = COUNT_OF(basic_commands),
    .to_v1 = basic_to_v1,
    .to_v1_count = COUNT_OF(basic_to_v1),
};
