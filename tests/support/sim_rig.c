/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sim_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "dfu/update.h"

const char sim_calm[] = "dfukit-app\nname=calm\n";
const uint8_t sim_reset_request[SIM_RIG_RESET_LEN] = { 0x0a, 0, 0, 1, 0, 0, 0x46, 5, 0xa0 };

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };

void sim_make_image(struct sim_image *image, uint8_t major, const char *text, uint32_t payload)
{
    uint8_t *tlv = image->bytes + 32 + payload;

    memset(image->bytes, major, sizeof image->bytes);
    memset(image->bytes, 0, 32);
    put_le32(image->bytes, 0x96f3b83d);
    put_le16(image->bytes + 8, 32);
    put_le32(image->bytes + 12, payload);
    image->bytes[20] = major;
    memcpy(image->bytes + 32, text, strlen(text) + 1);
    put_le16(tlv, 0x6907);
    put_le16(tlv + 2, 4 + 4 + 32);
    put_le16(tlv + 4, 0x10);
    put_le16(tlv + 6, 32);
    assert_true(EVP_Digest(image->bytes, 32 + payload, tlv + 8, NULL, EVP_sha256(), NULL) == 1);
    image->len = 32 + payload + 40;
}

static void take_line(void *ctx, const char *text)
{
    struct sim_rig *rig = ctx;
    size_t used = strlen(rig->console);

    snprintf(rig->console + used, sizeof rig->console - used, "%s\n", text);
}

static void take_frame(void *ctx, uint32_t link, const uint8_t *packet, size_t len)
{
    struct sim_rig *rig = ctx;

    assert_true(len <= sizeof rig->answer);
    memcpy(rig->answer, packet, len);
    rig->answer_len = len;
    rig->answer_link = link;
    rig->answers++;
}

struct sim_rig *sim_new_rig(void)
{
    struct sim_rig *rig = calloc(1, sizeof *rig);

    assert_non_null(rig);
    rig->runs[0] = (struct dfu_sector_run){ SIM_RIG_SECTOR, sizeof rig->mem / SIM_RIG_SECTOR };
    rig->slot_runs[0] = (struct dfu_sector_run){ SIM_RIG_SECTOR, SIM_RIG_SLOT / SIM_RIG_SECTOR };
    rig->storage_runs[0] =
        (struct dfu_sector_run){ SIM_RIG_SECTOR, SIM_RIG_STORAGE / SIM_RIG_SECTOR };
    rig->flash = (struct dfu_sim_flash){
        .mem = rig->mem,
        .programmed = rig->programmed,
        .size = sizeof rig->mem,
        .write_size = 4,
        .erased = 0xff,
        .runs = rig->runs,
        .run_count = 1,
        .timing = &dfu_sim_nrf52840,
    };
    dfu_sim_flash_format(&rig->flash);
    rig->flashes[0] = &rig->flash;
    rig->primary =
        dfu_sim_flash_area(&rig->flash, "slot0_partition", 0, SIM_RIG_SLOT, rig->slot_runs, 1);
    rig->secondary = dfu_sim_flash_area(&rig->flash, "slot1_partition", SIM_RIG_SLOT, SIM_RIG_SLOT,
                                        rig->slot_runs, 1);
    rig->storage = dfu_sim_flash_area(&rig->flash, "storage_partition", 2 * SIM_RIG_SLOT,
                                      SIM_RIG_STORAGE, rig->storage_runs, 1);
    rig->map = (struct dfu_slot_map){
        .mode = DFU_MODE_SWAP_MOVE,
        .max_align = 8,
        .max_sectors = 128,
        .image_count = 1,
        .images = { { &rig->primary, &rig->secondary } },
    };
    rig->cfg = (struct dfu_sim_device_config){
        .map = &rig->map,
        .strategy = &dfu_boot_swap_move,
        .policy = { .hashes = hashes, .hash_only = true },
        .board = "rig",
        .flashes = rig->flashes,
        .flash_count = 1,
        .storage = &rig->storage,
        .line = take_line,
        .frame = take_frame,
        .ctx = rig,
    };
    sim_make_image(&rig->old_image, 1, sim_calm, 9000);
    assert_int_equal(dfu_sim_flash_load(&rig->flash, 0, rig->old_image.bytes, rig->old_image.len),
                     0);
    dfu_sim_device_init(&rig->device, &rig->cfg);
    return rig;
}

void sim_put_second_slot_outside(struct sim_rig *rig)
{
    rig->outer = (struct dfu_sim_flash){
        .mem = rig->outer_mem,
        .size = SIM_RIG_SLOT,
        .write_size = 1,
        .erased = 0xff,
        .runs = rig->slot_runs,
        .run_count = 1,
        .timing = &dfu_sim_w25q,
    };
    dfu_sim_flash_format(&rig->outer);
    rig->flashes[1] = &rig->outer;
    rig->cfg.flash_count = 2;
    rig->secondary =
        dfu_sim_flash_area(&rig->outer, "slot1_partition", 0, SIM_RIG_SLOT, rig->slot_runs, 1);
}

enum dfu_sim_device_state sim_power_on(struct sim_rig *rig)
{
    rig->console[0] = '\0';
    return dfu_sim_device_power_on(&rig->device, rig->now);
}

void sim_stage(struct sim_rig *rig, const char *text, uint32_t payload)
{
    sim_make_image(&rig->new_image, 2, text, payload);
    assert_int_equal(dfu_area_erase(&rig->secondary, 0, SIM_RIG_SLOT), 0);
    assert_int_equal(dfu_sim_flash_load(rig->secondary.ctx, rig->secondary.base,
                                        rig->new_image.bytes, rig->new_image.len),
                     0);
    assert_int_equal(dfu_boot_request_upgrade(&rig->map, 0, false), 0);
}

void sim_send(struct sim_rig *rig, const void *packet, size_t len)
{
    rig->answer_len = 0;
    dfu_sim_device_receive(&rig->device, SIM_RIG_LINK, packet, len, rig->now);
}

void sim_advance(struct sim_rig *rig, uint64_t ms)
{
    rig->now += ms;
    rig->console[0] = '\0';
    dfu_sim_device_poll(&rig->device, rig->now);
}
