/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* server_dtls.h - SMP over DTLS 1.2, the device's side: one packet a record, one record a datagram.
 *
 * Strangers cost nothing: until a client has shown by a cookie that it receives at its address,
 * nothing of it is kept. After that a handshake may take DFU_SERVER_DTLS_HANDSHAKE_MS; there are
 * DFU_SERVER_DTLS_SESSIONS sessions, and the one that was silent longest makes room for a new one.
 * A client that comes back from the same port gets a new session in place of its old one once it
 * has shown the cookie (RFC 6347, 4.2.8). */
#ifndef DFU_POSIX_SERVER_DTLS_H
#define DFU_POSIX_SERVER_DTLS_H

#include "dtls.h"
#include "endpoint.h"
#include "event_loop.h"

#define DFU_SERVER_DTLS_SESSIONS     8u
#define DFU_SERVER_DTLS_HANDSHAKE_MS 10000u
#define DFU_SERVER_DTLS_PACKET_MAX   4096u

struct dfu_server_dtls;

struct dfu_server_dtls_socket {
    struct dfu_loop_file file;
    struct dfu_server_dtls *server;
};

struct dfu_server_dtls_peer {
    const struct dfu_server_dtls_socket *socket;
    struct sockaddr_storage address;
    socklen_t len;
};

struct dfu_server_dtls_session {
    SSL *ssl;        /* NULL: free */
    uint32_t number; /* which one this is, counted from 1 */
    struct dfu_server_dtls_peer peer;
    uint64_t heard;      /* when last, counted in datagrams: many come in a millisecond */
    uint64_t give_up_ms; /* its handshake */
};

struct dfu_server_dtls {
    void (*packet)(void *ctx, const uint8_t *packet, size_t len);
    /* One line about a handshake that failed; may be NULL. */
    void (*line)(void *ctx, const char *text);
    void *ctx;

    /* the server's own */
    struct dfu_dtls dtls;
    struct dfu_server_dtls_socket sockets[DFU_ENDPOINTS_MAX];
    unsigned count;
    uint8_t secret[32]; /* of the cookies */
    SSL *stranger;      /* answers those without a cookie, one at a time */
    struct dfu_server_dtls_peer asker;
    struct dfu_server_dtls_session sessions[DFU_SERVER_DTLS_SESSIONS];
    uint32_t begun;                           /* sessions so far */
    uint64_t heard;                           /* datagrams so far */
    struct dfu_server_dtls_session *answered; /* whose packet is in hand */
    uint8_t buf[DFU_SERVER_DTLS_PACKET_MAX + 1024];
};

/* Bind and join the loop; as dfu_server_udp_open. Returns the port, or -errno. */
int dfu_server_dtls_open(struct dfu_server_dtls *server, struct dfu_loop *loop,
                         const struct dfu_dtls_files *files, const char *address, uint16_t port,
                         char *why, size_t why_cap);

/* Answer whoever sent the packet now in hand. */
void dfu_server_dtls_send(struct dfu_server_dtls *server, const uint8_t *packet, size_t len);

/* Forget all sessions without a word, as a reset does. */
void dfu_server_dtls_forget(struct dfu_server_dtls *server);

/* Repeat what was lost of handshakes, give up late ones. Poll when due; UINT64_MAX: never. */
uint64_t dfu_server_dtls_due_ms(const struct dfu_server_dtls *server);
void dfu_server_dtls_poll(struct dfu_server_dtls *server);

/* A server that was never opened, zeroed, may be closed. */
void dfu_server_dtls_close(struct dfu_server_dtls *server);

#endif
