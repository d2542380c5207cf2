/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sim_usb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/usb_device.h"

static const struct dfu_usb_device *plugged_device(void *ctx)
{
    const struct sim_usb *usb = ctx;

    return usb->port.is_plugged ? &usb->port.usb : NULL;
}

static int control(void *ctx, const struct dfu_usb_setup *setup, uint8_t *data)
{
    struct sim_usb *usb = ctx;

    return dfu_sim_usb_control(&usb->port, setup, data, dfu_loop_now_ms());
}

static void bytes_out(void *ctx, uint8_t endpoint, const uint8_t *data, size_t len)
{
    struct sim_usb *usb = ctx;

    dfu_sim_usb_out(&usb->port, endpoint, data, len, dfu_loop_now_ms());
}

static size_t bytes_in(void *ctx, uint8_t endpoint, uint8_t *buf, size_t cap)
{
    struct sim_usb *usb = ctx;

    return dfu_sim_usb_in(&usb->port, endpoint, buf, cap);
}

static void bus_reset(void *ctx)
{
    struct sim_usb *usb = ctx;

    dfu_sim_usb_bus_reset(&usb->port, dfu_loop_now_ms());
}

static void configure(struct sim_usb *usb, const struct sim_usb_options *options,
                      struct dfu_sim_device *device, uint32_t link)
{
    usb->config = (struct dfu_sim_usb_config){
        .device = device,
        .link = link,
        .identity = { .vendor = 0x2fe3, /* as Zephyr's samples */
                      .product = 0x0100,
                      .dfu_product = 0xffff,
                      .release = 0x0100,
                      .manufacturer = "dfukit",
                      .name = "dfukit virtual device",
                      .serial = options->serial,
                      .guid = "{5d2c63c1-47d5-4f3f-a0a5-3f2c0d9e1b64}",
                      .web_url = "https://devanlai.github.io/webdfu/dfu-util/" },
        .transfer_size = (uint16_t)options->transfer_size,
        .upload = !options->no_upload,
        .reboot = options->reboot,
        .permanent = options->permanent,
        .no_will_detach = options->no_will_detach,
        .dfuse = options->dfuse,
        .announce_flash_time = device->cfg->flash_time != NULL,
    };
    usb->exported = (struct dfu_usbip_export){
        .device = plugged_device,
        .control = control,
        .out = bytes_out,
        .in = bytes_in,
        .bus_reset = bus_reset,
        .ctx = usb,
    };
    usb->server.shown = &usb->exported;
}

int sim_usb_open(struct cli *cli, struct sim_usb *usb, const struct sim_usb_options *options,
                 struct dfu_sim_device *device, uint32_t link, struct dfu_loop *loop,
                 const char *address)
{
    configure(usb, options, device, link);
    if (dfu_sim_usb_init(&usb->port, &usb->config)) {
        return cli_fail(cli, CLI_USAGE,
                        "this board's slots can't be shown over USB; leave out "
                        "--usbip");
    }
    usb->tcp_port = dfu_server_usbip_open(&usb->server, loop, address, options->port);
    if (usb->tcp_port == -EADDRINUSE) {
        return cli_fail(cli, CLI_NO_DEVICE,
                        "TCP port %u is in use by another program; choose another one, or "
                        "--usbip 0 to find a free one",
                        options->port);
    }
    if (usb->tcp_port < 0) {
        return cli_fail(cli, CLI_NO_DEVICE,
                        "cannot serve USB/IP on TCP port %u: %s; choose another port or address",
                        options->port, strerror(-usb->tcp_port));
    }
    printf("sim: serving usbip:%s:%d, bus id " DFU_USBIP_BUSID "\n",
           address ? address : "localhost", usb->tcp_port);
    return 0;
}

void sim_usb_close(struct sim_usb *usb)
{
    dfu_server_usbip_close(&usb->server);
}

void sim_usb_poll(struct sim_usb *usb)
{
    if (dfu_sim_usb_poll(&usb->port, dfu_loop_now_ms())) {
        dfu_server_usbip_unplug(&usb->server);
    }
    dfu_server_usbip_poll(&usb->server);
}

uint64_t sim_usb_due_ms(const struct sim_usb *usb)
{
    return dfu_sim_usb_due_ms(&usb->port, dfu_loop_now_ms());
}
