/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sim_channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int set_report(void *ctx, unsigned number, const uint8_t *report, size_t len)
{
    struct sim_channel *channel = ctx;

    return dfu_sim_device_set_report(channel->device, number, report, len, dfu_loop_now_ms());
}

static int get_report(void *ctx, unsigned number, uint8_t out[DFU_CONFIG_REPORT_SIZE])
{
    struct sim_channel *channel = ctx;

    return dfu_sim_device_get_report(channel->device, number, out);
}

static void gone(void *ctx, unsigned number)
{
    struct sim_channel *channel = ctx;

    dfu_sim_device_config_gone(channel->device, number);
}

int sim_channel_open(struct cli *cli, struct sim_channel *channel, struct dfu_sim_device *device,
                     struct dfu_loop *loop, const char *address, uint16_t port)
{
    if (dfu_sim_device_config_check(device->cfg->map)) {
        return cli_fail(cli, CLI_USAGE,
                        "the configuration channel updates a second slot, and this device has "
                        "none; leave out --config-channel, or choose another --board or --mode");
    }
    channel->device = device;
    channel->server.set_report = set_report;
    channel->server.get_report = get_report;
    channel->server.gone = gone;
    channel->server.ctx = channel;
    channel->tcp_port = dfu_server_config_open(&channel->server, loop, address, port);
    if (channel->tcp_port == -EADDRINUSE) {
        return cli_fail(cli, CLI_NO_DEVICE,
                        "TCP port %u is in use by another program; choose another one, or "
                        "--config-channel 0 to find a free one",
                        port);
    }
    if (channel->tcp_port < 0) {
        return cli_fail(cli, CLI_NO_DEVICE,
                        "cannot serve the configuration channel on TCP port %u: %s; choose "
                        "another port or address",
                        port, strerror(-channel->tcp_port));
    }
    printf("sim: serving config:%s:%d\n", address ? address : "localhost", channel->tcp_port);
    return 0;
}

void sim_channel_close(struct sim_channel *channel)
{
    dfu_server_config_close(&channel->server);
}

void sim_channel_poll(struct sim_channel *channel)
{
    if (channel->device && channel->device->starts != channel->seen_starts) {
        if (channel->seen_starts != 0) {
            dfu_server_config_unplug(&channel->server);
        }
        channel->seen_starts = channel->device->starts;
    }
}
