/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* cryptkey.h - keys that images are encrypted for: RSA-2048, P-256 and X25519 in PEM files, or an
 * AES key of 16 or 32 bytes in base64 (AES key wrap). */
#ifndef DFU_CRYPTKEY_H
#define DFU_CRYPTKEY_H

#include "cli.h"
#include "dfu/image.h"
#include "dfu/openssl.h"
#include "keyfile.h"

struct cryptkey {
    const char *path;
    struct keyfile pem; /* pkey NULL: an AES key */
    uint8_t bytes[DFU_PRIVATE_KEY_MAX];
    struct dfu_unwrap_key keys[2]; /* an X25519 key is one for each of its hashes */
    size_t count;                  /* 0: a public key, which opens nothing */
};

/* 0, or an exit code after saying what is wrong; free in both cases. Do not move it after. */
int cryptkey_read(struct cli *cli, const char *path, struct cryptkey *key);
void cryptkey_free(struct cryptkey *key);

/* The same for a key that shall open images: a public one is refused. */
int cryptkey_read_private(struct cli *cli, const char *path, struct cryptkey *key);

/* "RSA-2048", "P-256", "X25519", "AES". */
const char *cryptkey_kind(const struct cryptkey *key);

#endif
