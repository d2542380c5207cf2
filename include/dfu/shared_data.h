/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* shared_data.h - what a bootloader tells the application in RAM: MCUboot's shared data area.
 *
 *   magic 0x2016 u16 | total length u16, these 4 bytes included | entries
 *   entry: type u16 | length u16 | value                        (all little-endian, unaligned)
 *
 * The type's upper 4 bits say what it is about. RAM holds anything after power on, so readers
 * believe no length before they have checked it. */
#ifndef DFU_SHARED_DATA_H
#define DFU_SHARED_DATA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SHARED_MAGIC 0x2016u

#define DFU_SHARED_TYPE(major, minor) ((uint16_t)((unsigned)(major) << 12 | (unsigned)(minor)))

enum dfu_shared_major {
    DFU_SHARED_MEASUREMENT = 1, /* minor: module << 6 | claim; a module is an image */
    DFU_SHARED_LOADER = 2,
};

enum dfu_shared_claim {
    DFU_SHARED_CLAIM_VERSION = 0x00,
    DFU_SHARED_CLAIM_SIGNER_ID = 0x01,
    DFU_SHARED_CLAIM_TYPE = 0x03,
    DFU_SHARED_CLAIM_MEASUREMENT = 0x08,
    DFU_SHARED_CLAIM_MEASUREMENT_TYPE = 0x09,
    DFU_SHARED_CLAIM_BOOT_RECORD = 0x3f, /* a map in CBOR that ends with the image's hash */
};

enum dfu_shared_loader {
    DFU_SHARED_LOADER_MODE = 0x00,         /* u8: enum dfu_boot_mode, as dfu_mode_number() */
    DFU_SHARED_LOADER_SIGNATURE = 0x01,    /* u8: enum dfu_shared_signature */
    DFU_SHARED_LOADER_RECOVERY = 0x02,     /* u8: none 0, serial 1, USB DFU 2 */
    DFU_SHARED_LOADER_RUNNING_SLOT = 0x03, /* u8, of image 0 */
    DFU_SHARED_LOADER_VERSION = 0x04,      /* 8 bytes, as in an image header */
    DFU_SHARED_LOADER_MAX_SIZE = 0x05,     /* u32, of image 0; up to 0x09 of image 4 */
    DFU_SHARED_LOADER_COUNTER = 0x10,      /* u32, of image 0; up to 0x14 of image 4 */
};

#define DFU_SHARED_IMAGES 5u /* that have numbers of their own */

enum dfu_shared_signature {
    DFU_SHARED_SIG_NONE = 0,
    DFU_SHARED_SIG_RSA = 1,
    DFU_SHARED_SIG_ECDSA = 2,
    DFU_SHARED_SIG_ED25519 = 3,
};

/* Make mem an empty area. DFU_ERR_NOSPACE if not even that fits. */
int dfu_shared_init(uint8_t *mem, size_t size);

/* Add an entry. DFU_ERR_STATE: there is one of that type; DFU_ERR_NOSPACE: it does not fit;
 * DFU_ERR_FORMAT: mem is no area. Nothing is changed then. */
int dfu_shared_add(uint8_t *mem, size_t size, uint16_t type, const void *data, uint16_t len);

/* The entry of a type: its length and *data, DFU_ERR_NOENT, or DFU_ERR_FORMAT. */
int dfu_shared_find(const uint8_t *mem, size_t size, uint16_t type, const uint8_t **data);

/* Read a number of 1 or 4 bytes. DFU_ERR_NOENT, DFU_ERR_FORMAT. */
int dfu_shared_number(const uint8_t *mem, size_t size, uint16_t type, uint32_t *out);

#ifdef __cplusplus
}
#endif
#endif
