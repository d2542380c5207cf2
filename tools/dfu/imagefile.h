/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* imagefile.h - files that hold images or programs: binary, or Intel HEX by their name. */
#ifndef DFU_IMAGEFILE_H
#define DFU_IMAGEFILE_H

#include "cli.h"

/* Whether a name ends in .hex, in either case. */
bool imagefile_is_hex(const char *path);

/* Read one; the gaps of Intel HEX become 0xff. base is NULL, or gets the address of the first byte,
 * -1 where the file tells none. The caller frees *data. 0 or an exit code after saying why. */
int imagefile_read(struct cli *cli, const char *path, uint8_t **data, size_t *len, int64_t *base);

#endif
