/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* hexfile.h - Intel HEX: bytes with addresses as lines of text (Intel's specification, 1988).
 *
 * Read into one run of bytes from the lowest to the highest address, gaps filled with 0xff, and a
 * wide one told of; written as records of 16 bytes from a few runs. Start addresses (types 3 and 5) are dropped. */
#ifndef DFU_HEXFILE_H
#define DFU_HEXFILE_H

#include <stdint.h>
#include <stdio.h>

#include "cli.h"

/* base is NULL, or gets the lowest address; -1 for a file without data. The caller frees *data,
 * which is never NULL on success. path is for messages. 0 or an exit code after saying why. */
int hexfile_parse(struct cli *cli, const char *path, const uint8_t *text, size_t text_len,
                  size_t limit, uint8_t **data, size_t *len, int64_t *base);

struct hexfile_run {
    uint32_t address;
    const uint8_t *data;
    size_t len;
};

/* Runs in rising order without overlaps, all below 4 GiB; those that touch become one. */
void hexfile_print(FILE *out, const struct hexfile_run *runs, size_t count);

#endif
