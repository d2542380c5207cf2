/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_usb.h - the virtual device's USB port.
 *
 * While the application runs, the port shows a CDC-ACM console that carries SMP, and the run-time
 * DFU interface; after DFU_DETACH it comes back in DFU mode with the image slots as alternates. A
 * device without a bootable image shows DFU mode from its bootloader, and one that waits for a
 * download does so before it starts its application. In serial recovery there is the console, and
 * DFU_DETACH leads nowhere. It does no I/O: what is on the other end of
 * the cable calls in (usbip.h, or a test). */
#ifndef DFU_SIM_USB_H
#define DFU_SIM_USB_H

#include "dfu/sim_device.h"
#include "dfu/smp_serial.h"
#include "dfu/usb_device.h"
#include "dfu/usb_dfuse.h"
#include "dfu/usb_wait.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SIM_USB_TRANSFER_SIZE 4096u
#define DFU_SIM_USB_TX_SIZE       16384u

struct dfu_sim_usb_config {
    struct dfu_sim_device *device;
    uint32_t link; /* by which the device's frame callback knows this port */
    struct dfu_usb_identity identity;
    uint16_t transfer_size;                   /* 0: DFU_SIM_USB_TRANSFER_SIZE, which is the most */
    bool upload, reboot, permanent;           /* as in struct dfu_usb_dfu_config and _slot_config */
    bool no_will_detach;                      /* wait for the host's reset instead */
    bool dfuse;                               /* DfuSe addressing; includes reboot */
    bool announce_flash_time;                 /* flash takes as long as on the part, so say so */
    const struct dfu_usb_slot_timing *timing; /* or NULL: that of the slots' simulated part */
};

struct dfu_sim_usb {
    const struct dfu_sim_usb_config *cfg;
    struct dfu_usb_device usb;
    bool is_plugged;

    /* the port's own */
    struct dfu_usb_dfuse_slot slots[2 * DFU_IMAGES_MAX]; /* or what they begin with */
    struct dfu_usb_slot_config slot_configs[DFU_IMAGES_MAX];
    struct dfu_usb_alt alts[2 * DFU_IMAGES_MAX];
    char names[2 * DFU_IMAGES_MAX][64];
    struct dfu_usb_dfu_config dfu_config;
    struct dfu_usb_device_config usb_config;
    enum dfu_sim_device_state seen_state;
    uint32_t seen_starts;
    struct dfu_usb_wait wait;
    struct dfu_smp_serial_decoder decoder;
    uint8_t rx[DFU_SIM_SMP_BUF_MAX + DFU_SMP_SERIAL_CRC_SIZE];
    uint8_t tx[DFU_SIM_USB_TX_SIZE];
    size_t tx_len;
    uint8_t block[DFU_SIM_USB_TRANSFER_SIZE], scratch[4096];
};

/* cfg and the device must outlive the port; nothing is on the bus before the first poll. */
int dfu_sim_usb_init(struct dfu_sim_usb *port, const struct dfu_sim_usb_config *cfg);

/* Follow the device, do a piece of flash work, keep the times. True: the device left the bus, and
 * a host that was attached has to attach again. */
bool dfu_sim_usb_poll(struct dfu_sim_usb *port, uint64_t now_ms);

/* When poll has something to do (0: at once), or UINT64_MAX. */
uint64_t dfu_sim_usb_due_ms(const struct dfu_sim_usb *port, uint64_t now_ms);

/* ---- The cable: only while is_plugged ---- */

/* One control request, as dfu_usb_device_control(); packets to and from the serial line of a device
 * at run time. in: the bytes taken out, 0 if there are none. */
int dfu_sim_usb_control(struct dfu_sim_usb *port, const struct dfu_usb_setup *setup, uint8_t *data,
                        uint64_t now_ms);
void dfu_sim_usb_out(struct dfu_sim_usb *port, uint8_t endpoint, const uint8_t *data, size_t len,
                     uint64_t now_ms);
size_t dfu_sim_usb_in(struct dfu_sim_usb *port, uint8_t endpoint, uint8_t *buf, size_t cap);

/* A bus reset; where it changes the personality, that happens at once and without leaving the
 * bus: the host reads the new descriptors next. */
void dfu_sim_usb_bus_reset(struct dfu_sim_usb *port, uint64_t now_ms);

/* ---- The device ---- */

/* An SMP packet for this port's host. What finds no room is lost, as on a UART. */
void dfu_sim_usb_send(struct dfu_sim_usb *port, const uint8_t *packet, size_t len);

#ifdef __cplusplus
}
#endif
#endif
