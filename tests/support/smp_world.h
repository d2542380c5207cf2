/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_world.h - a server with every group there is, over a small device that always starts the
 * same: two images with the versions and hashes of the worked examples, one file, one setting,
 * two logs, a core dump, a clock that stands, chance that is none. One key may log in, but no hook
 * asks who did. */
#ifndef TEST_SMP_WORLD_H
#define TEST_SMP_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "dfu/smp_auth.h"
#include "dfu/smp_basic.h"
#include "dfu/smp_crash.h"
#include "dfu/smp_enum.h"
#include "dfu/smp_fs.h"
#include "dfu/smp_history.h"
#include "dfu/smp_img.h"
#include "dfu/smp_log.h"
#include "dfu/smp_os.h"
#include "dfu/smp_pages.h"
#include "dfu/smp_settings.h"
#include "dfu/smp_shell.h"
#include "dfu/smp_stat.h"
#include "nor.h"
#include "smp_peer.h"

#define SMP_WORLD_GROUPS   13u
#define SMP_WORLD_SETTINGS 6u
#define SMP_WORLD_FILE_MAX 600u

struct smp_world {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_smp_os os;
    struct dfu_smp_img img;
    struct dfu_smp_stat stat;
    struct dfu_setting values[SMP_WORLD_SETTINGS];
    struct dfu_settings store;
    struct dfu_smp_settings settings;
    struct dfu_smp_log log;
    struct dfu_smp_crash crash;
    struct dfu_smp_fs fs;
    struct dfu_smp_shell shell;
    struct dfu_smp_basic basic;
    const struct dfu_area *history;
    struct dfu_smp_auth_place places[2];
    struct dfu_smp_auth auth;
    struct dfu_smp_binding bindings[SMP_WORLD_GROUPS];
    struct smp_peer peer;

    struct dfu_log logs[2];
    uint32_t next_index;
    bool is_log_clear;
    uint32_t core_size; /* 0: there is none */
    uint8_t file[SMP_WORLD_FILE_MAX];
    uint32_t file_size;
    unsigned open_files;
    char line[64], output[128];
    const struct dfu_area *erased[1];
    struct dfu_smp_time time;
    int clock_err, reset_err; /* what clock and reset say; 0 at first */
    bool is_forced;           /* the last reset, and its mode */
    uint8_t boot_mode;
    unsigned resets, crashes, echo_switches;
    bool is_echo_on;
};

void smp_world_init(struct smp_world *w);
void smp_world_free(struct smp_world *w);

#endif
