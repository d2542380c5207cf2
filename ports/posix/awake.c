/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "awake.h"

#include <sched.h>
#include <time.h>

#define NEAR_US  200u /* an answer from this machine, to somebody who slept */
#define AWAKE_US 30u

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

void dfu_awake_init(struct dfu_awake *a)
{
    cpu_set_t set;

    a->has_room = sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1;
    a->is_near = true;
}

void dfu_awake_begin(struct dfu_awake *a)
{
    a->is_asleep = !a->has_room || !a->is_near;
    a->start_us = now_us();
}

bool dfu_awake_lasts(struct dfu_awake *a)
{
    a->is_asleep = a->is_asleep || now_us() - a->start_us >= AWAKE_US;
    return !a->is_asleep;
}

void dfu_awake_end(struct dfu_awake *a, bool came)
{
    a->is_near = came && (!a->is_asleep || now_us() - a->start_us < NEAR_US);
}
