/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* assert.h - nothing is printed on a machine without a C library (size.sh only). */
#ifndef DFU_BARE_ASSERT_H
#define DFU_BARE_ASSERT_H

#define assert(claim) ((void)0)

#endif
