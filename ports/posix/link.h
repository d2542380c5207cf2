/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* link.h - a client's way to a device: whole SMP packets over UDP, DTLS, Bluetooth LE, a serial
 * port, or one that TCP carries.
 *
 * One struct is one link; it is the caller's, and large (a packet lies in it). A link that fails
 * is closed and may be opened again by its target. Nothing here repeats or waits beyond what the
 * caller asks. */
#ifndef DFU_POSIX_LINK_H
#define DFU_POSIX_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "awake.h"
#include "framing.h"

#define DFU_LINK_PACKET_MAX 65543u /* an SMP header and the longest payload */
#define DFU_LINK_WHY_LEN    512u

struct dfu_link_ble;
struct dfu_link_dtls;
struct sp_port;
struct dfu_link;

struct dfu_link_kind {
    int (*open)(struct dfu_link *link, const char *address, char why[DFU_LINK_WHY_LEN]);
    /* For kinds whose open only begins (is_opening); NULL: it is all. */
    int (*go_on)(struct dfu_link *link, char why[DFU_LINK_WHY_LEN]);
    int (*send)(struct dfu_link *link, const uint8_t *packet, size_t len);
    int (*receive)(struct dfu_link *link, uint8_t *packet, size_t cap);
    void (*close)(struct dfu_link *link);
};

struct dfu_link {
    const struct dfu_link_kind *kind; /* NULL: closed */
    int fd;
    uint32_t mtu;         /* the largest packet it carries */
    uint32_t rest;        /* bytes of the device's buffer that are not for the packet */
    uint32_t answer_ms;   /* a first guess of how long an answer takes */
    uint32_t bytes_per_s; /* of packets, on a line whose speed is known; else 0 */
    bool is_refused;      /* the host says that nothing listens there; cleared by any packet */
    bool is_line;         /* what is sent takes its time: serial, also by TCP, and Bluetooth LE */
    struct dfu_awake awake;

    bool is_opening;         /* see dfu_link_begin */
    uint64_t opening_due_ms; /* when to go on, if nothing comes in before */
    short opening_events;    /* what poll() is to look for meanwhile */

    struct dfu_link_dtls *dtls; /* NULL: another kind */
    struct dfu_link_tcp *tcp;   /* while it connects */
    struct dfu_link_ble *ble;   /* the same */

    /* streams: serial and TCP */
    struct sp_port *port; /* NULL: a terminal without a port behind it, or a connection */
    bool is_socket;
    struct dfu_framing framing;
    size_t rx_pos, rx_len;
    uint8_t rx[2048];
    uint8_t partial[DFU_LINK_PACKET_MAX + DFU_SMP_SERIAL_CRC_SIZE];
};

/* target: "udp:HOST[:PORT]", "udp:[::1]:1337", "serial:PORT[,baud=N][,raw]", "tcp:HOST:PORT[,raw]",
 * "dtls:HOST[:PORT][,ca=FILE][,cert=FILE,key=FILE][,psk=FILE][,name=NAME]",
 * "ble:NAME|ADDRESS[,adapter=hciN][,passkey=N][,whole]"; PORT is a path or what serial_match.h
 * says. On failure why holds a sentence, and the result says whose fault it is: DFU_ERR_INVAL (no
 * such target can be), DFU_ERR_NOENT, DFU_ERR_PERM, DFU_ERR_BUSY, DFU_ERR_NOTSUP, DFU_ERR_IO.
 * Bluetooth takes seconds. */
int dfu_link_open(struct dfu_link *link, const char *target, char why[DFU_LINK_WHY_LEN]);

/* The same without waiting, but for the name of a host to be looked up: while is_opening is set, it
 * is not open yet. dfu_link_go_on() then returns 0, or why it cannot be opened; the link is closed
 * in that case. */
int dfu_link_begin(struct dfu_link *link, const char *target, char why[DFU_LINK_WHY_LEN]);
int dfu_link_go_on(struct dfu_link *link, char why[DFU_LINK_WHY_LEN]);

/* 0; DFU_ERR_IO: the link is gone. A packet that finds no room is lost, as on any link. */
int dfu_link_send(struct dfu_link *link, const uint8_t *packet, size_t len);

/* A packet's length, 0 if none came in time, or DFU_ERR_IO: the link is gone. */
int dfu_link_receive(struct dfu_link *link, uint8_t *packet, size_t cap, uint32_t timeout_ms);

/* The longest request for a device whose parameters tell this size of its buffers. */
uint32_t dfu_link_request_max(const struct dfu_link *link, uint32_t buf_size);

/* A closed link may be closed again. */
void dfu_link_close(struct dfu_link *link);

/* For the kinds. */
extern const struct dfu_link_kind dfu_link_ble, dfu_link_dtls, dfu_link_serial, dfu_link_tcp,
    dfu_link_udp;
uint64_t dfu_link_now_ms(void);

/* For the kinds that are streams; fd is open and does not block. */
void dfu_link_stream_init(struct dfu_link *link, bool is_raw);
int dfu_link_stream_send(struct dfu_link *link, const uint8_t *packet, size_t len);
int dfu_link_stream_receive(struct dfu_link *link, uint8_t *packet, size_t cap);

/* For the kinds that are reached over a network. */
struct dfu_link_address {
    char host[256], port[16];
};

/* "HOST", "HOST:PORT", "[V6]", "[V6]:PORT", each up to len; a port that is not there is
 * default_port, which may be NULL. False: it is none of these. */
bool dfu_link_address_split(const char *text, size_t len, const char *default_port,
                            struct dfu_link_address *out);

struct addrinfo;
/* Look a host up; freeaddrinfo is the caller's. On failure why holds a sentence: DFU_ERR_NOENT. */
int dfu_link_address_find(const struct dfu_link_address *at, int socket_type, struct addrinfo **out,
                          char why[DFU_LINK_WHY_LEN]);

/* For the end of a sentence: what an address lacks that only its link's interface completes, or "". */
const char *dfu_link_address_hint(const struct dfu_link_address *at);

/* A socket to there in link->fd, and the link's mtu. */
int dfu_link_udp_connect(struct dfu_link *link, const struct dfu_link_address *at,
                         char why[DFU_LINK_WHY_LEN]);

#endif
