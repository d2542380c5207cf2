/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A QEMU plugin that cuts the power: it stops the processor right after some of its stores into one of
 * some address ranges, and says where that was.
 *
 * Arguments: out=FILE, nth=N (any number of them, ascending), range=LOW-HIGH (up to four times),
 * go=FIFO. The file gets the address of each store that the processor stops after, or without such of
 * every store, a line each. A byte from the FIFO lets it go on; without one it stays. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "plugin.h"

#define RANGES_MAX 4
#define STOPS_MAX  256

static struct range ranges[RANGES_MAX];
static size_t range_count;
static uint64_t stops[STOPS_MAX], stores;
static size_t stop_count, stopped;
static FILE *out;
static int go = -1;

static bool is_watched(uint64_t address)
{
    for (size_t i = 0; i < range_count; i++) {
        if (is_in(&ranges[i], address)) {
            return true;
        }
    }
    return false;
}

static void stay(void)
{
    char byte;

    while (go < 0 || read(go, &byte, 1) != 1) {
        pause();
    }
}

static void at_access(unsigned cpu, uint32_t info, uint64_t address, void *ctx)
{
    (void)cpu;
    (void)ctx;
    if (!qemu_plugin_mem_is_store(info) || !is_watched(address)) {
        return;
    }
    stores++;
    if (stop_count == 0 || (stopped < stop_count && stores == stops[stopped])) {
        fprintf(out, "%" PRIx64 "\n", address);
        fflush(out);
    }
    if (stopped < stop_count && stores == stops[stopped]) {
        stopped++;
        stay();
    }
}

static void at_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), at_access, NO_REGISTERS,
                                         WRITES, NULL);
    }
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (strncmp(argv[i], "go=", 3) == 0) {
            go = open(argv[i] + 3,
                      O_RDWR | O_CLOEXEC); /* so that neither side waits for the other */
        } else if (strncmp(argv[i], "nth=", 4) == 0 && stop_count < STOPS_MAX) {
            stops[stop_count++] = strtoull(argv[i] + 4, NULL, 0);
        } else if (range_count < RANGES_MAX && take_range(argv[i], "range", &ranges[range_count])) {
            range_count++;
        } else {
            fprintf(stderr, "cut: what is %s?\n", argv[i]);
            return -1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, at_translation);
    return out ? 0 : -1;
}
