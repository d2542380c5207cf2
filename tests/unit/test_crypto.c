/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The OpenSSL backend at its edges; that it agrees with others is shown by the image vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/ecdsa_gcrypt.h"
#include "crypto/encoding_openssl.h"
#include "dfu/crypto.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "hex.h"

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, &dfu_sha384_openssl,
                                                     &dfu_sha512_openssl };

static const struct {
    const struct dfu_sig_alg *alg;
    const char *type, *detail;
    size_t digest_len;
} schemes[] = {
    { &dfu_rsa2048_openssl, "RSA", "2048", 32 },    { &dfu_rsa3072_openssl, "RSA", "3072", 32 },
    { &dfu_ecdsa_p256_openssl, "EC", "P-256", 32 }, { &dfu_ecdsa_p384_openssl, "EC", "P-384", 48 },
    { &dfu_ed25519_openssl, "ED25519", "", 64 },
};

enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

struct pair {
    EVP_PKEY *pkey;
    uint8_t der[DFU_PUBLIC_KEY_MAX];
    struct dfu_key key;
    struct dfu_signer signer;
};

static EVP_PKEY *generate(const char *type, const char *detail)
{
    if (strcmp(type, "RSA") == 0) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)(strcmp(detail, "2048") ? 3072 : 2048));
    }
    return strcmp(type, "EC") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", detail)
                                   : EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static void make_pair(struct pair *pair, size_t scheme)
{
    int len;

    pair->pkey = generate(schemes[scheme].type, schemes[scheme].detail);
    assert_non_null(pair->pkey);
    len = dfu_openssl_public_key(pair->pkey, pair->der, sizeof(pair->der));
    assert_true(len > 0);
    pair->key = (struct dfu_key){ schemes[scheme].alg, pair->der, (size_t)len };
    assert_ptr_equal(dfu_openssl_sig_alg(pair->pkey), schemes[scheme].alg);
    assert_int_equal(dfu_openssl_signer(pair->pkey, pair->der, (size_t)len, &pair->signer), 0);
}

/* FIPS 180-4: "abc". */
static void hashes_are_those_of_the_standard(void **state)
{
    static const uint8_t first[3][4] = { { 0xba, 0x78, 0x16, 0xbf },
                                         { 0xcb, 0x00, 0x75, 0x3f },
                                         { 0xdd, 0xaf, 0x35, 0xa1 } };
    uint8_t digest[DFU_HASH_MAX];
    struct dfu_hash h;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hashes[i]->start(&h), 0);
        assert_int_equal(hashes[i]->update(&h, "a", 1), 0);
        assert_int_equal(hashes[i]->update(&h, "bc", 2), 0);
        assert_int_equal(hashes[i]->finish(&h, digest), 0);
        assert_memory_equal(digest, first[i], 4);
        assert_int_equal(hashes[i]->update(&h, "d", 1), DFU_ERR_STATE);
        assert_int_equal(hashes[i]->finish(&h, digest), DFU_ERR_STATE);
    }
}

static void a_hash_given_up_leaks_nothing(void **state)
{
    struct dfu_hash h;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hashes[i]->start(&h), 0);
        assert_int_equal(hashes[i]->finish(&h, NULL), 0);
    }
}

static void each_scheme_accepts_its_own_signature_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        uint8_t digest[DFU_HASH_MAX] = { 1, 2, 3 }, sig[DFU_SIGNATURE_MAX];
        size_t len = schemes[i].digest_len;
        struct pair mine, other;
        int sig_len;

        make_pair(&mine, i);
        make_pair(&other, i);
        sig_len = mine.signer.sign(mine.signer.ctx, digest, len, sig, sizeof(sig));
        assert_in_range(sig_len, schemes[i].alg->min_len, schemes[i].alg->max_len);
        assert_int_equal(mine.key.alg->verify(&mine.key, digest, len, sig, (size_t)sig_len), 0);
        assert_int_equal(other.key.alg->verify(&other.key, digest, len, sig, (size_t)sig_len),
                         DFU_ERR_VERIFY);
        digest[31] ^= 1;
        assert_int_equal(mine.key.alg->verify(&mine.key, digest, len, sig, (size_t)sig_len),
                         DFU_ERR_VERIFY);
        assert_int_equal(mine.key.alg->verify(&mine.key, digest, len - 1, sig, (size_t)sig_len),
                         DFU_ERR_VERIFY);
        assert_int_equal(mine.signer.sign(mine.signer.ctx, digest, len, sig, 8), DFU_ERR_NOSPACE);
        EVP_PKEY_free(mine.pkey);
        EVP_PKEY_free(other.pkey);
    }
}

static void a_key_of_another_kind_is_no_key(void **state)
{
    uint8_t digest[DFU_HASH_MAX] = { 0 }, sig[DFU_SIGNATURE_MAX] = { 0x30, 6, 2, 1, 1, 2, 1, 1 };

    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        struct pair pair;

        make_pair(&pair, i);
        for (size_t j = 0; j < SCHEMES; j++) {
            struct dfu_key foreign = { schemes[j].alg, pair.der, pair.key.der_len };
            size_t sig_len = schemes[j].alg->max_len == 128 ? 8 : schemes[j].alg->max_len;
            int err = foreign.alg->verify(&foreign, digest, schemes[j].digest_len, sig, sig_len);

            assert_int_equal(err, i == j ? DFU_ERR_VERIFY : DFU_ERR_INVAL);
        }
        pair.key.der_len--;
        assert_int_equal(
            pair.key.alg->verify(&pair.key, digest, schemes[i].digest_len, sig,
                                 schemes[i].alg->max_len == 128 ? 8 : schemes[i].alg->max_len),
            DFU_ERR_INVAL);
        EVP_PKEY_free(pair.pkey);
    }
}

/* secp256k1 has 256 bits, too; signatures by such a key are never P-256's. */
static void other_curves_and_sizes_are_not_taken_for_ours(void **state)
{
    static const char *const curves[] = { "secp256k1", "brainpoolP256r1", "P-521" };
    uint8_t der[256], digest[32] = { 0 };
    static const uint8_t sig[] = { 0x30, 6, 2, 1, 1, 2, 1, 1 };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curves[i]);
        uint8_t *p = der;
        int len = i2d_PUBKEY(pkey, &p);
        struct dfu_key key = { &dfu_ecdsa_p256_openssl, der, (size_t)len };
        struct dfu_signer signer;

        assert_int_equal(key.alg->verify(&key, digest, 32, sig, sizeof(sig)), DFU_ERR_INVAL);
        assert_null(dfu_openssl_sig_alg(pkey));
        assert_int_equal(dfu_openssl_public_key(pkey, der, sizeof(der)), DFU_ERR_NOTSUP);
        assert_int_equal(dfu_openssl_signer(pkey, der, 1, &signer), DFU_ERR_NOTSUP);
        EVP_PKEY_free(pkey);
    }
}

/* A compressed point would be encoded compressed again, and hash to another KEYHASH. */
static void a_key_read_from_a_compressed_point_has_the_usual_encoding(void **state)
{
    uint8_t compressed[256];
    const uint8_t *p = compressed;
    struct pair pair;
    uint8_t again[DFU_PUBLIC_KEY_MAX], *out = compressed;
    EVP_PKEY *read;
    int len;

    (void)state;
    make_pair(&pair, 2);
    EVP_PKEY_set_utf8_string_param(pair.pkey, "point-format", "compressed");
    len = i2d_PUBKEY(pair.pkey, &out);
    assert_int_equal(len, 59);
    read = d2i_PUBKEY(NULL, &p, len);
    assert_non_null(read);
    assert_int_equal(dfu_openssl_public_key(read, again, sizeof(again)), 91);
    assert_memory_equal(again, pair.der, 91);
    EVP_PKEY_free(read);
    EVP_PKEY_free(pair.pkey);
}

/* PrivateKeyInfo as OpenSSL writes it. */
static size_t private_der(EVP_PKEY *pkey, uint8_t *out)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, &out);

    PKCS8_PRIV_KEY_INFO_free(info);
    assert_true(len > 0);
    return (size_t)len;
}

/* What OpenSSL makes of it by its own decoders, all of it being one key. */
static EVP_PKEY *as_openssl_reads(const uint8_t *der, size_t len, bool is_private)
{
    const uint8_t *p = der;
    PKCS8_PRIV_KEY_INFO *info;
    EVP_PKEY *pkey;

    if (!is_private) {
        pkey = d2i_PUBKEY(NULL, &p, (long)len);
    } else {
        info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)len);
        pkey = info ? EVP_PKCS82PKEY(info) : NULL;
        PKCS8_PRIV_KEY_INFO_free(info);
    }
    if (pkey && p != der + len) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

static void expect_the_same(const uint8_t *der, size_t len, bool is_private)
{
    EVP_PKEY *ours = is_private ? key_from_private(der, len) : key_from_public(der, len);
    EVP_PKEY *theirs = as_openssl_reads(der, len, is_private);
    uint8_t mine[512], other[512];

    assert_int_equal(ours != NULL, theirs != NULL);
    if (ours) {
        assert_int_equal(EVP_PKEY_eq(ours, theirs), 1);
    }
    if (ours && is_private) {
        size_t size = private_der(ours, mine);

        assert_int_equal(private_der(theirs, other), size);
        assert_memory_equal(mine, other, size);
    }
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
}

/* The usual encodings are told by their bytes; each byte that is wrong leads back to OpenSSL. */
static void a_key_is_what_openssl_reads_whatever_byte_of_it_is_wrong(void **state)
{
    static const char *const kinds[][2] = {
        { "EC", "P-256" }, { "EC", "P-384" }, { "ED25519", "" },
        { "X25519", "" },  { "EC", "P-224" },
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(kinds) / sizeof(kinds[0]); i++) {
        EVP_PKEY *pkey = generate(kinds[i / 2][0], kinds[i / 2][1]);
        uint8_t der[512] = { 0 }, *p = der;
        bool is_private = i % 2;
        size_t len = is_private ? private_der(pkey, der) : (size_t)i2d_PUBKEY(pkey, &p);

        expect_the_same(der, len, is_private);
        expect_the_same(der, len + 1, is_private);
        expect_the_same(der, len - 1, is_private);
        expect_the_same(der, 0, is_private);
        for (size_t at = 0; at < len; at++) {
            der[at] ^= 1;
            expect_the_same(der, len, is_private);
            der[at] ^= 1;
        }
        EVP_PKEY_free(pkey);
    }
    ERR_clear_error();
}

static void ecdsa_signatures_are_strict_der_then_zeros(void **state)
{
    uint8_t digest[32] = { 9 }, sig[DFU_SIGNATURE_MAX] = { 0 };
    struct pair pair;
    int len;

    (void)state;
    make_pair(&pair, 2);
    len = pair.signer.sign(pair.signer.ctx, digest, 32, sig, sizeof(sig));
    assert_true(len > 0);
    memset(sig + len, 0, sizeof(sig) - (size_t)len);
    assert_int_equal(pair.key.alg->verify(&pair.key, digest, 32, sig, 128), 0);
    sig[127] = 1;
    assert_int_equal(pair.key.alg->verify(&pair.key, digest, 32, sig, 128), DFU_ERR_VERIFY);
    assert_int_equal(pair.key.alg->verify(&pair.key, digest, 32, sig, (size_t)len - 1),
                     DFU_ERR_VERIFY);
    assert_int_equal(pair.key.alg->verify(&pair.key, digest, 32, sig, 1), DFU_ERR_VERIFY);
    assert_int_equal(pair.key.alg->verify(&pair.key, digest, 32, sig, 0), DFU_ERR_VERIFY);
    EVP_PKEY_free(pair.pkey);
}

/* Heap buffers of just that length: the sanitizer sees a byte read too many. */
static void ecdsa_signatures_are_read_to_their_end_only(void **state)
{
    static const uint8_t start[] = { 0x30, 0x44, 0x02 };
    uint8_t digest[32] = { 9 };
    struct pair pair;

    (void)state;
    make_pair(&pair, 2);
    for (size_t len = 1; len <= sizeof(start); len++) {
        uint8_t *sig = malloc(len);

        assert_non_null(sig);
        memcpy(sig, start, len);
        assert_int_equal(pair.key.alg->verify(&pair.key, digest, 32, sig, len), DFU_ERR_VERIFY);
        free(sig);
    }
    EVP_PKEY_free(pair.pkey);
}

static void a_key_with_a_byte_behind_it_is_no_key(void **state)
{
    uint8_t digest[DFU_HASH_MAX] = { 0 }, sig[DFU_SIGNATURE_MAX] = { 0x30, 6, 2, 1, 1, 2, 1, 1 };

    (void)state;
    for (size_t i = 2; i < SCHEMES; i++) {
        size_t sig_len = schemes[i].alg->max_len == 128 ? 8 : schemes[i].alg->max_len;
        struct pair pair;

        make_pair(&pair, i);
        pair.der[pair.key.der_len++] = 0;
        assert_int_equal(
            pair.key.alg->verify(&pair.key, digest, schemes[i].digest_len, sig, sig_len),
            DFU_ERR_INVAL);
        EVP_PKEY_free(pair.pkey);
    }
}

static void the_callers_error_queue_is_left_as_it_was(void **state)
{
    uint8_t digest[32] = { 0 }, sig[256] = { 0 };
    struct dfu_key broken = { &dfu_rsa2048_openssl, digest, sizeof(digest) };
    unsigned long before;

    (void)state;
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 1);
    before = ERR_peek_last_error();
    assert_int_equal(broken.alg->verify(&broken, digest, 32, sig, 256), DFU_ERR_INVAL);
    assert_int_equal(ERR_peek_last_error(), before);
    ERR_clear_error();
}

/* RFC 6979, A.2.5 and A.2.6. */
static void ecdsa_nonces_are_those_of_rfc_6979(void **state)
{
    static const char p256[] = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    static const char p384[] = "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba"
                               "9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5";
    static const struct {
        size_t size;
        const char *secret, *message, *r, *s;
    } cases[] = {
        { 32, p256, "sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
          "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8" },
        { 32, p256, "test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
          "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083" },
        { 48, p384, "sample",
          "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e"
          "80fabe46",
          "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a"
          "38628ac8" },
        { 48, p384, "test",
          "8203b63d3c853e8d77227fb377bcf7b7b772e97892a80f36ab775d509d7a5feb0542a7f0812998da8f1dd3ca"
          "3cf023db",
          "ddd0760448d42d8a43af45af836fce4de8be06b485e9b61b827c2f13173923e06a739f040649a667bf3b8282"
          "46baa5a5" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct dfu_hash_alg *alg = hashes[cases[i].size == 48];
        uint8_t secret[48], want[48], digest[DFU_HASH_MAX], r[48], s[48];
        struct dfu_hash h;

        assert_int_equal(alg->start(&h), 0);
        assert_int_equal(alg->update(&h, cases[i].message, strlen(cases[i].message)), 0);
        assert_int_equal(alg->finish(&h, digest), 0);
        hex_bytes(cases[i].secret, secret, sizeof(secret));
        assert_int_equal(ecdsa_sign_same(cases[i].size, secret, digest, r, s), 0);
        hex_bytes(cases[i].r, want, sizeof(want));
        assert_memory_equal(r, want, cases[i].size);
        hex_bytes(cases[i].s, want, sizeof(want));
        assert_memory_equal(s, want, cases[i].size);
    }
}

static void the_same_input_gives_the_same_ecdsa_signature(void **state)
{
    (void)state;
    for (size_t i = 2; i < 4; i++) {
        uint8_t digest[DFU_HASH_MAX] = { 7 }, first[DFU_SIGNATURE_MAX], again[DFU_SIGNATURE_MAX];
        size_t size = schemes[i].digest_len;
        struct pair pair;
        int len;

        make_pair(&pair, i);
        len = pair.signer.sign(pair.signer.ctx, digest, size, first, sizeof(first));
        assert_true(len > 0);
        assert_int_equal(pair.signer.sign(pair.signer.ctx, digest, size, again, sizeof(again)),
                         len);
        assert_memory_equal(first, again, (size_t)len);
        digest[size - 1] ^= 1;
        assert_true(pair.signer.sign(pair.signer.ctx, digest, size, again, sizeof(again)) > 0);
        assert_memory_not_equal(first, again, 20);
        EVP_PKEY_free(pair.pkey);
    }
}

/* One in 512 of each r and s is shorter than the curve. Of a known key, that of RFC 6979, A.2.5, it
 * is known which: a script of a page, with nothing but Python's integers and hmac, found these. */
static void short_parts_of_ecdsa_signatures_keep_their_place(void **state)
{
    static const struct {
        uint8_t digest[32];
        uint8_t r_len, s_len;
    } cases[] = { { { 0x50, 0x01 }, 32, 31 },
                  { { 0xae, 0x05 }, 32, 31 },
                  { { 0xe0, 0x0a }, 31, 33 } };
    uint8_t der[138], sig[DFU_SIGNATURE_MAX];
    struct dfu_key key = { &dfu_ecdsa_p256_openssl, der, 91 };
    struct dfu_signer signer;
    EVP_PKEY *pkey;

    (void)state;
    hex_bytes("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"
              "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721a14403420004"
              "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
              "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
              der, sizeof(der));
    pkey = key_from_private(der, sizeof(der));
    assert_non_null(pkey);
    assert_int_equal(dfu_openssl_public_key(pkey, der, sizeof(der)), 91);
    assert_int_equal(dfu_openssl_signer(pkey, der, 91, &signer), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int len = signer.sign(signer.ctx, cases[i].digest, 32, sig, sizeof(sig));

        assert_int_equal(len, 6 + cases[i].r_len + cases[i].s_len);
        assert_int_equal(sig[3], cases[i].r_len);
        assert_int_equal(key.alg->verify(&key, cases[i].digest, 32, sig, (size_t)len), 0);
    }
    EVP_PKEY_free(pkey);
}

/* ---- What encrypts images, against its standards ---- */

static const uint8_t content_key[] = "a content key of 32 bytes, all o";

/* Encrypting zeros gives the key stream: AES of the block's number, big-endian, from zero. */
static void the_key_stream_is_the_encrypted_number_of_its_block(void **state)
{
    static const uint8_t counters[] = { 0, 1, 2, 255 };

    (void)state;
    for (size_t key_len = 16; key_len <= 32; key_len += 16) {
        for (size_t i = 0; i < sizeof(counters); i++) {
            EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
            uint8_t block[16] = { 0 }, wanted[32], stream[16] = { 0 };
            int len = 0;

            block[15] = counters[i];
            assert_int_equal(
                EVP_EncryptInit_ex(ctx, key_len == 16 ? EVP_aes_128_ecb() : EVP_aes_256_ecb(), NULL,
                                   content_key, NULL),
                1);
            assert_int_equal(EVP_EncryptUpdate(ctx, wanted, &len, block, 16), 1);
            assert_int_equal(
                dfu_aes_ctr_openssl.apply(content_key, key_len, counters[i] * 16u, stream, 16), 0);
            assert_memory_equal(stream, wanted, 16);
            EVP_CIPHER_CTX_free(ctx);
        }
    }
}

static void the_key_stream_can_be_entered_at_any_byte_and_left_at_any(void **state)
{
    uint8_t whole[70] = { 0 };

    (void)state;
    assert_int_equal(dfu_aes_ctr_openssl.apply(content_key, 16, 0, whole, sizeof(whole)), 0);
    for (uint32_t off = 0; off < sizeof(whole); off++) {
        for (size_t len = 0; off + len <= sizeof(whole); len++) {
            uint8_t part[70] = { 0 };

            assert_int_equal(dfu_aes_ctr_openssl.apply(content_key, 16, off, part, len), 0);
            assert_memory_equal(part, whole + off, len);
        }
    }
    assert_int_equal(dfu_aes_ctr_openssl.apply(content_key, 24, 0, whole, 1), DFU_ERR_INVAL);
}

/* RFC 3394, 4.1 and 4.6. */
static void aes_key_wrap_is_that_of_rfc_3394(void **state)
{
    static const uint8_t kek[32] = { 0,    1,    2,    3,    4,    5,    6,    7,
                                     8,    9,    10,   11,   12,   13,   14,   15,
                                     0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                                     0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f };
    static const uint8_t key[32] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
                                     0,    1,    2,    3,    4,    5,    6,    7,
                                     8,    9,    10,   11,   12,   13,   14,   15 };
    static const uint8_t wrapped128[24] = { 0x1f, 0xa6, 0x8b, 0x0a, 0x81, 0x12, 0xb4, 0x47,
                                            0xae, 0xf3, 0x4b, 0xd8, 0xfb, 0x5a, 0x7b, 0x82,
                                            0x9d, 0x3e, 0x86, 0x23, 0x71, 0xd2, 0xcf, 0xe5 };
    static const uint8_t wrapped256[40] = { 0x28, 0xc9, 0xf4, 0x04, 0xc4, 0xb8, 0x10, 0xf4,
                                            0xcb, 0xcc, 0xb3, 0x5c, 0xfb, 0x87, 0xf8, 0x26,
                                            0x3f, 0x57, 0x86, 0xe2, 0xd8, 0x0e, 0xd3, 0x26,
                                            0xcb, 0xc7, 0xf0, 0xe7, 0x1a, 0x99, 0xf4, 0x3b,
                                            0xfb, 0x98, 0x8b, 0x9b, 0x7a, 0x02, 0xdd, 0x21 };

    (void)state;
    for (size_t len = 16; len <= 32; len += 16) {
        struct dfu_unwrap_key how = { &dfu_unwrap_kw_openssl, kek, len };
        const uint8_t *wanted = len == 16 ? wrapped128 : wrapped256;
        struct dfu_wrapper wrapper;
        uint8_t out[40], back[32];

        assert_int_equal(dfu_openssl_kw_wrapper(&how, &wrapper), 0);
        assert_int_equal(wrapper.wrap(wrapper.ctx, key, len, out, sizeof(out)), len + 8);
        assert_memory_equal(out, wanted, len + 8);
        assert_int_equal(how.alg->unwrap(&how, out, len + 8, back, len), 0);
        assert_memory_equal(back, key, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_parts_of_ecdsa_signatures_keep_their_place),
        cmocka_unit_test(ecdsa_nonces_are_those_of_rfc_6979),
        cmocka_unit_test(the_same_input_gives_the_same_ecdsa_signature),
        cmocka_unit_test(hashes_are_those_of_the_standard),
        cmocka_unit_test(a_hash_given_up_leaks_nothing),
        cmocka_unit_test(each_scheme_accepts_its_own_signature_and_no_other),
        cmocka_unit_test(a_key_of_another_kind_is_no_key),
        cmocka_unit_test(other_curves_and_sizes_are_not_taken_for_ours),
        cmocka_unit_test(a_key_read_from_a_compressed_point_has_the_usual_encoding),
        cmocka_unit_test(a_key_is_what_openssl_reads_whatever_byte_of_it_is_wrong),
        cmocka_unit_test(ecdsa_signatures_are_strict_der_then_zeros),
        cmocka_unit_test(ecdsa_signatures_are_read_to_their_end_only),
        cmocka_unit_test(a_key_with_a_byte_behind_it_is_no_key),
        cmocka_unit_test(the_callers_error_queue_is_left_as_it_was),
        cmocka_unit_test(the_key_stream_is_the_encrypted_number_of_its_block),
        cmocka_unit_test(the_key_stream_can_be_entered_at_any_byte_and_left_at_any),
        cmocka_unit_test(aes_key_wrap_is_that_of_rfc_3394),
    };
    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
