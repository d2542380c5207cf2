/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* body.h - the map of an answer, as the decoders of the groups want it. */
#ifndef DFU_CLIENT_BODY_H
#define DFU_CLIENT_BODY_H

#include "dfu/cbor.h"
#include "dfu/client.h"

static inline struct dfu_cbor_span body_of(const struct dfu_answer *answer)
{
    return (struct dfu_cbor_span){ answer->body, answer->len };
}

static inline struct dfu_client_text body_text(struct dfu_cbor_span span)
{
    return (struct dfu_client_text){ (const char *)span.data, span.len };
}

/* Walk the array or the map under a key; DFU_ERR_FORMAT if there is none. */
int body_open_array(const struct dfu_answer *answer, const char *key, struct dfu_cbor_walk *walk);
int body_open_map(const struct dfu_answer *answer, const char *key, struct dfu_cbor_walk *walk);

/* One unsigned number; DFU_ERR_FORMAT if it is not there. */
int body_uint(const struct dfu_answer *answer, const char *key, uint32_t *out);

#endif
