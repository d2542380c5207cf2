/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_rig.h - a virtual device with both slots and a storage, its console and its last answer, and
 * a clock that the test moves. */
#ifndef TEST_SIM_RIG_H
#define TEST_SIM_RIG_H

#include "dfu/sim_device.h"

#define SIM_RIG_SECTOR    4096u
#define SIM_RIG_SLOT      (16u * SIM_RIG_SECTOR)
#define SIM_RIG_STORAGE   (2u * SIM_RIG_SECTOR)
#define SIM_RIG_IMAGE_MAX 20000u
#define SIM_RIG_LINK      7u
#define SIM_RIG_RESET_LEN 9u

struct sim_image {
    uint8_t bytes[SIM_RIG_IMAGE_MAX];
    size_t len;
};

struct sim_rig {
    struct dfu_sim_flash flash, outer;
    struct dfu_sim_flash *flashes[2];
    struct dfu_sector_run runs[1], slot_runs[1], storage_runs[1];
    struct dfu_area primary, secondary, storage;
    struct dfu_slot_map map;
    struct dfu_sim_device_config cfg;
    struct dfu_sim_device device;
    struct sim_image old_image, new_image;
    char console[16384];
    uint8_t answer[4096];
    size_t answer_len;
    uint32_t answer_link;
    unsigned answers;
    uint64_t now;
    uint8_t mem[2 * SIM_RIG_SLOT + SIM_RIG_STORAGE];
    uint8_t programmed[(2 * SIM_RIG_SLOT + SIM_RIG_STORAGE) / 4 / 8];
    uint8_t outer_mem[SIM_RIG_SLOT];
};

/* The text of an application that only runs, and a request to restart. */
extern const char sim_calm[];
extern const uint8_t sim_reset_request[SIM_RIG_RESET_LEN];

/* Header, a payload that starts with text, a SHA-256. */
void sim_make_image(struct sim_image *image, uint8_t major, const char *text, uint32_t payload);

/* Slot 0 holds version 1 of the calm application; free() it. */
struct sim_rig *sim_new_rig(void);

/* The second slot lies on a part of its own. */
void sim_put_second_slot_outside(struct sim_rig *rig);

/* The console begins anew with each of these. */
enum dfu_sim_device_state sim_power_on(struct sim_rig *rig);
void sim_advance(struct sim_rig *rig, uint64_t ms);

/* What an upload and a test request leave behind. */
void sim_stage(struct sim_rig *rig, const char *text, uint32_t payload);

void sim_send(struct sim_rig *rig, const void *packet, size_t len);

#define assert_console(rig, text) assert_non_null(strstr((rig)->console, text))

#endif
