/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The sockets are ours and OpenSSL sees memory: a datagram goes to the session of its address, or
 * to the one object that answers strangers with a cookie. */
#include "server_dtls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "dfu/err.h"

#define AT_ONE_GO       16
#define RECORD_HEADER   13u /* RFC 6347, 4.1: type, version, epoch, sequence number, length */
#define TYPE_HANDSHAKE  22u
#define HELLO_OF_CLIENT 1u
#define COOKIE_LEN      32u

/* ---- Cookies ---- */

static bool same_peer(const struct dfu_server_dtls_peer *a, const struct dfu_server_dtls_peer *b)
{
    return a->socket == b->socket && a->len == b->len &&
           memcmp(&a->address, &b->address, a->len) == 0;
}

/* Of the address that the datagram in hand came from. */
static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned *len)
{
    const struct dfu_server_dtls *server = SSL_get_app_data(ssl);

    *len = COOKIE_LEN;
    return HMAC(EVP_sha256(), server->secret, sizeof server->secret,
                (const unsigned char *)&server->asker.address, server->asker.len, cookie,
                len) != NULL;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, unsigned len)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned expected_len = 0;

    return make_cookie(ssl, expected, &expected_len) && len == expected_len &&
           CRYPTO_memcmp(cookie, expected, len) == 0;
}

/* ---- Datagrams out ---- */

/* What OpenSSL wrote, each record a datagram of its own. */
static void flush(SSL *ssl, const struct dfu_server_dtls_peer *peer)
{
    BIO *out = SSL_get_wbio(ssl);
    char *data = NULL;
    size_t left = (size_t)BIO_get_mem_data(out, &data);
    const uint8_t *record = (const uint8_t *)data;

    while (left >= RECORD_HEADER) {
        size_t len = RECORD_HEADER + ((size_t)record[11] << 8 | record[12]);

        len = len < left ? len : left;
        (void)sendto(peer->socket->file.fd, record, len, MSG_DONTWAIT,
                     (const struct sockaddr *)&peer->address, peer->len);
        record += len;
        left -= len;
    }
    (void)BIO_reset(out);
}

/* ---- Sessions ---- */

static SSL *new_ssl(struct dfu_server_dtls *server)
{
    SSL *ssl = SSL_new(server->dtls.ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());

    if (!ssl || !in || !out) {
        SSL_free(ssl);
        BIO_free(in);
        BIO_free(out);
        return NULL;
    }
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(ssl, in, out);
    SSL_set_mtu(ssl, DFU_DTLS_MTU);
    SSL_set_app_data(ssl, server);
    SSL_set_accept_state(ssl);
    return ssl;
}

static void end(struct dfu_server_dtls_session *session)
{
    SSL_free(session->ssl);
    session->ssl = NULL;
}

static struct dfu_server_dtls_session *find(struct dfu_server_dtls *server,
                                            const struct dfu_server_dtls_peer *peer)
{
    for (size_t i = 0; i < DFU_SERVER_DTLS_SESSIONS; i++) {
        if (server->sessions[i].ssl && same_peer(&server->sessions[i].peer, peer)) {
            return &server->sessions[i];
        }
    }
    return NULL;
}

/* The peer's old one, a free one, or else the one that was silent longest. */
static struct dfu_server_dtls_session *make_room(struct dfu_server_dtls *server,
                                                 const struct dfu_server_dtls_peer *peer)
{
    struct dfu_server_dtls_session *best = find(server, peer);

    for (size_t i = 0; !best && i < DFU_SERVER_DTLS_SESSIONS; i++) {
        best = server->sessions[i].ssl ? NULL : &server->sessions[i];
    }
    if (!best) {
        best = &server->sessions[0];
        for (size_t i = 1; i < DFU_SERVER_DTLS_SESSIONS; i++) {
            best = server->sessions[i].heard < best->heard ? &server->sessions[i] : best;
        }
    }
    if (best->ssl) {
        end(best);
    }
    return best;
}

static void say_failed(struct dfu_server_dtls *server, const SSL *ssl)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    char text[160];

    if (server->line) {
        snprintf(text, sizeof text, "dtls: a client was refused: %s",
                 SSL_get_verify_result(ssl) != X509_V_OK
                     ? X509_verify_cert_error_string(SSL_get_verify_result(ssl))
                     : (reason ? reason : "the handshake broke off"));
        server->line(server->ctx, text);
    }
    ERR_clear_error();
}

/* Go on with what has come in. The session may be over afterwards. */
static void run(struct dfu_server_dtls *server, struct dfu_server_dtls_session *session)
{
    SSL *ssl = session->ssl;

    for (;;) {
        bool was_ready = SSL_is_init_finished(ssl);
        int len, error;

        ERR_clear_error(); /* the device's own use of OpenSSL must not look like this session's */
        len = SSL_read(ssl, server->buf, (int)DFU_SERVER_DTLS_PACKET_MAX);
        error = SSL_get_error(ssl, len);
        if (len > 0) {
            server->answered = session;
            server->packet(server->ctx, server->buf, (size_t)len);
            server->answered = NULL;
            if (session->ssl != ssl) {
                return; /* the packet reset the device */
            }
            continue;
        }
        flush(ssl, &session->peer);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            if (!was_ready && error == SSL_ERROR_SSL) {
                say_failed(server, ssl);
            }
            end(session);
        }
        ERR_clear_error();
        return;
    }
}

/* ---- Datagrams in ---- */

static bool is_first_hello(const uint8_t *data, size_t len)
{
    return len > RECORD_HEADER && data[0] == TYPE_HANDSHAKE && data[3] == 0 && data[4] == 0 &&
           data[RECORD_HEADER] == HELLO_OF_CLIENT;
}

static void meet(struct dfu_server_dtls *server, const uint8_t *data, size_t len)
{
    BIO_ADDR *unused = BIO_ADDR_new();
    struct dfu_server_dtls_session *session;
    int code;

    if (!server->stranger) {
        server->stranger = new_ssl(server);
    }
    if (!unused || !server->stranger) {
        BIO_ADDR_free(unused);
        return;
    }
    ERR_clear_error();
    BIO_write(SSL_get_rbio(server->stranger), data, (int)len);
    code = DTLSv1_listen(server->stranger, unused);
    BIO_ADDR_free(unused);
    flush(server->stranger, &server->asker);
    if (code <= 0) {
        (void)BIO_reset(SSL_get_rbio(server->stranger));
        ERR_clear_error();
        if (code < 0) {
            SSL_free(server->stranger);
            server->stranger = NULL;
        }
        return;
    }
    session = make_room(server, &server->asker);
    session->ssl = server->stranger;
    session->peer = server->asker;
    session->number = ++server->begun;
    session->heard = ++server->heard;
    session->give_up_ms = dfu_loop_now_ms() + DFU_SERVER_DTLS_HANDSHAKE_MS;
    server->stranger = NULL;
    run(server, session);
}

static void take(struct dfu_server_dtls *server, const uint8_t *data, size_t len)
{
    struct dfu_server_dtls_session *session = find(server, &server->asker);

    if (!session || (SSL_is_init_finished(session->ssl) && is_first_hello(data, len))) {
        meet(server, data, len);
        return;
    }
    session->heard = ++server->heard;
    BIO_write(SSL_get_rbio(session->ssl), data, (int)len);
    run(server, session);
}

static void take_datagrams(void *ctx)
{
    struct dfu_server_dtls_socket *s = ctx;
    struct dfu_server_dtls *server = s->server;
    uint8_t data[DFU_SERVER_DTLS_PACKET_MAX + DFU_DTLS_OVERHEAD];

    for (int i = 0; i < AT_ONE_GO; i++) {
        ssize_t len;

        server->asker = (struct dfu_server_dtls_peer){ .socket = s };
        server->asker.len = sizeof server->asker.address;
        len = recvfrom(s->file.fd, data, sizeof data, MSG_DONTWAIT | MSG_TRUNC,
                       (struct sockaddr *)&server->asker.address, &server->asker.len);
        if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        if (len > 0 && (size_t)len <= sizeof data) {
            take(server, data, (size_t)len);
        }
    }
}

/* ---- The server ---- */

static int join(struct dfu_server_dtls *server, struct dfu_loop *loop,
                struct dfu_endpoint *endpoint, uint16_t port)
{
    struct dfu_server_dtls_socket *s = &server->sockets[server->count];
    int fd = dfu_endpoint_bind(endpoint, SOCK_DGRAM, port);

    if (fd < 0) {
        return fd;
    }
    server->count++;
    s->server = server;
    s->file = (struct dfu_loop_file){ .fd = fd, .ready = take_datagrams, .ctx = s };
    dfu_loop_add(loop, &s->file);
    return dfu_endpoint_port(fd);
}

int dfu_server_dtls_open(struct dfu_server_dtls *server, struct dfu_loop *loop,
                         const struct dfu_dtls_files *files, const char *address, uint16_t port,
                         char *why, size_t why_cap)
{
    struct dfu_endpoint endpoints[DFU_ENDPOINTS_MAX];
    unsigned count = dfu_endpoint_resolve(address, endpoints);
    int found;

    server->count = 0;
    why[0] = 0;
    if (count == 0) {
        return -EINVAL;
    }
    if (dfu_dtls_open(&server->dtls, files, true, why, why_cap)) {
        return -EINVAL;
    }
    SSL_CTX_set_cookie_generate_cb(server->dtls.ctx, make_cookie);
    SSL_CTX_set_cookie_verify_cb(server->dtls.ctx, check_cookie);
    if (RAND_bytes(server->secret, sizeof server->secret) != 1) {
        return -EIO;
    }
    found = join(server, loop, &endpoints[0], port);
    if (found >= 0 && count > 1) { /* many machines have no IPv6; they are served by IPv4 alone */
        (void)join(server, loop, &endpoints[1], (uint16_t)found);
    }
    return found;
}

void dfu_server_dtls_send(struct dfu_server_dtls *server, const uint8_t *packet, size_t len)
{
    if (server->answered && server->answered->ssl) {
        (void)SSL_write(server->answered->ssl, packet, (int)len);
        flush(server->answered->ssl, &server->answered->peer);
        ERR_clear_error();
    }
}

void dfu_server_dtls_forget(struct dfu_server_dtls *server)
{
    for (size_t i = 0; i < DFU_SERVER_DTLS_SESSIONS; i++) {
        end(&server->sessions[i]);
    }
}

uint64_t dfu_server_dtls_due_ms(const struct dfu_server_dtls *server)
{
    uint64_t due_ms = UINT64_MAX;

    for (size_t i = 0; i < DFU_SERVER_DTLS_SESSIONS; i++) {
        const struct dfu_server_dtls_session *session = &server->sessions[i];
        uint64_t at_ms = session->give_up_ms;
        struct timeval left;

        if (!session->ssl || SSL_is_init_finished(session->ssl)) {
            continue;
        }
        if (DTLSv1_get_timeout(session->ssl, &left)) {
            uint64_t repeat_ms = dfu_loop_now_ms() + (uint64_t)left.tv_sec * 1000u +
                                 (uint64_t)left.tv_usec / 1000u + 1;

            at_ms = repeat_ms < at_ms ? repeat_ms : at_ms;
        }
        due_ms = at_ms < due_ms ? at_ms : due_ms;
    }
    return due_ms;
}

void dfu_server_dtls_poll(struct dfu_server_dtls *server)
{
    uint64_t now_ms = dfu_loop_now_ms();

    for (size_t i = 0; i < DFU_SERVER_DTLS_SESSIONS; i++) {
        struct dfu_server_dtls_session *session = &server->sessions[i];

        if (!session->ssl || SSL_is_init_finished(session->ssl)) {
            continue;
        }
        if (now_ms >= session->give_up_ms) {
            end(session);
        } else {
            (void)DTLSv1_handle_timeout(session->ssl); /* OpenSSL gives up far later */
            flush(session->ssl, &session->peer);
        }
        ERR_clear_error();
    }
}

void dfu_server_dtls_close(struct dfu_server_dtls *server)
{
    dfu_server_dtls_forget(server);
    SSL_free(server->stranger);
    server->stranger = NULL;
    for (unsigned i = 0; i < server->count; i++) {
        close(server->sockets[i].file.fd);
    }
    server->count = 0;
    dfu_dtls_close(&server->dtls);
}
