/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* archive.h - a .tar.gz of test vectors in memory, so that tests need no unpacked copy. */
#ifndef DFU_TESTS_ARCHIVE_H
#define DFU_TESTS_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

struct archive {
    uint8_t *tar;
    size_t len;
};

struct archive_file {
    const char *name; /* with its folders, as the archive has it */
    const uint8_t *data;
    size_t len;
};

/* Each ends the test when the archive cannot be read or lacks the file. */
struct archive archive_open(const char *path);
struct archive_file archive_find(const struct archive *a, const char *name);
void archive_close(struct archive *a);

#endif
