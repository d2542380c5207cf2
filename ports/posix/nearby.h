/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* nearby.h - what a target may name: this computer's serial ports, Bluetooth devices near it, and
 * UDP addresses to ask who is there. */
#ifndef DFU_POSIX_NEARBY_H
#define DFU_POSIX_NEARBY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link.h"

/* Texts are the system's, NULL where it tells none. */
struct dfu_serial_port {
    const char *path, *description, *serial_number;
    int vid, pid; /* of USB; -1: not told */
};

/* Every serial port, in the system's order. DFU_ERR_IO if they cannot be listed. */
int dfu_nearby_serial(void (*visit)(void *ctx, const struct dfu_serial_port *port), void *ctx);

/* A Bluetooth device that says it has SMP's service. */
struct dfu_ble_device {
    const char *address, *name; /* name: NULL if it tells none */
    int rssi;                   /* dBm */
};

/* Look for devices for so long, and tell of each that is heard. 0, or, with why, as
 * dfu_link_open(). */
int dfu_nearby_ble(uint32_t wait_ms, void (*visit)(void *ctx, const struct dfu_ble_device *device),
                   void *ctx, char why[DFU_LINK_WHY_LEN]);

/* Sockets that may ask many addresses at once; -1: this computer has none of that kind. */
struct dfu_nearby {
    int v4, v6;
};

/* False: it has neither. Close it in any case. */
bool dfu_nearby_open(struct dfu_nearby *nearby);
void dfu_nearby_close(struct dfu_nearby *nearby);

/* Send a packet to "HOST[:PORT]" (a broadcast or multicast address asks all of a network), or with
 * NULL to every network: IPv4's broadcast address, and all nodes of an IPv6 link, ff02::1. How many
 * addresses it went to, or, with why, DFU_ERR_INVAL or DFU_ERR_NOENT. */
int dfu_nearby_ask(const struct dfu_nearby *nearby, const char *address, const uint8_t *packet,
                   size_t len, char why[DFU_LINK_WHY_LEN]);

/* The next datagram; its length, 0 if none came in time. from: "192.0.2.7:1337" or
 * "[fe80::1%eth0]:1337". */
#define DFU_NEARBY_FROM_LEN 96u
size_t dfu_nearby_receive(const struct dfu_nearby *nearby, uint8_t *packet, size_t cap,
                          uint32_t timeout_ms, char from[DFU_NEARBY_FROM_LEN]);

#endif
