/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* decompress.h - the seam to a decoder of compressed image bodies, as a const table.
 *
 * A body is two bytes of parameters and a raw LZMA2 stream that ends with its own mark; the ARM
 * Thumb filter may stand in front of LZMA2 (image format, section 5). Two decoders exist:
 * dfu_lzma2 needs no heap and runs in a caller's memory, for microcontrollers; dfu_lzma2_liblzma
 * is the host's, an outside program to compare with. Both take hostile input: they end after as
 * many steps as there are bytes in and out, and agree on every stream (tests/fuzz/fuzz_lzma2.c). */
#ifndef DFU_DECOMPRESS_H
#define DFU_DECOMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_CODING_SIZE 2u /* bytes of parameters in front of a stream */

/* How a body is coded. */
struct dfu_coding {
    uint32_t dict_size; /* bytes that a match may reach back */
    uint32_t size;      /* bytes that shall come out; no dictionary needs to be larger */
    bool is_thumb;
};

/* From the two bytes in front of the stream. DFU_ERR_FORMAT: no encoder writes these. */
int dfu_coding_parse(const uint8_t raw[DFU_CODING_SIZE], uint32_t size, bool is_thumb,
                     struct dfu_coding *out);

struct dfu_decoder {
    const char *name;
    /* Bytes that start wants as work, aligned as for a pointer. */
    size_t (*work_size)(const struct dfu_coding *coding);
    /* The stream is len bytes of in from off on; in must outlive the decoding. DFU_ERR_NOSPACE if
     * work is too small. A start that succeeded is followed by one end. */
    int (*start)(void *work, size_t work_len, const struct dfu_coding *coding,
                 const struct dfu_reader *in, uint32_t off, uint32_t len);
    /* The next bytes: how many, fewer than asked for only at the end. DFU_ERR_FORMAT if the
     * stream is damaged, is cut, or is followed by something; or the reader's error. After an
     * error nothing more comes. */
    int (*read)(void *work, uint8_t *out, size_t len);
    void (*end)(void *work);
};

/* No heap: 27.8 KiB of state and a dictionary, for imgtool's images up to 128 KiB of it. */
extern const struct dfu_decoder dfu_lzma2;
extern const struct dfu_decoder dfu_lzma2_liblzma;

/* The work size of dfu_lzma2 for images of up to size bytes from an encoder with this dictionary,
 * as a constant: what a bootloader reserves. */
#define DFU_LZMA2_STATE_SIZE 28480u
#define DFU_LZMA2_WORK_SIZE(dict_size, size) \
    (DFU_LZMA2_STATE_SIZE + ((dict_size) < (size) ? (dict_size) : (size)))

#ifdef __cplusplus
}
#endif
#endif
