/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "keyfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/encoding_openssl.h"
#include "dfu/openssl.h"
#include "token.h"

#define KEY_FILE_MAX   65536u
#define PASSPHRASE_MAX 1024
#define PASSPHRASE_ENV "DFU_KEY_PASSPHRASE"

const char *const keyfile_types[] = {
    "rsa-2048", "rsa-3072", "ecdsa-p256", "ecdsa-p384", "ed25519",
    "x25519",   "aes-128",  "aes-256",    NULL,
};

struct passphrase {
    const char *path;
    bool is_unasked; /* from the environment or not at all */
    bool was_asked, was_given;
};

/* Without one, OpenSSL would read a passphrase from standard input, which may be anything. */
bool keyfile_has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* OpenSSL asks for a passphrase, perhaps more than once for the decoders it tries. */
static int give_passphrase(char *buf, size_t cap, size_t *len, const OSSL_PARAM params[], void *ctx)
{
    struct passphrase *p = ctx;
    const char *from_env = getenv(PASSPHRASE_ENV);
    char typed[PASSPHRASE_MAX];

    (void)params;
    if (p->was_asked && !p->was_given) {
        return 0;
    }
    p->was_asked = true;
    if (!from_env) {
        if (p->is_unasked || !keyfile_has_terminal() ||
            EVP_read_pw_string(typed, sizeof(typed), "Enter key passphrase: ", 0) != 0) {
            return 0;
        }
        from_env = typed;
    }
    p->was_given = true;
    *len = strlen(from_env);
    if (*len > cap) {
        return 0;
    }
    memcpy(buf, from_env, *len);
    OPENSSL_cleanse(typed, sizeof(typed));
    return 1;
}

/* The ciphers that OpenSSL must know by name: those of "DEK-Info" in the older form of protected keys
 * (RFC 1421), and the one that keygen protects with, which has its identifier by its name. Before
 * anything asks OpenSSL for a cipher. */
static void learn_ciphers(void)
{
    static const EVP_CIPHER *(*const ciphers[])(void) = {
        EVP_aes_128_cbc,      EVP_aes_192_cbc,      EVP_aes_256_cbc,      EVP_des_ede3_cbc,
        EVP_camellia_128_cbc, EVP_camellia_192_cbc, EVP_camellia_256_cbc, EVP_aria_128_cbc,
        EVP_aria_192_cbc,     EVP_aria_256_cbc,
    };

    for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
        (void)EVP_add_cipher(ciphers[i]());
    }
}

static EVP_PKEY *decode_any(const uint8_t *data, size_t len, struct passphrase *passphrase)
{
    EVP_PKEY *pkey = NULL;
    OSSL_DECODER_CTX *ctx;

    learn_ciphers();
    ctx = OSSL_DECODER_CTX_new_for_pkey(&pkey, "PEM", NULL, NULL, 0, NULL, NULL);
    if (ctx && OSSL_DECODER_CTX_set_passphrase_cb(ctx, give_passphrase, passphrase) == 1) {
        (void)OSSL_DECODER_from_data(ctx, &data, &len);
    }
    OSSL_DECODER_CTX_free(ctx);
    ERR_clear_error();
    return pkey;
}

/* One part of a PEM file. The two forms that keygen and getpub write go the short way: setting
 * OpenSSL up to decode anything takes longer than a signature. */
struct part {
    char *name, *header;
    uint8_t *der;
    long der_len;
    const uint8_t *text;
    size_t text_len;
};

static bool next_part(BIO *bio, const uint8_t *end, struct part *part)
{
    *part = (struct part){ .text = end - BIO_pending(bio) };
    if (PEM_read_bio(bio, &part->name, &part->header, &part->der, &part->der_len) != 1) {
        return false;
    }
    part->text_len = (size_t)(end - BIO_pending(bio) - part->text);
    return true;
}

static bool is_public(const struct part *part)
{
    return strcmp(part->name, PEM_STRING_PUBLIC) == 0;
}

static EVP_PKEY *decode_part(const struct part *part, struct passphrase *passphrase)
{
    bool is_usual = is_public(part) || strcmp(part->name, PEM_STRING_PKCS8INF) == 0;
    EVP_PKEY *pkey = NULL;

    if (strstr(part->name, "PARAMETERS")) {
        return NULL; /* "openssl ecparam -genkey" puts the curve in front of the key */
    }
    if (is_usual) {
        pkey = is_public(part) ? key_from_public(part->der, (size_t)part->der_len)
                               : key_from_private(part->der, (size_t)part->der_len);
    }
    return pkey ? pkey : decode_any(part->text, part->text_len, passphrase);
}

/* The first private key, else the first public one. */
static EVP_PKEY *decode(const uint8_t *data, size_t len, struct passphrase *passphrase)
{
    BIO *bio = BIO_new_mem_buf(data, (int)len);
    EVP_PKEY *public_key = NULL, *pkey = NULL;
    struct part part;

    while (bio && !pkey && next_part(bio, data + len, &part)) {
        if (!is_public(&part)) {
            pkey = decode_part(&part, passphrase);
        } else if (!public_key) {
            public_key = decode_part(&part, passphrase);
        }
        OPENSSL_clear_free(part.der, (size_t)part.der_len);
        OPENSSL_free(part.name);
        OPENSSL_free(part.header);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (!pkey) {
        return public_key;
    }
    EVP_PKEY_free(public_key);
    return pkey;
}

static bool has_private_half(const EVP_PKEY *pkey)
{
    static const char *const names[] = { OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PKEY_PARAM_RSA_D };
    bool is_raw = EVP_PKEY_is_a(pkey, "ED25519") || EVP_PKEY_is_a(pkey, "X25519");
    BIGNUM *secret = NULL;
    size_t len = 0;
    bool found;

    if (is_raw) {
        return EVP_PKEY_get_raw_private_key(pkey, NULL, &len) == 1;
    }
    found = EVP_PKEY_get_bn_param(pkey, names[EVP_PKEY_is_a(pkey, "RSA")], &secret) == 1;
    BN_clear_free(secret);
    ERR_clear_error();
    return found;
}

static const char *stem_of(const struct keyfile *key)
{
    if (EVP_PKEY_is_a(key->pkey, "RSA")) {
        return "rsa";
    }
    if (EVP_PKEY_is_a(key->pkey, "EC")) {
        return key->alg == &dfu_ecdsa_p384_openssl ? "ecdsap384" : "ecdsa";
    }
    return EVP_PKEY_is_a(key->pkey, "X25519") ? "x25519" : "ed25519";
}

static int fail_decode(struct cli *cli, const char *path, const struct passphrase *passphrase)
{
    if (passphrase->is_unasked) {
        return cli_fail(cli, CLI_USAGE,
                        "cannot inspect %s: it is protected by a passphrase, or not a key in PEM "
                        "form; put the passphrase into " PASSPHRASE_ENV,
                        path);
    }
    if (passphrase->was_given) {
        return cli_fail(cli, CLI_INPUT, "cannot open the key %s: the passphrase is wrong", path);
    }
    if (passphrase->was_asked) {
        return cli_fail(cli, CLI_INPUT,
                        "the key %s is protected by a passphrase; put it into " PASSPHRASE_ENV
                        " or run this on a terminal",
                        path);
    }
    return cli_fail(cli, CLI_INPUT,
                    "%s is not a key in PEM form; dfu keygen makes one, openssl pkey converts one",
                    path);
}

static int read_file(struct cli *cli, const char *path, bool is_unasked, struct keyfile *key)
{
    struct passphrase passphrase = { .path = path, .is_unasked = is_unasked };
    uint8_t *data;
    size_t size;
    int exit_code = cli_read_file(cli, path, KEY_FILE_MAX, &data, &size);

    if (exit_code) {
        return exit_code;
    }
    key->pkey = decode(data, size, &passphrase);
    OPENSSL_cleanse(data, size);
    free(data);
    return key->pkey ? CLI_DONE : fail_decode(cli, path, &passphrase);
}

static int read_key(struct cli *cli, const char *path, bool is_unasked, struct keyfile *key)
{
    int len, exit_code;

    *key = (struct keyfile){ .path = path };
    exit_code = token_is_uri(path) ? token_open(cli, path, &key->token, &key->pkey)
                                   : read_file(cli, path, is_unasked, key);
    if (exit_code) {
        return exit_code;
    }
    key->path = key->token ? token_name(key->token) : path;
    len = dfu_openssl_public_key(key->pkey, key->der, sizeof(key->der));
    if (len < 0) {
        exit_code = cli_fail(cli, CLI_INPUT,
                             "%s is a key of a kind images do not use; they use rsa-2048, "
                             "rsa-3072, ecdsa-p256, ecdsa-p384 and ed25519",
                             key->path);
        keyfile_free(key);
        return exit_code;
    }
    key->der_len = (size_t)len;
    key->is_private = has_private_half(key->pkey);
    key->alg = dfu_openssl_sig_alg(key->pkey);
    key->stem = stem_of(key);
    return CLI_DONE;
}

int keyfile_read(struct cli *cli, const char *path, struct keyfile *key)
{
    return read_key(cli, path, false, key);
}

int keyfile_read_unasked(struct cli *cli, const char *path, struct keyfile *key)
{
    return read_key(cli, path, true, key);
}

void keyfile_free(struct keyfile *key)
{
    EVP_PKEY_free(key->pkey);
    key->pkey = NULL;
    token_close(key->token);
    key->token = NULL;
}

int keyfile_fail_unsigning(struct cli *cli, const struct keyfile *key)
{
    return cli_fail(
        cli, CLI_INPUT,
        "%s is an X25519 key, which encrypts but does not sign; name a key that does, as "
        "dfu keygen -t ed25519 makes",
        key->path);
}

const char *keyfile_type_name(const struct keyfile *key)
{
    static const struct {
        const struct dfu_sig_alg *alg;
        size_t type;
    } types[] = {
        { &dfu_rsa2048_openssl, 0 },    { &dfu_rsa3072_openssl, 1 }, { &dfu_ecdsa_p256_openssl, 2 },
        { &dfu_ecdsa_p384_openssl, 3 }, { &dfu_ed25519_openssl, 4 },
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].alg == key->alg) {
            return keyfile_types[types[i].type];
        }
    }
    return keyfile_types[5];
}

int keyfile_public_pem(struct cli *cli, const struct keyfile *key, char **pem, size_t *len)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long size = 0;

    *pem = NULL;
    if (bio && PEM_write_bio_PUBKEY(bio, key->pkey) == 1) {
        size = BIO_get_mem_data(bio, &data);
        *pem = OPENSSL_strndup(data, (size_t)size);
    }
    BIO_free(bio);
    if (!*pem) {
        return cli_fail(cli, CLI_INTERNAL, "cannot encode the public key of %s", key->path);
    }
    *len = (size_t)size;
    return CLI_DONE;
}

static int take_passphrase(struct cli *cli, const char *from_env, char *buf, size_t cap)
{
    if (from_env[0] == 0 || strlen(from_env) >= cap) {
        return cli_fail(cli, CLI_USAGE,
                        PASSPHRASE_ENV " must hold 1 to %zu characters for keygen -p", cap - 1);
    }
    memcpy(buf, from_env, strlen(from_env) + 1);
    return CLI_DONE;
}

int keyfile_new_passphrase(struct cli *cli, char *buf, size_t cap)
{
    const char *from_env = getenv(PASSPHRASE_ENV);
    char again[PASSPHRASE_MAX];
    bool is_same;

    learn_ciphers();
    if (from_env) {
        return take_passphrase(cli, from_env, buf, cap);
    }
    for (;;) {
        if (!keyfile_has_terminal() ||
            EVP_read_pw_string(buf, (int)cap, "Enter key passphrase: ", 0) != 0 ||
            EVP_read_pw_string(again, sizeof(again), "Reenter passphrase: ", 0) != 0) {
            return cli_fail(cli, CLI_INPUT,
                            "keygen -p asks for a passphrase on the terminal; without one, put it "
                            "into " PASSPHRASE_ENV);
        }
        is_same = strcmp(buf, again) == 0;
        OPENSSL_cleanse(again, sizeof(again));
        if (is_same && buf[0] != 0) {
            return CLI_DONE;
        }
        printf("%s, try again\n",
               is_same ? "An empty passphrase protects nothing" : "Passwords do not match");
    }
}

EVP_PKEY *keyfile_generate(size_t type)
{
    switch (type) {
    case 0: return EVP_RSA_gen(2048);
    case 1: return EVP_RSA_gen(3072);
    case 2: return EVP_EC_gen("P-256");
    case 3: return EVP_EC_gen("P-384");
    case 4: return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    default: return EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    }
}
