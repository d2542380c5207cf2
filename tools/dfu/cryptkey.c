/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "cryptkey.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define KEY_FILE_MAX 65536u
#define BASE64_16    24u /* characters of 16 bytes, and of 32 */
#define BASE64_32    44u

/* The bytes of an AES key as text: base64 and nothing else but blanks. Returns 0 if it is not. */
static size_t decode_aes(const uint8_t *text, size_t len, uint8_t *out)
{
    uint8_t packed[BASE64_32], raw[BASE64_32];
    size_t count = 0, want;
    int got;

    for (size_t i = 0; i < len; i++) {
        if (isspace(text[i])) {
            continue;
        }
        if (count == sizeof(packed)) {
            return 0;
        }
        packed[count++] = text[i];
    }
    want = count == BASE64_16 ? 16 : count == BASE64_32 ? 32 : 0;
    got = want ? EVP_DecodeBlock(raw, packed, (int)count) : -1;
    /* What stands for the padding counts as zero bytes. */
    if (got < 0 || (want == 16 && memcmp(packed + 22, "==", 2) != 0) ||
        (want == 32 && packed[43] != '=')) {
        want = 0;
    }
    memcpy(out, raw, want);
    OPENSSL_cleanse(packed, sizeof(packed));
    OPENSSL_cleanse(raw, sizeof(raw));
    return want;
}

static int read_aes(struct cli *cli, struct cryptkey *key)
{
    uint8_t *text;
    size_t len;
    int exit_code = cli_read_file(cli, key->path, KEY_FILE_MAX, &text, &len);

    if (exit_code) {
        return exit_code;
    }
    len = decode_aes(text, len, key->bytes);
    if (len > 0) {
        key->keys[0] = (struct dfu_unwrap_key){ &dfu_unwrap_kw_openssl, key->bytes, len };
        key->count = 1;
    }
    free(text);
    return CLI_DONE;
}

static int fail_kind(struct cli *cli, const struct cryptkey *key)
{
    return cli_fail(cli, CLI_USAGE,
                    "%s is a key that images cannot be encrypted for; that needs rsa-2048, "
                    "ecdsa-p256 or x25519 of dfu keygen, or an AES key of 16 or 32 bytes in base64",
                    key->path);
}

static int take_pem(struct cli *cli, struct cryptkey *key)
{
    int len;

    if (!dfu_openssl_unwrap_alg(key->pem.pkey, false)) {
        return fail_kind(cli, key);
    }
    if (!key->pem.is_private) {
        return CLI_DONE;
    }
    len = dfu_openssl_private_key(key->pem.pkey, key->bytes, sizeof(key->bytes));
    for (int i = 0; i < 2 && len > 0; i++) {
        const struct dfu_unwrap_alg *alg = dfu_openssl_unwrap_alg(key->pem.pkey, i == 1);

        if (alg) {
            key->keys[key->count++] = (struct dfu_unwrap_key){ alg, key->bytes, (size_t)len };
        }
    }
    return len > 0 ? CLI_DONE
                   : cli_fail(cli, CLI_INTERNAL, "cannot encode the private key %s", key->path);
}

int cryptkey_read(struct cli *cli, const char *path, struct cryptkey *key)
{
    int exit_code;

    *key = (struct cryptkey){ .path = path };
    exit_code = read_aes(cli, key);
    if (exit_code || key->count > 0) {
        return exit_code;
    }
    exit_code = keyfile_read(cli, path, &key->pem);
    return exit_code ? exit_code : take_pem(cli, key);
}

int cryptkey_read_private(struct cli *cli, const char *path, struct cryptkey *key)
{
    int exit_code = cryptkey_read(cli, path, key);

    if (!exit_code && key->count == 0) {
        exit_code =
            cli_fail(cli, CLI_USAGE, "%s is a public key; decrypting needs the private one", path);
    }
    return exit_code;
}

void cryptkey_free(struct cryptkey *key)
{
    OPENSSL_cleanse(key->bytes, sizeof(key->bytes));
    keyfile_free(&key->pem);
}

const char *cryptkey_kind(const struct cryptkey *key)
{
    if (!key->pem.pkey) {
        return "AES";
    }
    if (EVP_PKEY_is_a(key->pem.pkey, "RSA")) {
        return "RSA-2048";
    }
    return EVP_PKEY_is_a(key->pem.pkey, "EC") ? "P-256" : "X25519";
}
