/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* keyfile.h - keys in PEM files: PKCS#8 (also encrypted), SEC1, PKCS#1, SubjectPublicKeyInfo; and
 * keys in PKCS#11 tokens, named by a URI. */
#ifndef DFU_KEYFILE_H
#define DFU_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "cli.h"
#include "dfu/crypto.h"

struct token;

struct keyfile {
    const char *path; /* or the URI, without a PIN in it */
    EVP_PKEY *pkey;   /* of a token: the public half */
    bool is_private;
    struct token *token; /* where the private half stays; NULL: it is in pkey, or nowhere */
    const struct dfu_sig_alg *alg; /* NULL: X25519, which signs nothing */
    const char *stem;              /* in names of generated code: "ecdsa", "rsa" */
    uint8_t der[DFU_PUBLIC_KEY_MAX];
    size_t der_len;
};

/* Read a key for images from a file, or find it in a token. A passphrase comes from
 * DFU_KEY_PASSPHRASE, else from the terminal. 0, or an exit code after saying what is wrong; *key then needs no free. */
int keyfile_read(struct cli *cli, const char *path, struct keyfile *key);
void keyfile_free(struct keyfile *key);

/* Say that a key does not sign (key->alg is NULL), and the exit code for it. */
int keyfile_fail_unsigning(struct cli *cli, const struct keyfile *key);

/* The same without a question: a passphrase that is not in DFU_KEY_PASSPHRASE is missing. */
int keyfile_read_unasked(struct cli *cli, const char *path, struct keyfile *key);

/* Its public half as PEM, a NUL behind it; the caller frees *pem with OPENSSL_free. */
int keyfile_public_pem(struct cli *cli, const struct keyfile *key, char **pem, size_t *len);

/* A new passphrase: DFU_KEY_PASSPHRASE, else typed twice. 0 or an exit code. */
int keyfile_new_passphrase(struct cli *cli, char *buf, size_t cap);

/* Whether somebody can be asked. */
bool keyfile_has_terminal(void);

/* The name imgtool has for this key's type: "ecdsa-p256". */
const char *keyfile_type_name(const struct keyfile *key);

/* The names imgtool has for key types and two of ours, NULL-terminated, and a new key of the n-th. */
#define KEYFILE_AES_128 6u /* and the next: no keys of OpenSSL, but of cryptkey.h */
extern const char *const keyfile_types[];
EVP_PKEY *keyfile_generate(size_t type);

#endif
