/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A stand-in for libusb-1.0.so.0 with what the dfu-util program of Debian 12 calls. The one device
 * on its bus is reached over USB/IP at STAND_IN_USBIP=ADDRESS:PORT, so that the unmodified
 * dfu-util runs where there is no USB at all. Not tested this way: kernel, real enumeration. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <libusb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED     __attribute__((visibility("default")))
#define HEADER       48u
#define DATA_MAX     65536u
#define DEVICE       312u
#define GIVE_UP_MS   1000
#define CONFIG_MAX   1024u
#define ALTS_MAX     32u
#define IFACES_MAX   4u
#define STALL_STATUS (-32)

struct libusb_device {
    int refs;
    uint8_t address;
    struct libusb_device_descriptor about;
    uint8_t config[CONFIG_MAX];
    int config_len;
};

struct libusb_device_handle {
    struct libusb_device *device;
};

/* One process, one bus, one device on it. */
static struct {
    int fd;
    uint32_t seqnum;
    uint8_t address;
} bus = { .fd = -1 };

/* dfu-util waits whole seconds for a host to enumerate; here that takes no time. Other waits are
 * what the device asked for. */
EXPORTED int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    const struct timespec pause = { 0, 200000000 };
    bool is_for_the_host = wanted->tv_sec > 0 && wanted->tv_nsec == 0;

    return clock_nanosleep(CLOCK_MONOTONIC, 0, is_for_the_host ? &pause : wanted, left);
}

/* ---- USB/IP ---- */

static void hang_up(void)
{
    if (bus.fd >= 0) {
        close(bus.fd);
    }
    bus.fd = -1;
}

static int read_all(void *buf, size_t len)
{
    uint8_t *at = buf;

    while (len > 0) {
        ssize_t n = read(bus.fd, at, len);

        if (n <= 0) {
            hang_up();
            return LIBUSB_ERROR_NO_DEVICE;
        }
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_all(const void *buf, size_t len)
{
    if (send(bus.fd, buf, len, MSG_NOSIGNAL) != (ssize_t)len) {
        hang_up();
        return LIBUSB_ERROR_NO_DEVICE;
    }
    return 0;
}

static int connect_once(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    const char *where = getenv("STAND_IN_USBIP");
    char address[64];
    unsigned port;
    int one = 1;

    if (!where || sscanf(where, "%63[^:]:%u", address, &port) != 2) {
        return -1;
    }
    to.sin_port = htons((uint16_t)port);
    inet_aton(address, &to.sin_addr);
    bus.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bus.fd < 0 || connect(bus.fd, (struct sockaddr *)&to, sizeof to)) {
        hang_up();
        return -1;
    }
    setsockopt(bus.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return 0;
}

static int import(void)
{
    uint8_t request[40] = { 0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0, '1', '-', '1' };
    uint8_t answer[8], device[DEVICE];

    if (connect_once() || write_all(request, sizeof request) || read_all(answer, sizeof answer)) {
        return -1;
    }
    if (answer[7] != 0 || read_all(device, sizeof device)) {
        hang_up();
        return -1;
    }
    bus.address++;
    return 0;
}

static int control(uint8_t type, uint8_t request, uint16_t value, uint16_t index, uint8_t *data,
                   uint16_t length)
{
    static uint8_t message[HEADER + DATA_MAX];
    bool is_in = (type & 0x80) != 0;
    uint32_t words[12] = { htonl(1), htonl(++bus.seqnum), htonl(0x10002), htonl(is_in ? 1 : 0) };
    const uint8_t setup[8] = { type,
                               request,
                               (uint8_t)value,
                               (uint8_t)(value >> 8),
                               (uint8_t)index,
                               (uint8_t)(index >> 8),
                               (uint8_t)length,
                               (uint8_t)(length >> 8) };
    int status;
    uint32_t moved;

    if (bus.fd < 0) {
        return LIBUSB_ERROR_NO_DEVICE;
    }
    words[6] = htonl(length);
    memcpy(words + 10, setup, sizeof setup);
    memcpy(message, words, HEADER);
    if (!is_in && length > 0) {
        memcpy(message + HEADER, data, length);
    }
    if (write_all(message, HEADER + (is_in ? 0u : length)) || read_all(words, HEADER)) {
        return LIBUSB_ERROR_NO_DEVICE;
    }
    status = (int)ntohl(words[5]);
    moved = ntohl(words[6]);
    if (is_in && moved > 0 && (moved > length || read_all(data, moved))) {
        return LIBUSB_ERROR_NO_DEVICE;
    }
    if (status) {
        return status == STALL_STATUS ? LIBUSB_ERROR_PIPE : LIBUSB_ERROR_IO;
    }
    return is_in ? (int)moved : (int)length;
}

/* ---- The bus ---- */

/* Detached devices come back as another one: attach again, as udev rules or a script would. */
static int enumerate(struct libusb_device *device)
{
    const struct timespec pause = { 0, 20000000 };
    uint8_t about[18];

    if (bus.fd >= 0 && control(0x80, 6, 0x0100, 0, about, sizeof about) < 0) {
        hang_up();
    }
    for (int waited = 0; bus.fd < 0 && import() && waited < GIVE_UP_MS; waited += 20) {
        nanosleep(&pause, NULL);
    }
    memset(device, 0, sizeof *device);
    device->refs = 1;
    device->address = bus.address;
    if (control(0x80, 6, 0x0100, 0, about, sizeof about) != (int)sizeof about) {
        return -1;
    }
    memcpy(&device->about, about, sizeof about);
    device->config_len = control(0x80, 6, 0x0200, 0, device->config, CONFIG_MAX);
    return device->config_len >= 9 && control(0x00, 9, 1, 0, NULL, 0) >= 0 ? 0 : -1;
}

EXPORTED const struct libusb_version *libusb_get_version(void)
{
    static const struct libusb_version version = { 1, 0, 26, 0, "", "stand-in over USB/IP" };

    return &version;
}

EXPORTED int libusb_init(libusb_context **context)
{
    if (context) {
        *context = (libusb_context *)&bus;
    }
    return 0;
}

EXPORTED void libusb_exit(libusb_context *context)
{
    (void)context;
    hang_up();
}

EXPORTED int libusb_set_option(libusb_context *context, enum libusb_option option, ...)
{
    (void)context;
    (void)option;
    return 0;
}

EXPORTED const char *libusb_error_name(int code)
{
    switch (code) {
    case LIBUSB_ERROR_PIPE: return "LIBUSB_ERROR_PIPE";
    case LIBUSB_ERROR_NO_DEVICE: return "LIBUSB_ERROR_NO_DEVICE";
    case LIBUSB_ERROR_IO: return "LIBUSB_ERROR_IO";
    default: return "LIBUSB_ERROR_OTHER";
    }
}

EXPORTED ssize_t libusb_get_device_list(libusb_context *context, libusb_device ***list)
{
    struct libusb_device *device = malloc(sizeof *device);

    (void)context;
    *list = calloc(2, sizeof **list);
    if (!*list || !device || enumerate(device)) {
        free(device);
        return 0;
    }
    (*list)[0] = device;
    return 1;
}

EXPORTED libusb_device *libusb_ref_device(libusb_device *device)
{
    device->refs++;
    return device;
}

EXPORTED void libusb_unref_device(libusb_device *device)
{
    if (--device->refs == 0) {
        free(device);
    }
}

EXPORTED void libusb_free_device_list(libusb_device **list, int unref)
{
    for (size_t i = 0; unref && list[i]; i++) {
        libusb_unref_device(list[i]);
    }
    free(list);
}

EXPORTED uint8_t libusb_get_bus_number(libusb_device *device)
{
    (void)device;
    return 1;
}

EXPORTED uint8_t libusb_get_device_address(libusb_device *device)
{
    return device->address;
}

EXPORTED int libusb_get_port_numbers(libusb_device *device, uint8_t *ports, int count)
{
    (void)device;
    (void)count;
    ports[0] = 1;
    return 1;
}

EXPORTED int libusb_get_device_descriptor(libusb_device *device,
                                          struct libusb_device_descriptor *out)
{
    *out = device->about;
    return 0;
}

/* ---- Descriptors ---- */

struct parsed {
    struct libusb_config_descriptor config; /* first: it is what the caller gets */
    struct libusb_interface interfaces[IFACES_MAX];
    struct libusb_interface_descriptor alts[IFACES_MAX][ALTS_MAX];
    uint8_t extra[CONFIG_MAX];
};

static void parse(struct parsed *p, const uint8_t *bytes, int len)
{
    struct libusb_interface_descriptor *alt = NULL;
    int number = -1, count = 0;

    for (int at = 9; at + 2 <= len && bytes[at] >= 2; at += bytes[at]) {
        const uint8_t *d = bytes + at;

        if (d[1] == LIBUSB_DT_INTERFACE) {
            if (d[2] != number) {
                number = d[2];
                p->interfaces[count].altsetting = p->alts[count];
                count++;
            }
            alt = &p->alts[count - 1][p->interfaces[count - 1].num_altsetting++];
            memcpy(alt, d, 9);
        } else if (alt && d[1] != LIBUSB_DT_ENDPOINT) {
            if (!alt->extra) {
                alt->extra = p->extra + at;
            }
            memcpy(p->extra + at, d, d[0]);
            alt->extra_length += d[0];
        }
    }
    p->config.bNumInterfaces = (uint8_t)count;
}

EXPORTED int libusb_get_config_descriptor(libusb_device *device, uint8_t index,
                                          struct libusb_config_descriptor **out)
{
    struct parsed *p = calloc(1, sizeof *p);

    if (index > 0 || !p) {
        free(p);
        return LIBUSB_ERROR_NOT_FOUND;
    }
    memcpy(&p->config, device->config, 9);
    p->config.interface = p->interfaces;
    parse(p, device->config, device->config_len);
    *out = &p->config;
    return 0;
}

EXPORTED void libusb_free_config_descriptor(struct libusb_config_descriptor *config)
{
    free(config);
}

/* ---- A device in use ---- */

EXPORTED int libusb_open(libusb_device *device, libusb_device_handle **handle)
{
    *handle = malloc(sizeof **handle);
    (*handle)->device = libusb_ref_device(device);
    return 0;
}

EXPORTED void libusb_close(libusb_device_handle *handle)
{
    libusb_unref_device(handle->device);
    free(handle);
}

EXPORTED int libusb_claim_interface(libusb_device_handle *handle, int interface)
{
    (void)handle;
    (void)interface;
    return 0;
}

EXPORTED int libusb_release_interface(libusb_device_handle *handle, int interface)
{
    (void)handle;
    (void)interface;
    return 0;
}

EXPORTED int libusb_set_interface_alt_setting(libusb_device_handle *handle, int interface, int alt)
{
    int result = control(0x01, 11, (uint16_t)alt, (uint16_t)interface, NULL, 0);

    (void)handle;
    return result < 0 ? result : 0;
}

EXPORTED int libusb_control_transfer(libusb_device_handle *handle, uint8_t type, uint8_t request,
                                     uint16_t value, uint16_t index, unsigned char *data,
                                     uint16_t length, unsigned timeout)
{
    (void)handle;
    (void)timeout;
    return control(type, request, value, index, data, length);
}

/* USB/IP has no reset: the device takes it from what the kernel asks for next. */
EXPORTED int libusb_reset_device(libusb_device_handle *handle)
{
    uint8_t about[64] = { 0 };

    control(0x80, 6, 0x0100, 0, about, sizeof about);
    if (memcmp(about, &handle->device->about, 18) == 0) {
        return 0;
    }
    hang_up();
    return LIBUSB_ERROR_NOT_FOUND;
}
