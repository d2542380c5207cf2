/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* upload_chunk.h - one chunk of an image on its way: the request and what its answer says. */
#ifndef DFU_CLIENT_UPLOAD_CHUNK_H
#define DFU_CLIENT_UPLOAD_CHUNK_H

#include "dfu/upload.h"

/* Fills the frame up; *len is how much of the image may go into it, and then how much did. The
 * frame's length, DFU_ERR_NOSPACE, or the reader's error. */
int upload_chunk_encode(struct dfu_upload *u, struct dfu_call *call, uint32_t off, uint8_t *frame,
                        size_t cap, uint32_t *len);

/* The offset that the device wants next, and whether it found the digest right. 0 or
 * DFU_ERR_FORMAT. */
int upload_chunk_answer(const struct dfu_upload *u, const struct dfu_answer *answer, uint32_t *off,
                        bool *has_match, bool *match);

#endif
