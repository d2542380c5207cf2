/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* frame_text.h - an SMP frame in words, for people who read records. Any bytes are safe. */
#ifndef DFU_TOOL_FRAME_TEXT_H
#define DFU_TOOL_FRAME_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* "image upload", or NULL for a command that is not known. */
const char *frame_command(uint16_t group, uint8_t id);

/* CBOR in diagnostic notation, one line; long byte strings are cut ("h'0011...' 480 bytes"). The
 * caller frees it; NULL: out of memory. */
char *frame_body_text(const uint8_t *body, size_t len);

#endif
