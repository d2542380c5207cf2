/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* rehearsal.h - the flash of a board in memory, on which boots are tried with the real
 * bootloader: what will happen, without it happening. */
#ifndef DFU_DFU_REHEARSAL_H
#define DFU_DFU_REHEARSAL_H

#include "board.h"
#include "boot_modes.h"
#include "dfu/boot.h"

struct rehearsal {
    struct dfu_board *board;
    struct dfu_boot_config
        cfg; /* as the bootloader is built; freely changed before the first boot */
    struct dfu_sim_flash flashes[DFU_BOARD_FLASHES_MAX];
    uint8_t *mem, *kept, *programmed; /* of all flashes, one after the other */
    uint32_t *wear;                   /* erases of each sector */
    size_t size, programmed_size, sectors;
    struct dfu_boot_ram ram; /* as the virtual device has it */
    uint8_t buf[4096];
};

struct rehearsed_boot {
    int err; /* of dfu_boot() */
    struct dfu_boot_result result;
    uint32_t erases, writes;
    uint32_t most_worn; /* erases of the sector that was erased most */
    uint64_t bytes_written;
    uint64_t flash_us;  /* predicted; 0 where a part is not known */
    bool is_time_known; /* of all parts that were used */
};

/* Erased flash. False: out of memory. Free in both cases. */
bool rehearsal_init(struct rehearsal *r, struct dfu_board *board, const struct boot_mode *mode,
                    const struct dfu_image_policy *policy);
void rehearsal_free(struct rehearsal *r);

/* mem was written to from outside: what is not erased counts as programmed. */
void rehearsal_adopt(struct rehearsal *r);

/* Remember this flash; go back to it. */
void rehearsal_keep(struct rehearsal *r);
void rehearsal_restore(struct rehearsal *r);

/* Put bytes into an area, as a programmer does. */
void rehearsal_put(struct rehearsal *r, const struct dfu_area *area, uint32_t off, const void *data,
                   size_t len);

struct rehearsed_boot rehearsal_boot(struct rehearsal *r);

#endif
