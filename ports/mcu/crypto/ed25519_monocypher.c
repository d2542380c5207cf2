/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Ed25519 (RFC 8032) by Monocypher, which refuses an S that is not below L. */
#include <string.h>

#include <monocypher-ed25519.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "mcu_crypto.h"

#define KEY_SIZE       32u
#define SIGNATURE_SIZE 64u
#define POINT_SIZE     32u /* of a signature, in front of S */
#define SHA512_SIZE    64u
#define PIECE_SIZE     64u

/* RFC 8410: SubjectPublicKeyInfo up to the key's bytes. */
static const uint8_t key_head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };

/* What is hashed in front of the message. */
static int start(crypto_sha512_ctx *h, const struct dfu_key *key, const uint8_t *sig,
                 size_t sig_len)
{
    if (key->der_len != sizeof key_head + KEY_SIZE ||
        memcmp(key->der, key_head, sizeof key_head) != 0) {
        return DFU_ERR_INVAL;
    }
    if (sig_len != SIGNATURE_SIZE) {
        return DFU_ERR_VERIFY;
    }
    crypto_sha512_init(h);
    crypto_sha512_update(h, sig, POINT_SIZE);
    crypto_sha512_update(h, key->der + sizeof key_head, KEY_SIZE);
    return DFU_OK;
}

static int finish(crypto_sha512_ctx *h, const struct dfu_key *key, const uint8_t *sig)
{
    uint8_t hash[SHA512_SIZE], reduced[32];

    crypto_sha512_final(h, hash);
    crypto_eddsa_reduce(reduced, hash);
    return crypto_eddsa_check_equation(sig, key->der + sizeof key_head, reduced) == 0
               ? DFU_OK
               : DFU_ERR_VERIFY;
}

static int verify(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                  const uint8_t *sig, size_t sig_len)
{
    crypto_sha512_ctx h;
    int err = start(&h, key, sig, sig_len);

    if (err) {
        return err;
    }
    crypto_sha512_update(&h, digest, digest_len);
    return finish(&h, key, sig);
}

static int verify_message(const struct dfu_key *key, const struct dfu_reader *r, uint32_t len,
                          const uint8_t *sig, size_t sig_len)
{
    crypto_sha512_ctx h;
    int err = start(&h, key, sig, sig_len);

    for (uint32_t off = 0; !err && off < len;) {
        uint8_t piece[PIECE_SIZE];
        uint32_t size = len - off < PIECE_SIZE ? len - off : PIECE_SIZE;

        err = r->read(r->ctx, off, piece, size);
        crypto_sha512_update(&h, piece, size);
        off += size;
    }
    return err ? err : finish(&h, key, sig);
}

const struct dfu_sig_alg dfu_ed25519_monocypher = {
    .name = "Ed25519",
    .tlv_type = DFU_TLV_ED25519,
    .min_len = SIGNATURE_SIZE,
    .max_len = SIGNATURE_SIZE,
    .hash_types = { DFU_TLV_SHA256, DFU_TLV_SHA512 },
    .verify = verify,
};

const struct dfu_sig_alg dfu_ed25519_pure_monocypher = {
    .name = "Ed25519",
    .tlv_type = DFU_TLV_ED25519,
    .min_len = SIGNATURE_SIZE,
    .max_len = SIGNATURE_SIZE,
    .verify = verify, /* of no hash type, so nobody asks for it */
    .verify_message = verify_message,
};
