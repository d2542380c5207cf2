/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* test_image.h - images from a recipe, for tests. Written from the format's description alone, so
 * that it does not share a mistake with the library's own reader and writer. */
#ifndef TEST_IMAGE_H
#define TEST_IMAGE_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/image.h"

#define TEST_IMAGE_TLVS_MAX 8

struct test_tlv {
    uint16_t type;
    const uint8_t *value; /* NULL: the SHA-256 of header, payload and protected TLVs */
    uint16_t len;
};

struct test_recipe {
    uint32_t load_addr;
    uint16_t hdr_size; /* at least 32; zeros follow the header */
    uint32_t body;
    uint32_t flags;
    struct dfu_image_version version;
    uint8_t pattern;        /* payload byte i is a fixed function of this and i */
    const uint8_t *payload; /* ... unless the bytes are here */
    struct test_tlv prot[TEST_IMAGE_TLVS_MAX], tlvs[TEST_IMAGE_TLVS_MAX];
    size_t prot_count, tlv_count;
    EVP_PKEY *ed25519; /* or NULL: sign the hash, TLVs KEYHASH and ED25519 are added */
    /* Or NULL: flag and key TLV (AES key wrap) of an encrypted image are added; the body is plain
     * until test_image_crypt(). Both have crypt_len bytes, 16 or 32. */
    const uint8_t *content_key, *kek;
    uint8_t crypt_len;
};

/* The image's size, all TLVs included. */
size_t test_image_size(const struct test_recipe *recipe);

/* Build it into out, which holds test_image_size() bytes. */
void test_image_build(const struct test_recipe *recipe, uint8_t *out);

/* Encrypt the body of a built image, or decrypt it again. */
void test_image_crypt(const struct test_recipe *recipe, uint8_t *image);

#endif
