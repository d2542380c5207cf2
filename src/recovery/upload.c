/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The upload command of the recovery. Always holds: before the first byte of an image is written,
 * the slot's old trailer is gone, so that whatever a cut leaves is asked for by nobody; a chunk
 * that is not the next one writes nothing. */
#include "base/bytes.h"
#include "dfu/err.h"
#include "recovery/parts.h"

struct chunk {
    uint32_t image, off, len; /* len: of the whole file; 0: not told */
    struct dfu_cbor_span data;
};

static int decode(struct dfu_cbor_span request, struct chunk *out)
{
    struct dfu_cbor_key keys[] = {
        { .name = "off", .type = DFU_CBOR_UINT, .out = &out->off },
        { .name = "data", .type = DFU_CBOR_BYTES, .out = &out->data },
        { .name = "len", .type = DFU_CBOR_UINT, .out = &out->len },
        { .name = "image", .type = DFU_CBOR_UINT, .out = &out->image },
    };
    int err = dfu_cbor_decode_map(request, keys, sizeof(keys) / sizeof(keys[0]));

    return err || !keys[0].found ? DFU_ERR_FORMAT : DFU_OK;
}

/* Numbers mean slots with direct upload, as the slot info tells; else images. */
static const struct dfu_area *target(const struct dfu_recovery *recovery, uint32_t number)
{
    if (!recovery->cfg->direct_upload) {
        return recovery_area(recovery, number, 0);
    }
    number -= number > 0 ? 1 : 0;
    return recovery_area(recovery, number / RECOVERY_SLOTS, number % RECOVERY_SLOTS);
}

static int begin(struct dfu_recovery *recovery, const struct chunk *chunk)
{
    const struct dfu_recovery_config *cfg = recovery->cfg;
    struct dfu_recovery_upload *upload = &recovery->upload;
    const struct dfu_area *area = target(recovery, chunk->image);

    upload->is_active = false;
    upload->off = 0;
    if (!area || chunk->len == 0 ||
        dfu_flash_img_init(&upload->writer, cfg->map, area, chunk->len, cfg->erase_progressively)) {
        return DFU_SMP_EINVAL;
    }
    recovery->has_changed = true;
    if (!cfg->erase_progressively && recovery_erase(area)) {
        return DFU_SMP_EUNKNOWN;
    }
    upload->is_active = true;
    upload->size = chunk->len;
    return 0;
}

static int write_chunk(struct dfu_recovery_upload *upload, struct dfu_cbor_span data)
{
    bool is_last = data.len == upload->size - upload->off;

    if (dfu_flash_img_buffered_write(&upload->writer, data.data, data.len, is_last)) {
        upload->off = 0; /* only a first chunk goes on from there */
        return DFU_SMP_EUNKNOWN;
    }
    upload->off += (uint32_t)data.len;
    upload->is_active = !is_last;
    return 0;
}

int recovery_upload(struct dfu_smp_call *call)
{
    struct dfu_recovery *recovery = call->ctx;
    struct dfu_recovery_upload *upload = &recovery->upload;
    struct chunk chunk = { 0 };
    int rc = decode(call->request, &chunk) ? DFU_SMP_EINVAL : 0;

    if (!rc && chunk.off == 0) {
        rc = begin(recovery, &chunk);
    }
    if (!rc && upload->is_active && chunk.off == upload->off) {
        rc = chunk.data.len > upload->size - upload->off ? DFU_SMP_EINVAL
                                                         : write_chunk(upload, chunk.data);
    }
    if (rc) {
        return rc;
    }
    dfu_cbor_pair_uint(call->enc, "rc", DFU_SMP_EOK);
    dfu_cbor_pair_uint(call->enc, "off", upload->off);
    return 0;
}
