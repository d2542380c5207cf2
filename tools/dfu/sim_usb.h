/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_usb.h - the virtual device's USB port, shown over USB/IP. */
#ifndef DFU_DFU_SIM_USB_H
#define DFU_DFU_SIM_USB_H

#include "cli.h"
#include "dfu/sim_usb.h"
#include "server_usbip.h"

/* What the command line says about it. */
struct sim_usb_options {
    bool is_wanted;
    uint16_t port;
    const char *serial;
    uint32_t transfer_size;
    bool no_upload, permanent, reboot, no_will_detach, dfuse;
    uint32_t wait_ms; /* in the bootloader, at each start; 0: not */
};

struct sim_usb {
    struct dfu_sim_usb_config config;
    struct dfu_sim_usb port;
    struct dfu_usbip_export exported;
    struct dfu_server_usbip server;
    int tcp_port;
};

/* Serve USB/IP; the device must have been set up. 0 or an exit code. */
int sim_usb_open(struct cli *cli, struct sim_usb *usb, const struct sim_usb_options *options,
                 struct dfu_sim_device *device, uint32_t link, struct dfu_loop *loop,
                 const char *address);
void sim_usb_close(struct sim_usb *usb);

/* Follow the device and do what is due; when that is next. */
void sim_usb_poll(struct sim_usb *usb);
uint64_t sim_usb_due_ms(const struct sim_usb *usb);

#endif
