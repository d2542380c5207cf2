/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* mynewt's groups: logs (4) and crashes on purpose (5), and what a crash left. */
#include "dfu/smp_log.h"

#include "client/body.h"
#include "client/request.h"
#include "dfu/client_groups.h"
#include "dfu/err.h"
#include "dfu/smp.h"
#include "dfu/smp_crash.h"

int dfu_client_log_list(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_LOG, DFU_SMP_LOG_LOGS);
    return request_empty(call, frame, cap);
}

int dfu_client_log_modules(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_LOG, DFU_SMP_LOG_MODULES);
    return request_empty(call, frame, cap);
}

int dfu_client_log_levels(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_LOG, DFU_SMP_LOG_LEVELS);
    return request_empty(call, frame, cap);
}

int dfu_client_log_clear(struct dfu_call *call, const char *name, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_LOG, DFU_SMP_LOG_CLEAR);
    return request_text(call, "log_name", name, frame, cap);
}

int dfu_client_log_show(struct dfu_call *call, const char *name, uint32_t index, uint8_t *frame,
                        size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_LOG, DFU_SMP_LOG_SHOW);
    request_begin(&enc, frame, cap);
    if (name) {
        dfu_cbor_pair_text(&enc, "log_name", name);
    }
    dfu_cbor_pair_int(&enc, "ts", 0);
    dfu_cbor_pair_uint(&enc, "index", index);
    return request_end(&enc, call, frame);
}

int dfu_client_logs_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk)
{
    return body_open_array(answer, "log_list", walk);
}

int dfu_client_log_numbers_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk)
{
    return body_open_map(answer, "module_map", walk) ? body_open_map(answer, "level_map", walk) : 0;
}

int dfu_client_log_entries_open(const struct dfu_answer *answer, struct dfu_client_log_walk *walk)
{
    *walk = (struct dfu_client_log_walk){ .is_between = true };
    return body_open_array(answer, "logs", &walk->logs);
}

/* 1: its entries are open; 0: there is no further log. */
static int next_log(struct dfu_client_log_walk *walk)
{
    struct dfu_cbor_span item, name = { 0 }, entries;
    struct dfu_cbor_key keys[] = {
        { "name", DFU_CBOR_TEXT, &name, false },
        { "entries", DFU_CBOR_ARRAY, &entries, false },
    };
    int more = dfu_cbor_next_item(&walk->logs, &item);

    if (more <= 0) {
        return more;
    }
    if (dfu_cbor_decode_map(item, keys, 2) || !keys[1].found ||
        dfu_cbor_open_array(&walk->entries, entries)) {
        return DFU_ERR_FORMAT;
    }
    walk->name = body_text(name);
    walk->is_between = false;
    return 1;
}

static int read_entry(struct dfu_cbor_span item, struct dfu_client_log_entry *out)
{
    struct dfu_cbor_span type = { 0 }, message;
    struct dfu_cbor_key keys[] = {
        { "msg", DFU_CBOR_BYTES, &message, false },
        { "index", DFU_CBOR_UINT, &out->index, false },
        { "ts", DFU_CBOR_INT64, &out->timestamp, false },
        { "level", DFU_CBOR_UINT, &out->level, false },
        { "module", DFU_CBOR_UINT, &out->module, false },
        { "type", DFU_CBOR_TEXT, &type, false },
    };

    if (dfu_cbor_decode_map(item, keys, 6) || !keys[0].found || !keys[1].found) {
        return DFU_ERR_FORMAT;
    }
    out->type = body_text(type);
    out->message = (struct dfu_client_bytes){ message.data, message.len };
    return 1;
}

int dfu_client_log_entries_next(struct dfu_client_log_walk *walk, struct dfu_client_log_entry *out)
{
    struct dfu_cbor_span item;

    for (;;) {
        int more = walk->is_between ? next_log(walk) : 1;

        if (more <= 0) {
            return more;
        }
        more = dfu_cbor_next_item(&walk->entries, &item);
        if (more != 0) {
            *out = (struct dfu_client_log_entry){ .log = walk->name };
            return more < 0 ? more : read_entry(item, out);
        }
        walk->is_between = true;
    }
}

int dfu_client_crash(struct dfu_call *call, const char *kind, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_CRASH, DFU_SMP_CRASH_NOW);
    return request_text(call, "t", kind, frame, cap);
}

int dfu_client_core_erase(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_CORE_LOAD);
    return request_empty(call, frame, cap);
}
