/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* RSASSA-PSS (RFC 8017) as images use it: SHA-256 throughout and 32 bytes of salt. The arithmetic
 * is BearSSL's, which has no PSS. */
#include <string.h>

#include <bearssl_rsa.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "mcu_crypto.h"

#define HASH_SIZE    32u
#define SALT_SIZE    32u
#define MODULUS_MAX  384u
#define TRAILER      0xbcu
#define INTEGER_HEAD 4u

/* After the modulus: the exponent that all keys have, 65537. */
static const uint8_t key_tail[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };

/* RSAPublicKey (RFC 8017, A.1.1) of exactly this size: the modulus, or NULL. */
static const uint8_t *modulus_of(const struct dfu_key *key, size_t size)
{
    const uint8_t *der = key->der;
    size_t integer = size + 1, sequence = INTEGER_HEAD + integer + sizeof key_tail;
    const uint8_t head[] = { 0x30, 0x82, (uint8_t)(sequence >> 8), (uint8_t)sequence,
                             0x02, 0x82, (uint8_t)(integer >> 8),  (uint8_t)integer,
                             0x00 };

    if (key->der_len != sizeof head + size + sizeof key_tail ||
        memcmp(der, head, sizeof head) != 0 || (der[sizeof head] & 0x80) == 0 ||
        memcmp(der + sizeof head + size, key_tail, sizeof key_tail) != 0) {
        return NULL;
    }
    return der + sizeof head;
}

static void hash_pieces(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
                        const uint8_t *c, size_t c_len, uint8_t out[HASH_SIZE])
{
    const struct dfu_hash_alg *alg = &dfu_sha256_mbedtls;
    struct dfu_hash h;

    alg->start(&h);
    alg->update(&h, a, a_len);
    alg->update(&h, b, b_len);
    alg->update(&h, c, c_len);
    alg->finish(&h, out);
}

/* MGF1 with SHA-256 (B.2.1): xor the mask that seed stands for into data. */
static void unmask(uint8_t *data, size_t len, const uint8_t seed[HASH_SIZE])
{
    uint8_t count[4] = { 0 }, mask[HASH_SIZE];

    for (size_t i = 0; i < len; i++) {
        if (i % HASH_SIZE == 0) {
            hash_pieces(seed, HASH_SIZE, count, sizeof count, NULL, 0, mask);
            count[3]++;
        }
        data[i] ^= mask[i % HASH_SIZE];
    }
}

/* EMSA-PSS-VERIFY (9.1.2) for a modulus of whole bytes, so that one bit of the encoding is unused:
 * zeros, 1 and salt, all masked; a hash of digest and salt; the trailer. */
static int check_encoding(uint8_t *em, size_t size, const uint8_t digest[HASH_SIZE])
{
    static const uint8_t zeros[8] = { 0 };
    size_t masked = size - HASH_SIZE - 1, padding = masked - SALT_SIZE - 1;
    uint8_t hash[HASH_SIZE], wrong = (uint8_t)((em[0] & 0x80) | (em[size - 1] ^ TRAILER));

    unmask(em, masked, em + masked);
    em[0] &= 0x7f;
    for (size_t i = 0; i < padding; i++) {
        wrong |= em[i];
    }
    wrong |= em[padding] ^ 1;
    hash_pieces(zeros, sizeof zeros, digest, HASH_SIZE, em + padding + 1, SALT_SIZE, hash);
    return memcmp(hash, em + masked, HASH_SIZE) == 0 && wrong == 0 ? DFU_OK : DFU_ERR_VERIFY;
}

static int verify(const struct dfu_key *key, size_t size, const uint8_t *digest, size_t digest_len,
                  const uint8_t *sig, size_t sig_len)
{
    const uint8_t *modulus = modulus_of(key, size);
    uint8_t em[MODULUS_MAX];

    if (!modulus) {
        return DFU_ERR_INVAL;
    }
    if (digest_len != HASH_SIZE || sig_len != size) {
        return DFU_ERR_VERIFY;
    }
    br_rsa_public_key number = { .n = (unsigned char *)modulus,
                                 .nlen = size,
                                 .e = (unsigned char *)key_tail + 2,
                                 .elen = sizeof key_tail - 2 };
    memcpy(em, sig, size);
    return br_rsa_i15_public(em, size, &number) == 1 ? check_encoding(em, size, digest)
                                                     : DFU_ERR_VERIFY;
}

static int verify_2048(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                       const uint8_t *sig, size_t sig_len)
{
    return verify(key, 256, digest, digest_len, sig, sig_len);
}

static int verify_3072(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                       const uint8_t *sig, size_t sig_len)
{
    return verify(key, 384, digest, digest_len, sig, sig_len);
}

const struct dfu_sig_alg dfu_rsa2048_bearssl = {
    .name = "RSA-2048",
    .tlv_type = DFU_TLV_RSA2048,
    .min_len = 256,
    .max_len = 256,
    .hash_types = { DFU_TLV_SHA256 },
    .verify = verify_2048,
};

const struct dfu_sig_alg dfu_rsa3072_bearssl = {
    .name = "RSA-3072",
    .tlv_type = DFU_TLV_RSA3072,
    .min_len = 384,
    .max_len = 384,
    .hash_types = { DFU_TLV_SHA256 },
    .verify = verify_3072,
};
