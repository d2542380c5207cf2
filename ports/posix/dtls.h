/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* dtls.h - what both ends of SMP over DTLS 1.2 share: certificates, pre-shared keys, and words for
 * what OpenSSL refuses. */
#ifndef DFU_POSIX_DTLS_H
#define DFU_POSIX_DTLS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#define DFU_DTLS_MTU      1400u /* of handshakes; a packet of SMP is always one record */
#define DFU_DTLS_OVERHEAD 64u   /* that a record adds to its packet, at most */
#define DFU_DTLS_PSK_MAX  64u

/* File names of PEM files; a text file of "identity:hexadecimal key" lines, as GnuTLS's psktool
 * writes it. Any may be NULL. */
struct dfu_dtls_files {
    const char *ca;         /* who signs the other side's certificate */
    const char *cert, *key; /* our own */
    const char *psk;        /* instead of certificates */
};

/* One end's settings; caller's, constant once opened. */
struct dfu_dtls {
    SSL_CTX *ctx;
    char psk[PATH_MAX];
};

/* Load everything. A server needs a certificate or a pre-shared key, and asks for the client's
 * certificate if it has a CA; a client without a CA trusts the system's. 0, or DFU_ERR_INVAL with a
 * sentence in why. Close in either case; zeroed, it may be closed. */
int dfu_dtls_open(struct dfu_dtls *dtls, const struct dfu_dtls_files *files, bool is_server,
                  char *why, size_t why_cap);
void dfu_dtls_close(struct dfu_dtls *dtls);

/* Why the last handshake of ssl failed, as half a sentence; clears OpenSSL's queue. */
void dfu_dtls_explain(const SSL *ssl, char *why, size_t why_cap);

#endif
