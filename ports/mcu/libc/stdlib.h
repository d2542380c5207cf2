/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* stdlib.h - lwIP includes it; it uses one function of it, to find an interface by its name. */
#ifndef DFU_MCU_STDLIB_H
#define DFU_MCU_STDLIB_H

#include <stddef.h>

int atoi(const char *s);

#endif
