/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sim/link.h"

#include <string.h>

/* splitmix64: every packet's fate follows from the seed and its number. */
static uint32_t fate(struct sim_link *link)
{
    uint64_t z = (link->seed += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

/* When a packet that is sent now has left, on a line of limited speed. */
static uint64_t leave_ms(struct sim_link *link, uint64_t now_ms, enum sim_link_end to, size_t len)
{
    uint64_t *busy_us = &link->busy_until_us[to];
    uint64_t now_us = now_ms * 1000u;

    if (link->bytes_per_s == 0) {
        return now_ms;
    }
    *busy_us = (*busy_us > now_us ? *busy_us : now_us) + len * 1000000u / link->bytes_per_s;
    return (*busy_us + 999u) / 1000u;
}

/* Draws only where it is asked for: other links keep their fates. */
static void damage(struct sim_link *link, struct sim_link_packet *p)
{
    if (link->damage_permille > 0 && p->len > 0 && fate(link) % 1000u < link->damage_permille) {
        uint32_t bit = fate(link) % (uint32_t)(p->len * 8);

        p->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        link->damaged++;
    }
}

static void put(struct sim_link *link, uint64_t due_ms, enum sim_link_end to, const uint8_t *packet,
                size_t len)
{
    for (size_t i = 0; i < SIM_LINK_PACKETS; i++) {
        struct sim_link_packet *p = &link->packets[i];

        if (!p->is_used) {
            p->is_used = true;
            p->to = (uint8_t)to;
            p->number = link->sent;
            p->due_ms = due_ms;
            p->len = len;
            memcpy(p->data, packet, len);
            damage(link, p);
            return;
        }
    }
    link->lost++;
}

void sim_link_send(struct sim_link *link, uint64_t now_ms, enum sim_link_end to,
                   const uint8_t *packet, size_t len)
{
    uint64_t due_ms = leave_ms(link, now_ms, to, len) + link->delay_ms;
    uint32_t luck = fate(link) % 1000u;

    if (link->wake_ms > 0 && to == SIM_LINK_DEVICE) {
        due_ms = (due_ms + link->wake_ms - 1) / link->wake_ms * link->wake_ms;
    }

    link->sent++;
    if (link->sent == link->cut_number) {
        link->is_down = true;
    }
    if (link->is_down || luck < link->loss_permille || len > SIM_LINK_PACKET_MAX) {
        link->lost++;
        return;
    }
    put(link, due_ms + (link->jitter_ms > 0 ? fate(link) % link->jitter_ms : 0), to, packet, len);
    if (luck < link->loss_permille + link->repeat_permille) {
        link->repeated++;
        put(link, due_ms + fate(link) % (link->jitter_ms + link->delay_ms + 1), to, packet, len);
    }
}

size_t sim_link_receive(struct sim_link *link, uint64_t now_ms, enum sim_link_end at,
                        uint8_t *packet, size_t cap)
{
    struct sim_link_packet *first = NULL;

    for (size_t i = 0; i < SIM_LINK_PACKETS; i++) {
        struct sim_link_packet *p = &link->packets[i];

        if (p->is_used && p->to == at && p->due_ms <= now_ms &&
            (!first || p->due_ms < first->due_ms ||
             (p->due_ms == first->due_ms && p->number < first->number))) {
            first = p;
        }
    }
    if (!first) {
        return 0;
    }
    first->is_used = false;
    if (first->len > cap) {
        return 0;
    }
    memcpy(packet, first->data, first->len);
    return first->len;
}

uint64_t sim_link_due_ms(const struct sim_link *link)
{
    uint64_t due_ms = UINT64_MAX;

    for (size_t i = 0; i < SIM_LINK_PACKETS; i++) {
        if (link->packets[i].is_used && link->packets[i].due_ms < due_ms) {
            due_ms = link->packets[i].due_ms;
        }
    }
    return due_ms;
}

void sim_link_clear(struct sim_link *link)
{
    for (size_t i = 0; i < SIM_LINK_PACKETS; i++) {
        link->packets[i].is_used = false;
    }
}
