/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Start the bootloader on a device that must not run what it holds, with one instruction going
 * wrong: a call that is skipped, or a conditional jump that goes the other way.
 *
 *     fault-probe reached SCENARIO < SITES     which of them are executed, a line each
 *     fault-probe fault SCENARIO < FAULTS      what comes of each, a line each
 *
 * A site is an address as objdump prints it. A fault is "ADDRESS LENGTH TARGET NTH RESULT": at its
 * NTH execution the instruction of LENGTH bytes is replaced; a call (TARGET 0) is left out, with
 * its first argument (RESULT arg: so it is on Arm) or 0 (RESULT 0) as its result; a jump goes where
 * it would not.
 * The answer is "refused", "ran", "crashed", or "not reached". x86-64 Linux. */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "device.h"

#define SITES_MAX 20000
#define TRAP      0xccu
#define STEP_FLAG 0x100 /* TF */
#define PAGE      4096u
#define SECONDS   5

enum { NOT_REACHED = 2 }; /* beside what device_start() says */

extern const char __executable_start;

static struct {
    uint8_t *at;
    uint8_t byte;
    bool is_reached;
} sites[SITES_MAX];
static size_t site_count;

static uint8_t *address(uint64_t linked)
{
    return (uint8_t *)(uintptr_t)&__executable_start + linked;
}

static void write_byte(uint8_t *at, uint8_t byte)
{
    uint8_t *page = at - (uintptr_t)at % PAGE;

    if (mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)) {
        _exit(100);
    }
    *at = byte;
}

static void note_reached(int number, siginfo_t *info, void *context)
{
    ucontext_t *cpu = context;
    uint8_t *at = (uint8_t *)(uintptr_t)(cpu->uc_mcontext.gregs[REG_RIP] - 1);

    (void)number;
    (void)info;
    for (size_t i = 0; i < site_count; i++) {
        if (sites[i].at == at) {
            sites[i].is_reached = true;
            write_byte(at, sites[i].byte);
            cpu->uc_mcontext.gregs[REG_RIP]--;
            return;
        }
    }
    _exit(101);
}

static struct {
    uint8_t *at, byte, *target;
    unsigned len, left; /* executions until it goes wrong */
    bool is_zero, is_stepping, is_done;
} fault;

/* At the trap: do it right and step over it, or for the last time wrong. */
static void at_fault(greg_t *regs)
{
    regs[REG_RIP]--;
    if (--fault.left == 0 && !fault.target) {
        regs[REG_RAX] = fault.is_zero ? 0 : regs[REG_RDI];
        regs[REG_RIP] += fault.len;
        fault.is_done = true;
        write_byte(fault.at, fault.byte);
        return;
    }
    write_byte(fault.at, fault.byte);
    fault.is_stepping = true;
    regs[REG_EFL] |= STEP_FLAG;
}

static void go_wrong(int number, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint8_t *next = fault.at + fault.len;

    (void)number;
    (void)info;
    if (!fault.is_stepping) {
        at_fault(regs);
        return;
    }
    fault.is_stepping = false;
    regs[REG_EFL] &= ~(greg_t)STEP_FLAG;
    if (fault.left > 0) {
        write_byte(fault.at, TRAP);
        return;
    }
    fault.is_done = true;
    regs[REG_RIP] =
        (greg_t)(uintptr_t)((uint8_t *)(uintptr_t)regs[REG_RIP] == next ? fault.target : next);
}

static void catch_traps(void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

    if (sigaction(SIGTRAP, &action, NULL)) {
        _exit(102);
    }
}

static int print_reached(void)
{
    uint64_t linked;

    while (site_count < SITES_MAX && scanf("%" SCNx64, &linked) == 1) {
        sites[site_count].at = address(linked);
        sites[site_count].byte = *sites[site_count].at;
        site_count++;
    }
    catch_traps(note_reached);
    for (size_t i = 0; i < site_count; i++) {
        write_byte(sites[i].at, TRAP);
    }
    if (device_start() != DEVICE_REFUSED) {
        return 1;
    }
    for (size_t i = 0; i < site_count; i++) {
        if (sites[i].is_reached) {
            printf("%" PRIx64 "\n", (uint64_t)(sites[i].at - address(0)));
        }
    }
    return 0;
}

static int child(void)
{
    int outcome;

    (void)alarm(SECONDS);
    catch_traps(go_wrong);
    write_byte(fault.at, TRAP);
    outcome = device_start();
    return fault.is_done || outcome == DEVICE_RAN ? outcome : NOT_REACHED;
}

static const char *outcome_of(int status)
{
    static const char *const names[] = { "refused", "ran", "not reached" };

    return WIFEXITED(status) && WEXITSTATUS(status) < 3 ? names[WEXITSTATUS(status)] : "crashed";
}

static int try_faults(void)
{
    uint64_t linked, target;
    unsigned len, nth;
    char result[8];

    while (scanf("%" SCNx64 " %u %" SCNx64 " %u %7s", &linked, &len, &target, &nth, result) == 5) {
        int status = 0;
        pid_t pid;

        fault.at = address(linked);
        fault.byte = *fault.at;
        fault.target = target ? address(target) : NULL;
        fault.len = len;
        fault.left = nth;
        fault.is_zero = strcmp(result, "0") == 0;
        pid = fork();
        if (pid == 0) {
            _exit(child());
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            return 1;
        }
        printf("%s\n", outcome_of(status));
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "scenarios") == 0) {
        device_print_names();
        return 0;
    }
    if (argc != 3 || !device_set_up(argv[2])) {
        return 2;
    }
    return strcmp(argv[1], "reached") == 0 ? print_reached() : try_faults();
}
