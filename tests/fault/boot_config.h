/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* boot_config.h - what ports/mcu/boot/main.c is told by the firmware's build, here of the probe. */
#ifndef DFU_FAULT_BOOT_CONFIG_H
#define DFU_FAULT_BOOT_CONFIG_H

#include "dfu/boot.h"

#define BOOT_WORK_SIZE 64u

extern uint8_t boot_work[BOOT_WORK_SIZE];
extern struct dfu_boot_config boot_config;

/* Inlined, as where the whole program is compiled at once; address 0 can be read there. */
static inline uint32_t board_address(const struct dfu_area *area)
{
    return area ? area->base : 0;
}

int boot_main(void); /* of main.c */

#endif
