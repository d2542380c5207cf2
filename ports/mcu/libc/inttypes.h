/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* inttypes.h - the types only. */
#ifndef DFU_MCU_INTTYPES_H
#define DFU_MCU_INTTYPES_H

#include <stdint.h>

#endif
