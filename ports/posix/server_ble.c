/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* BlueZ asks for a socket for writes and one for notifications when a central begins with either:
 * one datagram is one value. That for writes stays open over all connections: values that come
 * while BlueZ 5.66 waits for it are lost, for it keeps where they lay and not what they were. */
#include "server_ble.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dfu/err.h"

#define ROOT           "/dfukit"
#define SERVICE        ROOT "/service0"
#define CHARACTERISTIC SERVICE "/char0"
#define ADVERTISEMENT  ROOT "/advertisement0"
#define ADVERTISING    "org.bluez.LEAdvertisingManager1"
#define DISCONNECT_MS  5000u
#define ANSWERS        4u /* that may wait */

/* ---- The connection ---- */

static void close_file(struct dfu_loop_file *file)
{
    if (file->fd >= 0) {
        close(file->fd);
    }
    file->fd = -1;
    file->wants_write = false;
}

static sd_bus_message *message_of(struct dfu_bluez *bluez, const char *manager, const char *member,
                                  const char *object)
{
    sd_bus_message *m = dfu_bluez_message(bluez, bluez->adapter, manager, member);

    if (m && sdbus.message_append(m, "oa{sv}", object, 0) < 0) {
        sdbus.message_unref(m);
        return NULL;
    }
    return m;
}

/* Whoever is being served is alone: with BlueZ all centrals would share the sockets, so no other
 * one is to find this device. */
static void stop_advertising(struct dfu_server_ble *server)
{
    struct dfu_bluez *bluez = &server->bluez;
    sd_bus_message *m =
        dfu_bluez_message(bluez, bluez->adapter, ADVERTISING, "UnregisterAdvertisement");

    if (m && sdbus.message_append(m, "o", ADVERTISEMENT) < 0) {
        sdbus.message_unref(m);
        m = NULL;
    }
    dfu_bluez_post(bluez, m);
}

/* What is left of a connection that ended. */
static void drop_writes(struct dfu_server_ble *server)
{
    uint8_t value[DFU_BLE_VALUE_MAX];

    while (server->write_file.fd >= 0 &&
           recv(server->write_file.fd, value, sizeof(value), MSG_DONTWAIT) > 0) {
    }
    server->write_file.ignores_input = false;
}

static void forget_peer(struct dfu_server_ble *server)
{
    drop_writes(server);
    close_file(&server->notify_file);
    dfu_smp_ble_disconnected(&server->ble);
    if (server->peer[0]) {
        dfu_bluez_post(&server->bluez, message_of(&server->bluez, ADVERTISING,
                                                  "RegisterAdvertisement", ADVERTISEMENT));
    }
    server->peer[0] = 0;
}

static bool is_served(struct dfu_server_ble *server, const char *device)
{
    if (server->peer[0]) {
        return strcmp(server->peer, device) == 0;
    }
    if (dfu_smp_ble_connected(&server->ble)) {
        return false;
    }
    snprintf(server->peer, sizeof(server->peer), "%s", device);
    stop_advertising(server);
    if (server->authenticated_only) {
        dfu_smp_ble_secured(&server->ble); /* by our flags BlueZ lets nobody else ask */
    }
    return true;
}

static void read_writes(void *ctx)
{
    struct dfu_server_ble *server = ctx;
    uint8_t value[DFU_BLE_MTU_MAX]; /* some fill MTU - 3 bytes, be it more than 512 */

    while (server->write_file.fd >= 0 && dfu_smp_ble_is_ready(&server->ble)) {
        ssize_t len = recv(server->write_file.fd, value, sizeof(value), MSG_DONTWAIT);

        if (len < 0) {
            return;
        }
        if (len == 0) {
            close_file(&server->write_file);
            return;
        }
        (void)dfu_smp_ble_on_write(&server->ble, value, (size_t)len);
    }
    server->write_file.ignores_input = server->write_file.fd >= 0;
}

static int notify(void *ctx, const uint8_t *value, size_t len)
{
    struct dfu_server_ble *server = ctx;

    if (send(server->notify_file.fd, value, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
        return 0;
    }
    server->notify_file.wants_write = errno == EAGAIN;
    return errno == EAGAIN ? DFU_ERR_BUSY : DFU_ERR_IO;
}

/* BlueZ writes nothing here: it is closed, or has room again. */
static void go_on_notifying(void *ctx)
{
    struct dfu_server_ble *server = ctx;
    char byte;

    if (server->notify_file.fd >= 0 &&
        recv(server->notify_file.fd, &byte, sizeof(byte), MSG_DONTWAIT) == 0) {
        dfu_smp_ble_subscribed(&server->ble, false);
        close_file(&server->notify_file);
    }
    server->notify_file.wants_write = false;
    dfu_smp_ble_sent(&server->ble);
    server->write_file.ignores_input = false;
}

static void take_packet(void *ctx, const uint8_t *packet, size_t len)
{
    struct dfu_server_ble *server = ctx;

    server->packet(server->ctx, packet, len);
}

void dfu_server_ble_send(struct dfu_server_ble *server, const uint8_t *packet, size_t len)
{
    (void)dfu_smp_ble_send(&server->ble, packet, len);
}

/* ---- What BlueZ asks of the characteristic ---- */

/* m stands before the options (a{sv}): whose request it is, and the MTU, where it is told. */
static bool read_options(sd_bus_message *m, char device[DFU_BLUEZ_PATH_LEN], uint16_t *mtu)
{
    const char *key, *path;

    device[0] = 0;
    if (sdbus.message_enter_container(m, 'a', "{sv}") < 0) {
        return false;
    }
    while (sdbus.message_enter_container(m, 'e', "sv") > 0) {
        if (sdbus.message_read(m, "s", &key) < 0) {
            return false;
        }
        if (strcmp(key, "device") == 0 && sdbus.message_read(m, "v", "o", &path) >= 0) {
            snprintf(device, DFU_BLUEZ_PATH_LEN, "%s", path);
        } else if (strcmp(key, "mtu") != 0 || sdbus.message_read(m, "v", "q", mtu) < 0) {
            (void)sdbus.message_skip(m, "v");
        }
        (void)sdbus.message_exit_container(m);
    }
    return sdbus.message_exit_container(m) >= 0 && device[0];
}

static int refuse(sd_bus_message *m, const char *text)
{
    return sdbus.reply_method_errorf(m, "org.bluez.Error.NotPermitted", "%s", text);
}

/* One end stays here, in file. */
static int give_socket(sd_bus_message *m, struct dfu_loop_file *file, uint16_t mtu)
{
    int ends[2];
    int err;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends)) {
        return refuse(m, "no socket");
    }
    close_file(file);
    file->fd = ends[0];
    err = sdbus.reply_method_return(m, "hq", ends[1], mtu);
    close(ends[1]);
    return err;
}

static int acquire(struct dfu_server_ble *server, sd_bus_message *m, struct dfu_loop_file *file)
{
    char device[DFU_BLUEZ_PATH_LEN];
    uint16_t mtu = DFU_BLE_MTU_MIN;

    if (!read_options(m, device, &mtu) || !is_served(server, device)) {
        return refuse(m, "another central is being served");
    }
    dfu_smp_ble_mtu_changed(&server->ble, mtu);
    return give_socket(m, file, mtu);
}

static int acquire_write(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    struct dfu_server_ble *server = ctx;

    (void)error;
    server->write_file.ignores_input = false;
    return acquire(server, m, &server->write_file);
}

static int acquire_notify(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    struct dfu_server_ble *server = ctx;
    int err = acquire(server, m, &server->notify_file);

    (void)error;
    dfu_smp_ble_subscribed(&server->ble, server->notify_file.fd >= 0);
    return err;
}

/* A write request: what is more than SMP asks for. */
static int write_value(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    struct dfu_server_ble *server = ctx;
    char device[DFU_BLUEZ_PATH_LEN];
    uint16_t mtu = 0;
    const void *value = NULL;
    size_t len = 0;

    (void)error;
    if (sdbus.message_read_array(m, 'y', &value, &len) < 0 || !read_options(m, device, &mtu) ||
        !is_served(server, device)) {
        return refuse(m, "another central is being served");
    }
    if (dfu_smp_ble_on_write(&server->ble, value, len)) {
        return sdbus.reply_method_errorf(m, "org.bluez.Error.Failed", "not a piece of a request");
    }
    return sdbus.reply_method_return(m, "");
}

static int is_acquired(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
    const struct dfu_server_ble *server = ctx;
    bool is_write = strcmp(property, "WriteAcquired") == 0;
    int fd = is_write ? server->write_file.fd : server->notify_file.fd;

    (void)bus, (void)path, (void)interface, (void)error;
    return sdbus.message_append(reply, "b", fd >= 0);
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
    const struct dfu_server_ble *server = ctx;

    (void)bus, (void)error;
    if (strcmp(property, "Service") == 0) {
        return sdbus.message_append(reply, "o", SERVICE);
    }
    if (strcmp(property, "LocalName") == 0) {
        return sdbus.message_append(reply, "s", server->name);
    }
    if (strcmp(property, "Type") == 0) {
        return sdbus.message_append(reply, "s", "peripheral");
    }
    (void)interface;
    return sdbus.message_append(
        reply, "s", strcmp(path, SERVICE) == 0 ? DFU_SMP_BLE_SERVICE : DFU_SMP_BLE_CHARACTERISTIC);
}

static int get_flags(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
    const struct dfu_server_ble *server = ctx;

    (void)bus, (void)path, (void)interface, (void)property, (void)error;
    if (server->authenticated_only) {
        return sdbus.message_append(reply, "as", 4, "write-without-response", "notify",
                                    "encrypt-authenticated-write", "encrypt-authenticated-notify");
    }
    return sdbus.message_append(reply, "as", 2, "write-without-response", "notify");
}

static int get_services(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
    (void)bus, (void)path, (void)interface, (void)property, (void)ctx, (void)error;
    return sdbus.message_append(reply, "as", 1, DFU_SMP_BLE_SERVICE);
}

static int get_true(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
    (void)bus, (void)path, (void)interface, (void)property, (void)ctx, (void)error;
    return sdbus.message_append(reply, "b", 1);
}

static int released(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    (void)ctx, (void)error;
    return sdbus.reply_method_return(m, "");
}

/* SD_BUS_VTABLE_START would link the library: it names one of its variables. */
#define VTABLE_START                                                                      \
    {                                                                                     \
        .type = _SD_BUS_VTABLE_START, .x.start = {.element_size = sizeof(sd_bus_vtable) } \
    }

static const sd_bus_vtable service_table[] = {
    VTABLE_START,
    SD_BUS_PROPERTY("UUID", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Primary", "b", get_true, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable characteristic_table[] = {
    VTABLE_START,
    SD_BUS_PROPERTY("UUID", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Service", "o", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Flags", "as", get_flags, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("WriteAcquired", "b", is_acquired, 0, 0),
    SD_BUS_PROPERTY("NotifyAcquired", "b", is_acquired, 0, 0),
    SD_BUS_METHOD("AcquireWrite", "a{sv}", "hq", acquire_write, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("AcquireNotify", "a{sv}", "hq", acquire_notify, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("WriteValue", "aya{sv}", "", write_value, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable advertisement_table[] = {
    VTABLE_START,
    SD_BUS_PROPERTY("Type", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("LocalName", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("ServiceUUIDs", "as", get_services, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Discoverable", "b", get_true, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_METHOD("Release", "", "", released, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

/* ---- Who comes and goes ---- */

static int note_change(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    struct dfu_server_ble *server = ctx;
    const char *interface = "";
    int is_connected = 1;

    (void)error;
    if (strcmp(sdbus.message_get_path(m), server->peer) != 0 ||
        sdbus.message_read(m, "s", &interface) < 0 || strcmp(interface, BLUEZ_DEVICE) != 0 ||
        sdbus.message_enter_container(m, 'a', "{sv}") < 0) {
        return 0;
    }
    if (dfu_bluez_find_entry(m, "Connected", "b") &&
        sdbus.message_read(m, "b", &is_connected) >= 0 && !is_connected) {
        forget_peer(server);
    }
    return 0;
}

static void serve_bus(void *ctx)
{
    struct dfu_server_ble *server = ctx;

    while (server->bluez.bus && sdbus.process(server->bluez.bus, NULL) > 0) {
    }
    (void)sdbus.flush(server->bluez.bus);
}

void dfu_server_ble_restart(struct dfu_server_ble *server)
{
    char peer[DFU_BLUEZ_PATH_LEN];

    if (!server->bluez.bus || !server->peer[0]) {
        return;
    }
    memcpy(peer, server->peer, sizeof(peer));
    (void)dfu_bluez_call(&server->bluez, peer, BLUEZ_DEVICE, "Disconnect", DISCONNECT_MS);
    forget_peer(server);
}

/* ---- Opening ---- */

static void show_passkey(void *ctx, uint32_t passkey)
{
    struct dfu_server_ble *server = ctx;
    char text[40];

    snprintf(text, sizeof(text), "sim: Bluetooth passkey %06u", (unsigned)passkey);
    server->line(server->ctx, text);
}

static bool show_objects(struct dfu_server_ble *server)
{
    static const char changes[] =
        "type='signal',sender='org.bluez',interface='org.freedesktop.DBus.Properties',"
        "member='PropertiesChanged',path_namespace='/org/bluez'";
    sd_bus *bus = server->bluez.bus;

    return sdbus.add_object_manager(bus, NULL, ROOT) >= 0 &&
           sdbus.add_object_vtable(bus, NULL, SERVICE, "org.bluez.GattService1", service_table,
                                   server) >= 0 &&
           sdbus.add_object_vtable(bus, NULL, CHARACTERISTIC, BLUEZ_CHARACTERISTIC,
                                   characteristic_table, server) >= 0 &&
           sdbus.add_object_vtable(bus, NULL, ADVERTISEMENT, "org.bluez.LEAdvertisement1",
                                   advertisement_table, server) >= 0 &&
           sdbus.add_match(bus, NULL, changes, note_change, server) >= 0;
}

static int begin(struct dfu_server_ble *server, char why[DFU_LINK_WHY_LEN])
{
    struct dfu_bluez *bluez = &server->bluez;

    if (!server->buffers || !show_objects(server)) {
        snprintf(why, DFU_LINK_WHY_LEN, "out of memory");
        return DFU_ERR_IO;
    }
    if (server->authenticated_only &&
        !dfu_bluez_agent_show(&server->agent, bluez, show_passkey, server)) {
        return dfu_bluez_why(bluez, "be paired over Bluetooth", why);
    }
    /* BlueZ reads the objects before it answers. */
    if (!dfu_bluez_send(bluez,
                        message_of(bluez, "org.bluez.GattManager1", "RegisterApplication", ROOT),
                        DFU_BLUEZ_CALL_MS, NULL)) {
        return dfu_bluez_why(bluez, "serve SMP over Bluetooth", why);
    }
    if (!dfu_bluez_send(bluez,
                        message_of(bluez, ADVERTISING, "RegisterAdvertisement", ADVERTISEMENT),
                        DFU_BLUEZ_CALL_MS, NULL)) {
        return dfu_bluez_why(bluez, "advertise over Bluetooth", why);
    }
    return 0;
}

static void join_loop(struct dfu_server_ble *server, struct dfu_loop *loop)
{
    server->bus_file = (struct dfu_loop_file){ .fd = sdbus.get_fd(server->bluez.bus),
                                               .ready = serve_bus,
                                               .ctx = server };
    dfu_loop_add(loop, &server->bus_file);
    dfu_loop_add(loop, &server->write_file);
    dfu_loop_add(loop, &server->notify_file);
}

int dfu_server_ble_open(struct dfu_server_ble *server, struct dfu_loop *loop,
                        char why[DFU_LINK_WHY_LEN])
{
    int err = dfu_bluez_open(&server->bluez, server->adapter, why);

    if (err) {
        return err;
    }
    server->buffers = malloc((1 + ANSWERS) * (size_t)DFU_SERVER_BLE_PACKET_MAX);
    server->write_file = (struct dfu_loop_file){ .fd = -1, .ready = read_writes, .ctx = server };
    server->notify_file =
        (struct dfu_loop_file){ .fd = -1, .ready = go_on_notifying, .ctx = server };
    server->ble = (struct dfu_smp_ble){
        .packet = take_packet,
        .notify = notify,
        .ctx = server,
        .rx = server->buffers,
        .rx_cap = DFU_SERVER_BLE_PACKET_MAX,
        .tx = server->buffers + DFU_SERVER_BLE_PACKET_MAX,
        .tx_cap = ANSWERS * (size_t)DFU_SERVER_BLE_PACKET_MAX,
        .answer_max = DFU_SERVER_BLE_PACKET_MAX,
        .authenticated_only = server->authenticated_only,
        .latency = server->latency,
    };
    err = begin(server, why);
    if (err) {
        free(server->buffers);
        dfu_bluez_close(&server->bluez);
        return err;
    }
    join_loop(server, loop);
    return 0;
}

void dfu_server_ble_close(struct dfu_server_ble *server)
{
    if (!server->bluez.bus) {
        return;
    }
    dfu_server_ble_restart(server);
    close_file(&server->write_file);
    dfu_bluez_close(&server->bluez);
    free(server->buffers);
}
