/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_links.h - the links of the virtual device that carry SMP packets: UDP, DTLS, a pseudo
 * terminal, TCP and Bluetooth LE. USB stands in sim_usb.h. */
#ifndef DFU_DFU_SIM_LINKS_H
#define DFU_DFU_SIM_LINKS_H

#include "cli.h"
#include "dfu/sim_device.h"
#include "event_loop.h"
#include "server_ble.h"
#include "server_dtls.h"
#include "server_pty.h"
#include "server_tcp.h"
#include "server_udp.h"

struct sim_host_config;

/* Numbers of links, for the device. */
enum sim_link {
    SIM_LINK_UDP,
    SIM_LINK_SERIAL,
    SIM_LINK_USB,
    SIM_LINK_TCP,
    SIM_LINK_DTLS,
    SIM_LINK_BLE
};

/* Zeroed, nothing is open. It must stay where it is. */
struct sim_links {
    struct cli *cli;
    const struct sim_host_config *config;
    struct dfu_sim_device *device;
    struct dfu_loop *loop;
    struct dfu_server_udp udp;
    struct dfu_server_pty serial;
    struct dfu_server_tcp tcp;
    struct dfu_server_dtls dtls;
    struct dfu_server_ble ble;
    struct dfu_latency latency; /* of the Bluetooth connection */
    bool is_serial_open;
    int udp_port, tcp_port, dtls_port;
    uint32_t starts; /* of the device, when its DTLS sessions began */
};

/* For the device's configuration: it lives in the links. */
struct dfu_transfer_subscriber sim_links_transfer(struct sim_links *links);

/* All that the configuration asks for. An exit code; close in either case. */
int sim_links_open(struct cli *cli, struct sim_links *links, const struct sim_host_config *config,
                   struct dfu_sim_device *device, struct dfu_loop *loop);
void sim_links_close(struct sim_links *links);

/* An answer to what came in on this link; a line of the console, where one is to show it. */
void sim_links_send(struct sim_links *links, uint32_t link, const uint8_t *packet, size_t len);
void sim_links_print(struct sim_links *links, const char *text);

/* For the ready file. */
void sim_links_tell(const struct sim_links *links, cJSON *json);

/* Poll after each wait, and when due. */
void sim_links_poll(struct sim_links *links);
uint64_t sim_links_due_ms(const struct sim_links *links);

#endif
