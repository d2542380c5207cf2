/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* request.h - a request frame around the map that a caller fills. */
#ifndef DFU_CLIENT_REQUEST_H
#define DFU_CLIENT_REQUEST_H

#include "dfu/cbor.h"
#include "dfu/client.h"

/* Open the request's map behind the room for its header. */
void request_begin(struct dfu_cbor_encoder *enc, uint8_t *frame, size_t cap);

/* Close it and write the header. The frame's length, or DFU_ERR_NOSPACE. */
int request_end(struct dfu_cbor_encoder *enc, struct dfu_call *call, uint8_t *frame);

/* Which command it is. */
void request_name(struct dfu_call *call, uint8_t op, uint16_t group, uint8_t id);

/* The named command with an empty map, or with a map of one text (of nothing where it is NULL). */
int request_empty(struct dfu_call *call, uint8_t *frame, size_t cap);
int request_text(struct dfu_call *call, const char *key, const char *text, uint8_t *frame,
                 size_t cap);

#endif
