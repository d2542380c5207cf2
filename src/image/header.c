/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The 32 bytes at the start of an image, and the version in them. */
#include <string.h>

#include "base/bytes.h"
#include "dfu/image.h"
#include "image/version.h"

enum dfu_image_fault dfu_image_header_parse(const uint8_t raw[DFU_IMAGE_HEADER_SIZE],
                                            struct dfu_image_header *out)
{
    _Alignas(uint32_t)
        uint8_t aligned[DFU_IMAGE_HEADER_SIZE]; /* compilers then load whole fields */

    memcpy(aligned, raw, sizeof aligned);
    if (get_le32(aligned) != DFU_IMAGE_MAGIC) {
        return DFU_IMAGE_BAD_MAGIC;
    }
    *out = (struct dfu_image_header){
        .load_addr = get_le32(aligned + 4),
        .hdr_size = get_le16(aligned + 8),
        .protect_tlv_size = get_le16(aligned + 10),
        .img_size = get_le32(aligned + 12),
        .flags = get_le32(aligned + 16),
        .version = {
            .major = aligned[20],
            .minor = aligned[21],
            .revision = get_le16(aligned + 22),
            .build = get_le32(aligned + 24),
        },
    };
    return out->hdr_size < DFU_IMAGE_HEADER_SIZE ? DFU_IMAGE_BAD_HEADER : DFU_IMAGE_FINE;
}

static int compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

int dfu_image_version_compare(const struct dfu_image_version *a, const struct dfu_image_version *b,
                              bool with_build)
{
    int order = compare(a->major, b->major);

    if (order == 0) {
        order = compare(a->minor, b->minor);
    }
    if (order == 0) {
        order = compare(a->revision, b->revision);
    }
    if (order == 0 && with_build) {
        order = compare(a->build, b->build);
    }
    return order;
}

char *dfu_image_version_text(const struct dfu_image_version *version,
                             char buf[DFU_IMAGE_VERSION_STRLEN])
{
    struct text t = text_in(buf, DFU_IMAGE_VERSION_STRLEN);

    text_add_version(&t, version);
    text_add(&t, "+");
    text_add_dec(&t, version->build);
    return buf;
}
