/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static const int numbers[] = { SIGINT, SIGTERM };
static volatile sig_atomic_t came;

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static void set_all(void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler }, before;

    for (size_t i = 0; i < NUMBERS; i++) {
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL); /* nohup and the like stay as they are */
        }
    }
}

static void take(int number)
{
    came = number;
    set_all(SIG_DFL);
}

void interrupt_catch(void)
{
    came = 0;
    set_all(take);
}

void interrupt_release(void)
{
    set_all(SIG_DFL);
}

int interrupt_came(void)
{
    return came;
}
