/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* assert.h - nothing is printed on a machine without a C library. */
#ifndef DFU_MCU_ASSERT_H
#define DFU_MCU_ASSERT_H

#define assert(claim) ((void)0)

#endif
