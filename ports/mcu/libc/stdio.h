/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* stdio.h - lwIP includes it and, as built here, prints nothing. */
#ifndef DFU_MCU_STDIO_H
#define DFU_MCU_STDIO_H

#include <stddef.h>

#endif
