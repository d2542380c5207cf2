/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* cc.h - what lwIP asks of a machine: nothing is printed, and random numbers are the counter's. */
#ifndef DFU_MCU_LWIP_CC_H
#define DFU_MCU_LWIP_CC_H

#include <stdint.h>

uint32_t chip_ticks(void);

#define LWIP_RAND()             (chip_ticks())
#define LWIP_PLATFORM_DIAG(x)   ((void)0)
#define LWIP_PLATFORM_ASSERT(x) ((void)0)

#endif
