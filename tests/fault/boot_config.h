/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* boot_config.h - what ports/mcu/boot/main.c is told by the firmware's build, here of the probe,
 * which has it twice: as it is without recovery and with it. */
#ifndef DFU_FAULT_BOOT_CONFIG_H
#define DFU_FAULT_BOOT_CONFIG_H

#include "console.h"
#include "dfu/boot.h"
#include "dfu/recovery.h"

#define BOOT_WORK_SIZE     64u
#define BOOT_RESPONSE_SIZE 384u

#ifdef FAULT_WITH_RECOVERY
#define CONFIG_MCUBOOT_SERIAL
#define CONFIG_BOOT_SERIAL_WAIT_FOR_DFU_TIMEOUT 500
#define main                                    recovery_main
#define boot_work                               recovery_work
#else
#define main boot_main
#endif

extern uint8_t boot_work[BOOT_WORK_SIZE];
extern uint8_t boot_response[BOOT_RESPONSE_SIZE];
extern struct dfu_boot_config boot_config;
extern struct dfu_recovery_config recovery_config;

/* Inlined, as where the whole program is compiled at once; address 0 can be read there. */
static inline uint32_t board_address(const struct dfu_area *area)
{
    return area ? area->base : 0;
}

int boot_main(void);
int recovery_main(void);

#endif
