/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The role of each command, in the order of groups. What is left out needs the highest. Settings
 * and files may hold secrets, so reading them is an operator's; the shell can do anything. */
#include "dfu/smp_auth.h"
#include "dfu/smp_history.h"
#include "dfu/smp_pages.h"

#define R  DFU_SMP_AUTH_READ
#define W  DFU_SMP_AUTH_WRITE
#define RW (DFU_SMP_AUTH_READ | DFU_SMP_AUTH_WRITE)

const struct dfu_smp_auth_rule dfu_smp_auth_rules[] = {
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO, RW, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO_CONTROL, W, DFU_ROLE_OPERATE },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_DATETIME, W, DFU_ROLE_OPERATE },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET, W, DFU_ROLE_OPERATE }, /* a boot mode: update */
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_TASKSTAT, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_MPSTAT, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_DATETIME, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_PARAMS, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_INFO, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_BOOTINFO, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_STAT, DFU_SMP_AUTH_ANY_ID, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_SETTINGS, DFU_SMP_AUTH_ANY_ID, RW, DFU_ROLE_OPERATE },
    { DFU_SMP_GROUP_LOG, DFU_SMP_AUTH_ANY_ID, RW, DFU_ROLE_OPERATE },
    { DFU_SMP_GROUP_FS, DFU_SMP_AUTH_ANY_ID, RW, DFU_ROLE_OPERATE },
    { DFU_SMP_GROUP_ENUM, DFU_SMP_AUTH_ANY_ID, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_HISTORY, DFU_SMP_AUTH_ANY_ID, R, DFU_ROLE_OBSERVE },
    { DFU_SMP_GROUP_PAGES, DFU_SMP_AUTH_ANY_ID, R, DFU_ROLE_OBSERVE },
};

const size_t dfu_smp_auth_rule_count = sizeof dfu_smp_auth_rules / sizeof dfu_smp_auth_rules[0];
