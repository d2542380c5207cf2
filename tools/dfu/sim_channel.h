/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_channel.h - the virtual device's configuration channel, over TCP. */
#ifndef DFU_DFU_SIM_CHANNEL_H
#define DFU_DFU_SIM_CHANNEL_H

#include "cli.h"
#include "dfu/sim_device.h"
#include "server_config.h"

struct sim_channel {
    struct dfu_sim_device *device;
    struct dfu_server_config server;
    uint32_t seen_starts;
    int tcp_port;
};

/* Serve it; the device must have been set up. 0 or an exit code. */
int sim_channel_open(struct cli *cli, struct sim_channel *channel, struct dfu_sim_device *device,
                     struct dfu_loop *loop, const char *address, uint16_t port);
void sim_channel_close(struct sim_channel *channel);

/* Follow the device: a restart ends the connections. */
void sim_channel_poll(struct sim_channel *channel);

#endif
