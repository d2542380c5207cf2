/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "usb_bus.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dfu/err.h"
#include "dfu/usbip.h"
#include "usb_library.h"

#define TIMEOUT_MS       5000
#define CONFIG_MAX       4096u
#define LINUX_MAX        4096u /* of one control transfer through usbfs */
#define IN_DEVICE        0x80u
#define GET_DESCRIPTOR   6u
#define LANGUAGE_US      0x0409u
#define ENUMERATION_SIZE 64u

/* ---- USB/IP ---- */

static void hang_up(struct dfu_usb_bus *bus)
{
    if (bus->fd >= 0) {
        close(bus->fd);
    }
    bus->fd = -1;
}

static int send_all(struct dfu_usb_bus *bus, const void *data, size_t len)
{
    return send(bus->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len ? DFU_OK : DFU_ERR_IO;
}

static int receive_all(struct dfu_usb_bus *bus, void *data, size_t len)
{
    return recv(bus->fd, data, len, MSG_WAITALL) == (ssize_t)len ? DFU_OK : DFU_ERR_IO;
}

static int dial(struct dfu_usb_bus *bus)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    const struct timeval patience = { .tv_sec = TIMEOUT_MS / 1000 };
    struct addrinfo *list = NULL;
    int one = 1;
    int err = getaddrinfo(bus->host, bus->port, &hints, &list);

    if (err) {
        snprintf(bus->why, sizeof bus->why, "there is no host %.150s: %.40s", bus->host,
                 gai_strerror(err));
        return DFU_ERR_IO;
    }
    for (struct addrinfo *at = list; at && bus->fd < 0; at = at->ai_next) {
        bus->fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bus->fd >= 0 && connect(bus->fd, at->ai_addr, at->ai_addrlen)) {
            snprintf(bus->why, sizeof bus->why,
                     "cannot connect to the USB/IP server %.120s:%.5s: %.40s; is it running?",
                     bus->host, bus->port, strerror(errno));
            hang_up(bus);
        }
    }
    freeaddrinfo(list);
    if (bus->fd < 0) {
        return DFU_ERR_IO;
    }
    setsockopt(bus->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(bus->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return DFU_OK;
}

/* DFU_ERR_NOENT: the server is there, the device isn't. */
static int import(struct dfu_usb_bus *bus)
{
    uint8_t request[DFU_USBIP_OP_SIZE + DFU_USBIP_BUSID_SIZE] = { 0x01, 0x11, 0x80, 0x03 };
    uint8_t answer[DFU_USBIP_OP_SIZE];
    uint8_t device[DFU_USBIP_DEVICE_SIZE];
    int err = dial(bus);

    memcpy(request + DFU_USBIP_OP_SIZE, DFU_USBIP_BUSID, sizeof DFU_USBIP_BUSID);
    err = err ? err : send_all(bus, request, sizeof request);
    err = err ? err : receive_all(bus, answer, sizeof answer);
    if (!err && answer[7] != 0) {
        err = DFU_ERR_NOENT;
    }
    err = err ? err : receive_all(bus, device, sizeof device);
    if (err) {
        hang_up(bus);
    }
    return err;
}

static int usbip_control(struct dfu_usb_bus *bus, const struct dfu_usb_setup *setup, uint8_t *data)
{
    uint8_t out[DFU_USBIP_HEADER_SIZE + DFU_USBIP_DATA_MAX];
    uint8_t in[DFU_USBIP_HEADER_SIZE];
    bool is_in = (setup->type & 0x80) != 0;
    struct dfu_usbip_header header = {
        .command = DFU_USBIP_SUBMIT,
        .seqnum = ++bus->seqnum,
        .devid = 0x10002,
        .direction = is_in ? 1 : 0,
        .length = setup->length,
    };
    size_t out_len = is_in ? 0 : setup->length;

    if (bus->fd < 0 || setup->length > DFU_USBIP_DATA_MAX) {
        return DFU_ERR_IO;
    }
    dfu_usb_setup_encode(setup, header.setup);
    dfu_usbip_header_encode(&header, out);
    if (out_len > 0) {
        memcpy(out + DFU_USBIP_HEADER_SIZE, data, out_len);
    }
    if (send_all(bus, out, DFU_USBIP_HEADER_SIZE + out_len) || receive_all(bus, in, sizeof in)) {
        hang_up(bus);
        return DFU_ERR_IO;
    }
    dfu_usbip_header_decode(in, &header);
    if (header.command != DFU_USBIP_RET_SUBMIT || header.seqnum != bus->seqnum ||
        header.length > setup->length ||
        (is_in && header.length > 0 && receive_all(bus, data, header.length))) {
        hang_up(bus);
        return DFU_ERR_IO;
    }
    if (header.status != 0) {
        return (int)header.status == DFU_USBIP_STATUS_STALL ? DFU_ERR_STATE : DFU_ERR_IO;
    }
    return is_in ? (int)header.length : 0;
}

/* ---- Either ---- */

int dfu_usb_bus_control(struct dfu_usb_bus *bus, const struct dfu_usb_setup *setup, uint8_t *data)
{
    int result;

    if (bus->is_usbip) {
        return usbip_control(bus, setup, data);
    }
    if (!bus->handle) {
        return DFU_ERR_IO;
    }
    result = libusb.control_transfer(bus->handle, setup->type, setup->request, setup->value,
                                     setup->index, data, setup->length, TIMEOUT_MS);
    if (result < 0) {
        return result == LIBUSB_ERROR_PIPE ? DFU_ERR_STATE : DFU_ERR_IO;
    }
    return setup->type & 0x80 ? result : 0;
}

static int get_descriptor(struct dfu_usb_bus *bus, uint8_t type, uint8_t index, uint8_t *out,
                          uint16_t cap)
{
    struct dfu_usb_setup setup = { IN_DEVICE, GET_DESCRIPTOR, (uint16_t)(type << 8 | index),
                                   type == DFU_USB_DT_STRING ? LANGUAGE_US : 0, cap };

    return dfu_usb_bus_control(bus, &setup, out);
}

static void get_string(struct dfu_usb_bus *bus, uint8_t index, char *out, size_t cap)
{
    uint8_t descriptor[255];
    int len = index ? get_descriptor(bus, DFU_USB_DT_STRING, index, descriptor, 255) : 0;

    out[0] = '\0';
    if (len > 0) {
        dfu_usb_string_text(descriptor, (size_t)len, out, cap);
    }
}

/* Read what the open device says of itself; false: it has no DFU interface. */
static bool describe(struct dfu_usb_bus *bus, struct dfu_usb_found *found)
{
    uint8_t about[18];
    uint8_t configuration[CONFIG_MAX];
    struct dfu_usb_setup configure = { 0x00, 9, 1, 0, 0 };
    int len = get_descriptor(bus, DFU_USB_DT_DEVICE, 0, about, sizeof about);

    if (len != (int)sizeof about) {
        return false;
    }
    found->vendor = (uint16_t)(about[8] | about[9] << 8);
    found->product = (uint16_t)(about[10] | about[11] << 8);
    found->release = (uint16_t)(about[12] | about[13] << 8);
    len = get_descriptor(bus, DFU_USB_DT_CONFIGURATION, 0, configuration, sizeof configuration);
    if (len < 0 || dfu_usb_function_find(configuration, (size_t)len, &found->function)) {
        return false;
    }
    if (bus->is_usbip && dfu_usb_bus_control(bus, &configure, NULL) < 0) {
        return false; /* on this machine the kernel has done it */
    }
    get_string(bus, about[16], found->serial, sizeof found->serial);
    for (unsigned i = 0; i < found->function.alt_count; i++) {
        get_string(bus, found->function.strings[i], found->names[i], sizeof found->names[i]);
    }
    return true;
}

/* ---- libusb ---- */

/* Only devices that look like it are opened: others may not be ours to touch. */
static bool may_do_dfu(struct libusb_device *device)
{
    struct libusb_config_descriptor *config = NULL;
    bool found = false;

    if (libusb.get_config_descriptor(device, 0, &config)) {
        return false;
    }
    for (int i = 0; i < config->bNumInterfaces; i++) {
        const struct libusb_interface_descriptor *alt = config->interface[i].altsetting;

        found = found || (config->interface[i].num_altsetting > 0 && alt->bInterfaceClass == 0xfe &&
                          alt->bInterfaceSubClass == 1);
    }
    libusb.free_config_descriptor(config);
    return found;
}

static int scan_libusb(struct dfu_usb_bus *bus)
{
    struct libusb_device **list = NULL;
    ssize_t count = libusb.get_device_list(bus->context, &list);
    int err = DFU_OK;

    for (ssize_t i = 0; i < count && bus->count < DFU_USB_BUS_DEVICES_MAX; i++) {
        struct dfu_usb_found *found = &bus->found[bus->count];
        int open_err;

        if (!may_do_dfu(list[i])) {
            continue;
        }
        open_err = libusb.open(list[i], &bus->handle);
        if (open_err) {
            bus->handle = NULL;
            snprintf(bus->why, sizeof bus->why,
                     "cannot open a USB device that can do DFU: %s; it may take root or a udev "
                     "rule",
                     libusb.error_name(open_err));
            err = DFU_ERR_PERM;
            continue;
        }
        if (describe(bus, found)) {
            found->device = libusb.ref_device(list[i]);
            bus->count++;
        }
        libusb.close(bus->handle);
        bus->handle = NULL;
    }
    if (count >= 0) {
        libusb.free_device_list(list, 1);
    }
    return bus->count > 0 ? DFU_OK : err;
}

static void forget_found(struct dfu_usb_bus *bus)
{
    for (size_t i = 0; i < bus->count; i++) {
        if (bus->found[i].device) {
            libusb.unref_device(bus->found[i].device);
        }
    }
    memset(bus->found, 0, sizeof bus->found);
    bus->count = 0;
}

int dfu_usb_bus_scan(struct dfu_usb_bus *bus)
{
    int err;

    forget_found(bus);
    if (!bus->is_usbip) {
        return scan_libusb(bus);
    }
    hang_up(bus);
    err = import(bus);
    if (err == DFU_ERR_NOENT) {
        return DFU_OK;
    }
    if (!err && describe(bus, &bus->found[0])) {
        bus->count = 1;
    }
    return err;
}

int dfu_usb_bus_claim(struct dfu_usb_bus *bus, const struct dfu_usb_found *found)
{
    int err;

    if (bus->is_usbip) {
        return bus->fd >= 0 ? DFU_OK : DFU_ERR_IO;
    }
    err = libusb.open(found->device, &bus->handle);
    if (!err) {
        bus->claimed = found->function.interface;
        err = libusb.claim_interface(bus->handle, bus->claimed);
    }
    if (err) {
        snprintf(bus->why, sizeof bus->why, "cannot claim the DFU interface: %s",
                 libusb.error_name(err));
        return DFU_ERR_PERM;
    }
    return DFU_OK;
}

void dfu_usb_bus_release(struct dfu_usb_bus *bus)
{
    hang_up(bus);
    if (bus->handle) {
        libusb.release_interface(bus->handle, bus->claimed);
        libusb.close(bus->handle);
        bus->handle = NULL;
    }
}

void dfu_usb_bus_reset(struct dfu_usb_bus *bus)
{
    uint8_t about[ENUMERATION_SIZE];

    if (bus->is_usbip) { /* it has no reset; this is what a kernel asks for after one */
        get_descriptor(bus, DFU_USB_DT_DEVICE, 0, about, sizeof about);
    } else if (bus->handle) {
        libusb.reset_device(bus->handle);
    }
}

uint16_t dfu_usb_bus_transfer_max(const struct dfu_usb_bus *bus)
{
    return bus->is_usbip ? DFU_USBIP_DATA_MAX : LINUX_MAX;
}

static int split_address(struct dfu_usb_bus *bus, const char *address)
{
    const char *colon = strrchr(address, ':');
    size_t host_len = colon ? (size_t)(colon - address) : strlen(address);

    snprintf(bus->port, sizeof bus->port, "%s", colon ? colon + 1 : "3240");
    if (host_len == 0 || host_len >= sizeof bus->host || (colon && strlen(colon + 1) > 5) ||
        bus->port[strspn(bus->port, "0123456789")] != '\0' || bus->port[0] == '\0') {
        snprintf(bus->why, sizeof bus->why,
                 "'usbip:%.150s' is no target; give usbip:HOST or usbip:HOST:PORT", address);
        return DFU_ERR_INVAL;
    }
    memcpy(bus->host, address, host_len);
    return DFU_OK;
}

int dfu_usb_bus_open(struct dfu_usb_bus *bus, const char *where)
{
    int err;

    memset(bus, 0, sizeof *bus);
    bus->fd = -1;
    if (where && strncmp(where, "usbip:", 6) == 0) {
        bus->is_usbip = true;
        return split_address(bus, where + 6);
    }
    if (where) {
        snprintf(bus->why, sizeof bus->why,
                 "'%.150s' is no USB target; leave it out for this machine's own USB, or give "
                 "usbip:HOST[:PORT]",
                 where);
        return DFU_ERR_INVAL;
    }
    if (usb_library_load()) {
        snprintf(bus->why, sizeof bus->why,
                 "this machine's USB needs libusb-1.0.so.0, which cannot be loaded; install the "
                 "package libusb-1.0-0, or give -d usbip:HOST[:PORT]");
        return DFU_ERR_NOTSUP;
    }
    err = libusb.init(&bus->context);
    if (err) {
        bus->context = NULL;
        snprintf(bus->why, sizeof bus->why,
                 "this machine's USB is not accessible: %s; over USB/IP, give -d "
                 "usbip:HOST[:PORT]",
                 libusb.error_name(err));
        return DFU_ERR_IO;
    }
    return DFU_OK;
}

void dfu_usb_bus_close(struct dfu_usb_bus *bus)
{
    dfu_usb_bus_release(bus);
    forget_found(bus);
    if (bus->context) {
        libusb.exit(bus->context);
        bus->context = NULL;
    }
}
