/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "test_image.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define TLV_HEAD        4u
#define SHA256_SIZE     32u
#define ED25519_SIZE    64u
#define PROT_INFO_MAGIC 0x6908u
#define TLV_INFO_MAGIC  0x6907u

static size_t tlv_len(const struct test_tlv *tlv)
{
    return tlv->value ? tlv->len : SHA256_SIZE;
}

static size_t tlvs_size(const struct test_tlv *tlvs, size_t count)
{
    size_t size = TLV_HEAD;

    for (size_t i = 0; i < count; i++) {
        size += TLV_HEAD + tlv_len(&tlvs[i]);
    }
    return size;
}

static size_t prot_size(const struct test_recipe *recipe)
{
    return recipe->prot_count > 0 ? tlvs_size(recipe->prot, recipe->prot_count) : 0;
}

static size_t signature_size(const struct test_recipe *recipe)
{
    return recipe->ed25519 ? TLV_HEAD + SHA256_SIZE + TLV_HEAD + ED25519_SIZE : 0;
}

static size_t wrapped_size(const struct test_recipe *recipe)
{
    return recipe->content_key ? TLV_HEAD + recipe->crypt_len + 8u : 0;
}

size_t test_image_size(const struct test_recipe *recipe)
{
    return recipe->hdr_size + recipe->body + prot_size(recipe) +
           tlvs_size(recipe->tlvs, recipe->tlv_count) + signature_size(recipe) +
           wrapped_size(recipe);
}

static uint8_t *put_tlv_head(uint8_t *at, unsigned type, size_t len)
{
    put_le16(at, (uint16_t)type);
    put_le16(at + 2, (uint16_t)len);
    return at + TLV_HEAD;
}

static void sha256(const uint8_t *data, size_t len, uint8_t *out)
{
    if (!EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL)) {
        fprintf(stderr, "test image: hashing failed\n");
        abort();
    }
}

static uint8_t *put_tlvs(uint8_t *at, const struct test_tlv *tlvs, size_t count,
                         const uint8_t *digest)
{
    for (size_t i = 0; i < count; i++) {
        at = put_tlv_head(at, tlvs[i].type, tlv_len(&tlvs[i]));
        memcpy(at, tlvs[i].value ? tlvs[i].value : digest, tlv_len(&tlvs[i]));
        at += tlv_len(&tlvs[i]);
    }
    return at;
}

static void put_signature(EVP_PKEY *key, uint8_t *at, const uint8_t *digest)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t *der = NULL;
    int der_len = i2d_PUBKEY(key, &der);
    size_t len = ED25519_SIZE;

    at = put_tlv_head(at, DFU_TLV_KEYHASH, SHA256_SIZE);
    sha256(der, (size_t)der_len, at);
    at = put_tlv_head(at + SHA256_SIZE, DFU_TLV_ED25519, ED25519_SIZE);
    if (der_len <= 0 || !ctx || !EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) ||
        !EVP_DigestSign(ctx, at, &len, digest, SHA256_SIZE)) {
        fprintf(stderr, "test image: signing failed\n");
        abort();
    }
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
}

/* Electronic code book, block by block: the parts that the format's modes are made of. */
static void aes_ecb(const uint8_t *key, size_t key_len, const uint8_t in[16], uint8_t out[16])
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = key_len == 16 ? EVP_aes_128_ecb() : EVP_aes_256_ecb();
    uint8_t block[16];
    int len = 0;

    memcpy(block, in, sizeof block);
    if (!ctx || !EVP_EncryptInit_ex(ctx, cipher, NULL, key, NULL) ||
        !EVP_EncryptUpdate(ctx, out, &len, block, sizeof block) || len != sizeof block) {
        fprintf(stderr, "test image: encrypting failed\n");
        abort();
    }
    EVP_CIPHER_CTX_free(ctx);
}

/* RFC 3394, 2.2.1: six rounds over all halves. */
static void put_wrapped_key(const struct test_recipe *recipe, uint8_t *at)
{
    uint8_t block[16];
    unsigned count = recipe->crypt_len / 8u;

    at = put_tlv_head(at, DFU_TLV_ENC_KW, recipe->crypt_len + 8u);
    memset(at, 0xa6, 8);
    memcpy(at + 8, recipe->content_key, recipe->crypt_len);
    for (unsigned j = 0; j < 6; j++) {
        for (unsigned i = 1; i <= count; i++) {
            memcpy(block, at, 8);
            memcpy(block + 8, at + i * 8, 8);
            aes_ecb(recipe->kek, recipe->crypt_len, block, block);
            memcpy(at, block, 8);
            at[7] ^= (uint8_t)(count * j + i);
            memcpy(at + i * 8, block + 8, 8);
        }
    }
}

void test_image_crypt(const struct test_recipe *recipe, uint8_t *image)
{
    for (uint32_t i = 0; recipe->content_key && i < recipe->body; i++) {
        static uint8_t stream[16];

        if (i % 16 == 0) {
            uint8_t counter[16] = { 0 };

            counter[15] = (uint8_t)(i / 16);
            counter[14] = (uint8_t)(i / 16 >> 8);
            counter[13] = (uint8_t)(i / 16 >> 16);
            aes_ecb(recipe->content_key, recipe->crypt_len, counter, stream);
        }
        image[recipe->hdr_size + i] ^= stream[i % 16];
    }
}

static void put_header(const struct test_recipe *recipe, uint8_t *out)
{
    memset(out, 0, recipe->hdr_size);
    put_le32(out, DFU_IMAGE_MAGIC);
    put_le32(out + 4, recipe->load_addr);
    put_le16(out + 8, recipe->hdr_size);
    put_le16(out + 10, (uint16_t)prot_size(recipe));
    put_le32(out + 12, recipe->body);
    put_le32(out + 16, recipe->flags | (!recipe->content_key      ? 0u
                                        : recipe->crypt_len == 16 ? DFU_IMAGE_F_ENCRYPTED_AES128
                                                                  : DFU_IMAGE_F_ENCRYPTED_AES256));
    out[20] = recipe->version.major;
    out[21] = recipe->version.minor;
    put_le16(out + 22, recipe->version.revision);
    put_le32(out + 24, recipe->version.build);
}

void test_image_build(const struct test_recipe *recipe, uint8_t *out)
{
    uint8_t digest[SHA256_SIZE];
    uint8_t *at = out + recipe->hdr_size;

    put_header(recipe, out);
    for (uint32_t i = 0; i < recipe->body; i++) {
        *at++ = recipe->payload
                    ? recipe->payload[i]
                    : (uint8_t)(recipe->pattern * 31u + i * 7u + (i >> 8) * 13u + (i >> 12) * 57u);
    }
    if (recipe->prot_count > 0) {
        at = put_tlv_head(at, PROT_INFO_MAGIC, prot_size(recipe));
        at = put_tlvs(at, recipe->prot, recipe->prot_count, NULL);
    }
    sha256(out, (size_t)(at - out), digest);
    at = put_tlv_head(at, TLV_INFO_MAGIC,
                      tlvs_size(recipe->tlvs, recipe->tlv_count) + signature_size(recipe) +
                          wrapped_size(recipe));
    at = put_tlvs(at, recipe->tlvs, recipe->tlv_count, digest);
    if (recipe->ed25519) {
        put_signature(recipe->ed25519, at, digest);
        at += signature_size(recipe);
    }
    if (recipe->content_key) {
        put_wrapped_key(recipe, at);
    }
}
