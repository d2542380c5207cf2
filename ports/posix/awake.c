/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "awake.h"

#include <sched.h>
#include <time.h>

#define NEAR_US  200u /* an answer from this machine, to somebody who slept */
#define AWAKE_US 30u
#define VAIN_MAX 63u

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
    a->is_asleep = !a->has_room || !a->is_near || a->rest > 0;
    a->was_awake = !a->is_asleep;
    a->start_us = now_us();
}

bool dfu_awake_lasts(struct dfu_awake *a)
{
    a->is_asleep = a->is_asleep || now_us() - a->start_us >= AWAKE_US;
    return !a->is_asleep;
}

void dfu_awake_end(struct dfu_awake *a, bool came)
{
    if (!a->is_asleep) {
        a->vain = a->vain > 0 ? (uint8_t)(a->vain - 1) : 0;
    } else if (a->was_awake) {
        a->vain = a->vain < VAIN_MAX / 2 ? (uint8_t)(a->vain * 2 + 1) : VAIN_MAX;
        a->rest = a->vain / 2;
        a->is_near = false;
    } else {
        a->is_near = came && now_us() - a->start_us < NEAR_US;
        if (a->is_near && a->rest > 0) {
            a->rest--;
        }
    }
}
