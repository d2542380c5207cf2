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
    if (!config_of(recovery)->direct_upload) {
        return recovery_area(recovery, number, 0);
    }
    number -= number > 0 ? 1 : 0;
    return recovery_area(recovery, number / RECOVERY_SLOTS, number % RECOVERY_SLOTS);
}

/* ---- What would have to be changed before it can run ---- */

#define FLAGS_OFF 16u /* of the header's flags, little endian */

/* A swap or a copy decrypts and decompresses what goes from a secondary to its primary; loading to
 * RAM decrypts. Nothing else does. */
bool recovery_runs_as_it_lies(const struct dfu_recovery *recovery, const struct dfu_area *area)
{
    const struct dfu_slot_map *map = config_of(recovery)->map;

    switch (map->mode) {
    case DFU_MODE_RAM_LOAD:
    case DFU_MODE_RAM_LOAD_REVERT:
    case DFU_MODE_SINGLE_RAM_LOAD: return false;
    case DFU_MODE_SWAP_SCRATCH:
    case DFU_MODE_SWAP_MOVE:
    case DFU_MODE_SWAP_OFFSET:
    case DFU_MODE_OVERWRITE:
        for (uint8_t i = 0; i < map->image_count; i++) {
            if (area == map->images[i].secondary) {
                return false;
            }
        }
        break;
    default: break;
    }
    return true;
}

/* Whether a chunk has one of these flags of the header, however small it is. */
static bool has_flag(const struct chunk *chunk, uint32_t flags)
{
    for (uint32_t at = FLAGS_OFF; at < FLAGS_OFF + 2; at++, flags >>= 8) {
        if (at >= chunk->off && at - chunk->off < chunk->data.len &&
            (chunk->data.data[at - chunk->off] & flags & 0xffu) != 0) {
            return true;
        }
    }
    return false;
}

static bool is_compressed(const struct chunk *chunk)
{
    return has_flag(chunk, DFU_IMAGE_F_COMPRESSED_LZMA1 | DFU_IMAGE_F_COMPRESSED_LZMA2 |
                               DFU_IMAGE_F_COMPRESSED_ARM_THUMB);
}

/* An image that says it is encrypted may lie in the clear, as a programmer puts it there, so only
 * the whole of it tells. MCUboot would decrypt it in place, which a cut makes neither. */
static bool is_ciphertext(const struct dfu_recovery *recovery)
{
    const struct dfu_recovery_upload *upload = &recovery->upload;

    return upload->is_marked_encrypted && recovery_runs_as_it_lies(recovery, upload->area) &&
           !recovery_is_valid(recovery, upload->area);
}

static int begin(struct dfu_recovery *recovery, const struct chunk *chunk)
{
    const struct dfu_recovery_config *cfg = config_of(recovery);
    struct dfu_recovery_upload *upload = &recovery->upload;
    const struct dfu_area *area = target(recovery, chunk->image);
    const struct dfu_flash_img_config config = { .buf = upload->block,
                                                 .buf_len = sizeof upload->block,
                                                 .erase_progressively = cfg->erase_progressively };

    upload->is_active = false;
    upload->is_marked_encrypted = false;
    upload->off = 0;
    if (!area || chunk->len == 0 ||
        dfu_flash_img_init(&upload->writer, cfg->map, area, chunk->len, &config)) {
        return DFU_SMP_EINVAL;
    }
    if (is_compressed(chunk) && recovery_runs_as_it_lies(recovery, area)) {
        return DFU_SMP_ENOTSUP; /* before anything is erased for it */
    }
    recovery->has_changed = true;
    upload->area = area;
    if (!cfg->erase_progressively && recovery_erase(recovery, area)) {
        return DFU_SMP_EUNKNOWN;
    }
    upload->is_active = true;
    upload->size = chunk->len;
    return 0;
}

static int write_chunk(struct dfu_recovery *recovery, const struct chunk *chunk)
{
    struct dfu_recovery_upload *upload = &recovery->upload;
    struct dfu_cbor_span data = chunk->data;
    bool is_last = data.len == upload->size - upload->off;

    if (data.len > upload->size - upload->off) {
        return DFU_SMP_EINVAL;
    }
    upload->is_marked_encrypted =
        upload->is_marked_encrypted ||
        has_flag(chunk, DFU_IMAGE_F_ENCRYPTED_AES128 | DFU_IMAGE_F_ENCRYPTED_AES256);
    if (dfu_flash_img_buffered_write(&upload->writer, data.data, data.len, is_last)) {
        upload->off = 0; /* only a first chunk goes on from there */
        return DFU_SMP_EUNKNOWN;
    }
    upload->off += (uint32_t)data.len;
    upload->is_active = !is_last;
    return is_last && is_ciphertext(recovery) ? DFU_SMP_ENOTSUP : 0;
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
        rc = write_chunk(recovery, &chunk);
    }
    if (rc) {
        return rc;
    }
    dfu_cbor_pair_uint(call->enc, "rc", DFU_SMP_EOK);
    dfu_cbor_pair_uint(call->enc, "off", upload->off);
    return 0;
}
