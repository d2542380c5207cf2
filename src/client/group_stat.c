/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Statistics, group 2. */
#include "dfu/smp_stat.h"

#include "client/body.h"
#include "client/request.h"
#include "dfu/client_groups.h"
#include "dfu/err.h"
#include "dfu/smp.h"

int dfu_client_stat_list(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_STAT, DFU_SMP_STAT_LIST);
    return request_empty(call, frame, cap);
}

int dfu_client_stat_show(struct dfu_call *call, const char *name, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_STAT, DFU_SMP_STAT_SHOW);
    return request_text(call, "name", name, frame, cap);
}

int dfu_client_stats_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk)
{
    return body_open_array(answer, "stat_list", walk);
}

int dfu_client_stats_next(struct dfu_cbor_walk *walk, struct dfu_client_text *name)
{
    struct dfu_cbor_span item, text;
    int more = dfu_cbor_next_item(walk, &item);

    if (more <= 0) {
        return more;
    }
    if (dfu_cbor_decode(item, DFU_CBOR_TEXT, &text)) {
        return DFU_ERR_FORMAT;
    }
    *name = body_text(text);
    return 1;
}

int dfu_client_fields_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk)
{
    return body_open_map(answer, "fields", walk);
}

int dfu_client_fields_next(struct dfu_cbor_walk *walk, struct dfu_client_text *name,
                           uint64_t *value)
{
    struct dfu_cbor_span key, item;
    int more = dfu_cbor_next_pair(walk, &key, &item);

    if (more <= 0) {
        return more;
    }
    *name = body_text(key);
    return dfu_cbor_decode(item, DFU_CBOR_UINT64, value) ? DFU_ERR_FORMAT : 1;
}
