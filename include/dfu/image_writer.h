/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* image_writer.h - make MCUboot images in a buffer of the caller's: header, protected TLVs, hash,
 * signature, and where wanted the padding and trailer of a whole slot. No heap, no I/O; the
 * order and the bytes are imgtool's. */
#ifndef DFU_IMAGE_WRITER_H
#define DFU_IMAGE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/crypto.h"
#include "dfu/image.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_TLV_CUSTOM_MIN  0x00a0u
#define DFU_TLV_CUSTOM_MAX  0xfffeu
#define DFU_BOOT_RECORD_MAX 12u /* characters of a software type */

struct dfu_custom_tlv {
    uint16_t type;
    uint16_t len;
    const uint8_t *value;
};

/* How the body is encrypted. The content key must be fresh and random for every image. */
struct dfu_image_encryption {
    const struct dfu_cipher *cipher;
    const uint8_t *content_key;
    uint8_t content_key_len; /* 16 or 32 */
    const struct dfu_wrapper *wrapper;
    bool leaves_body_clear; /* for a primary slot: all but the encryption itself is done */
};

/* Of an image whose payload is compressed: what it was before. dfu_image_compress fills it in. */
struct dfu_image_compression {
    bool is_thumb;                    /* the ARM Thumb filter stands in front of LZMA2 */
    uint32_t body_len;                /* parameters and stream */
    uint32_t plain_size;              /* of the payload */
    uint32_t plain_len;               /* of the whole plain image, which the primary must hold */
    uint8_t plain_hash[DFU_HASH_MAX]; /* of that image, by the same algorithm */
    size_t plain_signature_len;       /* 0: not signed */
    uint8_t plain_signature[DFU_SIGNATURE_MAX];
    bool pays; /* by imgtool's rule; where not, make a plain image */
};

/* What the image shall say. All pointers stay the caller's. */
struct dfu_image_spec {
    struct dfu_image_version version;
    uint16_t header_size; /* 32 or more */
    uint32_t load_addr;
    bool is_big_endian; /* legacy: MCUboot reads little-endian images only */
    uint32_t flags;     /* enum dfu_image_flag; those of encryption and compression are refused,
                       because they follow from what is done */

    /* Protected TLVs, each only if there. */
    const uint32_t *security_counter;
    const char *boot_record; /* a software type, UTF-8 */
    const struct dfu_image_dependency *dependencies;
    size_t dependency_count;
    const uint8_t *vendor_id, *class_id; /* 16 bytes each */
    const struct dfu_custom_tlv *custom;
    size_t custom_count;

    const struct dfu_hash_alg *hash;
    const struct dfu_signer *signer; /* NULL: a hash is all */
    bool is_pure;                    /* sign the bytes, not their hash: Ed25519 */
    bool with_whole_key;             /* PUBKEY instead of KEYHASH */
    bool with_padded_signature;      /* zero bytes after ECDSA's, for loaders before MCUboot 1.5 */

    const struct dfu_image_encryption *encryption;   /* NULL: a plain image */
    const struct dfu_image_compression *compression; /* NULL: the payload is the program itself */
};

/* Bytes that dfu_image_write may need for a payload of that length; 0 if no image can hold it. */
uint32_t dfu_image_write_room(const struct dfu_image_spec *spec, uint32_t payload_len);

/* Make the image in place: buf holds header_size bytes of header space, then the payload. The
 * first 32 bytes are written, the rest of the header space stays as it is (imgtool: the erased
 * value, or zeros); TLVs are appended. A body that is encrypted is first filled up with zeros
 * until header and body are a multiple of 16. Returns 0 and the image's length in *len, or
 * DFU_ERR_INVAL (a field or the hash makes no sense), DFU_ERR_RANGE (more TLVs than 65535
 * bytes), DFU_ERR_NOSPACE, or what the signer said. */
int dfu_image_write(const struct dfu_image_spec *spec, uint8_t *buf, size_t cap,
                    uint32_t payload_len, uint32_t *len);

/* The same as far as it is hashed: header, payload, protected TLVs. That is what a signer elsewhere
 * gets to see (or its hash); signer may then hold a public key only. */
int dfu_image_write_region(const struct dfu_image_spec *spec, uint8_t *buf, size_t cap,
                           uint32_t payload_len, uint32_t *len);

/* The image that a compressed one with this payload will decode to, and what of it goes into the
 * compressed one; the rest of *out stays as it is. */
int dfu_image_write_decompressed(const struct dfu_image_spec *spec, uint8_t *buf, size_t cap,
                                 uint32_t payload_len, struct dfu_image_compression *out);

/* Bytes that a compressed body of that payload may have, at most. */
size_t dfu_image_compress_room(uint32_t payload_len);

/* The first half of a compressed image, by liblzma with imgtool's settings. buf is as for
 * dfu_image_write; on return it holds the plain image (with spec's flags of encryption, but in
 * clear), body holds the compressed payload. Then put body in place of the payload and write with
 * spec->compression = out, if it pays. Errors as of dfu_image_write. */
int dfu_image_compress(const struct dfu_image_spec *spec, bool is_thumb, uint8_t *buf, size_t cap,
                       uint32_t payload_len, uint8_t *body, size_t body_cap,
                       struct dfu_image_compression *out);

/* The rest of a slot, by the rules imgtool knows the slot by (a bootloader's own geometry is in
 * slots.h). */
struct dfu_image_slot {
    uint32_t size;
    uint32_t max_sectors; /* 128 unless the loader was built for another number */
    uint8_t align;        /* of writes: 1 to 32 */
    uint8_t max_align;    /* 8, 16 or 32 */
    uint8_t erased;       /* 0xff or 0 */
    uint16_t key_size;    /* bytes that a loader keeps of each encryption key; 0 without them */
    bool is_overwrite_only;
    bool is_big_endian;
};

/* The trailer that imgtool reserves. */
uint32_t dfu_image_trailer_size(const struct dfu_image_slot *slot);

/* Where the two things lie that an unconfirmed update's trailer holds, from the slot's start:
 * image_ok, one write unit of max_align bytes, and the magic, 16 bytes, which is put to magic. */
uint32_t dfu_image_trailer_magic(const struct dfu_image_slot *slot, uint8_t magic[16],
                                 uint32_t *image_ok);

/* Fill [len, slot->size) with erased bytes and the trailer's magic, so that the image is taken as
 * an update; with confirm also as one that stays. buf holds slot->size bytes. DFU_ERR_NOSPACE if
 * image and trailer do not fit. */
int dfu_image_pad(const struct dfu_image_slot *slot, uint8_t *buf, uint32_t len, bool confirm);

#ifdef __cplusplus
}
#endif
#endif
