/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Requests. Maps are of definite length, as every client in the field sends them. */
#include "client/request.h"

#include "dfu/client.h"
#include "dfu/err.h"
#include "dfu/smp.h"

void request_begin(struct dfu_cbor_encoder *enc, uint8_t *frame, size_t cap)
{
    size_t room = cap < DFU_SMP_HEADER_SIZE ? 0 : cap - DFU_SMP_HEADER_SIZE;

    dfu_cbor_encoder_init(enc, cap < DFU_SMP_HEADER_SIZE ? frame : frame + DFU_SMP_HEADER_SIZE,
                          room, true);
    dfu_cbor_begin_map(enc);
}

int request_end(struct dfu_cbor_encoder *enc, struct dfu_call *call, uint8_t *frame)
{
    struct dfu_smp_header header = { .op = call->op,
                                     .version = call->version,
                                     .group = call->group,
                                     .seq = call->seq,
                                     .id = call->id };
    int err;

    dfu_cbor_end(enc);
    err = dfu_cbor_finish(enc);
    if (err) {
        return err;
    }
    if (enc->len > UINT16_MAX) {
        return DFU_ERR_NOSPACE;
    }
    header.length = (uint16_t)enc->len;
    dfu_smp_header_encode(&header, frame);
    return (int)(DFU_SMP_HEADER_SIZE + enc->len);
}

void request_name(struct dfu_call *call, uint8_t op, uint16_t group, uint8_t id)
{
    call->op = op;
    call->group = group;
    call->id = id;
}

int request_empty(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_begin(&enc, frame, cap);
    return request_end(&enc, call, frame);
}

int request_text(struct dfu_call *call, const char *key, const char *text, uint8_t *frame,
                 size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_begin(&enc, frame, cap);
    if (text) {
        dfu_cbor_pair_text(&enc, key, text);
    }
    return request_end(&enc, call, frame);
}

int dfu_client_echo(struct dfu_call *call, const char *text, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO);
    return request_text(call, "d", text, frame, cap);
}

int dfu_client_reset(struct dfu_call *call, bool force, uint8_t boot_mode, uint8_t *frame,
                     size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET);
    request_begin(&enc, frame, cap);
    if (force) {
        dfu_cbor_pair_bool(&enc, "force", true);
    }
    if (boot_mode > 0) {
        dfu_cbor_pair_uint(&enc, "boot_mode", boot_mode);
    }
    return request_end(&enc, call, frame);
}

int dfu_client_params(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_PARAMS);
    return request_empty(call, frame, cap);
}

int dfu_client_info(struct dfu_call *call, const char *format, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_INFO);
    return request_text(call, "format", format, frame, cap);
}

int dfu_client_bootinfo(struct dfu_call *call, const char *query, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_BOOTINFO);
    return request_text(call, "query", query, frame, cap);
}

int dfu_client_datetime_get(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_DATETIME);
    return request_empty(call, frame, cap);
}

int dfu_client_datetime_set(struct dfu_call *call, const char *text, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_DATETIME);
    return request_text(call, "datetime", text, frame, cap);
}

int dfu_client_image_list(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE);
    return request_empty(call, frame, cap);
}

int dfu_client_image_set(struct dfu_call *call, const uint8_t *hash, size_t hash_len, bool confirm,
                         uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE);
    request_begin(&enc, frame, cap);
    if (hash_len > 0) {
        dfu_cbor_pair_bytes(&enc, "hash", hash, hash_len);
    }
    dfu_cbor_pair_bool(&enc, "confirm", confirm);
    return request_end(&enc, call, frame);
}

int dfu_client_image_erase(struct dfu_call *call, int slot, uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_ERASE);
    request_begin(&enc, frame, cap);
    if (slot >= 0) {
        dfu_cbor_pair_uint(&enc, "slot", (uint64_t)slot);
    }
    return request_end(&enc, call, frame);
}

int dfu_client_slot_info(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO);
    return request_empty(call, frame, cap);
}
