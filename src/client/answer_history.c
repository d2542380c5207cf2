/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The history of updates, a group of our own servers. */
#include <string.h>

#include "client/request.h"
#include "dfu/cbor.h"
#include "dfu/client.h"
#include "dfu/err.h"
#include "dfu/smp.h"

#define GROUP   DFU_SMP_GROUP_USER
#define COMMAND 0

int dfu_client_history(struct dfu_call *call, uint32_t skip, uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    call->op = DFU_SMP_READ;
    call->group = GROUP;
    call->id = COMMAND;
    request_begin(&enc, frame, cap);
    if (skip > 0) {
        dfu_cbor_pair_uint(&enc, "skip", skip);
    }
    return request_end(&enc, call, frame);
}

/* It goes to terminals as it is: what is not printable does not. */
static void keep_text(struct dfu_cbor_span text, char *out, size_t cap)
{
    size_t len = text.len < cap - 1 ? text.len : cap - 1;

    for (size_t i = 0; i < len; i++) {
        out[i] = (char)(text.data[i] >= ' ' && text.data[i] < 0x7f ? text.data[i] : '?');
    }
    out[len] = 0;
}

static int read_update(struct dfu_cbor_span item, struct dfu_client_update *out)
{
    struct dfu_cbor_span result = { 0 }, from = { 0 }, to = { 0 }, reason = { 0 }, fault = { 0 },
                         hash = { 0 };
    struct dfu_cbor_key keys[] = {
        { "n", DFU_CBOR_UINT, &out->number, false }, { "image", DFU_CBOR_UINT, &out->image, false },
        { "result", DFU_CBOR_TEXT, &result, false }, { "from", DFU_CBOR_TEXT, &from, false },
        { "to", DFU_CBOR_TEXT, &to, false },         { "reason", DFU_CBOR_TEXT, &reason, false },
        { "fault", DFU_CBOR_TEXT, &fault, false },   { "hash", DFU_CBOR_BYTES, &hash, false },
    };

    *out = (struct dfu_client_update){ 0 };
    if (dfu_cbor_decode_map(item, keys, sizeof keys / sizeof keys[0]) || !keys[0].found ||
        !keys[2].found || (keys[7].found && hash.len != sizeof out->hash)) {
        return DFU_ERR_FORMAT;
    }
    keep_text(result, out->result, sizeof out->result);
    keep_text(from, out->from, sizeof out->from);
    keep_text(to, out->to, sizeof out->to);
    keep_text(reason, out->reason, sizeof out->reason);
    keep_text(fault, out->fault, sizeof out->fault);
    if (hash.len > 0) {
        memcpy(out->hash, hash.data, hash.len);
    }
    return DFU_OK;
}

int dfu_client_history_read(const struct dfu_answer *answer, struct dfu_client_history *out)
{
    struct dfu_cbor_span list, item;
    struct dfu_cbor_walk walk;
    struct dfu_cbor_key keys[] = {
        { "history", DFU_CBOR_ARRAY, &list, false },
        { "more", DFU_CBOR_BOOL, &out->has_more, false },
    };
    int more;

    *out = (struct dfu_client_history){ 0 };
    if (dfu_cbor_decode_map((struct dfu_cbor_span){ answer->body, answer->len }, keys, 2) ||
        !keys[0].found || dfu_cbor_open_array(&walk, list)) {
        return DFU_ERR_FORMAT;
    }
    while ((more = dfu_cbor_next_item(&walk, &item)) > 0) {
        if (out->count == DFU_CLIENT_UPDATES_MAX || read_update(item, &out->updates[out->count])) {
            return DFU_ERR_FORMAT;
        }
        out->count++;
    }
    return more;
}
