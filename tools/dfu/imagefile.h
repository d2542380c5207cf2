/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* imagefile.h - reading files that hold images or programs. */
#ifndef DFU_IMAGEFILE_H
#define DFU_IMAGEFILE_H

#include "cli.h"

/* Read a binary file; Intel HEX, told by its name, is refused as not supported yet. */
int imagefile_read(struct cli *cli, const char *path, uint8_t **data, size_t *len);

/* 0, or an exit code after saying that Intel HEX is not supported yet. */
int imagefile_check_name(struct cli *cli, const char *path);

#endif
