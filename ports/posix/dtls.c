/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dtls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "dfu/err.h"

#define CERTIFICATES_MAX 16384 /* bytes of a chain that the other side may send */
#define LINE_MAX_LEN     512

/* Forward secrecy first; the last two are what small devices are often built with. */
static const char certificate_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM";
static const char psk_ciphers[] =
    "ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES128-CBC-SHA256:PSK-AES256-GCM-SHA384:"
    "PSK-AES128-GCM-SHA256:PSK-AES128-CCM:PSK-AES128-CCM8";

/* ---- Pre-shared keys ---- */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 'a' - 'A' : c) : NULL;

    return found ? (int)(found - digits) : -1;
}

/* Length of the key, or 0. */
static unsigned read_key(const char *hex, uint8_t *key, size_t cap)
{
    size_t len = strlen(hex) / 2;

    if (len == 0 || len > cap || strlen(hex) % 2) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

        if (high < 0 || low < 0) {
            return 0;
        }
        key[i] = (uint8_t)(high << 4 | low);
    }
    return (unsigned)len;
}

/* The key of an identity, or of the first line if that is NULL; its length, or 0. */
static unsigned find_key(const char *path, const char *wanted, char *identity, size_t identity_cap,
                         uint8_t *key, size_t cap)
{
    char line[LINE_MAX_LEN];
    unsigned len = 0;
    FILE *file = fopen(path, "r");

    while (file && len == 0 && fgets(line, sizeof line, file)) {
        char *colon;

        line[strcspn(line, "\r\n")] = 0;
        colon = strrchr(line, ':');
        if (line[0] == '#' || !colon) {
            continue;
        }
        *colon = 0;
        if (!wanted || strcmp(line, wanted) == 0) {
            len = strlen(line) < identity_cap ? read_key(colon + 1, key, cap) : 0;
            snprintf(identity, identity_cap, "%s", line);
        }
    }
    if (file) {
        fclose(file);
    }
    OPENSSL_cleanse(line, sizeof line);
    return len;
}

static const char *psk_file(const SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static unsigned psk_of_client(SSL *ssl, const char *hint, char *identity, unsigned identity_cap,
                              unsigned char *key, unsigned cap)
{
    (void)hint;
    return find_key(psk_file(ssl), NULL, identity, identity_cap, key, cap);
}

static unsigned psk_of_server(SSL *ssl, const char *identity, unsigned char *key, unsigned cap)
{
    char found[LINE_MAX_LEN];

    return find_key(psk_file(ssl), identity, found, sizeof found, key, cap);
}

static bool is_readable(const char *path, const char *what, char *why, size_t why_cap)
{
    if (access(path, R_OK)) {
        snprintf(why, why_cap, "cannot read the %s %s: %s; check the path", what, path,
                 strerror(errno));
        return false;
    }
    return true;
}

static int use_psk(struct dfu_dtls *dtls, const char *path, bool is_server, char *why,
                   size_t why_cap)
{
    char identity[LINE_MAX_LEN];
    uint8_t key[DFU_DTLS_PSK_MAX];

    if (strlen(path) >= sizeof dtls->psk ||
        find_key(path, NULL, identity, sizeof identity, key, sizeof key) == 0) {
        if (is_readable(path, "pre-shared key", why, why_cap)) {
            snprintf(why, why_cap,
                     "%s holds no pre-shared key; write one line 'identity:key' with the key in "
                     "hexadecimal, as psktool does",
                     path);
        }
        return DFU_ERR_INVAL;
    }
    OPENSSL_cleanse(key, sizeof key);
    snprintf(dtls->psk, sizeof dtls->psk, "%s", path);
    SSL_CTX_set_app_data(dtls->ctx, dtls->psk);
    if (is_server) {
        SSL_CTX_set_psk_server_callback(dtls->ctx, psk_of_server);
    } else {
        SSL_CTX_set_psk_client_callback(dtls->ctx, psk_of_client);
    }
    return 0;
}

/* ---- Certificates ---- */

static int use_own(SSL_CTX *ctx, const struct dfu_dtls_files *files, char *why, size_t why_cap)
{
    if (!files->cert || !files->key) {
        snprintf(why, why_cap,
                 "a certificate needs its private key, and the key its certificate; "
                 "give both files");
        return DFU_ERR_INVAL;
    }
    if (!is_readable(files->cert, "certificate", why, why_cap) ||
        !is_readable(files->key, "private key", why, why_cap)) {
        return DFU_ERR_INVAL;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert) != 1) {
        snprintf(why, why_cap, "%s holds no certificate in PEM form; openssl x509 converts one",
                 files->cert);
        return DFU_ERR_INVAL;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        snprintf(why, why_cap, "%s is not the private key of the certificate in %s", files->key,
                 files->cert);
        return DFU_ERR_INVAL;
    }
    return 0;
}

static int use_trust(SSL_CTX *ctx, const char *ca, bool is_server, char *why, size_t why_cap)
{
    STACK_OF(X509_NAME) * names;

    if (!ca) {
        return is_server || SSL_CTX_set_default_verify_paths(ctx) == 1 ? 0 : DFU_ERR_INVAL;
    }
    if (!is_readable(ca, "certificate", why, why_cap)) {
        return DFU_ERR_INVAL;
    }
    if (SSL_CTX_load_verify_file(ctx, ca) != 1) {
        snprintf(why, why_cap,
                 "%s holds no certificate in PEM form to trust; openssl x509 converts one", ca);
        return DFU_ERR_INVAL;
    }
    names = is_server ? SSL_load_client_CA_file(ca) : NULL;
    if (names) {
        SSL_CTX_set_client_CA_list(ctx, names);
    }
    return 0;
}

static int load(struct dfu_dtls *dtls, const struct dfu_dtls_files *files, bool is_server,
                char *why, size_t why_cap)
{
    int err = use_trust(dtls->ctx, files->ca, is_server, why, why_cap);

    if (!err && (files->cert || files->key)) {
        err = use_own(dtls->ctx, files, why, why_cap);
    }
    if (!err && files->psk) {
        err = use_psk(dtls, files->psk, is_server, why, why_cap);
    }
    return err;
}

/* ---- Both ---- */

/* A program that starts OpenSSL without its tables of names has to say which it needs: those of
 * signatures in certificates. */
static void name_digests(void)
{
    (void)EVP_add_digest(EVP_sha256());
    (void)EVP_add_digest(EVP_sha384());
    (void)EVP_add_digest(EVP_sha512());
}

int dfu_dtls_open(struct dfu_dtls *dtls, const struct dfu_dtls_files *files, bool is_server,
                  char *why, size_t why_cap)
{
    bool has_client_check = !is_server || files->ca;
    char ciphers[sizeof certificate_ciphers + sizeof psk_ciphers + 1];
    int err;

    name_digests();
    dtls->ctx = SSL_CTX_new(is_server ? DTLS_server_method() : DTLS_client_method());
    if (!dtls->ctx) {
        snprintf(why, why_cap, "OpenSSL has no DTLS");
        return DFU_ERR_INVAL;
    }
    snprintf(ciphers, sizeof ciphers, "%s%s%s", files->psk ? psk_ciphers : "",
             files->psk && files->cert ? ":" : "",
             files->psk && !files->cert ? "" : certificate_ciphers);
    SSL_CTX_set_min_proto_version(dtls->ctx, DTLS1_2_VERSION);
    SSL_CTX_set_cipher_list(dtls->ctx, ciphers);
    SSL_CTX_set_options(dtls->ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION |
                                       SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(dtls->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(dtls->ctx, CERTIFICATES_MAX);
    SSL_CTX_set_read_ahead(dtls->ctx, 1);
    if (has_client_check) {
        SSL_CTX_set_verify(dtls->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    err = load(dtls, files, is_server, why, why_cap);
    ERR_clear_error();
    return err;
}

void dfu_dtls_close(struct dfu_dtls *dtls)
{
    SSL_CTX_free(dtls->ctx);
    dtls->ctx = NULL;
}

/* ---- Words ---- */

static const char *alert_words(int reason)
{
    switch (reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "it does not trust who signed our certificate; use one that its CA signed";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED: return "our certificate has expired; renew it";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        return "it does not accept our certificate; use one that its CA signed for clients";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED: return "our certificate was revoked; get a new one";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "it wants something else of us: a certificate (cert=, key=) or a pre-shared key "
               "(psk=)";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return "it does not speak DTLS 1.2";
    case SSL_R_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY:
        return "it does not know the identity of our pre-shared key";
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
    case SSL_R_SSLV3_ALERT_BAD_RECORD_MAC:
        return "our pre-shared key is not the one it has for that identity";
    default: return NULL;
    }
}

static void explain_certificate(long verdict, char *why, size_t cap)
{
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(why, cap, "its certificate has expired; renew it, or set this clock right");
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(why, cap, "its certificate is not valid yet; set this clock right");
        return;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(why, cap,
                 "its certificate is for another name; if it is the device you mean, add "
                 "name= with the name in its certificate");
        return;
    default:
        snprintf(why, cap, "its certificate is not trusted (%s); give the CA that signed it as ca=",
                 X509_verify_cert_error_string(verdict));
    }
}

void dfu_dtls_explain(const SSL *ssl, char *why, size_t why_cap)
{
    unsigned long code = ERR_peek_last_error();
    long verdict = SSL_get_verify_result(ssl);
    const char *words = alert_words(ERR_GET_REASON(code));
    const char *reason = ERR_reason_error_string(code);

    if (verdict != X509_V_OK) {
        explain_certificate(verdict, why, why_cap);
    } else if (words && ERR_GET_LIB(code) == ERR_LIB_SSL) {
        snprintf(why, why_cap, "%s", words);
    } else {
        snprintf(why, why_cap, "%s", reason ? reason : "the handshake broke off");
    }
    ERR_clear_error();
}
