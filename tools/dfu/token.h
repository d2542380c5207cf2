/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* token.h - keys that stay in a PKCS#11 token, named by a URI (RFC 7512): a smart card, an HSM,
 * SoftHSM. Modules are those that p11-kit knows, or the URI's module-path. */
#ifndef DFU_TOKEN_H
#define DFU_TOKEN_H

#include <openssl/types.h>

#include "cli.h"

struct token;

bool token_is_uri(const char *text);

/* Find the one key that uri names and take its public half. Nobody has to log in where the token
 * shows it to everybody. 0, or an exit code after saying what is wrong. */
int token_open(struct cli *cli, const char *uri, struct token **out, EVP_PKEY **public_half);

/* The URI without its query part, which may hold a PIN. Lives as long as the token. */
const char *token_name(const struct token *token);

/* Log in, if the token wants that, and find the private half. The PIN comes from the URI
 * (pin-value, pin-source), from DFU_KEY_PASSPHRASE, or from the terminal. */
int token_unlock(struct token *token);

/* Sign as struct dfu_signer wants it: a digest (RSA, ECDSA) or a message (Ed25519). The length of
 * the signature, or a negative enum dfu_err after saying why. */
int token_sign(struct token *token, const uint8_t *data, size_t len, uint8_t *sig, size_t cap);

void token_close(struct token *token);

#endif
