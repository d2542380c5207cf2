/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* bluez_agent.h - whom BlueZ asks when a device is paired. A client types the passkey that the
 * device shows; a device shows one. */
#ifndef DFU_POSIX_BLUEZ_AGENT_H
#define DFU_POSIX_BLUEZ_AGENT_H

#include "bluez.h"

struct dfu_bluez_agent {
    /* a client's */
    struct dfu_bluez *bluez;
    const char *device; /* that it pairs with: a path */
    const char *peer;   /* the same, as its user calls it */
    bool has_passkey;
    uint32_t passkey;
    bool was_asked, has_answered; /* for the passkey */

    void (*show)(void *ctx, uint32_t passkey); /* a device's */
    void *ctx;
};

/* For what BlueZ pairs with this device until dfu_bluez_agent_end(), as its default agent: BlueZ
 * pairs when a device refuses something, too, and asks that one. passkey: NULL asks the user at the
 * terminal. The agent, device and peer must stay where they are as long as the connection is open.
 * Once per connection. False: BlueZ doesn't want it. */
bool dfu_bluez_agent_begin(struct dfu_bluez_agent *agent, struct dfu_bluez *bluez,
                           const char *device, const char *peer, const uint32_t *passkey);
void dfu_bluez_agent_end(struct dfu_bluez *bluez);

/* For whoever pairs with this machine, as its default agent. */
bool dfu_bluez_agent_show(struct dfu_bluez_agent *agent, struct dfu_bluez *bluez,
                          void (*show)(void *ctx, uint32_t passkey), void *ctx);

#endif
