/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* getpriv: a private key as code, for a bootloader that decrypts. */
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "code.h"
#include "commands.h"
#include "dfu/crypto.h"
#include "keyfile.h"

#define OPT_MINIMAL 256

static const struct cli_option options[] = {
    { "key", 'k', "FILE", 1, "a private key in PEM form", NULL, 'k' },
    { "format", 'f', "openssl|pkcs8", 1, "encoding: openssl for RSA, else pkcs8, if not said", NULL,
      'f' },
    { "minimal", 0, NULL, 0, "only what decrypting needs, for small parsers", NULL, OPT_MINIMAL },
    { 0 },
};

enum format { OPENSSL_FORM, PKCS8_FORM };

struct der {
    uint8_t *data;
    size_t len;
};

/* The length of the DER item at p, head included; 0 if it is not whole. */
static size_t item_len(const uint8_t *p, size_t left)
{
    size_t len = left > 1 ? p[1] : 0, head = 2;

    if (left < 2) {
        return 0;
    }
    if (len & 0x80) {
        size_t bytes = len & 0x7f;

        if (bytes == 0 || bytes > 3 || left < 2 + bytes) {
            return 0;
        }
        head += bytes;
        len = 0;
        for (size_t i = 0; i < bytes; i++) {
            len = len << 8 | p[2 + i];
        }
    }
    return len <= left - head ? head + len : 0;
}

/* RFC 8017, A.1.2: version, n, e, d, p, q; what only makes it faster goes. The outer length has two
 * bytes before and after. */
static bool leave_out_crt(struct der *der)
{
    size_t at = 4;

    for (int i = 0; i < 6; i++) {
        size_t len = at < der->len ? item_len(der->data + at, der->len - at) : 0;

        if (len == 0) {
            return false;
        }
        at += len;
    }
    der->data[2] = (uint8_t)((at - 4) >> 8);
    der->data[3] = (uint8_t)(at - 4);
    der->len = at;
    return der->data[1] == 0x82 && at - 4 >= 0x100;
}

static bool encode(EVP_PKEY *pkey, enum format format, struct der *der)
{
    PKCS8_PRIV_KEY_INFO *info = NULL;
    int len;

    if (format == PKCS8_FORM) {
        info = EVP_PKEY2PKCS8(pkey);
        len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der->data) : -1;
        PKCS8_PRIV_KEY_INFO_free(info);
    } else {
        len = i2d_PrivateKey(pkey, &der->data);
    }
    der->len = len > 0 ? (size_t)len : 0;
    return len > 0;
}

static int refuse(struct cli *cli, const struct keyfile *key, bool is_minimal)
{
    if (key->token) {
        return cli_fail(cli, CLI_USAGE, "%s stays in its token: its private half cannot be read",
                        key->path);
    }
    if (!key->is_private) {
        return cli_fail(cli, CLI_USAGE, "%s is a public key; getpriv needs the private one",
                        key->path);
    }
    if (key->alg == &dfu_ed25519_openssl) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is an Ed25519 key, which decrypts nothing; X25519 keys do", key->path);
    }
    if (is_minimal && key->alg == &dfu_ecdsa_p384_openssl) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is a P-384 key, which decrypts no images; leave out --minimal, or use "
                        "a P-256 key",
                        key->path);
    }
    return CLI_DONE;
}

static int choose_format(struct cli *cli, const struct keyfile *key, enum format *format)
{
    static const char *const names[] = { "openssl", "pkcs8", NULL };
    bool is_rsa = EVP_PKEY_is_a(key->pkey, "RSA");
    size_t choice = is_rsa ? OPENSSL_FORM : PKCS8_FORM;
    int exit_code = cli_choice(cli, 'f', names, &choice);

    *format = (enum format)choice;
    if (!exit_code && ((is_rsa && choice == PKCS8_FORM) ||
                       (EVP_PKEY_is_a(key->pkey, "X25519") && choice == OPENSSL_FORM))) {
        exit_code = cli_fail(cli, CLI_USAGE, "%s keys have no %s form here; leave out -f/--format",
                             key->stem, names[choice]);
    }
    return exit_code;
}

static int print(struct cli *cli, const struct der *der)
{
    char hex[2 * 4096 + 1];
    cJSON *json;
    int exit_code;

    if (!cli->json || der->len > 4096) {
        code_c(stdout, "enc_priv_key", "", der->data, der->len);
        return CLI_DONE;
    }
    json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "der", cli_hex(der->data, der->len, hex));
    exit_code = cli_json_print(cli, json);
    OPENSSL_cleanse(hex, sizeof(hex));
    return exit_code;
}

static int dump(struct cli *cli, const struct keyfile *key)
{
    bool is_minimal = cli_has(cli, OPT_MINIMAL), ok;
    enum format format;
    struct der der = { NULL, 0 };
    int exit_code = refuse(cli, key, is_minimal);

    if (!exit_code) {
        exit_code = choose_format(cli, key, &format);
    }
    if (exit_code) {
        return exit_code;
    }
    if (is_minimal && EVP_PKEY_is_a(key->pkey, "EC")) {
        EVP_PKEY_set_int_param(key->pkey, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 0);
    }
    ok = encode(key->pkey, format, &der);
    if (ok && is_minimal && EVP_PKEY_is_a(key->pkey, "RSA")) {
        ok = leave_out_crt(&der);
    }
    exit_code = ok ? print(cli, &der) : cli_fail(cli, CLI_INTERNAL, "cannot encode %s", key->path);
    OPENSSL_clear_free(der.data, der.len);
    return exit_code;
}

static int getpriv_run(struct cli *cli)
{
    struct keyfile key;
    int exit_code;

    if (!cli_has(cli, 'k')) {
        return cli_fail(cli, CLI_USAGE, "getpriv needs a key (-k); see %s getpriv --help",
                        cli_program(cli));
    }
    exit_code = keyfile_read(cli, cli_value(cli, 'k'), &key);
    if (!exit_code) {
        exit_code = dump(cli, &key);
        keyfile_free(&key);
    }
    return exit_code;
}

static const char *const examples[] = {
    "# The key that a bootloader decrypts with",
    "dfu getpriv -k encryption.pem > enc_key.c",
    "# For a small parser: without the public half",
    "dfu getpriv -k encryption.pem --minimal > enc_key.c",
    NULL,
};

const struct cli_command cmd_getpriv = {
    .name = "getpriv",
    .summary = "Print a private key as code, for a bootloader that decrypts",
    .details = "Whoever reads the output, or the bootloader it is built into, has the key.",
    .options = options,
    .examples = examples,
    .is_imgtools = true,
    .run = getpriv_run,
};
