/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* link.h - a link between a client and a device that delays, loses, repeats, reorders and damages
 * packets, the same way each time for the same seed. Time is the caller's; memory is the struct. */
#ifndef DFU_SIM_LINK_H
#define DFU_SIM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_LINK_PACKET_MAX 4096u
#define SIM_LINK_PACKETS    64u /* on the way at once; more are lost */

enum sim_link_end { SIM_LINK_DEVICE, SIM_LINK_CLIENT };

struct sim_link_packet {
    bool is_used;
    uint8_t to; /* enum sim_link_end */
    uint32_t number;
    uint64_t due_ms;
    size_t len;
    uint8_t data[SIM_LINK_PACKET_MAX];
};

struct sim_link {
    /* the caller's: zero is a perfect link */
    uint32_t delay_ms; /* one way */
    uint32_t jitter_ms;
    uint32_t loss_permille, repeat_permille;
    uint32_t damage_permille; /* one bit of the packet changes */
    uint32_t wake_ms;         /* the device listens only so often; what comes earlier waits */
    uint32_t bytes_per_s;     /* 0: any number at once; else packets queue up, each way */
    uint32_t cut_number; /* at this packet, counted from 1 over both ways, the link goes down */
    uint64_t seed;

    /* state */
    bool is_down; /* loses everything; the caller brings it up again */
    uint32_t sent, lost, repeated, damaged;
    uint64_t busy_until_us[2];
    struct sim_link_packet packets[SIM_LINK_PACKETS];
};

void sim_link_send(struct sim_link *link, uint64_t now_ms, enum sim_link_end to,
                   const uint8_t *packet, size_t len);

/* The next packet that has arrived at this end by now: its length, or 0. */
size_t sim_link_receive(struct sim_link *link, uint64_t now_ms, enum sim_link_end at,
                        uint8_t *packet, size_t cap);

/* When the next packet arrives, at either end; UINT64_MAX if none is on its way. */
uint64_t sim_link_due_ms(const struct sim_link *link);

/* Everything on its way is gone. */
void sim_link_clear(struct sim_link *link);

#endif
