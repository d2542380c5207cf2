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

#endif
