/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Files, group 8: the questions. Whole files are moved by file.c. */
#include "dfu/smp_fs.h"

#include "client/body.h"
#include "client/request.h"
#include "dfu/client_groups.h"
#include "dfu/err.h"
#include "dfu/smp.h"

int dfu_client_file_status(struct dfu_call *call, const char *name, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_FS, DFU_SMP_FS_STATUS);
    return request_text(call, "name", name, frame, cap);
}

int dfu_client_file_size_read(const struct dfu_answer *answer, uint32_t *size)
{
    return body_uint(answer, "len", size);
}

int dfu_client_file_hash(struct dfu_call *call, const char *name, const char *type, uint32_t off,
                         uint32_t len, uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_FS, DFU_SMP_FS_HASH);
    request_begin(&enc, frame, cap);
    dfu_cbor_pair_text(&enc, "name", name);
    if (type) {
        dfu_cbor_pair_text(&enc, "type", type);
    }
    if (off > 0) {
        dfu_cbor_pair_uint(&enc, "off", off);
    }
    if (len > 0) {
        dfu_cbor_pair_uint(&enc, "len", len);
    }
    return request_end(&enc, call, frame);
}

int dfu_client_file_hash_read(const struct dfu_answer *answer, struct dfu_client_file_hash *out)
{
    struct dfu_cbor_span type = { 0 }, output, bytes = { 0 };
    struct dfu_cbor_key keys[] = {
        { "output", DFU_CBOR_ANY, &output, false },
        { "type", DFU_CBOR_TEXT, &type, false },
        { "len", DFU_CBOR_UINT, &out->len, false },
        { "off", DFU_CBOR_UINT, &out->off, false },
    };

    *out = (struct dfu_client_file_hash){ 0 };
    if (dfu_cbor_decode_map(body_of(answer), keys, 4) || !keys[0].found) {
        return DFU_ERR_FORMAT;
    }
    out->type = body_text(type);
    out->is_number = dfu_cbor_decode(output, DFU_CBOR_UINT, &out->number) == 0;
    if (!out->is_number && dfu_cbor_decode(output, DFU_CBOR_BYTES, &bytes)) {
        return DFU_ERR_FORMAT;
    }
    out->hash = (struct dfu_client_bytes){ bytes.data, bytes.len };
    return 0;
}

int dfu_client_hash_types(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_FS, DFU_SMP_FS_HASH_TYPES);
    return request_empty(call, frame, cap);
}

int dfu_client_hash_types_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk)
{
    return body_open_map(answer, "types", walk);
}

int dfu_client_hash_types_next(struct dfu_cbor_walk *walk, struct dfu_client_hash_type *out)
{
    struct dfu_cbor_span name, value;
    struct dfu_cbor_key keys[] = {
        { "format", DFU_CBOR_UINT, &out->format, false },
        { "size", DFU_CBOR_UINT, &out->size, false },
    };
    int more = dfu_cbor_next_pair(walk, &name, &value);

    if (more <= 0) {
        return more;
    }
    *out = (struct dfu_client_hash_type){ .name = body_text(name) };
    return dfu_cbor_decode_map(value, keys, 2) ? DFU_ERR_FORMAT : 1;
}

int dfu_client_file_close(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_FS, DFU_SMP_FS_CLOSE);
    return request_empty(call, frame, cap);
}
