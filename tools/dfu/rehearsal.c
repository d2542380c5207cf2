/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "rehearsal.h"

#include <stdlib.h>
#include <string.h>

bool rehearsal_init(struct rehearsal *r, struct dfu_board *board, const struct boot_mode *mode,
                    const struct dfu_image_policy *policy)
{
    struct dfu_board_memory memory;

    *r = (struct rehearsal){ .board = board };
    for (uint8_t i = 0; i < board->flash_count; i++) {
        r->sectors += dfu_board_flash_sectors(&board->flashes[i]);
    }
    r->wear = calloc(r->sectors + 1, sizeof *r->wear);
    r->size = r->programmed_size = dfu_board_size(board); /* a bit a unit is never more */
    r->mem = malloc(r->size + 1);
    r->kept = malloc(r->size + 1);
    r->programmed = calloc(r->programmed_size + 1, 1);
    r->cfg = (struct dfu_boot_config){
        .map = &board->map,
        .strategy = mode->strategy,
        .policy = *policy,
        .encryption = policy->decryption ? &dfu_boot_encrypted : NULL,
        .validate_primary = true,
        .ram = &r->ram,
        .ram_count = 1,
        .buf = r->buf,
        .buf_len = sizeof r->buf,
    };
    r->ram = (struct dfu_boot_ram){ BOOT_MODE_RAM_ADDR, BOOT_MODE_RAM_SIZE,
                                    calloc(1, BOOT_MODE_RAM_SIZE) };
    if (!r->mem || !r->kept || !r->programmed || !r->wear || !r->ram.mem) {
        return false;
    }
    memory = (struct dfu_board_memory){ r->mem, r->programmed, r->wear };
    for (uint8_t i = 0; i < board->flash_count; i++) {
        dfu_board_simulate(board, i, &memory, &r->flashes[i]);
        dfu_sim_flash_format(&r->flashes[i]);
    }
    return true;
}

void rehearsal_free(struct rehearsal *r)
{
    free(r->mem);
    free(r->kept);
    free(r->programmed);
    free(r->wear);
    free(r->ram.mem);
    *r = (struct rehearsal){ 0 };
}

void rehearsal_adopt(struct rehearsal *r)
{
    for (uint8_t i = 0; i < r->board->flash_count; i++) {
        dfu_sim_flash_adopt(&r->flashes[i]);
        dfu_sim_flash_power_on(&r->flashes[i]);
    }
}

void rehearsal_keep(struct rehearsal *r)
{
    memcpy(r->kept, r->mem, r->size);
}

void rehearsal_restore(struct rehearsal *r)
{
    memcpy(r->mem, r->kept, r->size);
    rehearsal_adopt(r);
}

void rehearsal_put(struct rehearsal *r, const struct dfu_area *area, uint32_t off, const void *data,
                   size_t len)
{
    (void)r;
    (void)dfu_sim_flash_load(area->ctx, area->base + off, data, len);
}

struct rehearsed_boot rehearsal_boot(struct rehearsal *r)
{
    struct rehearsed_boot boot = { .is_time_known = true };
    struct dfu_sim_flash before[DFU_BOARD_FLASHES_MAX];

    memcpy(before, r->flashes, sizeof before);
    memset(r->wear, 0, r->sectors * sizeof *r->wear);
    boot.err = dfu_boot(&r->cfg, &boot.result);
    for (size_t i = 0; i < r->sectors; i++) {
        boot.most_worn = r->wear[i] > boot.most_worn ? r->wear[i] : boot.most_worn;
    }
    for (uint8_t i = 0; i < r->board->flash_count; i++) {
        const struct dfu_sim_flash *flash = &r->flashes[i];
        uint32_t ops = flash->erases - before[i].erases + flash->writes - before[i].writes;

        boot.erases += flash->erases - before[i].erases;
        boot.writes += flash->writes - before[i].writes;
        boot.bytes_written += flash->bytes_written - before[i].bytes_written;
        boot.flash_us += flash->elapsed_us - before[i].elapsed_us;
        boot.is_time_known = boot.is_time_known && (ops == 0 || flash->timing != NULL);
    }
    return boot;
}
