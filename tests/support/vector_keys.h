/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* vector_keys.h - the keys of the image vectors, as who verifies and who decrypts needs them. */
#ifndef DFU_TESTS_VECTOR_KEYS_H
#define DFU_TESTS_VECTOR_KEYS_H

#include "archive.h"
#include "dfu/image.h"
#include "dfu/openssl.h"

/* The public half of a key file; decoded once, because OpenSSL takes its time. */
struct dfu_key vector_key(const struct archive *vectors, const char *name);

/* The decryption of one device, or of none ("-"). keys points into itself: not to be copied. */
struct vector_device {
    uint8_t bytes[DFU_PRIVATE_KEY_MAX];
    struct dfu_unwrap_key keys[2]; /* an X25519 key is one for each of its hashes */
    struct dfu_image_decryption how;
};
void vector_device_keys(const struct archive *vectors, const char *name, struct vector_device *out);

#endif
