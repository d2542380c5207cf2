/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A QEMU plugin that measures a start: the instructions that are executed from reset until one of the
 * application is, and the lowest address of the stack that is written to.
 *
 * Arguments: out=FILE, app=LOW-HIGH (the application's code), stack=LOW-HIGH. The file gets both
 * numbers, and the processor stops. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "plugin.h"

static struct range app, stack;
static uint64_t instructions, deepest;
static FILE *out;

static void at_instruction(unsigned cpu, void *ctx)
{
    (void)cpu;
    (void)ctx;
    instructions++;
}

static void at_application(unsigned cpu, void *ctx)
{
    (void)cpu;
    (void)ctx;
    fprintf(out, "%" PRIu64 " %" PRIu64 "\n", instructions, stack.high - deepest);
    fflush(out);
    for (;;) {
        pause();
    }
}

static void at_access(unsigned cpu, uint32_t info, uint64_t address, void *ctx)
{
    (void)cpu;
    (void)ctx;
    if (qemu_plugin_mem_is_store(info) && is_in(&stack, address) && address < deepest) {
        deepest = address;
    }
}

static void at_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

        if (is_in(&app, qemu_plugin_insn_vaddr(insn))) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_application, NO_REGISTERS, NULL);
            return;
        }
        qemu_plugin_register_vcpu_insn_exec_cb(insn, at_instruction, NO_REGISTERS, NULL);
        qemu_plugin_register_vcpu_mem_cb(insn, at_access, NO_REGISTERS, WRITES, NULL);
    }
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (!take_range(argv[i], "app", &app) && !take_range(argv[i], "stack", &stack)) {
            fprintf(stderr, "count: what is %s?\n", argv[i]);
            return -1;
        }
    }
    deepest = stack.high;
    qemu_plugin_register_vcpu_tb_trans_cb(id, at_translation);
    return out ? 0 : -1;
}
