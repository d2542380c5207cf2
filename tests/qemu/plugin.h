/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* plugin.h - what the plugins share. Debian's QEMU 7.2 can load plugins and ships no header for them, so
 * what is used of its interface is declared here. */
#ifndef DFU_QEMU_PLUGIN_H
#define DFU_QEMU_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;

int qemu_plugin_version = 1;
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*found)(uint64_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*executed)(unsigned, void *), int flags,
                                            void *ctx);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                      void (*access)(unsigned, uint32_t, uint64_t, void *),
                                      int flags, int which, void *ctx);
bool qemu_plugin_mem_is_store(uint32_t info); /* the filter for writes lets reads through */

enum { NO_REGISTERS = 0, WRITES = 2 };

struct range {
    uint64_t low, high;
};

static inline bool is_in(const struct range *range, uint64_t address)
{
    return address >= range->low && address < range->high;
}

/* NAME=LOW-HIGH */
static inline bool take_range(const char *arg, const char *name, struct range *range)
{
    size_t len = strlen(name);
    char *end;

    if (strncmp(arg, name, len) != 0 || arg[len] != '=') {
        return false;
    }
    range->low = strtoull(arg + len + 1, &end, 0);
    range->high = strtoull(end + 1, NULL, 0);
    return true;
}

#endif
