/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The image list, and "test" and "confirm". Nothing here is remembered: every answer is read
 * from headers and trailers, so it is right after any reset or power cut. */
#include <string.h>

#include "dfu/err.h"
#include "dfu/trailer.h"
#include "smp/img_parts.h"
#include "smp/img_version.h"

/* ---- List ---- */

struct flags {
    bool pending, confirmed, active, permanent;
};

/* Where slots are chosen, each one's own trailer tells, whatever the next start does. */
static bool is_on_trial(const struct dfu_smp_img *img, struct img_slot at, int type)
{
    if (fixed_img(img)->map->mode == DFU_MODE_DIRECT_XIP_REVERT ||
        fixed_img(img)->map->mode == DFU_MODE_RAM_LOAD_REVERT) {
        return !dfu_boot_is_slot_confirmed(fixed_img(img)->map, img_area(img, at));
    }
    return type == DFU_SWAP_REVERT;
}

static struct flags slot_flags(const struct dfu_smp_img *img, struct img_slot at)
{
    int type = img_swap_type(img, at.image);

    if (img_is_active(img, at)) {
        return (struct flags){ .active = true, .confirmed = !is_on_trial(img, at, type) };
    }
    if (fixed_img(img)->map->mode == DFU_MODE_FIRMWARE_LOADER && at.slot == 0) {
        return (struct flags){ .confirmed = true }; /* seen from the loader */
    }
    switch (type) {
    case DFU_SWAP_TEST: return (struct flags){ .pending = true };
    case DFU_SWAP_PERM: return (struct flags){ .pending = true, .permanent = true };
    case DFU_SWAP_REVERT: return (struct flags){ .confirmed = true };
    default: return (struct flags){ 0 };
    }
}

static void put_flags(const struct dfu_smp_img *img, struct dfu_cbor_encoder *enc, bool bootable,
                      struct flags flags)
{
    static const char *const keys[] = { "bootable", "pending", "confirmed", "active", "permanent" };
    const bool values[] = { bootable, flags.pending, flags.confirmed, flags.active,
                            flags.permanent };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (values[i] || !fixed_img(img)->frugal_list) {
            dfu_cbor_pair_bool(enc, keys[i], values[i]);
        }
    }
}

static void put_entry(struct dfu_smp_call *call, struct img_slot at, const struct img_info *info)
{
    const struct dfu_smp_img *img = call->ctx;
    struct dfu_cbor_encoder *enc = call->enc;
    struct flags flags = slot_flags(img, at);
    struct dfu_smp_slot_state_event event = { .image = at.image,
                                              .slot = at.slot,
                                              .version = &info->version,
                                              .hash = info->hash,
                                              .hash_len = info->hash_len,
                                              .bootable = info->bootable,
                                              .pending = flags.pending,
                                              .confirmed = flags.confirmed,
                                              .active = flags.active,
                                              .permanent = flags.permanent,
                                              .enc = enc };

    dfu_cbor_begin_map(enc);
    if (fixed_img(img)->map->image_count > 1) {
        dfu_cbor_pair_uint(enc, "image", at.image);
    }
    dfu_cbor_pair_uint(enc, "slot", at.slot);
    smp_put_version(enc, &info->version);
    dfu_cbor_pair_bytes(enc, "hash", info->hash, info->hash_len);
    put_flags(img, enc, info->bootable, flags);
    dfu_smp_tell(call, DFU_SMP_EV_IMG_SLOT_STATE, &event, sizeof event);
    dfu_cbor_end(enc);
}

static int put_list(struct dfu_smp_call *call)
{
    const struct dfu_smp_img *img = call->ctx;
    struct dfu_cbor_encoder *enc = call->enc;
    struct img_info info;

    dfu_cbor_put_text(enc, "images");
    dfu_cbor_begin_array(enc);
    for (uint8_t image = 0; image < fixed_img(img)->map->image_count; image++) {
        for (uint8_t slot = 0; slot < IMG_SLOTS; slot++) {
            struct img_slot at = { image, slot };

            if (img_read(img, at, &info) == 0) {
                put_entry(call, at, &info);
            }
        }
    }
    dfu_cbor_end(enc);
    if (!fixed_img(img)->frugal_list) {
        dfu_cbor_pair_int(enc, "splitStatus", 0);
    }
    return 0;
}

int img_state_read(struct dfu_smp_call *call)
{
    return put_list(call);
}

/* ---- Test and confirm ---- */

static bool is_hash_length(const struct dfu_smp_img *img, size_t len)
{
    if (fixed_img(img)->hash_size != 0) {
        return len == fixed_img(img)->hash_size;
    }
    return len == 32 || len == 48 || len == 64;
}

/* The first slot that holds this hash, lowest image and slot first. */
static bool find_hash(const struct dfu_smp_img *img, struct dfu_cbor_span hash,
                      struct img_slot *out)
{
    struct img_info info;

    for (uint8_t image = 0; image < fixed_img(img)->map->image_count; image++) {
        for (uint8_t slot = 0; slot < IMG_SLOTS; slot++) {
            *out = (struct img_slot){ image, slot };
            if (img_read(img, *out, &info) == 0 && info.hash_len == hash.len &&
                memcmp(info.hash, hash.data, hash.len) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Which slot a request means: 0 or a group code. Clients that must name a hash send an empty one for
 * what runs. */
static int find_target(const struct dfu_smp_img *img, struct dfu_cbor_span hash, bool confirm,
                       struct img_slot *out)
{
    if (hash.len == 0) {
        *out = img_active(img, fixed_img(img)->running_image);
        return confirm ? 0 : DFU_SMP_IMG_INVALID_HASH;
    }
    if (!is_hash_length(img, hash.len)) {
        return DFU_SMP_IMG_INVALID_HASH;
    }
    return find_hash(img, hash, out) ? 0 : DFU_SMP_IMG_HASH_NOT_FOUND;
}

/* What may not be asked of a slot, whatever is pending. */
static int check_target(const struct dfu_smp_img *img, struct img_slot target, bool confirm)
{
    bool is_active = img_is_active(img, target);

    if (confirm && target.image != fixed_img(img)->running_image &&
        (fixed_img(img)->refuse_other_images ||
         (is_active && !fixed_img(img)->confirm_other_images))) {
        return DFU_SMP_IMG_CONFIRMATION_DENIED;
    }
    if (!confirm && is_active) {
        return DFU_SMP_IMG_TEST_TO_ACTIVE_DENIED;
    }
    return is_active || img_fits(img, target) ? 0 : DFU_SMP_IMG_INVALID_FLASH_ADDRESS;
}

enum act { NOTHING, WRITE_MARK, REFUSE };

/* What a permitted request means in the state the trailers are in. */
static enum act decide(int type, bool is_active, bool confirm)
{
    switch (type) {
    case DFU_SWAP_TEST: return !confirm && !is_active ? NOTHING : REFUSE;
    case DFU_SWAP_PERM: return confirm && !is_active ? NOTHING : REFUSE;
    case DFU_SWAP_REVERT:
        if (!confirm) {
            return REFUSE;
        }
        return is_active ? WRITE_MARK : NOTHING;
    case DFU_SWAP_NONE: return confirm && is_active ? NOTHING : WRITE_MARK;
    default: return REFUSE;
    }
}

static enum act decide_for(const struct dfu_smp_img *img, struct img_slot target, bool confirm)
{
    int type = img_swap_type(img, target.image);
    bool is_active = img_is_active(img, target);

    /* What is chosen next says nothing about whether this one still has to be confirmed. */
    if (confirm && is_active && dfu_mode_chooses_slot(fixed_img(img)->map->mode) &&
        is_on_trial(img, target, type)) {
        return WRITE_MARK;
    }
    return decide(type, is_active, confirm);
}

static int write_mark(struct dfu_smp_call *call, struct img_slot target, bool confirm)
{
    const struct dfu_smp_img *img = call->ctx;
    bool is_active = img_is_active(img, target);
    uint32_t image = target.image;

    switch (dfu_boot_set_next(fixed_img(img)->map, img_area(img, target), is_active, confirm)) {
    case 0: break;
    case DFU_ERR_IO:
    case DFU_ERR_POWER: return dfu_smp_fail(call, DFU_SMP_IMG_FLASH_WRITE_FAILED);
    case DFU_ERR_STATE: /* a damaged trailer */
        return dfu_smp_fail(call, is_active ? DFU_SMP_IMG_INVALID_VECTOR_TABLE
                                            : DFU_SMP_IMG_INVALID_HEADER_MAGIC);
    default: return dfu_smp_fail(call, DFU_SMP_IMG_UNKNOWN);
    }
    if (is_active) {
        dfu_smp_tell(call, DFU_SMP_EV_DFU_CONFIRMED, &image, sizeof(image));
    }
    return 0;
}

static bool can_write_state(const struct dfu_smp_img *img)
{
    switch (fixed_img(img)->map->mode) {
    case DFU_MODE_SWAP_SCRATCH:
    case DFU_MODE_OVERWRITE:
    case DFU_MODE_SWAP_MOVE:
    case DFU_MODE_SWAP_OFFSET:
    case DFU_MODE_DIRECT_XIP_REVERT:
    case DFU_MODE_RAM_LOAD_REVERT: return true;
    default: return false;
    }
}

int img_state_write(struct dfu_smp_call *call)
{
    const struct dfu_smp_img *img = call->ctx;
    struct dfu_cbor_span hash = { 0 };
    bool confirm = false;
    struct dfu_cbor_key keys[] = { { .name = "hash", .type = DFU_CBOR_BYTES, .out = &hash },
                                   { .name = "confirm", .type = DFU_CBOR_BOOL, .out = &confirm } };
    struct img_slot target;
    int rc;

    if (!can_write_state(img)) {
        return DFU_SMP_ENOTSUP;
    }
    if (dfu_cbor_decode_map(call->request, keys, 2)) {
        return DFU_SMP_EINVAL;
    }
    rc = find_target(img, hash, confirm, &target);
    if (!rc) {
        rc = check_target(img, target, confirm);
    }
    if (rc) {
        return dfu_smp_fail(call, (uint16_t)rc);
    }
    switch (decide_for(img, target, confirm)) {
    case NOTHING: break;
    case WRITE_MARK: rc = write_mark(call, target, confirm); break;
    case REFUSE: rc = dfu_smp_fail(call, DFU_SMP_IMG_ALREADY_PENDING); break;
    }
    return rc ? rc : put_list(call);
}
