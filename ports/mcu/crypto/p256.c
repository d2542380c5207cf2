/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* ECDSA on P-256 by micro-ecc, or by p256-m, which is smaller and slower: keys and signatures are DER
 * outside and two numbers inside. */
#include <string.h>

#include <p256-m.h>
#include <uECC.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "mcu_crypto.h"

#define NUMBER_SIZE 32u
#define SHA256_SIZE 32u

/* RFC 5480: SubjectPublicKeyInfo of an uncompressed point on secp256r1, up to the point's numbers. */
static const uint8_t key_head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };

/* One positive INTEGER in its shortest form (X.690, 8.3), as a number of 32 bytes. The bytes it
 * took, or 0. */
static size_t take_number(const uint8_t *der, size_t len, uint8_t number[NUMBER_SIZE])
{
    size_t size = len > 2 ? der[1] : 0;
    const uint8_t *value = der + 2;
    size_t used = 2 + size;

    if (len < 3 || der[0] != 0x02 || size == 0 || size > NUMBER_SIZE + 1 || used > len ||
        (value[0] & 0x80) != 0) {
        return 0;
    }
    if (value[0] == 0 && size > 1) {
        if ((value[1] & 0x80) == 0) {
            return 0;
        }
        value++;
        size--;
    }
    if (size > NUMBER_SIZE) {
        return 0;
    }
    memset(number, 0, NUMBER_SIZE - size);
    memcpy(number + NUMBER_SIZE - size, value, size);
    return used;
}

/* Ecdsa-Sig-Value (RFC 3279), and zeros behind it up to the length that signers reserve. */
static bool take_signature(const uint8_t *sig, size_t len, uint8_t numbers[2 * NUMBER_SIZE])
{
    size_t end = len < 2 ? 0 : 2u + sig[1], at = 2;

    if (end < 2 || end > len || sig[0] != 0x30) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        size_t used = take_number(sig + at, end - at, numbers + i * NUMBER_SIZE);

        if (used == 0) {
            return false;
        }
        at += used;
    }
    while (end < len && sig[end] == 0) {
        end++;
    }
    return at == 2u + sig[1] && end == len;
}

/* 0, and the numbers of the signature; or what is wrong with key, digest or signature. */
static int take(const struct dfu_key *key, size_t digest_len, const uint8_t *sig, size_t sig_len,
                uint8_t numbers[2 * NUMBER_SIZE])
{
    if (key->der_len != sizeof key_head + 2 * NUMBER_SIZE ||
        memcmp(key->der, key_head, sizeof key_head) != 0) {
        return DFU_ERR_INVAL;
    }
    return digest_len == SHA256_SIZE && take_signature(sig, sig_len, numbers) ? DFU_OK
                                                                              : DFU_ERR_VERIFY;
}

static int verify_uecc(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                       const uint8_t *sig, size_t sig_len)
{
    uint8_t numbers[2 * NUMBER_SIZE];
    int err = take(key, digest_len, sig, sig_len, numbers);

    if (!err && uECC_verify(key->der + sizeof key_head, digest, SHA256_SIZE, numbers,
                            uECC_secp256r1()) != 1) {
        err = DFU_ERR_VERIFY;
    }
    return err;
}

static int verify_p256m(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                        const uint8_t *sig, size_t sig_len)
{
    uint8_t numbers[2 * NUMBER_SIZE];
    int err = take(key, digest_len, sig, sig_len, numbers);

    if (!err && p256_ecdsa_verify(numbers, key->der + sizeof key_head, digest, SHA256_SIZE) !=
                    P256_SUCCESS) {
        err = DFU_ERR_VERIFY;
    }
    return err;
}

const struct dfu_sig_alg dfu_ecdsa_p256_uecc = {
    .name = "ECDSA-P256",
    .tlv_type = DFU_TLV_ECDSA,
    .min_len = 8,
    .max_len = 128,
    .hash_types = { DFU_TLV_SHA256 },
    .verify = verify_uecc,
};

const struct dfu_sig_alg dfu_ecdsa_p256_p256m = {
    .name = "ECDSA-P256",
    .tlv_type = DFU_TLV_ECDSA,
    .min_len = 8,
    .max_len = 128,
    .hash_types = { DFU_TLV_SHA256 },
    .verify = verify_p256m,
};
