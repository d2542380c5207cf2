/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* awake.h - how to wait for a peer that may be on this machine.
 *
 * It answers sooner than a process that sleeps gets going again. So where the last answer took no
 * time, the next one is looked for without sleep, but not for long, and never where the process has
 * only one processor, which the peer needs. If that is in vain again and again, as where others keep
 * the processors busy, it is tried less and less often. */
#ifndef DFU_POSIX_AWAKE_H
#define DFU_POSIX_AWAKE_H

#include <stdbool.h>
#include <stdint.h>

struct dfu_awake {
    bool has_room;  /* there are several processors */
    bool is_near;   /* the peer, by its last answer */
    bool is_asleep; /* in this wait */
    bool was_awake; /* when it began */
    uint8_t vain;   /* how often lately that was in vain, more or less */
    uint8_t rest;   /* waits for a peer that is near that are slept through before the next try */
    uint64_t start_us;
};

/* The peer counts as near until it is known better. */
void dfu_awake_init(struct dfu_awake *a);

/* A wait begins. */
void dfu_awake_begin(struct dfu_awake *a);

/* Whether to look again at once; false from then on in this wait: to sleep is better. */
bool dfu_awake_lasts(struct dfu_awake *a);

/* The wait is over; came: by what was waited for. */
void dfu_awake_end(struct dfu_awake *a, bool came);

#endif
