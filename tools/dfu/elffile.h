/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* elffile.h - linked programs in ELF files (32 or 64 bits, either byte order) as the bytes that
 * flash shall hold. */
#ifndef DFU_ELFFILE_H
#define DFU_ELFFILE_H

#include "cli.h"

/* Whether bytes are an ELF file, by its magic. */
bool elffile_is(const uint8_t *data, size_t len);

/* Make the program that is to be loaded out of *data, which is replaced: every loadable section at
 * its physical (load) address, gaps filled with fill; what objcopy -O binary makes. *base gets the
 * lowest address. limit is the largest program that makes sense. 0 or an exit code after saying
 * what is wrong; the file's bytes are not believed. */
int elffile_flatten(struct cli *cli, const char *path, uint8_t fill, size_t limit, uint8_t **data,
                    size_t *len, int64_t *base);

#endif
