/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Enumeration, group 10, and the one command of Zephyr's basic group, 63. */
#include "dfu/smp_enum.h"

#include "client/body.h"
#include "client/request.h"
#include "dfu/client_groups.h"
#include "dfu/err.h"
#include "dfu/smp.h"
#include "dfu/smp_basic.h"

int dfu_client_group_count(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_COUNT);
    return request_empty(call, frame, cap);
}

int dfu_client_group_list(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_LIST);
    return request_empty(call, frame, cap);
}

int dfu_client_group_single(struct dfu_call *call, uint32_t index, uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_SINGLE);
    request_begin(&enc, frame, cap);
    dfu_cbor_pair_uint(&enc, "index", index);
    return request_end(&enc, call, frame);
}

int dfu_client_group_details(struct dfu_call *call, const uint32_t *groups, size_t count,
                             uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_DETAILS);
    request_begin(&enc, frame, cap);
    if (count > 0) {
        dfu_cbor_put_text(&enc, "groups");
        dfu_cbor_begin_array(&enc);
        for (size_t i = 0; i < count; i++) {
            dfu_cbor_put_uint(&enc, groups[i]);
        }
        dfu_cbor_end(&enc);
    }
    return request_end(&enc, call, frame);
}

int dfu_client_group_count_read(const struct dfu_answer *answer, uint32_t *count)
{
    return body_uint(answer, "count", count);
}

int dfu_client_group_single_read(const struct dfu_answer *answer, uint32_t *group, bool *is_last)
{
    struct dfu_cbor_key keys[] = {
        { "group", DFU_CBOR_UINT, group, false },
        { "end", DFU_CBOR_BOOL, is_last, false },
    };

    *is_last = false;
    return dfu_cbor_decode_map(body_of(answer), keys, 2) || !keys[0].found ? DFU_ERR_FORMAT : 0;
}

int dfu_client_groups_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk)
{
    return body_open_array(answer, "groups", walk);
}

int dfu_client_groups_next(struct dfu_cbor_walk *walk, struct dfu_client_group *out)
{
    struct dfu_cbor_span item, name = { 0 };
    struct dfu_cbor_key keys[] = {
        { "group", DFU_CBOR_UINT, &out->id, false },
        { "name", DFU_CBOR_TEXT, &name, false },
        { "handlers", DFU_CBOR_UINT, &out->handlers, false },
    };
    int more = dfu_cbor_next_item(walk, &item);

    if (more <= 0) {
        return more;
    }
    *out = (struct dfu_client_group){ 0 };
    if (dfu_cbor_decode(item, DFU_CBOR_UINT, &out->id) &&
        (dfu_cbor_decode_map(item, keys, 3) || !keys[0].found)) {
        return DFU_ERR_FORMAT;
    }
    out->name = body_text(name);
    return 1;
}

int dfu_client_erase_storage(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_BASIC, DFU_SMP_BASIC_ERASE_STORAGE);
    return request_empty(call, frame, cap);
}
