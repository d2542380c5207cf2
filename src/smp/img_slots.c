/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/err.h"
#include "dfu/trailer.h"
#include "smp/img_parts.h"

const struct dfu_area *img_area(const struct dfu_smp_img *img, struct img_slot at)
{
    const struct dfu_slot_pair *pair;

    if (at.image >= fixed_img(img)->map->image_count || at.image >= DFU_IMAGES_MAX ||
        at.slot >= IMG_SLOTS) {
        return NULL;
    }
    pair = &fixed_img(img)->map->images[at.image];
    return at.slot == 0 ? pair->primary : pair->secondary;
}

struct img_slot img_active(const struct dfu_smp_img *img, uint8_t image)
{
    uint8_t other = fixed_img(img)->active_slots >> image & 1;

    return (struct img_slot){ image, image == fixed_img(img)->running_image
                                         ? fixed_img(img)->active_slot
                                         : other };
}

bool img_is_active(const struct dfu_smp_img *img, struct img_slot at)
{
    return at.slot == img_active(img, at.image).slot;
}

struct img_slot img_other(struct img_slot at)
{
    return (struct img_slot){ at.image, (uint8_t)(1 - at.slot) };
}

int img_swap_type(const struct dfu_smp_img *img, uint8_t image)
{
    int type = dfu_mcuboot_next(fixed_img(img)->map, image, img_active(img, image).slot);

    return type < 0 ? DFU_SWAP_PANIC : type;
}

/* The program that brings new applications; it can only be replaced with a programmer. */
static bool is_loader(const struct dfu_smp_img *img, struct img_slot at)
{
    return fixed_img(img)->map->mode == DFU_MODE_FIRMWARE_LOADER && at.image == 0 && at.slot == 1;
}

bool img_is_in_use(const struct dfu_smp_img *img, struct img_slot at)
{
    if (img_is_active(img, at) || is_loader(img, at)) {
        return true;
    }
    switch (img_swap_type(img, at.image)) {
    case DFU_SWAP_NONE: return false;
    case DFU_SWAP_TEST:
    case DFU_SWAP_PERM: return fixed_img(img)->refuse_erase_pending;
    default: return true; /* REVERT; or unreadable, and then it may be the only good copy */
    }
}

static int open_image(const struct dfu_smp_img *img, const struct dfu_area *area,
                      struct dfu_area_span *span, struct dfu_reader *reader,
                      struct dfu_image *image)
{
    span->area = area;
    span->off = dfu_boot_get_image_start_offset(fixed_img(img)->map, area);
    *reader = dfu_area_reader(span);
    switch (dfu_image_open(image, reader, 0)) {
    case DFU_IMAGE_FINE: return 0;
    case DFU_IMAGE_BAD_MAGIC: return DFU_SMP_IMG_NO_IMAGE;
    case DFU_IMAGE_BAD_TLV_MAGIC: return DFU_SMP_IMG_NO_TLVS;
    case DFU_IMAGE_UNREADABLE: return DFU_SMP_IMG_FLASH_READ_FAILED;
    default: return DFU_SMP_IMG_INVALID_TLV;
    }
}

int img_read(const struct dfu_smp_img *img, struct img_slot at, struct img_info *out)
{
    const struct dfu_area *area = img_area(img, at);
    struct dfu_area_span span;
    struct dfu_reader reader;
    struct dfu_image image;
    int rc, hash_len;

    if (!area) {
        return DFU_SMP_IMG_INVALID_SLOT;
    }
    rc = open_image(img, area, &span, &reader, &image);
    if (rc) {
        return rc;
    }
    hash_len = dfu_image_stored_hash(&image, out->hash);
    if (hash_len <= 0 ||
        (fixed_img(img)->hash_size != 0 && hash_len != fixed_img(img)->hash_size)) {
        return DFU_SMP_IMG_HASH_NOT_FOUND;
    }
    out->hash_len = (uint8_t)hash_len;
    out->version = image.header.version;
    out->bootable = (image.header.flags & DFU_IMAGE_F_NON_BOOTABLE) == 0;
    return 0;
}

bool img_fits(const struct dfu_smp_img *img, struct img_slot at)
{
    const struct dfu_area *area = img_area(img, at);
    uint8_t raw[DFU_IMAGE_HEADER_SIZE];
    struct dfu_image_header header;

    return dfu_area_read(area, dfu_boot_get_image_start_offset(fixed_img(img)->map, area), raw,
                         sizeof raw) ||
           dfu_image_header_parse(raw, &header) != DFU_IMAGE_FINE ||
           dfu_boot_fits_slot(fixed_img(img)->map, area, &header);
}
