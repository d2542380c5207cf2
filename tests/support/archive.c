/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define BLOCK 512u

static void die(const char *what, const char *name)
{
    fprintf(stderr, "archive: %s: %s\n", what, name);
    abort();
}

struct archive archive_open(const char *path)
{
    struct archive a = { 0 };
    size_t cap = 1u << 20;
    gzFile gz = gzopen(path, "rb");
    int got;

    if (!gz) {
        die("cannot open", path);
    }
    a.tar = malloc(cap);
    while (a.tar && (got = gzread(gz, a.tar + a.len, (unsigned)(cap - a.len))) > 0) {
        a.len += (size_t)got;
        if (a.len == cap) {
            cap *= 2;
            a.tar = realloc(a.tar, cap);
        }
    }
    if (!a.tar || gzclose(gz) != Z_OK) {
        die("cannot unpack", path);
    }
    return a;
}

/* ustar: a 512-byte header (name at 0, octal size at 124), then the file in whole blocks. */
struct archive_file archive_find(const struct archive *a, const char *name)
{
    size_t off = 0;

    while (off + BLOCK <= a->len && a->tar[off] != 0) {
        const char *header = (const char *)a->tar + off;
        char size_text[13] = "";
        size_t size;

        memcpy(size_text, header + 124, 12);
        size = strtoul(size_text, NULL, 8);
        off += BLOCK;
        if (size > a->len - off) {
            break;
        }
        if (strncmp(header, name, 100) == 0) {
            return (struct archive_file){ header, a->tar + off, size };
        }
        off += (size + BLOCK - 1) / BLOCK * BLOCK;
    }
    die("has no file", name);
    return (struct archive_file){ 0 };
}

void archive_close(struct archive *a)
{
    free(a->tar);
    *a = (struct archive){ 0 };
}
