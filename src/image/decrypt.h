/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* decrypt.h - what is behind a struct dfu_image_decryption. */
#ifndef DFU_IMAGE_DECRYPT_H
#define DFU_IMAGE_DECRYPT_H

#include "dfu/image.h"

struct dfu_image_opener {
    enum dfu_image_fault (*find_key)(const struct dfu_image_decryption *how,
                                     const struct dfu_image *image, struct dfu_content_key *out);
    int (*read)(void *ctx, uint32_t off, void *buf, size_t len); /* of a struct dfu_plain_span */
};

/* Bytes of the content key that an image with these flags has; 0: it is not encrypted. */
static inline uint8_t content_key_len(uint32_t flags)
{
    if (flags & DFU_IMAGE_F_ENCRYPTED_AES256) {
        return 32;
    }
    return flags & DFU_IMAGE_F_ENCRYPTED_AES128 ? 16 : 0;
}

/* The wrapped key that one of ours opens, as the image carries it; the rest of out, which holds
 * room bytes, is left alone. DFU_IMAGE_ENC_LENGTH if there is no room for it. */
enum dfu_image_fault content_key_wrapped(const struct dfu_image_decryption *how,
                                         const struct dfu_image *image, uint8_t *out, size_t room,
                                         uint16_t *len);

/* Unwrap a key that was kept so; what follows it in wrapped is not looked at. */
enum dfu_image_fault content_key_unwrap(const struct dfu_image_decryption *how,
                                        const uint8_t *wrapped, size_t room,
                                        struct dfu_content_key *out);

/* The body's place, and no key yet. */
struct dfu_content_key content_key_for(const struct dfu_cipher *cipher,
                                       const struct dfu_image_header *header);

#endif
