/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What a crash left: mynewt's commands of the image group. */
#include "base/bytes.h"
#include "dfu/err.h"
#include "smp/img_parts.h"
#include "smp/rc.h"

#define TAIL 24u /* of a chunk's answer: heads, "len", "rc", the end */

static int refusal(int err)
{
    switch (err) {
    case DFU_OK: return 0;
    case DFU_ERR_NOENT: return DFU_SMP_ENOENT;
    case DFU_ERR_PERM: return DFU_SMP_EACCESSDENIED;
    default: return DFU_SMP_EUNKNOWN;
    }
}

int img_core_list(struct dfu_smp_call *call)
{
    const struct dfu_smp_img *img = call->ctx;
    uint32_t size;
    int rc;

    if (!fixed_img(img)->core) {
        return DFU_SMP_ENOTSUP;
    }
    rc = refusal(fixed_img(img)->core->size(fixed_img(img)->core_ctx, &size));
    if (!rc) {
        put_rc_of_v1(call);
    }
    return rc;
}

static int put_chunk(struct dfu_smp_call *call, uint32_t off, uint32_t size)
{
    const struct dfu_smp_img *img = call->ctx;
    struct dfu_cbor_encoder *enc = call->enc;
    size_t room;
    uint32_t len;
    uint8_t *data;

    put_rc_of_v1(call);
    dfu_cbor_pair_uint(enc, "off", off);
    dfu_cbor_put_text(enc, "data");
    room = enc->cap - enc->len;
    if (enc->err || room <= TAIL) {
        return DFU_SMP_EMSGSIZE;
    }
    len = min_u32(size - off, (uint32_t)(room - TAIL));
    data = dfu_cbor_reserve_bytes(enc, len);
    if (off == 0) {
        dfu_cbor_pair_uint(enc, "len", size);
    }
    return data ? refusal(fixed_img(img)->core->read(fixed_img(img)->core_ctx, off, data, len))
                : DFU_SMP_EMSGSIZE;
}

int img_core_load(struct dfu_smp_call *call)
{
    const struct dfu_smp_img *img = call->ctx;
    uint32_t off = 0, size = 0;
    struct dfu_cbor_key keys[] = { { .name = "off", .type = DFU_CBOR_UINT, .out = &off } };
    int rc;

    if (!fixed_img(img)->core) {
        return DFU_SMP_ENOTSUP;
    }
    if (dfu_cbor_decode_map(call->request, keys, 1) || !keys[0].found) {
        return DFU_SMP_EINVAL;
    }
    rc = refusal(fixed_img(img)->core->size(fixed_img(img)->core_ctx, &size));
    if (!rc && off > size) {
        rc = DFU_SMP_EINVAL;
    }
    return rc ? rc : put_chunk(call, off, size);
}

int img_core_erase(struct dfu_smp_call *call)
{
    const struct dfu_smp_img *img = call->ctx;
    int rc;

    if (!fixed_img(img)->core) {
        return DFU_SMP_ENOTSUP;
    }
    rc = refusal(fixed_img(img)->core->erase(fixed_img(img)->core_ctx));
    if (!rc) {
        put_rc_of_v1(call);
    }
    return rc;
}
