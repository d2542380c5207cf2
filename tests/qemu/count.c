/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A QEMU plugin that measures a start: the instructions that are executed from reset until one of the
 * application is, and the lowest address of the stack that is written to. Debian's QEMU 7.2 can
 * load plugins and ships no header for them, so what is used of its interface is declared here.
 *
 * Arguments: out=FILE, app=LOW-HIGH (the application's code), stack=LOW-HIGH. The file gets both
 * numbers, and the processor stops. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
bool qemu_plugin_mem_is_store(uint32_t info);

enum { NO_REGISTERS = 0, WRITES = 2 };

struct range {
    uint64_t low, high;
};
static struct range app, stack;
static uint64_t instructions, deepest;
static FILE *out;

static bool is_in(const struct range *range, uint64_t address)
{
    return address >= range->low && address < range->high;
}

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

/* The filter for writes lets reads through in this version. */
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

static bool take_range(const char *arg, const char *name, struct range *range)
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
