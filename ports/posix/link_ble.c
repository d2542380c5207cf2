/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The client's side of smp_ble.h through BlueZ: find the device, connect, and take the sockets of
 * its characteristic, one for writes and one for notifications: one datagram is one value. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bluez.h"
#include "bluez_agent.h"
#include "dfu/err.h"
#include "dfu/smp_ble.h"
#include "link.h"

#define SCAN_MS      10000u
#define SCAN_STEP_MS 2000u /* after which the adapter is told again to scan */
#define LOOK_MS      100u
#define CONNECT_MS   30000u
#define CONNECTS     3u
#define RESOLVE_MS   15000u
#define PAIR_MS      60000u
#define LEAVE_MS     5000u
#define SEND_MS      5000u
#define WRITE_MAX    510u /* BlueZ 5.66, as the device, drops longer ones unanswered */
#define ANSWER_MS    2000u
#define ALONE_MS     500u /* the first value; see let_pass() */

struct dfu_link_ble {
    struct dfu_bluez bluez;
    struct dfu_bluez_agent agent;
    char wanted[DFU_BLUEZ_NAME_LEN]; /* a name or an address */
    char adapter[32];
    bool is_whole; /* the device takes no pieces: a request is one value */
    bool has_passkey;
    uint32_t passkey;

    char device[DFU_BLUEZ_PATH_LEN], characteristic[DFU_BLUEZ_PATH_LEN];
    bool is_chosen; /* which one it is */
    char address[18];
    bool is_found, is_heard, is_connected, is_resolved, is_paired, is_ours;
    bool has_sent, is_through;
    int write_fd;
    uint16_t mtu;
    struct dfu_ble_joiner joiner;
    uint8_t packet[DFU_LINK_PACKET_MAX];
};

/* ---- The target ---- */

static bool take_option(struct dfu_link_ble *ble, const char *option)
{
    char *end;

    if (strncmp(option, "adapter=", 8) == 0 && option[8] && strlen(option) < 8 + 31) {
        snprintf(ble->adapter, sizeof(ble->adapter), "%s", option + 8);
        return true;
    }
    if (strncmp(option, "passkey=", 8) == 0) {
        unsigned long passkey = strtoul(option + 8, &end, 10);

        ble->has_passkey = true;
        ble->passkey = (uint32_t)passkey;
        return option[8] >= '0' && option[8] <= '9' && *end == 0 && passkey <= 999999;
    }
    ble->is_whole = ble->is_whole || strcmp(option, "whole") == 0;
    return strcmp(option, "whole") == 0;
}

/* Options are taken from the end: a device may have commas in its name. */
static int take_target(struct dfu_link_ble *ble, const char *target, char why[DFU_LINK_WHY_LEN])
{
    char *comma;

    if (strlen(target) < sizeof(ble->wanted)) {
        memcpy(ble->wanted, target, strlen(target) + 1);
    }
    while ((comma = strrchr(ble->wanted, ',')) != NULL && take_option(ble, comma + 1)) {
        *comma = 0;
    }
    if (!ble->wanted[0] || (comma && strchr(comma, '='))) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "ble:%s is not NAME or ADDRESS[,adapter=hciN][,passkey=N][,whole]; dfu devices "
                 "lists devices",
                 target);
        return DFU_ERR_INVAL;
    }
    return 0;
}

/* ---- Finding it ---- */

/* Once connected it may go by another name, its GAP service's. */
static bool is_wanted(const struct dfu_link_ble *ble, const struct dfu_bluez_object *object)
{
    size_t adapter = strlen(ble->bluez.adapter);

    if (strcmp(object->interface, BLUEZ_DEVICE) != 0 ||
        strncmp(object->path, ble->bluez.adapter, adapter) != 0 || object->path[adapter] != '/') {
        return false;
    }
    return ble->is_chosen ? strcmp(object->path, ble->device) == 0
                          : strcasecmp(object->address, ble->wanted) == 0 ||
                                strcmp(object->name, ble->wanted) == 0;
}

static bool look_at(void *ctx, const struct dfu_bluez_object *object)
{
    struct dfu_link_ble *ble = ctx;

    if (!is_wanted(ble, object)) {
        return true;
    }
    if (!ble->is_found || object->is_heard || object->is_connected) {
        snprintf(ble->device, sizeof(ble->device), "%s", object->path);
        ble->is_found = true;
        ble->is_heard = object->is_heard;
        ble->is_connected = object->is_connected;
        ble->is_resolved = object->is_resolved;
        ble->is_paired = object->is_paired;
        snprintf(ble->address, sizeof(ble->address), "%s", object->address);
    }
    return !(object->is_heard || object->is_connected);
}

static bool look(struct dfu_link_ble *ble)
{
    ble->is_found = ble->is_heard = ble->is_connected = ble->is_resolved = false;
    return dfu_bluez_walk(&ble->bluez, look_at, ble);
}

/* A controller may lose the only report of a scan, so it is begun again and again. */
static bool scan_once(struct dfu_link_ble *ble)
{
    uint64_t end_ms = dfu_link_now_ms() + SCAN_STEP_MS;
    bool is_fine = dfu_bluez_start_scan(&ble->bluez, false);

    while (is_fine && dfu_link_now_ms() < end_ms) {
        is_fine = look(ble);
        if (ble->is_heard || ble->is_connected) {
            break;
        }
        dfu_bluez_idle(&ble->bluez, LOOK_MS);
    }
    if (is_fine) {
        dfu_bluez_stop_scan(&ble->bluez);
    }
    return is_fine;
}

static int find(struct dfu_link_ble *ble, char why[DFU_LINK_WHY_LEN])
{
    uint64_t end_ms = dfu_link_now_ms() + SCAN_MS;
    bool is_fine = look(ble);

    while (is_fine && !ble->is_connected && !ble->is_heard && dfu_link_now_ms() < end_ms) {
        is_fine = scan_once(ble);
    }
    if (!is_fine) {
        return dfu_bluez_why(&ble->bluez, "look for Bluetooth devices", why);
    }
    if (!ble->is_connected && !ble->is_heard) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "no Bluetooth device %s was heard; check that it is on, near, advertises and is "
                 "not connected elsewhere; dfu devices lists those that offer SMP",
                 ble->wanted);
        return DFU_ERR_NOENT;
    }
    ble->is_chosen = true;
    return 0;
}

/* ---- Connecting ---- */

static bool is_error(const struct dfu_link_ble *ble, const char *name)
{
    return strcmp(ble->bluez.error, name) == 0;
}

static int tell_of_leaving(const struct dfu_link_ble *ble, char why[DFU_LINK_WHY_LEN])
{
    snprintf(why, DFU_LINK_WHY_LEN,
             "the Bluetooth device %s disconnected at once; try again, nearer to it", ble->wanted);
    return DFU_ERR_IO;
}

static int resolve(struct dfu_link_ble *ble, char why[DFU_LINK_WHY_LEN])
{
    uint64_t end_ms = dfu_link_now_ms() + RESOLVE_MS;

    while (look(ble) && ble->is_connected && !ble->is_resolved && dfu_link_now_ms() < end_ms) {
        dfu_bluez_idle(&ble->bluez, LOOK_MS / 4);
    }
    if (ble->is_resolved) {
        return 0;
    }
    if (!ble->is_connected) {
        return tell_of_leaving(ble, why);
    }
    snprintf(why, DFU_LINK_WHY_LEN,
             "the Bluetooth device %s does not tell its services; restart it, and try again",
             ble->wanted);
    return DFU_ERR_IO;
}

static int connect_device(struct dfu_link_ble *ble, char why[DFU_LINK_WHY_LEN])
{
    char what[DFU_BLUEZ_NAME_LEN + 32];

    for (unsigned i = 0; i < CONNECTS && !ble->is_connected; i++) {
        ble->is_connected =
            dfu_bluez_call(&ble->bluez, ble->device, BLUEZ_DEVICE, "Connect", CONNECT_MS) ||
            is_error(ble, "org.bluez.Error.AlreadyConnected");
        ble->is_ours = ble->is_connected;
    }
    if (!ble->is_connected) {
        snprintf(what, sizeof(what), "connect to the Bluetooth device %s", ble->wanted);
        return dfu_bluez_why(&ble->bluez, what, why);
    }
    return resolve(ble, why);
}

static bool look_for_characteristic(void *ctx, const struct dfu_bluez_object *object)
{
    struct dfu_link_ble *ble = ctx;
    size_t device = strlen(ble->device);

    if (strcmp(object->interface, BLUEZ_CHARACTERISTIC) == 0 &&
        strncmp(object->path, ble->device, device) == 0 && object->path[device] == '/' &&
        strcasecmp(object->uuid, DFU_SMP_BLE_CHARACTERISTIC) == 0) {
        snprintf(ble->characteristic, sizeof(ble->characteristic), "%s", object->path);
        return false;
    }
    return true;
}

/* ---- The characteristic's sockets ---- */

/* Its descriptor, or -1: see the error. */
static int acquire(struct dfu_link_ble *ble, const char *member)
{
    sd_bus_message *m =
        dfu_bluez_message(&ble->bluez, ble->characteristic, BLUEZ_CHARACTERISTIC, member);
    sd_bus_message *reply = NULL;
    int fd = -1;

    if (m && sdbus.message_append(m, "a{sv}", 0) < 0) {
        sdbus.message_unref(m);
        m = NULL;
    }
    if (!dfu_bluez_send(&ble->bluez, m, CONNECT_MS, &reply)) {
        return -1;
    }
    if (sdbus.message_read(reply, "hq", &fd, &ble->mtu) >= 0) {
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* the message's own goes with it */
    }
    sdbus.message_unref(reply);
    return fd;
}

/* It is being disconnected, by itself or by another program. */
static bool is_leaving(const struct dfu_link_ble *ble)
{
    return !ble->agent.was_asked && (is_error(ble, "org.bluez.Error.NotConnected") ||
                                     strcasecmp(ble->bluez.text, "Not connected") == 0);
}

/* Somebody has the sockets, or listens. */
static bool is_taken(const struct dfu_link_ble *ble)
{
    return (is_error(ble, "org.bluez.Error.NotPermitted") && strstr(ble->bluez.text, "cquired")) ||
           is_error(ble, "org.bluez.Error.InProgress");
}

/* Where the device wants to be paired, BlueZ pairs and asks the agent. BlueZ 5.66 crashes after an
 * AcquireNotify that the device refused, and tells why a StartNotify failed: that comes first. It
 * listens no more when the socket is asked for, for nobody else may then. */
static bool is_let_in(struct dfu_link_ble *ble)
{
    bool is_fine;

    if (!ble->is_paired) {
        (void)dfu_bluez_agent_begin(&ble->agent, &ble->bluez, ble->device, ble->wanted,
                                    ble->has_passkey ? &ble->passkey : NULL);
    }
    is_fine = dfu_bluez_call(&ble->bluez, ble->characteristic, BLUEZ_CHARACTERISTIC, "StartNotify",
                             PAIR_MS);
    if (!ble->is_paired) {
        dfu_bluez_agent_end(&ble->bluez);
    }
    return is_fine && dfu_bluez_call(&ble->bluez, ble->characteristic, BLUEZ_CHARACTERISTIC,
                                     "StopNotify", DFU_BLUEZ_CALL_MS);
}

/* What the device wants to be paired for, and how far that went. */
static bool tell_of_pairing(const struct dfu_link_ble *ble, char why[DFU_LINK_WHY_LEN])
{
    const char *text = ble->bluez.text;

    if (ble->agent.was_asked) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 ble->agent.has_answered
                     ? "the Bluetooth device %s was not paired: it refused the passkey; give the "
                       "one that it shows now, at the prompt or as ,passkey=N"
                     : "the Bluetooth device %s wants to be paired; give the passkey that it "
                       "shows, at the prompt or as ,passkey=N",
                 ble->wanted);
        return true;
    }
    if (!strstr(text, "ATT error: 0x05") && !strstr(text, "ATT error: 0x08") &&
        !strstr(text, "ATT error: 0x0f") && !is_error(ble, "org.bluez.Error.NotAuthorized")) {
        return false;
    }
    snprintf(why, DFU_LINK_WHY_LEN,
             ble->is_paired ? "the Bluetooth device %s does not know this computer any more; "
                              "forget it with bluetoothctl remove %.17s, and pair again"
                            : "the Bluetooth device %s serves only who is paired, and did not "
                              "pair; make it show a passkey, and try again",
             ble->wanted, ble->address);
    return true;
}

static int fail_to_acquire(struct dfu_link_ble *ble, char why[DFU_LINK_WHY_LEN])
{
    char what[DFU_BLUEZ_NAME_LEN + 48];

    if (is_taken(ble)) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "another program on this computer talks to the Bluetooth device %s; wait until "
                 "it is done",
                 ble->wanted);
        ble->is_ours = false; /* theirs, too */
        return DFU_ERR_BUSY;
    }
    if (is_leaving(ble)) {
        return tell_of_leaving(ble, why);
    }
    if (tell_of_pairing(ble, why)) {
        return DFU_ERR_PERM;
    }
    if (is_error(ble, "org.freedesktop.DBus.Error.UnknownMethod")) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "bluetoothd hands over no sockets to talk to %s; install BlueZ 5.46 or newer",
                 ble->wanted);
        return DFU_ERR_NOTSUP;
    }
    snprintf(what, sizeof(what), "talk SMP to the Bluetooth device %s", ble->wanted);
    return dfu_bluez_why(&ble->bluez, what, why);
}

static int take_sockets(struct dfu_link *link, struct dfu_link_ble *ble, char why[DFU_LINK_WHY_LEN])
{
    ble->characteristic[0] = 0;
    if (!dfu_bluez_walk(&ble->bluez, look_for_characteristic, ble)) {
        return dfu_bluez_why(&ble->bluez, "look at the device's services", why);
    }
    if (!ble->characteristic[0]) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "the Bluetooth device %s does not offer SMP; dfu devices lists those that do",
                 ble->wanted);
        return DFU_ERR_NOENT;
    }
    if (!is_let_in(ble) || (link->fd = acquire(ble, "AcquireNotify")) < 0 ||
        (ble->write_fd = acquire(ble, "AcquireWrite")) < 0) {
        return fail_to_acquire(ble, why);
    }
    return 0;
}

/* ---- The link ---- */

static void drop_sockets(struct dfu_link *link)
{
    struct dfu_link_ble *ble = link->ble;

    if (ble->write_fd >= 0) {
        close(ble->write_fd);
    }
    if (link->fd >= 0) {
        close(link->fd);
    }
    ble->write_fd = link->fd = -1;
}

static void ble_close(struct dfu_link *link)
{
    struct dfu_link_ble *ble = link->ble;

    if (!ble) {
        return;
    }
    drop_sockets(link);
    if (ble->bluez.bus && ble->is_ours) {
        (void)dfu_bluez_call(&ble->bluez, ble->device, BLUEZ_DEVICE, "Disconnect", CONNECT_MS);
    }
    dfu_bluez_close(&ble->bluez);
    free(ble);
    link->ble = NULL;
}

static int find_and_connect(struct dfu_link *link, struct dfu_link_ble *ble,
                            char why[DFU_LINK_WHY_LEN])
{
    int err = find(ble, why);

    if (!err) {
        err = connect_device(ble, why);
    }
    return err ? err : take_sockets(link, ble, why);
}

/* Until BlueZ knows that it has gone. */
static void let_leave(struct dfu_link *link, struct dfu_link_ble *ble)
{
    uint64_t end_ms = dfu_link_now_ms() + LEAVE_MS;

    drop_sockets(link);
    while (look(ble) && ble->is_connected && dfu_link_now_ms() < end_ms) {
        dfu_bluez_idle(&ble->bluez, LOOK_MS);
    }
}

static int reach(struct dfu_link *link, const char *target, char why[DFU_LINK_WHY_LEN])
{
    struct dfu_link_ble *ble = link->ble;
    int err = take_target(ble, target, why);

    if (!err) {
        err = dfu_bluez_open(&ble->bluez, ble->adapter[0] ? ble->adapter : NULL, why);
    }
    if (err) {
        return err;
    }
    for (unsigned i = 0; i < CONNECTS; i++) {
        err = find_and_connect(link, ble, why);
        if (!err || !is_leaving(ble)) {
            break;
        }
        let_leave(link, ble);
    }
    return err;
}

static size_t write_max(const struct dfu_link_ble *ble)
{
    size_t max = dfu_ble_value_max(ble->mtu);

    return max < WRITE_MAX ? max : WRITE_MAX;
}

static int ble_open(struct dfu_link *link, const char *target, char why[DFU_LINK_WHY_LEN])
{
    struct dfu_link_ble *ble = calloc(1, sizeof(*ble));
    int err;

    if (!ble) {
        snprintf(why, DFU_LINK_WHY_LEN, "out of memory");
        return DFU_ERR_IO;
    }
    link->ble = ble;
    ble->write_fd = -1;
    ble->joiner = (struct dfu_ble_joiner){ .buf = ble->packet, .cap = sizeof(ble->packet) };
    err = reach(link, target, why);
    if (err) {
        ble_close(link);
        return err;
    }
    link->answer_ms = ANSWER_MS;
    link->is_line = true;
    link->mtu = ble->is_whole ? (uint32_t)write_max(ble) : DFU_LINK_PACKET_MAX;
    return 0;
}

static bool send_value(int fd, const uint8_t *value, size_t len)
{
    struct pollfd wait = { .fd = fd, .events = POLLOUT };

    while (send(fd, value, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if ((errno != EAGAIN && errno != EINTR) || poll(&wait, 1, (int)SEND_MS) == 0) {
            return false;
        }
    }
    return true;
}

/* With BlueZ 5.66 as the device, values are lost that come while it asks its application for their
 * socket. The first one makes it ask: what follows waits for an answer, or for a while. */
static void let_pass(struct dfu_link *link)
{
    struct dfu_link_ble *ble = link->ble;
    struct pollfd wait = { .fd = link->fd, .events = POLLIN };

    if (ble->has_sent && !ble->is_through) {
        (void)poll(&wait, 1, (int)ALONE_MS);
        ble->is_through = true;
    }
    ble->has_sent = true;
}

static int ble_send(struct dfu_link *link, const uint8_t *packet, size_t len)
{
    size_t max = write_max(link->ble);

    for (size_t at = 0; at < len; at += max) {
        let_pass(link);
        if (!send_value(link->ble->write_fd, packet + at, len - at < max ? len - at : max)) {
            return DFU_ERR_IO;
        }
    }
    return 0;
}

static int ble_receive(struct dfu_link *link, uint8_t *packet, size_t cap)
{
    struct dfu_link_ble *ble = link->ble;
    uint8_t value[DFU_BLE_VALUE_MAX];
    ssize_t len;

    while ((len = recv(link->fd, value, sizeof(value), MSG_DONTWAIT)) > 0) {
        ble->is_through = true;
        if (dfu_ble_join(&ble->joiner, value, (size_t)len) == 1 && ble->joiner.len <= cap) {
            memcpy(packet, ble->packet, ble->joiner.len);
            return (int)ble->joiner.len;
        }
    }
    return len < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : DFU_ERR_IO;
}

const struct dfu_link_kind dfu_link_ble = { ble_open, NULL, ble_send, ble_receive, ble_close };
