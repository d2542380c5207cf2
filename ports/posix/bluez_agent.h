/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* bluez_agent.h - whom BlueZ asks when a device is paired. A client types the passkey that the
 * device shows; a device shows one. */
#ifndef DFU_POSIX_BLUEZ_AGENT_H
#define DFU_POSIX_BLUEZ_AGENT_H

#include "bluez.h"

struct dfu_bluez_agent {
    const char *peer; /* a client's: whom to ask the user about */
    bool has_passkey;
    uint32_t passkey;
    void (*show)(void *ctx, uint32_t passkey); /* a device's */
    void *ctx;
};

/* For what this connection pairs itself. passkey: NULL asks the user at the terminal. The agent and
 * peer must stay where they are as long as the connection is open. False: BlueZ doesn't want it. */
bool dfu_bluez_agent_begin(struct dfu_bluez_agent *agent, struct dfu_bluez *bluez, const char *peer,
                           const uint32_t *passkey);

/* For whoever pairs with this machine, as its default agent. */
bool dfu_bluez_agent_show(struct dfu_bluez_agent *agent, struct dfu_bluez *bluez,
                          void (*show)(void *ctx, uint32_t passkey), void *ctx);

#endif
