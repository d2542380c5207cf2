/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Any bytes at all as an image: open, walk, read everything, verify. What must hold besides not
 * crashing: offsets stay inside, the TLVs fill their areas, and trust means what it says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/image.h"
#include "input.h"

/* The vectors' test-only-ed25519.pem, public half: some inputs then reach the signature. */
static const uint8_t key_der[] = {
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, 0x51, 0xc2, 0xc2,
    0xa7, 0xac, 0x36, 0xdb, 0xbe, 0x6b, 0x3e, 0x5d, 0x56, 0xa3, 0xd0, 0xcf, 0x2c, 0x22, 0xb8,
    0xf6, 0x93, 0xce, 0x7c, 0xce, 0xb6, 0x9c, 0x5d, 0x99, 0xbb, 0x62, 0xfe, 0x3f, 0x32,
};

/* Its keys to decrypt with: test-only-enc-ecdsa-p256.pem and test-only-kek-128.b64. */
static const uint8_t p256_key[] = {
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27,
    0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20, 0x89, 0x0d, 0x21, 0x1f, 0xd8, 0xaf, 0x20,
    0xe0, 0x96, 0x1c, 0x51, 0x32, 0x95, 0x54, 0xee, 0x26, 0x45, 0x42, 0x15, 0x34, 0x1a,
    0x22, 0x99, 0xfd, 0xec, 0xec, 0xbc, 0xae, 0x67, 0x16, 0xe1, 0xe3,
};
static const uint8_t kek[] = {
    0xdd, 0xa0, 0x28, 0x37, 0xe9, 0x82, 0x59, 0x1c, 0x98, 0x9a, 0xcc, 0xf9, 0xc5, 0xbd, 0x01, 0xd8,
};
static const struct dfu_unwrap_key unwrap_keys[] = {
    { &dfu_unwrap_ec256_openssl, p256_key, sizeof(p256_key) },
    { &dfu_unwrap_kw_openssl, kek, sizeof(kek) },
};
static const struct dfu_image_decryption decryption = { &dfu_image_opener, &dfu_aes_ctr_openssl,
                                                        unwrap_keys, 2 };

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, &dfu_sha512_openssl,
                                                     NULL };

static void walk(const struct dfu_image *image, uint32_t size)
{
    struct dfu_image_tlv tlv;
    struct dfu_image_dependency dependency;
    uint8_t value[DFU_SIGNATURE_MAX], hash[DFU_HASH_MAX];
    uint32_t cursor = 0, bytes = 4 + (image->prot_end > image->tlv_off ? 4 : 0);
    int more;

    while ((more = dfu_image_tlv_next(image, &cursor, &tlv)) > 0) {
        require(tlv.off <= size && tlv.len <= size - tlv.off && cursor <= image->end);
        (void)dfu_image_tlv_read(image, &tlv, value, sizeof(value));
        bytes += 4u + tlv.len;
    }
    require(more == 0 && bytes == image->end - image->tlv_off);
    require(dfu_image_stored_hash(image, hash) <= (int)sizeof(hash));
    cursor = 0;
    for (uint32_t i = 0; dfu_image_next_dependency(image, &cursor, &dependency) > 0; i++) {
        require(i <= image->header.protect_tlv_size / 16u);
    }
}

static struct dfu_image_report verify(const struct dfu_reader *reader, bool with_key, bool is_clear)
{
    struct dfu_key key = { &dfu_ed25519_openssl, key_der, sizeof(key_der) };
    struct dfu_image_policy policy = {
        .hashes = hashes,
        .keys = &key,
        .key_count = with_key ? 1 : 0,
        .hash_only = !with_key,
        .decryption = &decryption,
        .body_is_clear = is_clear,
    };
    struct dfu_image_report report;
    uint8_t buf[256];

    dfu_image_verify(&policy, reader, 0, buf, sizeof(buf), NULL, NULL, &report);
    require(dfu_verdict_is_trusted(&report.verdict) == (report.fault == DFU_IMAGE_FINE));
    return report;
}

/* Trusted by its hash alone: then the bytes, as they are or decrypted, do have that hash. */
static void has_its_hash(const struct dfu_image *image, const struct dfu_reader *reader)
{
    uint8_t digest[DFU_HASH_MAX], stored[DFU_HASH_MAX], byte;
    struct dfu_hash h;

    if (dfu_image_stored_hash(image, stored) != 32) {
        return;
    }
    require(dfu_sha256_openssl.start(&h) == 0);
    for (uint32_t i = 0; i < image->prot_end; i++) { /* other steps than the library's */
        require(reader->read(reader->ctx, i, &byte, 1) == 0);
        require(h.alg->update(&h, &byte, 1) == 0);
    }
    require(h.alg->finish(&h, digest) == 0);
    require(memcmp(digest, stored, 32) == 0);
}

static void check_opened(const struct dfu_image *image, const struct dfu_reader *reader)
{
    struct dfu_plain_span plain = { .reader = reader };
    struct dfu_reader opened;
    enum dfu_image_fault fault = dfu_image_content_key(&decryption, image, &plain.key);

    if (verify(reader, false, false).fault == DFU_IMAGE_FINE) {
        require(fault == DFU_IMAGE_FINE);
        opened = dfu_plain_reader(&plain);
        has_its_hash(image, &opened);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dfu_memory_span span = { data, (uint32_t)size };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image image;
    enum dfu_image_fault fault = dfu_image_open(&image, &reader, 0);

    if (fault == DFU_IMAGE_FINE) {
        require(image.tlv_off <= image.prot_end && image.prot_end < image.end && image.end <= size);
        walk(&image, (uint32_t)size);
        check_opened(&image, &reader);
    }
    if (verify(&reader, false, true).fault == DFU_IMAGE_FINE) {
        require(fault == DFU_IMAGE_FINE);
        has_its_hash(&image, &reader);
    }
    (void)verify(&reader, true, false);
    return 0;
}
