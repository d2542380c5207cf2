/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* inttypes.h - the types only (size.sh only). */
#ifndef DFU_BARE_INTTYPES_H
#define DFU_BARE_INTTYPES_H

#include <stdint.h>

#endif
