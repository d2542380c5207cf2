/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* signer_command.h - a program of the user's that signs. Protocol: the shell runs it; standard
 * input brings the bytes, standard output takes the signature, and its environment says more:
 *
 *   DFU_SIGN_KEY_TYPE  rsa-2048, rsa-3072, ecdsa-p256, ecdsa-p384 or ed25519
 *   DFU_SIGN_HASH      sha256, sha384 or sha512: what hashed the image
 *   DFU_SIGN_INPUT     digest: the bytes are that hash; payload: they are the image itself
 *
 * RSA signs the digest as RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes; ECDSA
 * signs the digest and gives DER; Ed25519 signs the bytes it gets as its message. The signature
 * comes back as raw bytes or in base64; exit status 0 means that it is there. */
#ifndef DFU_SIGNER_COMMAND_H
#define DFU_SIGNER_COMMAND_H

#include "cli.h"

struct signer_command {
    const char *text;
    const char *key_type, *hash;
    bool is_payload;
    unsigned patience_s;
};

/* Run it once. 0, or an exit code after saying why: it failed (CLI_REFUSED), or did not end in
 * time (CLI_NO_ANSWER; it and its children are killed then). */
int signer_command_run(struct cli *cli, const struct signer_command *command, const uint8_t *data,
                       size_t len, uint8_t *answer, size_t cap, size_t *answer_len);

#endif
