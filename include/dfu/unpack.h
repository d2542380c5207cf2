/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* unpack.h - a compressed image read as the image that it was made from.
 *
 * Of a stored image with a compressed body, the plain image U follows (image format, section 5):
 * its header without the compression flags and with DECOMP_SIZE as body size, the decoded body,
 * the protected TLVs without the four about compression, and the unprotected ones with DECOMP_SHA
 * and DECOMP_SIGNATURE in place of hash and signature. As a reader, U is verified by the same
 * rules as any image, and copied to where it shall run. Header and TLVs are read at random; the
 * body is decoded from its start up to where it is read, so it is meant to be read in order. */
#ifndef DFU_UNPACK_H
#define DFU_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "dfu/decompress.h"
#include "dfu/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A stretch of U's TLV areas: four bytes made up here, then len bytes of the stored image. */
struct dfu_unpacked_piece {
    uint32_t off; /* in U */
    uint8_t head[4];
    uint32_t from, len;
};

/* One compressed image opened. It may not be moved: reader points into it. */
struct dfu_unpacked {
    struct dfu_reader reader; /* of U; valid until dfu_unpacked_close */
    /* Private. */
    const struct dfu_image *packed;
    const struct dfu_unpacker *how;
    struct dfu_coding coding;
    uint8_t header[DFU_IMAGE_HEADER_SIZE];
    uint32_t stream_off, stream_len;
    uint32_t prot_off, prot_size, unprot_size;
    struct dfu_image_tlv sha, signature; /* signature.len 0: there is none */
    bool is_decoding;
    uint32_t decoded; /* bytes of the body */
    int stream_err;   /* DFU_ERR_FORMAT once the stream has turned out wrong */
    struct dfu_unpacked_piece piece;
    uint32_t cursor; /* in the stored TLVs, behind the piece */
    bool is_unprotected;
};

/* packed was opened and must outlive *out. DFU_IMAGE_BAD_COMPRESSION: sizes or TLVs that make no
 * sense; DFU_IMAGE_NO_MEMORY: how has less than the decoder needs. Nothing is decoded yet. */
enum dfu_image_fault dfu_unpacked_open(struct dfu_unpacked *out, const struct dfu_image *packed,
                                       const struct dfu_unpacker *how);
void dfu_unpacked_close(struct dfu_unpacked *unpacked);

#ifdef __cplusplus
}
#endif
#endif
