/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sim_links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim_host.h"

/* ---- Packets ---- */

/* peer: who sent it, where the link has several ends. */
static void receive(struct sim_links *links, enum sim_link link, const void *peer, size_t peer_len,
                    const uint8_t *packet, size_t len)
{
    links->device->peer = peer;
    links->device->peer_len = peer_len;
    links->device->is_bluetooth = link == SIM_LINK_BLE;
    dfu_sim_device_receive(links->device, link, packet, len, dfu_loop_now_ms());
}

static void receive_udp(void *ctx, const uint8_t *packet, size_t len)
{
    const struct sim_links *links = ctx;

    receive(ctx, SIM_LINK_UDP, &links->udp.asker_address, links->udp.asker_len, packet, len);
}

static void receive_serial(void *ctx, const uint8_t *packet, size_t len)
{
    receive(ctx, SIM_LINK_SERIAL, NULL, 0, packet, len);
}

static bool echoes(void *ctx)
{
    const struct sim_links *links = ctx;

    return links->config->console_on_serial && dfu_sim_device_echoes(links->device);
}

static void receive_tcp(void *ctx, const uint8_t *packet, size_t len)
{
    const struct sim_links *links = ctx;

    receive(ctx, SIM_LINK_TCP, &links->tcp.connection, sizeof links->tcp.connection, packet, len);
}

static void receive_dtls(void *ctx, const uint8_t *packet, size_t len)
{
    const uint32_t *number = &((const struct sim_links *)ctx)->dtls.answered->number;

    receive(ctx, SIM_LINK_DTLS, number, sizeof *number, packet, len);
}

static void receive_ble(void *ctx, const uint8_t *packet, size_t len)
{
    const struct sim_links *links = ctx;

    receive(ctx, SIM_LINK_BLE, links->ble.peer, strlen(links->ble.peer), packet, len);
}

static void say(void *ctx, const char *text)
{
    (void)ctx;
    puts(text);
}

void sim_links_send(struct sim_links *links, uint32_t link, const uint8_t *packet, size_t len)
{
    switch (link) {
    case SIM_LINK_UDP: dfu_server_udp_send(&links->udp, packet, len); break;
    case SIM_LINK_SERIAL: dfu_server_pty_send(&links->serial, packet, len); break;
    case SIM_LINK_TCP: dfu_server_tcp_send(&links->tcp, packet, len); break;
    case SIM_LINK_DTLS: dfu_server_dtls_send(&links->dtls, packet, len); break;
    case SIM_LINK_BLE: dfu_server_ble_send(&links->ble, packet, len); break;
    default: break;
    }
}

void sim_links_print(struct sim_links *links, const char *text)
{
    if (links->is_serial_open && links->config->console_on_serial) {
        dfu_server_pty_print(&links->serial, text);
    }
}

/* ---- Opening ---- */

static int port_failed(const struct sim_links *links, const char *kind, const char *option,
                       uint16_t port, int error)
{
    switch (error) {
    case EADDRINUSE:
        return cli_fail(links->cli, CLI_NO_DEVICE,
                        "%s port %u is in use by another program; choose another one, or "
                        "%s 0 to find a free one",
                        kind, port, option);
    case EINVAL:
        return cli_fail(links->cli, CLI_USAGE,
                        "'%s' is no address; give an IPv4 or IPv6 address of this machine, or any",
                        links->config->address);
    default:
        return cli_fail(links->cli, CLI_NO_DEVICE,
                        "cannot serve %s port %u: %s; choose another port or address", kind, port,
                        strerror(error));
    }
}

static const char *shown_address(const struct sim_links *links)
{
    const char *address = links->config->address;

    return address ? address : "localhost";
}

static int serve_udp(struct sim_links *links)
{
    const struct sim_host_config *config = links->config;

    if (!config->has_udp) {
        return 0;
    }
    links->udp.packet = receive_udp;
    links->udp.ctx = links;
    links->udp_port =
        dfu_server_udp_open(&links->udp, links->loop, config->address, config->udp_port);
    if (links->udp_port < 0) {
        return port_failed(links, "UDP", "--udp", config->udp_port, -links->udp_port);
    }
    printf("sim: serving udp:%s:%d\n", shown_address(links), links->udp_port);
    return 0;
}

static int serve_tcp(struct sim_links *links)
{
    const struct sim_host_config *config = links->config;

    if (!config->has_tcp) {
        return 0;
    }
    links->tcp.packet = receive_tcp;
    links->tcp.ctx = links;
    links->tcp.is_raw = config->is_serial_raw;
    links->tcp_port =
        dfu_server_tcp_open(&links->tcp, links->loop, config->address, config->tcp_port);
    if (links->tcp_port < 0) {
        return port_failed(links, "TCP", "--tcp", config->tcp_port, -links->tcp_port);
    }
    printf("sim: serving tcp:%s:%d%s\n", shown_address(links), links->tcp_port,
           config->is_serial_raw ? ",raw" : "");
    return 0;
}

static int serve_serial(struct sim_links *links)
{
    const struct sim_host_config *config = links->config;
    int err;

    if (!config->serial) {
        return 0;
    }
    links->serial.packet = receive_serial;
    links->serial.echoes = echoes;
    links->serial.ctx = links;
    links->serial.baud = config->baud;
    links->serial.is_raw = config->is_serial_raw;
    err = dfu_server_pty_open(&links->serial, links->loop, config->serial);
    if (err == -EEXIST) {
        return cli_fail(links->cli, CLI_USAGE,
                        "%s exists and is no link to a pseudo terminal; remove it or choose "
                        "another name",
                        config->serial);
    }
    if (err == -EBUSY) {
        return cli_fail(links->cli, CLI_NO_DEVICE,
                        "%s is the serial line of another virtual device, which runs; stop that "
                        "one or choose another name",
                        config->serial);
    }
    if (err) {
        return cli_fail(links->cli, CLI_NO_DEVICE,
                        "cannot make the serial line %s: %s; choose another name", config->serial,
                        strerror(-err));
    }
    links->is_serial_open = true;
    printf("sim: serving serial:%s%s (%s)\n", config->serial, config->is_serial_raw ? ",raw" : "",
           links->serial.name);
    return 0;
}

static int serve_dtls(struct sim_links *links)
{
    const struct sim_host_config *config = links->config;
    char why[256] = "";

    if (!config->has_dtls) {
        return 0;
    }
    links->dtls.packet = receive_dtls;
    links->dtls.line = say;
    links->dtls.ctx = links;
    links->dtls_port = dfu_server_dtls_open(&links->dtls, links->loop, &config->dtls,
                                            config->address, config->dtls_port, why, sizeof why);
    if (why[0]) {
        return cli_fail(links->cli, CLI_USAGE, "DTLS cannot be served: %s", why);
    }
    if (links->dtls_port < 0) {
        return port_failed(links, "UDP", "--dtls", config->dtls_port, -links->dtls_port);
    }
    printf("sim: serving dtls:%s:%d\n", shown_address(links), links->dtls_port);
    return 0;
}

/* BlueZ gives a peripheral no say in the connection's parameters, so this one only tells. */
static void say_latency(void *ctx, bool is_low)
{
    (void)ctx;
    puts(is_low ? "sim: Bluetooth: low latency wanted, for an upload"
                : "sim: Bluetooth: the usual latency will do");
}

struct dfu_transfer_subscriber sim_links_transfer(struct sim_links *links)
{
    links->latency.set = say_latency;
    return (struct dfu_transfer_subscriber){ dfu_latency_transfer, &links->latency };
}

static int serve_ble(struct sim_links *links)
{
    const struct sim_host_config *config = links->config;
    char why[DFU_LINK_WHY_LEN] = "";

    if (!config->ble) {
        return 0;
    }
    links->ble.packet = receive_ble;
    links->ble.line = say;
    links->ble.ctx = links;
    links->ble.name = config->ble;
    links->ble.adapter = config->ble_adapter;
    links->ble.latency = &links->latency;
    links->ble.authenticated_only = config->is_ble_authenticated;
    if (dfu_server_ble_open(&links->ble, links->loop, why)) {
        return cli_fail(links->cli, CLI_NO_DEVICE, "%s", why);
    }
    printf("sim: serving ble:%s (%s)\n", config->ble, strrchr(links->ble.bluez.adapter, '/') + 1);
    return 0;
}

int sim_links_open(struct cli *cli, struct sim_links *links, const struct sim_host_config *config,
                   struct dfu_sim_device *device, struct dfu_loop *loop)
{
    int err;

    links->cli = cli;
    links->config = config;
    links->device = device;
    links->loop = loop;
    err = serve_udp(links);
    if (!err) {
        err = serve_serial(links);
    }
    if (!err) {
        err = serve_tcp(links);
    }
    if (!err) {
        err = serve_dtls(links);
    }
    return err ? err : serve_ble(links);
}

void sim_links_tell(const struct sim_links *links, cJSON *json)
{
    if (links->config->has_udp) {
        cJSON_AddNumberToObject(json, "udp", links->udp_port);
    }
    if (links->config->has_tcp) {
        cJSON_AddNumberToObject(json, "tcp", links->tcp_port);
    }
    if (links->config->has_dtls) {
        cJSON_AddNumberToObject(json, "dtls", links->dtls_port);
    }
    if (links->config->ble) {
        cJSON_AddStringToObject(json, "ble", links->config->ble);
    }
    if (links->config->serial) {
        cJSON_AddStringToObject(json, "serial", links->config->serial);
    }
}

/* ---- Life ---- */

uint64_t sim_links_due_ms(const struct sim_links *links)
{
    uint64_t serial = links->is_serial_open ? dfu_server_pty_due_ms(&links->serial) : UINT64_MAX;
    uint64_t dtls = dfu_server_dtls_due_ms(&links->dtls);

    uint64_t latency = dfu_latency_due_ms(&links->latency);

    serial = serial < latency ? serial : latency;
    return serial < dtls ? serial : dtls;
}

void sim_links_poll(struct sim_links *links)
{
    if (links->starts != links->device->starts) { /* its RAM is gone */
        links->starts = links->device->starts;
        dfu_server_dtls_forget(&links->dtls);
        dfu_server_ble_restart(&links->ble);
    }
    dfu_server_dtls_poll(&links->dtls);
    dfu_latency_poll(&links->latency, dfu_loop_now_ms());
    if (links->is_serial_open) {
        dfu_server_pty_poll(&links->serial);
    }
}

void sim_links_close(struct sim_links *links)
{
    if (links->is_serial_open) {
        dfu_server_pty_close(&links->serial);
    }
    dfu_server_ble_close(&links->ble);
    dfu_server_dtls_close(&links->dtls);
    dfu_server_tcp_close(&links->tcp);
    dfu_server_udp_close(&links->udp);
}
