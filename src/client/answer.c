/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Whose answer is this, and is it a yes? Both error shapes are looked for whatever version was
 * asked: servers answer in the one they know. */
#include "dfu/client.h"

#include <string.h>

#include "dfu/cbor.h"
#include "dfu/err.h"
#include "dfu/smp.h"

static bool is_for(const struct dfu_call *call, const struct dfu_smp_header *header)
{
    return header->op == call->op + 1 && header->group == call->group && header->id == call->id &&
           header->seq == call->seq;
}

/* Zephyr's statistics say that their refusals are those of group 63. */
static uint16_t group_of(const struct dfu_call *call, uint32_t told)
{
    bool is_quirk = call->group == DFU_SMP_GROUP_STAT && told == DFU_SMP_GROUP_BASIC;

    return is_quirk ? DFU_SMP_GROUP_STAT : (uint16_t)told;
}

static int read_group_error(const struct dfu_call *call, struct dfu_cbor_span err,
                            struct dfu_refusal *refusal)
{
    uint32_t group = 0, rc = 0;
    struct dfu_cbor_key keys[] = {
        { "group", DFU_CBOR_UINT, &group, false },
        { "rc", DFU_CBOR_UINT, &rc, false },
    };

    if (dfu_cbor_decode_map(err, keys, 2) || !keys[0].found || !keys[1].found ||
        group > UINT16_MAX) {
        return DFU_ERR_FORMAT;
    }
    refusal->from_group = true;
    refusal->group = group_of(call, group);
    refusal->rc = rc;
    return rc == 0 ? 0 : DFU_ERR_PERM;
}

/* The start of it where it is longer. */
static void keep_reason(struct dfu_refusal *refusal, struct dfu_cbor_span text)
{
    size_t len = text.len < DFU_CLIENT_REASON_LEN ? text.len : DFU_CLIENT_REASON_LEN - 1;

    for (size_t i = 0; i < len; i++) {
        bool is_printable = text.data[i] >= ' ' && text.data[i] < 0x7f;

        refusal->reason[i] = (char)(is_printable ? text.data[i] : '?');
    }
    refusal->reason[len] = 0;
}

int dfu_client_answer(const struct dfu_call *call, const uint8_t *frame, size_t len,
                      struct dfu_answer *out)
{
    struct dfu_smp_header header;
    struct dfu_cbor_span err, reason;
    int32_t rc = 0; /* some commands of other groups answer a negative one */
    struct dfu_cbor_key keys[] = {
        { "rc", DFU_CBOR_INT, &rc, false },
        { "err", DFU_CBOR_MAP, &err, false },
        { "rsn", DFU_CBOR_TEXT, &reason, false },
    };

    if (len < DFU_SMP_HEADER_SIZE) {
        return DFU_ERR_NOENT;
    }
    dfu_smp_header_decode(frame, &header);
    if (!is_for(call, &header)) {
        return DFU_ERR_NOENT;
    }
    *out = (struct dfu_answer){ .body = frame + DFU_SMP_HEADER_SIZE, .len = header.length };
    if (header.length > len - DFU_SMP_HEADER_SIZE ||
        dfu_cbor_decode_map((struct dfu_cbor_span){ out->body, out->len }, keys, 3)) {
        return DFU_ERR_FORMAT;
    }
    out->refusal.command = call->id;
    if (keys[2].found) {
        keep_reason(&out->refusal, reason);
    }
    if (keys[1].found) {
        return read_group_error(call, err, &out->refusal);
    }
    out->refusal.group = call->group;
    out->refusal.rc = (uint32_t)rc;
    return rc == 0 ? 0 : DFU_ERR_PERM;
}
