/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* virt.h - what the files of this port share. */
#ifndef DFU_RISCV_VIRT_H
#define DFU_RISCV_VIRT_H

#include <stdint.h>

#define MSTATUS_MIE 8u

/* The next timer interrupt comes in 10 ms. */
void virt_rearm_timer(void);

#endif
