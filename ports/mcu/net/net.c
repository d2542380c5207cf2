/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "net.h"

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
#include <string.h>

#include "chip_ethernet.h"
#include "console.h"
#include "dfu/err.h"
#include "port.h"

static struct netif interface;
static uint32_t frame[CHIP_ETHERNET_FRAME_MAX / 4];

struct peer {
    struct udp_pcb *socket;
    const ip_addr_t *address;
    u16_t port;
};

u32_t sys_now(void)
{
    return (u32_t)port_now_ms();
}

static err_t send_frame(struct netif *netif, struct pbuf *packet)
{
    static uint32_t whole[CHIP_ETHERNET_FRAME_MAX / 4];

    (void)netif;
    chip_ethernet_send(whole, pbuf_copy_partial(packet, whole, sizeof whole, 0));
    return ERR_OK;
}

static void tell_address(struct netif *netif)
{
    char text[IP4ADDR_STRLEN_MAX];

    if (!ip4_addr_isany(netif_ip4_addr(netif))) {
        console_print("SMP over UDP at ");
        console_print_line(ip4addr_ntoa_r(netif_ip4_addr(netif), text, sizeof text));
    }
}

static err_t start_interface(struct netif *netif)
{
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    netif->mtu = 1500;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    chip_ethernet_start(netif->hwaddr);
    return ERR_OK;
}

static int answer(void *ctx, const uint8_t *data, size_t len)
{
    const struct peer *peer = ctx;
    struct pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM);
    err_t err = ERR_MEM;

    if (packet) {
        (void)pbuf_take(packet, data, (u16_t)len);
        err = udp_sendto(peer->socket, packet, peer->address, peer->port);
        (void)pbuf_free(packet);
    }
    return err == ERR_OK ? DFU_OK : DFU_ERR_IO;
}

static void receive(void *ctx, struct udp_pcb *socket, struct pbuf *packet,
                    const ip_addr_t *address, u16_t port)
{
    static uint8_t request[NET_DATAGRAM_MAX];
    struct peer peer = { socket, address, port };
    struct dfu_smp_link link = { .send = answer, .ctx = &peer };
    u16_t len = pbuf_copy_partial(packet, request, sizeof request, 0);

    (void)pbuf_free(packet);
    dfu_smp_receive(ctx, request, len, &link);
}

void net_start(struct dfu_smp_server *server, const char *address)
{
    static ip4_addr_t own, mask, gateway;
    struct udp_pcb *socket;

    lwip_init();
    if (ip4addr_aton(address, &own)) {
        IP4_ADDR(&mask, 255, 255, 255, 0);
    }
    (void)netif_add(&interface, &own, &mask, &gateway, NULL, start_interface, netif_input);
    netif_set_default(&interface);
    netif_set_status_callback(&interface, tell_address);
    netif_set_link_up(&interface);
    netif_set_up(&interface);
    if (ip4_addr_isany_val(own)) {
        (void)dhcp_start(&interface);
    }
    socket = udp_new();
    if (socket && udp_bind(socket, IP4_ADDR_ANY, NET_SMP_PORT) == ERR_OK) {
        udp_recv(socket, receive, server);
    }
}

void net_poll(void)
{
    size_t len;

    while ((len = chip_ethernet_receive(frame)) > 0) {
        struct pbuf *packet = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_POOL);

        if (packet) {
            (void)pbuf_take(packet, frame, (u16_t)len);
            if (interface.input(packet, &interface) != ERR_OK) {
                (void)pbuf_free(packet);
            }
        }
    }
    sys_check_timeouts();
    port_wake_for(CHIP_ETHERNET_IRQ);
}
