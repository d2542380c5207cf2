/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* mps2.h - where the two FPGA images differ. */
#ifndef DFU_MPS2_H
#define DFU_MPS2_H

#include <stdbool.h>

/* Whether the flash can only be read. */
void mps2_protect_flash(bool is_on);

#endif
