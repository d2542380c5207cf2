/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_history.h"

#include "dfu/err.h"

#define FRAME_BYTES 48u  /* of an answer around its entries */
#define ENTRY_BYTES 200u /* at most */
#define ENTRIES_MAX 8u

static void put_version(struct dfu_smp_call *call, const char *key, bool has,
                        const struct dfu_image_version *version)
{
    char text[DFU_IMAGE_VERSION_STRLEN];

    if (has) {
        dfu_cbor_pair_text(call->enc, key, dfu_image_version_text(version, text));
    }
}

static void put_entry(struct dfu_smp_call *call, const struct dfu_history_entry *entry)
{
    dfu_cbor_begin_map(call->enc);
    dfu_cbor_pair_uint(call->enc, "n", entry->number);
    dfu_cbor_pair_uint(call->enc, "image", entry->image);
    dfu_cbor_pair_text(call->enc, "result", dfu_history_result_text(entry->result));
    put_version(call, "from", entry->has_from, &entry->from);
    put_version(call, "to", entry->has_to, &entry->to);
    dfu_cbor_pair_bytes(call->enc, "hash", entry->to_hash, sizeof entry->to_hash);
    if (entry->reason) {
        dfu_cbor_pair_text(call->enc, "reason", dfu_err_name(entry->reason));
    }
    if (entry->fault != DFU_IMAGE_FINE) {
        dfu_cbor_pair_text(call->enc, "fault", dfu_image_fault_text(entry->fault));
    }
    dfu_cbor_end(call->enc);
}

static uint32_t room(const struct dfu_smp_call *call)
{
    size_t left = call->enc->cap - call->enc->len;
    size_t count = left > FRAME_BYTES ? (left - FRAME_BYTES) / ENTRY_BYTES : 0;

    return count > ENTRIES_MAX ? ENTRIES_MAX : (uint32_t)count;
}

static int read_history(struct dfu_smp_call *call)
{
    const struct dfu_area *area = call->ctx;
    struct dfu_history_entry entry;
    uint32_t skip = 0, count = room(call);
    struct dfu_cbor_key keys[] = { { "skip", DFU_CBOR_UINT, &skip, false } };
    int err = DFU_OK;

    if (dfu_cbor_decode_map(call->request, keys, 1)) {
        return DFU_SMP_EINVAL;
    }
    if (count == 0) {
        return DFU_SMP_EMSGSIZE;
    }
    dfu_cbor_put_text(call->enc, "history");
    dfu_cbor_begin_array(call->enc);
    for (uint32_t i = 0; i < count; i++) {
        err = dfu_history_read(area, skip + i, &entry);
        if (err) {
            break;
        }
        put_entry(call, &entry);
    }
    dfu_cbor_end(call->enc);
    dfu_cbor_pair_bool(call->enc, "more", err == DFU_OK);
    return err == DFU_OK || err == DFU_ERR_NOENT ? 0 : DFU_SMP_EUNKNOWN;
}

static const struct dfu_smp_command commands[] = {
    [DFU_SMP_HISTORY_READ] = { .read = read_history },
};

const struct dfu_smp_group dfu_smp_group_history = {
    .id = DFU_SMP_GROUP_HISTORY,
    .command_count = sizeof commands / sizeof commands[0],
    .name = "history",
    .commands = commands,
};
