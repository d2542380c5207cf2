/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Settings, group 3. */
#include "dfu/smp_settings.h"

#include "client/body.h"
#include "client/request.h"
#include "dfu/client_groups.h"
#include "dfu/err.h"
#include "dfu/smp.h"

int dfu_client_setting_read(struct dfu_call *call, const char *name, uint32_t max_size,
                            uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_VALUE);
    request_begin(&enc, frame, cap);
    dfu_cbor_pair_text(&enc, "name", name);
    if (max_size > 0) {
        dfu_cbor_pair_uint(&enc, "max_size", max_size);
    }
    return request_end(&enc, call, frame);
}

int dfu_client_setting_write(struct dfu_call *call, const char *name, const void *value, size_t len,
                             uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_VALUE);
    request_begin(&enc, frame, cap);
    dfu_cbor_pair_text(&enc, "name", name);
    dfu_cbor_pair_bytes(&enc, "val", value, len);
    return request_end(&enc, call, frame);
}

int dfu_client_setting_delete(struct dfu_call *call, const char *name, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_DELETE);
    return request_text(call, "name", name, frame, cap);
}

int dfu_client_settings_commit(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_COMMIT);
    return request_empty(call, frame, cap);
}

int dfu_client_settings_load(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_STORE);
    return request_empty(call, frame, cap);
}

int dfu_client_settings_save(struct dfu_call *call, const char *name, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_STORE);
    return request_text(call, "name", name, frame, cap);
}

int dfu_client_setting_read_read(const struct dfu_answer *answer, struct dfu_client_setting *out)
{
    struct dfu_cbor_span any, value;
    struct dfu_cbor_key keys[] = {
        { "val", DFU_CBOR_ANY, &any, false },
        { "max_size", DFU_CBOR_UINT, &out->max_size, false },
    };

    *out = (struct dfu_client_setting){ 0 };
    if (dfu_cbor_decode_map(body_of(answer), keys, 2) || !keys[0].found ||
        (dfu_cbor_decode(any, DFU_CBOR_BYTES, &value) &&
         dfu_cbor_decode(any, DFU_CBOR_TEXT, &value))) {
        return DFU_ERR_FORMAT;
    }
    out->value = (struct dfu_client_bytes){ value.data, value.len };
    return 0;
}
