/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* One packet a record, one record a datagram. A device that restarts has forgotten the connection
 * and can't say so: requests that stay without an answer end the link, and whoever holds it opens
 * it again. */
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "dfu/err.h"
#include "dtls.h"

#define DEFAULT_PORT  "1337"
#define HANDSHAKE_MS  5000u
#define ANSWER_MS     1000u
#define UNHEARD_MS    3000u /* with so many requests, all unanswered, the device has forgotten us */
#define UNHEARD_SENDS 2u

struct dfu_link_dtls {
    struct dfu_dtls dtls;
    SSL *ssl;
    unsigned unheard; /* requests since anything came in */
    uint64_t unheard_ms;
    struct settings *settings; /* during the handshake */
    uint64_t end_ms;           /* of it, at the latest */
};

struct settings {
    char text[1024]; /* the option's words, cut apart */
    struct dfu_dtls_files files;
    const char *name;
    struct dfu_link_address at;
};

/* ---- The target ---- */

static int take_option(struct settings *s, const char *word, char why[DFU_LINK_WHY_LEN])
{
    const struct {
        const char *prefix;
        const char **value;
    } known[] = { { "ca=", &s->files.ca },
                  { "cert=", &s->files.cert },
                  { "key=", &s->files.key },
                  { "psk=", &s->files.psk },
                  { "name=", &s->name } };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t len = strlen(known[i].prefix);

        if (strncmp(word, known[i].prefix, len) == 0 && word[len]) {
            *known[i].value = word + len;
            return 0;
        }
    }
    snprintf(why, DFU_LINK_WHY_LEN,
             "dtls option %.60s is not known; there are ca=FILE, cert=FILE, key=FILE, psk=FILE and "
             "name=NAME",
             word);
    return DFU_ERR_INVAL;
}

static int parse(const char *address, struct settings *s, char why[DFU_LINK_WHY_LEN])
{
    size_t len = strcspn(address, ",");
    char *rest = NULL;
    int err = 0;

    memset(s, 0, sizeof(*s));
    if (strlen(address) >= sizeof(s->text) ||
        !dfu_link_address_split(address, len, DEFAULT_PORT, &s->at)) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "dtls:%.60s is not HOST[:PORT]; write dtls:192.0.2.1:1337,ca=root.pem or "
                 "dtls:192.0.2.1,psk=psk.txt",
                 address);
        return DFU_ERR_INVAL;
    }
    memcpy(s->text, address + len, strlen(address + len) + 1);
    for (char *word = strtok_r(s->text, ",", &rest); word && !err;
         word = strtok_r(NULL, ",", &rest)) {
        err = take_option(s, word, why);
    }
    return err;
}

/* ---- Handshake ---- */

static bool set_name(SSL *ssl, const char *name)
{
    struct in6_addr address;

    if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    }
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static int set_up(struct dfu_link *link, const struct settings *s)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    BIO *bio = BIO_new_dgram(link->fd, BIO_NOCLOSE);

    link->dtls->ssl = SSL_new(link->dtls->dtls.ctx);
    if (!link->dtls->ssl || !bio || getpeername(link->fd, (struct sockaddr *)&peer, &len)) {
        BIO_free(bio);
        return DFU_ERR_IO;
    }
    BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &peer);
    SSL_set_bio(link->dtls->ssl, bio, bio);
    SSL_set_mtu(link->dtls->ssl, DFU_DTLS_MTU);
    return set_name(link->dtls->ssl, s->name ? s->name : s->at.host) ? 0 : DFU_ERR_IO;
}

static uint64_t wait_ms(SSL *ssl, uint64_t left_ms)
{
    struct timeval until;
    uint64_t ms;

    if (!DTLSv1_get_timeout(ssl, &until)) {
        return left_ms;
    }
    ms = (uint64_t)until.tv_sec * 1000u + (uint64_t)until.tv_usec / 1000u + 1;
    return ms < left_ms ? ms : left_ms;
}

/* Whose silence it was: one that came so far has shown who it is, and has our key exchange. */
static void explain_silence(const struct settings *s, SSL *ssl, char why[DFU_LINK_WHY_LEN])
{
    OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl);
    bool is_met = state != TLS_ST_BEFORE && state != TLS_ST_CW_CLNT_HELLO &&
                  state != DTLS_ST_CR_HELLO_VERIFY_REQUEST;

    snprintf(why, DFU_LINK_WHY_LEN,
             is_met ? "%s port %s began a DTLS handshake and does not finish it; %s"
                    : "%s port %s does not answer a DTLS handshake; %s",
             s->at.host, s->at.port,
             is_met && s->files.psk ? "the pre-shared key is probably not the device's"
                                    : "check that it serves DTLS there");
}

static void settle(struct dfu_link *link)
{
    free(link->dtls->settings);
    link->dtls->settings = NULL;
    link->is_opening = false;
}

/* One step of the handshake. */
static int shake_hands(struct dfu_link *link, char why[DFU_LINK_WHY_LEN])
{
    const struct settings *s = link->dtls->settings;
    SSL *ssl = link->dtls->ssl;
    uint64_t now_ms = dfu_link_now_ms();
    char reason[200];
    int code, error;

    ERR_clear_error();
    errno = 0;
    code = SSL_connect(ssl);
    error = SSL_get_error(ssl, code);
    if (code == 1) {
        settle(link);
        return 0;
    }
    if (error == SSL_ERROR_SYSCALL && errno == ECONNREFUSED) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "%s says that nothing listens on port %s; start the device or correct the "
                 "port",
                 s->at.host, s->at.port);
        return DFU_ERR_NOENT;
    }
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        dfu_dtls_explain(ssl, reason, sizeof(reason));
        snprintf(why, DFU_LINK_WHY_LEN, "no DTLS with %s port %s: %s", s->at.host, s->at.port,
                 reason);
        return DFU_ERR_PERM;
    }
    if (now_ms >= link->dtls->end_ms) {
        explain_silence(s, ssl, why);
        return DFU_ERR_NOENT;
    }
    (void)DTLSv1_handle_timeout(ssl); /* sends again where it is time to */
    link->opening_due_ms = now_ms + wait_ms(ssl, link->dtls->end_ms - now_ms);
    return 0;
}

/* ---- The link ---- */

static void dtls_close(struct dfu_link *link)
{
    if (link->dtls) {
        if (link->dtls->ssl && SSL_is_init_finished(link->dtls->ssl)) {
            (void)SSL_shutdown(link->dtls->ssl); /* says good-bye; the answer is not waited for */
        }
        SSL_free(link->dtls->ssl);
        free(link->dtls->settings);
        dfu_dtls_close(&link->dtls->dtls);
        free(link->dtls);
        link->dtls = NULL;
    }
    ERR_clear_error();
    if (link->fd >= 0) {
        close(link->fd);
    }
    link->fd = -1;
}

static int open_all(struct dfu_link *link, char why[DFU_LINK_WHY_LEN])
{
    const struct settings *s = link->dtls->settings;
    int err = dfu_dtls_open(&link->dtls->dtls, &s->files, false, why, DFU_LINK_WHY_LEN);

    if (!err) {
        err = dfu_link_udp_connect(link, &s->at, why);
    }
    if (!err) {
        err = set_up(link, s);
        snprintf(why, DFU_LINK_WHY_LEN, "OpenSSL cannot make a DTLS connection to %s", s->at.host);
    }
    if (err) {
        return err;
    }
    link->mtu -= DFU_DTLS_OVERHEAD;
    link->mtu = link->mtu < SSL3_RT_MAX_PLAIN_LENGTH ? link->mtu : SSL3_RT_MAX_PLAIN_LENGTH;
    link->answer_ms = ANSWER_MS;
    link->is_opening = true;
    link->opening_events = POLLIN;
    link->dtls->end_ms = dfu_link_now_ms() + HANDSHAKE_MS;
    return shake_hands(link, why);
}

static int dtls_open(struct dfu_link *link, const char *address, char why[DFU_LINK_WHY_LEN])
{
    struct settings *settings = calloc(1, sizeof(*settings));
    int err = settings ? parse(address, settings, why) : DFU_ERR_IO;

    link->dtls = err ? NULL : calloc(1, sizeof(*link->dtls));
    if (!settings || (!err && !link->dtls)) {
        snprintf(why, DFU_LINK_WHY_LEN, "out of memory");
        err = DFU_ERR_IO;
    }
    if (err) {
        free(settings);
        return err;
    }
    link->dtls->settings = settings;
    err = open_all(link, why);
    if (err) {
        dtls_close(link);
    }
    return err;
}

/* A refused port is a device that restarts, as with plain UDP. */
static int outcome(struct dfu_link *link, int code)
{
    int error = SSL_get_error(link->dtls->ssl, code);
    bool is_over = error == SSL_ERROR_SSL || error == SSL_ERROR_ZERO_RETURN;

    if (error == SSL_ERROR_SYSCALL && errno == ECONNREFUSED) {
        link->is_refused = true;
    }
    ERR_clear_error();
    return is_over ? DFU_ERR_IO : 0;
}

static int dtls_send(struct dfu_link *link, const uint8_t *packet, size_t len)
{
    struct dfu_link_dtls *d = link->dtls;
    int code;

    if (d->unheard == 0) {
        d->unheard_ms = dfu_link_now_ms();
    }
    if (d->unheard >= UNHEARD_SENDS && dfu_link_now_ms() - d->unheard_ms >= UNHEARD_MS) {
        return DFU_ERR_IO;
    }
    d->unheard++;
    ERR_clear_error();
    errno = 0;
    code = SSL_write(d->ssl, packet, (int)len);
    return code > 0 ? 0 : outcome(link, code);
}

static int dtls_receive(struct dfu_link *link, uint8_t *packet, size_t cap)
{
    int len;

    ERR_clear_error();
    errno = 0;
    len = SSL_read(link->dtls->ssl, packet, (int)cap);
    if (len <= 0) {
        return outcome(link, len);
    }
    link->dtls->unheard = 0;
    return len;
}

const struct dfu_link_kind dfu_link_dtls = { dtls_open, shake_hands, dtls_send, dtls_receive,
                                             dtls_close };
