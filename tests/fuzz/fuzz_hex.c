/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Any bytes as an Intel HEX file: refused, or read as one run of bytes, which says the same when it
 * is written and read again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hexfile.h"

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    uint8_t *data;
    size_t len;
    int64_t base;
};

static int read_run(const void *text, size_t size, struct run *run)
{
    struct cli quiet = { .failed = true, .quiet = true }; /* it has said its sentence */

    *run = (struct run){ NULL, 0, -2 };
    return hexfile_parse(&quiet, "input.hex", text, size, LIMIT, &run->data, &run->len, &run->base);
}

static void write_and_read_again(const struct run *run)
{
    struct hexfile_run written = { run->base < 0 ? 0 : (uint32_t)run->base, run->data, run->len };
    struct run again;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert(out);
    hexfile_print(out, &written, 1);
    assert(fclose(out) == 0);
    assert(read_run(text, len, &again) == 0);
    assert(again.len == run->len && again.base == run->base);
    assert(memcmp(again.data, run->data, run->len) == 0);
    free(again.data);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run;
    int exit_code = read_run(data, size, &run);

    if (exit_code) {
        assert(exit_code == CLI_USAGE && !run.data); /* what unreadable input ends with */
        return 0;
    }
    assert(run.data && run.len <= LIMIT);
    assert(run.base == -1 ? run.len == 0
                          : run.base >= 0 && run.base + (int64_t)run.len <= 1ll << 32);
    write_and_read_again(&run);
    free(run.data);
    return 0;
}
