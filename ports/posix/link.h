/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* link.h - a client's way to a device: whole SMP packets over UDP or a serial port.
 *
 * One struct is one link; it is the caller's, and large (a packet lies in it). A link that fails
 * is closed and may be opened again by its target. Nothing here repeats or waits beyond what the
 * caller asks. */
#ifndef DFU_POSIX_LINK_H
#define DFU_POSIX_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/smp_serial.h"

#define DFU_LINK_PACKET_MAX 65543u /* an SMP header and the longest payload */
#define DFU_LINK_WHY_LEN    512u

struct sp_port;
struct dfu_link;

struct dfu_link_kind {
    int (*open)(struct dfu_link *link, const char *address, char why[DFU_LINK_WHY_LEN]);
    int (*send)(struct dfu_link *link, const uint8_t *packet, size_t len);
    int (*receive)(struct dfu_link *link, uint8_t *packet, size_t cap);
    void (*close)(struct dfu_link *link);
};

struct dfu_link {
    const struct dfu_link_kind *kind; /* NULL: closed */
    int fd;
    uint32_t mtu;       /* the largest packet it carries */
    uint32_t answer_ms; /* a first guess of how long an answer takes */
    bool is_refused;    /* the host says that nothing listens there; cleared by any packet */

    /* serial */
    struct sp_port *port; /* NULL: a terminal without a port behind it */
    bool is_raw;          /* packets back to back, no console framing */
    struct dfu_smp_serial_decoder decoder;
    uint64_t partial_ms; /* when the last byte of an unfinished raw packet came */
    size_t partial_len;
    size_t rx_pos, rx_len;
    uint8_t rx[2048];
    uint8_t partial[DFU_LINK_PACKET_MAX + DFU_SMP_SERIAL_CRC_SIZE];
};

/* target: "udp:HOST[:PORT]", "udp:[::1]:1337", "serial:PATH[,baud=N][,raw]". On failure why holds
 * a sentence, and the result says whose fault it is: DFU_ERR_INVAL (no such target can be),
 * DFU_ERR_NOENT, DFU_ERR_PERM, DFU_ERR_BUSY, DFU_ERR_IO. */
int dfu_link_open(struct dfu_link *link, const char *target, char why[DFU_LINK_WHY_LEN]);

/* 0; DFU_ERR_IO: the link is gone. A packet that finds no room is lost, as on any link. */
int dfu_link_send(struct dfu_link *link, const uint8_t *packet, size_t len);

/* A packet's length, 0 if none came in time, or DFU_ERR_IO: the link is gone. */
int dfu_link_receive(struct dfu_link *link, uint8_t *packet, size_t cap, uint32_t timeout_ms);

/* A closed link may be closed again. */
void dfu_link_close(struct dfu_link *link);

/* For the kinds. */
extern const struct dfu_link_kind dfu_link_udp, dfu_link_serial;
uint64_t dfu_link_now_ms(void);

#endif
