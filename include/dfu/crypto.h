/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* crypto.h - the seam to a crypto library: hashes, signature checks, a cipher and the unwrapping
 * of its keys, as const tables.
 *
 * A scheme that no configuration points at is not linked. src/crypto/ holds one file a backend;
 * the host's is OpenSSL 3 (the dfu_*_openssl objects below). Nothing here decides trust: that is
 * the verdict of image.h. */
#ifndef DFU_CRYPTO_H
#define DFU_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_HASH_MAX 64u

struct dfu_hash_alg;

/* A running hash. Caller-owned; every start is followed by exactly one finish, also when the
 * result is no longer wanted (out may then be NULL), because a backend may hold resources. */
struct dfu_hash {
    const struct dfu_hash_alg *alg;
    union {
        void *handle;
        uint64_t words[27];
    } state;
};

struct dfu_hash_alg {
    const char *name;  /* "SHA256" */
    uint16_t tlv_type; /* image TLV that carries it: 0x10, 0x11, 0x12 */
    uint8_t size;      /* digest bytes */
    int (*start)(struct dfu_hash *h);
    int (*update)(struct dfu_hash *h, const void *data, size_t len);
    int (*finish)(struct dfu_hash *h, uint8_t *out);
};

/* Random access to bytes: an area from some offset on, or a file in memory. A read outside
 * [0, size) returns DFU_ERR_RANGE. */
struct dfu_reader {
    int (*read)(void *ctx, uint32_t off, void *buf, size_t len);
    void *ctx;
    uint32_t size;
};

/* A public key as images and bootloaders carry it: PKCS#1 DER for RSA, SubjectPublicKeyInfo DER
 * for the rest (docs: image format, encoded public keys). The bytes are not copied. */
struct dfu_key {
    const struct dfu_sig_alg *alg;
    const uint8_t *der;
    size_t der_len;
};

struct dfu_sig_alg {
    const char *name;          /* "ECDSA-P256" */
    uint16_t tlv_type;         /* 0x20 RSA-2048, 0x22 ECDSA, 0x23 RSA-3072, 0x24 Ed25519 */
    uint16_t min_len, max_len; /* of the signature TLV */
    /* Hash types this scheme may sign, by TLV type, 0-terminated; the first is the default. */
    uint16_t hash_types[3];
    /* 0 if sig is right for this digest, DFU_ERR_VERIFY if not, another error if it could not be
     * told. ECDSA signatures are strict DER plus trailing zero bytes. */
    int (*verify)(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                  const uint8_t *sig, size_t sig_len);
    /* The same over len bytes of r themselves ("pure" Ed25519); NULL where it does not exist. */
    int (*verify_message)(const struct dfu_key *key, const struct dfu_reader *r, uint32_t len,
                          const uint8_t *sig, size_t sig_len);
};

/* Somebody who signs: a private key here, in a file or in a token. sign gets the digest of what
 * is signed, or for a pure signature all of its bytes, and returns the signature's length (at
 * most cap) or an error. */
struct dfu_signer {
    uint16_t tlv_type;         /* of the signature TLV, as in struct dfu_sig_alg */
    const uint8_t *public_key; /* encoded as in struct dfu_key; not copied */
    size_t public_key_len;
    int (*sign)(void *ctx, const uint8_t *data, size_t len, uint8_t *sig, size_t cap);
    void *ctx;
};

/* ---- Encrypted images ---- */

#define DFU_CONTENT_KEY_MAX 32u
#define DFU_WRAPPED_KEY_MAX 256u /* RSA-2048 */

/* The cipher of image bodies: a key stream that can be entered at any byte. */
struct dfu_cipher {
    const char *name; /* "AES-CTR" */
    /* Xor the key stream from its byte off on into data, which encrypts and decrypts. key_len is
     * 16 or 32. */
    int (*apply)(const uint8_t *key, size_t key_len, uint32_t off, uint8_t *data, size_t len);
};

/* A key that content keys are wrapped for, as devices hold it: the private half as PKCS#1 DER for
 * RSA and PKCS#8 DER for ECIES, or the bytes of an AES key. Not copied. */
struct dfu_unwrap_key {
    const struct dfu_unwrap_alg *alg;
    const uint8_t *bytes;
    size_t len;
};

struct dfu_unwrap_alg {
    const char *name;        /* "ECIES-P256" */
    uint16_t tlv_type;       /* 0x30 to 0x34 */
    uint16_t wrapped_len[2]; /* of a content key of 16, of 32 bytes */
    /* 0; DFU_ERR_VERIFY if these bytes are no key wrapped for this one; DFU_ERR_INVAL if the key
     * itself is of no use. wrapped_len has been checked. */
    int (*unwrap)(const struct dfu_unwrap_key *key, const uint8_t *wrapped, size_t wrapped_len,
                  uint8_t *content_key, size_t content_key_len);
};

/* The other side: somebody who wraps a content key for a device. Returns the length (at most
 * cap) or an error. */
struct dfu_wrapper {
    uint16_t tlv_type; /* as in struct dfu_unwrap_alg */
    int (*wrap)(void *ctx, const uint8_t *content_key, size_t content_key_len, uint8_t *out,
                size_t cap);
    void *ctx;
};

#define DFU_PUBLIC_KEY_MAX 398u /* RSA-3072 */
#define DFU_SIGNATURE_MAX  384u /* RSA-3072 */

extern const struct dfu_hash_alg dfu_sha256_openssl, dfu_sha384_openssl, dfu_sha512_openssl;
extern const struct dfu_sig_alg dfu_rsa2048_openssl, dfu_rsa3072_openssl, dfu_ecdsa_p256_openssl,
    dfu_ecdsa_p384_openssl, dfu_ed25519_openssl;
extern const struct dfu_cipher dfu_aes_ctr_openssl;
extern const struct dfu_unwrap_alg dfu_unwrap_rsa2048_openssl, dfu_unwrap_kw_openssl,
    dfu_unwrap_ec256_openssl, dfu_unwrap_x25519_openssl, dfu_unwrap_x25519_sha512_openssl;

#ifdef __cplusplus
}
#endif
#endif
