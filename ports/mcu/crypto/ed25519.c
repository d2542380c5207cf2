/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Ed25519 (RFC 8032) by Monocypher, or by c25519, which is smaller and slower. Both refuse an S that
 * is not below L. Monocypher multiplies the equation by the cofactor; with c25519 it holds as it is,
 * and R has one encoding, as OpenSSL has it. Signatures that tell the two apart take the private key. */
#include <string.h>

#include <monocypher-ed25519.h>

#include <ed25519.h>
#include <fprime.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "mcu_crypto.h"

#define KEY_SIZE       32u
#define SIGNATURE_SIZE 64u
#define NUMBER_SIZE    32u
#define POINT_SIZE     32u /* of a signature, in front of S */
#define SHA512_SIZE    64u
#define PIECE_SIZE     64u
#define ORDER_BITS     253u
#define NOINLINE       __attribute__((noinline))

/* RFC 8410: SubjectPublicKeyInfo up to the key's bytes. */
static const uint8_t key_head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };

struct library {
    const struct dfu_hash_alg *sha512;
    /* 0 if the signature is right for a key, and the hash of R, the key and the message; else
     * DFU_ERR_VERIFY, or DFU_ERR_INVAL if it can tell that the key is no point on the curve. */
    int (*check)(const uint8_t *sig, const uint8_t *point, const uint8_t hash[SHA512_SIZE]);
};

static int check_monocypher(const uint8_t *sig, const uint8_t *point,
                            const uint8_t hash[SHA512_SIZE])
{
    uint8_t reduced[NUMBER_SIZE];

    crypto_eddsa_reduce(reduced, hash);
    return crypto_eddsa_check_equation(sig, point, reduced) == 0 ? DFU_OK : DFU_ERR_VERIFY;
}

static unsigned bit_of(const uint8_t *number, unsigned i)
{
    return (unsigned)number[i / 8] >> i % 8 & 1;
}

/* S B - hash A, a bit of both numbers at a time, is encoded as R. */
static int check_c25519(const uint8_t *sig, const uint8_t *point, const uint8_t hash[SHA512_SIZE])
{
    static const uint8_t order[NUMBER_SIZE] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                                0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                                0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
    const uint8_t *s = sig + POINT_SIZE;
    struct ed25519_pt minus_a, base_minus_a, sum;
    const struct ed25519_pt *const addends[] = { NULL, &ed25519_base, &minus_a, &base_minus_a };
    uint8_t number[NUMBER_SIZE], x[NUMBER_SIZE], y[NUMBER_SIZE];

    fprime_from_bytes(number, s, NUMBER_SIZE, order);
    if (memcmp(number, s, NUMBER_SIZE) != 0) {
        return DFU_ERR_VERIFY;
    }
    if (ed25519_try_unpack(x, y, point) != 1) {
        return DFU_ERR_INVAL;
    }
    f25519_neg(x, x);
    ed25519_project(&minus_a, x, y);
    ed25519_add(&base_minus_a, &ed25519_base, &minus_a);
    fprime_from_bytes(number, hash, SHA512_SIZE, order);
    ed25519_project(&sum, f25519_zero, f25519_one); /* the neutral point */
    for (unsigned i = ORDER_BITS; i-- > 0;) {
        const struct ed25519_pt *addend = addends[bit_of(s, i) | bit_of(number, i) << 1];

        ed25519_double(&sum, &sum);
        if (addend) {
            ed25519_add(&sum, &sum, addend);
        }
    }
    ed25519_unproject(x, y, &sum);
    ed25519_pack(number, x, y);
    return memcmp(number, sig, POINT_SIZE) == 0 ? DFU_OK : DFU_ERR_VERIFY;
}

static int check_key_and_length(const struct dfu_key *key, size_t sig_len)
{
    if (key->der_len != sizeof key_head + KEY_SIZE ||
        memcmp(key->der, key_head, sizeof key_head) != 0) {
        return DFU_ERR_INVAL;
    }
    return sig_len == SIGNATURE_SIZE ? DFU_OK : DFU_ERR_VERIFY;
}

/* What is hashed in front of the message. */
static void start(const struct library *by, struct dfu_hash *h, const uint8_t *point,
                  const uint8_t *sig)
{
    by->sha512->start(h);
    by->sha512->update(h, sig, POINT_SIZE);
    by->sha512->update(h, point, KEY_SIZE);
}

/* These two are functions of their own, so that the context has left the stack when a library needs
 * most of it. */
NOINLINE static void hash_digest(const struct library *by, const uint8_t *point,
                                 const uint8_t *digest, size_t digest_len, const uint8_t *sig,
                                 uint8_t hash[SHA512_SIZE])
{
    struct dfu_hash h;

    start(by, &h, point, sig);
    by->sha512->update(&h, digest, digest_len);
    by->sha512->finish(&h, hash);
}

NOINLINE static int hash_message(const struct library *by, const uint8_t *point,
                                 const struct dfu_reader *r, uint32_t len, const uint8_t *sig,
                                 uint8_t hash[SHA512_SIZE])
{
    struct dfu_hash h;
    int err = DFU_OK;

    start(by, &h, point, sig);
    for (uint32_t off = 0; !err && off < len;) {
        uint8_t piece[PIECE_SIZE];
        uint32_t size = len - off < PIECE_SIZE ? len - off : PIECE_SIZE;

        err = r->read(r->ctx, off, piece, size);
        by->sha512->update(&h, piece, size);
        off += size;
    }
    by->sha512->finish(&h, hash);
    return err;
}

static int verify(const struct library *by, const struct dfu_key *key, const uint8_t *digest,
                  size_t digest_len, const uint8_t *sig, size_t sig_len)
{
    const uint8_t *point = key->der + sizeof key_head;
    uint8_t hash[SHA512_SIZE];
    int err = check_key_and_length(key, sig_len);

    if (err) {
        return err;
    }
    hash_digest(by, point, digest, digest_len, sig, hash);
    return by->check(sig, point, hash);
}

static int verify_message(const struct library *by, const struct dfu_key *key,
                          const struct dfu_reader *r, uint32_t len, const uint8_t *sig,
                          size_t sig_len)
{
    const uint8_t *point = key->der + sizeof key_head;
    uint8_t hash[SHA512_SIZE];
    int err = check_key_and_length(key, sig_len);

    if (!err) {
        err = hash_message(by, point, r, len, sig, hash);
    }
    if (err) {
        return err;
    }
    return by->check(sig, point, hash);
}

/* ---- The tables ---- */

static const struct library monocypher = { &dfu_sha512_monocypher, check_monocypher };
static const struct library c25519 = { &dfu_sha512_c25519, check_c25519 };

static int verify_monocypher(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                             const uint8_t *sig, size_t sig_len)
{
    return verify(&monocypher, key, digest, digest_len, sig, sig_len);
}

static int verify_c25519(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                         const uint8_t *sig, size_t sig_len)
{
    return verify(&c25519, key, digest, digest_len, sig, sig_len);
}

static int verify_message_monocypher(const struct dfu_key *key, const struct dfu_reader *r,
                                     uint32_t len, const uint8_t *sig, size_t sig_len)
{
    return verify_message(&monocypher, key, r, len, sig, sig_len);
}

static int verify_message_c25519(const struct dfu_key *key, const struct dfu_reader *r,
                                 uint32_t len, const uint8_t *sig, size_t sig_len)
{
    return verify_message(&c25519, key, r, len, sig, sig_len);
}

const struct dfu_sig_alg dfu_ed25519_monocypher = {
    .name = "Ed25519",
    .tlv_type = DFU_TLV_ED25519,
    .min_len = SIGNATURE_SIZE,
    .max_len = SIGNATURE_SIZE,
    .hash_types = { DFU_TLV_SHA256, DFU_TLV_SHA512 },
    .verify = verify_monocypher,
};

const struct dfu_sig_alg dfu_ed25519_c25519 = {
    .name = "Ed25519",
    .tlv_type = DFU_TLV_ED25519,
    .min_len = SIGNATURE_SIZE,
    .max_len = SIGNATURE_SIZE,
    .hash_types = { DFU_TLV_SHA256, DFU_TLV_SHA512 },
    .verify = verify_c25519,
};

/* The pure ones are of no hash type, so nobody asks for `verify`. */
const struct dfu_sig_alg dfu_ed25519_pure_monocypher = {
    .name = "Ed25519",
    .tlv_type = DFU_TLV_ED25519,
    .min_len = SIGNATURE_SIZE,
    .max_len = SIGNATURE_SIZE,
    .verify = verify_monocypher,
    .verify_message = verify_message_monocypher,
};

const struct dfu_sig_alg dfu_ed25519_pure_c25519 = {
    .name = "Ed25519",
    .tlv_type = DFU_TLV_ED25519,
    .min_len = SIGNATURE_SIZE,
    .max_len = SIGNATURE_SIZE,
    .verify = verify_c25519,
    .verify_message = verify_message_c25519,
};
