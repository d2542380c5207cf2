/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/err.h"
#include "smp/img_parts.h"

/* ---- Erase ---- */

int img_erase(struct dfu_smp_call *call)
{
    struct dfu_smp_img *img = call->ctx;
    struct img_slot at = img_other(img_active(img, fixed_img(img)->running_image));
    uint32_t slot = at.image * IMG_SLOTS + at.slot; /* counted across images */
    struct dfu_cbor_key keys[] = { { .name = "slot", .type = DFU_CBOR_UINT, .out = &slot } };
    const struct dfu_area *area;
    struct img_info info;
    int err;

    if (fixed_img(img)->no_erase) {
        return DFU_SMP_ENOTSUP;
    }
    if (dfu_cbor_decode_map(call->request, keys, 1)) {
        return DFU_SMP_EINVAL;
    }
    if (slot >= DFU_IMAGES_MAX * IMG_SLOTS) {
        return dfu_smp_fail(call, DFU_SMP_IMG_INVALID_SLOT);
    }
    at = (struct img_slot){ (uint8_t)(slot / IMG_SLOTS), (uint8_t)(slot % IMG_SLOTS) };
    area = img_area(img, at);
    if (!area) {
        return dfu_smp_fail(call, DFU_SMP_IMG_INVALID_SLOT);
    }
    /* A pending slot without an image is of no use to anybody; the running one stays, whatever
     * its header looks like. */
    if (img_is_active(img, at) || (img_is_in_use(img, at) && img_read(img, at, &info) == 0)) {
        return dfu_smp_fail(call, DFU_SMP_IMG_NO_FREE_SLOT);
    }
    dfu_smp_img_reset_upload(img); /* before flash changes, so that nothing goes on in it */
    err = dfu_area_is_erased(area, 0, area->size);
    if (err == 0) {
        err = dfu_boot_erase_img_bank(area);
        return err ? dfu_smp_fail(call, DFU_SMP_IMG_FLASH_ERASE_FAILED) : 0;
    }
    return err < 0 ? dfu_smp_fail(call, DFU_SMP_IMG_FLASH_READ_FAILED) : 0;
}

/* ---- Slot info ---- */

static void put_slot(struct dfu_smp_call *call, struct img_slot at)
{
    const struct dfu_smp_img *img = call->ctx;
    struct dfu_cbor_encoder *enc = call->enc;
    const struct dfu_area *area = img_area(img, at);
    struct dfu_smp_slot_info_event event = { at.image, at.slot, area, enc };

    if (!area) {
        return;
    }
    dfu_cbor_begin_map(enc);
    dfu_cbor_pair_uint(enc, "slot", at.slot);
    dfu_cbor_pair_uint(enc, "size", area->size);
    if (!img_is_active(img, at)) {
        dfu_cbor_pair_uint(enc, "upload_image_id", at.image);
    }
    dfu_smp_tell(call, DFU_SMP_EV_SLOT_INFO_SLOT, &event, sizeof event);
    dfu_cbor_end(enc);
}

int img_slot_info(struct dfu_smp_call *call)
{
    const struct dfu_smp_img *img = call->ctx;
    struct dfu_cbor_encoder *enc = call->enc;

    if (fixed_img(img)->no_slot_info) {
        return DFU_SMP_ENOTSUP;
    }
    dfu_cbor_put_text(enc, "images");
    dfu_cbor_begin_array(enc);
    for (uint8_t image = 0; image < fixed_img(img)->map->image_count; image++) {
        struct dfu_smp_slot_info_event event = { .image = image, .enc = enc };
        uint32_t max = dfu_slot_max_image(fixed_img(img)->map, image);

        dfu_cbor_begin_map(enc);
        dfu_cbor_pair_uint(enc, "image", image);
        dfu_cbor_put_text(enc, "slots");
        dfu_cbor_begin_array(enc);
        for (uint8_t slot = 0; slot < IMG_SLOTS; slot++) {
            put_slot(call, (struct img_slot){ image, slot });
        }
        dfu_cbor_end(enc);
        if (max > 0) {
            dfu_cbor_pair_uint(enc, "max_image_size", max);
        }
        dfu_smp_tell(call, DFU_SMP_EV_SLOT_INFO_IMAGE, &event, sizeof event);
        dfu_cbor_end(enc);
    }
    dfu_cbor_end(enc);
    return 0;
}

/* ---- The group ---- */

static const struct dfu_smp_command img_commands[] = {
    [DFU_SMP_IMG_STATE] = { .read = img_state_read, .write = img_state_write },
    [DFU_SMP_IMG_UPLOAD] = { .write = img_upload },
    [DFU_SMP_IMG_CORE_LIST] = { .read = img_core_list },
    [DFU_SMP_IMG_CORE_LOAD] = { .read = img_core_load, .write = img_core_erase },
    [DFU_SMP_IMG_ERASE] = { .write = img_erase },
    [DFU_SMP_IMG_SLOT_INFO] = { .read = img_slot_info },
};

static const uint8_t img_to_v1[] = {
    [DFU_SMP_IMG_UNKNOWN] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_FLASH_CONFIG_QUERY_FAIL] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_NO_IMAGE] = DFU_SMP_ENOENT,
    [DFU_SMP_IMG_NO_TLVS] = DFU_SMP_ENOENT,
    [DFU_SMP_IMG_INVALID_TLV] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_TLV_MULTIPLE_HASHES] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_TLV_INVALID_SIZE] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_HASH_NOT_FOUND] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_NO_FREE_SLOT] = DFU_SMP_EBADSTATE,
    [DFU_SMP_IMG_FLASH_OPEN_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_FLASH_READ_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_FLASH_WRITE_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_FLASH_ERASE_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_INVALID_SLOT] = DFU_SMP_EINVAL,
    [DFU_SMP_IMG_NO_FREE_MEMORY] = DFU_SMP_ENOMEM,
    [DFU_SMP_IMG_FLASH_CONTEXT_ALREADY_SET] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_FLASH_CONTEXT_NOT_SET] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_FLASH_AREA_DEVICE_NULL] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_INVALID_PAGE_OFFSET] = DFU_SMP_EINVAL,
    [DFU_SMP_IMG_INVALID_OFFSET] = DFU_SMP_EINVAL,
    [DFU_SMP_IMG_INVALID_LENGTH] = DFU_SMP_EINVAL,
    [DFU_SMP_IMG_INVALID_HEADER] = DFU_SMP_EINVAL,
    [DFU_SMP_IMG_INVALID_HEADER_MAGIC] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_INVALID_HASH] = DFU_SMP_EINVAL,
    [DFU_SMP_IMG_INVALID_FLASH_ADDRESS] = DFU_SMP_EINVAL,
    [DFU_SMP_IMG_VERSION_GET_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_IMG_CURRENT_IS_NEWER] = DFU_SMP_EBADSTATE,
    [DFU_SMP_IMG_ALREADY_PENDING] = DFU_SMP_EBADSTATE,
    /* all above: 1, as beyond the table */
};

const struct dfu_smp_group dfu_smp_group_img = {
    .id = DFU_SMP_GROUP_IMG,
    .name = "img mgmt",
    .commands = img_commands,
    .command_count = sizeof(img_commands) / sizeof(img_commands[0]),
    .to_v1 = img_to_v1,
    .to_v1_count = sizeof(img_to_v1),
};
