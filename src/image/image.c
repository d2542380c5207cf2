/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Where everything lies in an image. Names like H3 and T6 are the rules of the image format's
 * verification section. After dfu_image_open every offset in struct dfu_image is inside the
 * reader, and the TLVs fill their areas exactly. */
#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/image.h"
#include "image/fixed.h"

#define INFO_MAGIC      0x6907u
#define INFO_MAGIC_PROT 0x6908u
#define INFO_SIZE       4u
#define ENTRY_SIZE      4u

#define ENCRYPTED (DFU_IMAGE_F_ENCRYPTED_AES128 | DFU_IMAGE_F_ENCRYPTED_AES256)
#define LZMA      (DFU_IMAGE_F_COMPRESSED_LZMA1 | DFU_IMAGE_F_COMPRESSED_LZMA2)

struct tlv_info {
    uint16_t magic, total;
};

static enum dfu_image_fault read_at(const struct dfu_reader *reader, uint32_t off, void *buf,
                                    size_t len)
{
    if (!span_fits(off, len, reader->size)) {
        return DFU_IMAGE_TRUNCATED;
    }
    return fixed_read(reader, off, buf, len) ? DFU_IMAGE_UNREADABLE : DFU_IMAGE_FINE;
}

static enum dfu_image_fault read_info(const struct dfu_reader *reader, uint32_t off,
                                      struct tlv_info *info)
{
    uint8_t raw[INFO_SIZE];
    enum dfu_image_fault fault = read_at(reader, off, raw, sizeof(raw));

    if (!fault) {
        *info = (struct tlv_info){ get_le16(raw), get_le16(raw + 2) };
    }
    return fault;
}

static enum dfu_image_fault open_header(struct dfu_image *image)
{
    uint8_t raw[DFU_IMAGE_HEADER_SIZE];
    const struct dfu_image_header *h = &image->header;
    enum dfu_image_fault fault = read_at(image->reader, 0, raw, sizeof(raw));

    if (!fault) {
        fault = dfu_image_header_parse(raw, &image->header); /* H1, H2 */
    }
    if (fault) {
        return fault;
    }
    if (h->img_size > UINT32_MAX - h->hdr_size - h->protect_tlv_size) {
        return DFU_IMAGE_SIZE_OVERFLOW; /* H3 */
    }
    image->tlv_off = h->hdr_size + h->img_size;
    image->prot_end = image->tlv_off + h->protect_tlv_size;
    return DFU_IMAGE_FINE;
}

/* H5, H6 */
static enum dfu_image_fault check_flags(uint32_t flags)
{
    bool is_contradictory = (flags & ENCRYPTED) == ENCRYPTED || (flags & LZMA) == LZMA;

    return is_contradictory ? DFU_IMAGE_BAD_FLAGS : DFU_IMAGE_FINE;
}

/* T1 to T4: both info headers. */
static enum dfu_image_fault open_areas(struct dfu_image *image, uint32_t limit)
{
    uint16_t prot_size = image->header.protect_tlv_size;
    struct tlv_info info;
    enum dfu_image_fault fault = read_info(image->reader, image->tlv_off, &info);

    if (fault) {
        return fault;
    }
    if (info.magic == INFO_MAGIC_PROT) {
        if (info.total != prot_size || prot_size < INFO_SIZE) {
            return DFU_IMAGE_BAD_PROT_SIZE;
        }
        fault = read_info(image->reader, image->prot_end, &info);
    } else if (info.magic == INFO_MAGIC && prot_size != 0) {
        return DFU_IMAGE_BAD_PROT_SIZE;
    }
    if (fault) {
        return fault;
    }
    if (info.magic != INFO_MAGIC) {
        return DFU_IMAGE_BAD_TLV_MAGIC;
    }
    if (info.total > UINT32_MAX - image->prot_end) {
        return DFU_IMAGE_SIZE_OVERFLOW;
    }
    image->end = image->prot_end + info.total;
    if (image->end > image->reader->size) {
        return DFU_IMAGE_TRUNCATED;
    }
    return limit != 0 && image->end > limit ? DFU_IMAGE_TOO_LARGE : DFU_IMAGE_FINE;
}

static bool is_allowed_unprotected(uint16_t type)
{
    static const uint8_t types[] = {
        DFU_TLV_KEYHASH, DFU_TLV_PUBKEY,    DFU_TLV_SHA256,     DFU_TLV_SHA384,
        DFU_TLV_SHA512,  DFU_TLV_RSA2048,   DFU_TLV_ECDSA224,   DFU_TLV_ECDSA,
        DFU_TLV_RSA3072, DFU_TLV_ED25519,   DFU_TLV_SIG_PURE,   DFU_TLV_ENC_RSA2048,
        DFU_TLV_ENC_KW,  DFU_TLV_ENC_EC256, DFU_TLV_ENC_X25519, DFU_TLV_ENC_X25519_SHA512,
    };

    for (size_t i = 0; i < sizeof(types); i++) {
        if (types[i] == type) {
            return true;
        }
    }
    return false;
}

/* The lengths that readers of these rely on. */
static bool has_fitting_length(const struct dfu_image_tlv *tlv)
{
    switch (tlv->type) {
    case DFU_TLV_SEC_CNT: return tlv->len == 4;
    case DFU_TLV_DEPENDENCY: return tlv->len == 12;
    case DFU_TLV_UUID_VID:
    case DFU_TLV_UUID_CID: return tlv->len == 16;
    default: return true;
    }
}

static enum dfu_image_fault check_protected(const struct dfu_image *image,
                                            const struct dfu_image_tlv *tlv, unsigned *counters)
{
    if (!has_fitting_length(tlv)) {
        return DFU_IMAGE_BAD_TLV_VALUE;
    }
    if (tlv->type == DFU_TLV_SEC_CNT && ++*counters > 1) {
        return DFU_IMAGE_BAD_TLV_VALUE;
    }
    /* MCUboot goes by where the value lies, so it takes an empty last one for unprotected. */
    if (tlv->off == image->prot_end && !is_allowed_unprotected(tlv->type)) {
        return DFU_IMAGE_TLV_NOT_ALLOWED;
    }
    return DFU_IMAGE_FINE;
}

/* T5 to T7: every entry inside its area and of a type that may be there. */
static enum dfu_image_fault check_entries(const struct dfu_image *image)
{
    struct dfu_image_tlv tlv;
    uint32_t cursor = 0;
    unsigned counters = 0;
    int more = dfu_image_tlv_next(image, &cursor, &tlv);

    for (; more > 0; more = dfu_image_tlv_next(image, &cursor, &tlv)) {
        enum dfu_image_fault fault = DFU_IMAGE_FINE;

        if (tlv.is_protected) {
            fault = check_protected(image, &tlv, &counters);
        } else if (!is_allowed_unprotected(tlv.type)) {
            fault = DFU_IMAGE_TLV_NOT_ALLOWED;
        }
        if (fault) {
            return fault;
        }
    }
    if (more == DFU_ERR_FORMAT) {
        return DFU_IMAGE_BAD_TLV_BOUNDS;
    }
    return more < 0 ? DFU_IMAGE_UNREADABLE : DFU_IMAGE_FINE;
}

enum dfu_image_fault dfu_image_open(struct dfu_image *image, const struct dfu_reader *reader,
                                    uint32_t limit)
{
    enum dfu_image_fault fault;

    *image = (struct dfu_image){ .reader = reader };
    fault = open_header(image);
    if (!fault) {
        fault = open_areas(image, limit);
    }
    if (!fault) {
        fault = check_entries(image);
    }
    if (!fault) {
        fault = check_flags(image->header.flags);
    }
    return fault;
}

/* An area starts with its info header; entries are never there. */
static uint32_t skip_info(const struct dfu_image *image, uint32_t off)
{
    if (off == 0) {
        off = image->tlv_off;
    }
    if (off == image->tlv_off && image->prot_end != image->tlv_off) {
        off += INFO_SIZE;
    }
    return off == image->prot_end ? off + INFO_SIZE : off;
}

int dfu_image_tlv_next(const struct dfu_image *image, uint32_t *cursor, struct dfu_image_tlv *out)
{
    uint32_t off = skip_info(image, *cursor);
    uint32_t area_end = off < image->prot_end ? image->prot_end : image->end;
    uint8_t raw[ENTRY_SIZE];
    int err;

    if (off >= image->end) {
        return off == image->end ? 0 : DFU_ERR_FORMAT;
    }
    if (area_end - off < ENTRY_SIZE) {
        return DFU_ERR_FORMAT;
    }
    err = fixed_read(image->reader, off, raw, sizeof(raw));
    if (err) {
        return err == DFU_ERR_FORMAT ? DFU_ERR_IO : err;
    }
    *out = (struct dfu_image_tlv){
        .type = get_le16(raw),
        .len = get_le16(raw + 2),
        .off = off + ENTRY_SIZE,
        .is_protected = off < image->prot_end,
    };
    if (out->len > area_end - out->off) {
        return DFU_ERR_FORMAT;
    }
    *cursor = out->off + out->len;
    return 1;
}

int dfu_image_tlv_find(const struct dfu_image *image, uint16_t type, bool protected_only,
                       struct dfu_image_tlv *out)
{
    uint32_t cursor = 0;

    for (;;) {
        int more = dfu_image_tlv_next(image, &cursor, out);

        if (more < 0) {
            return more;
        }
        if (more == 0 || (protected_only && !out->is_protected)) {
            return DFU_ERR_NOENT;
        }
        if (out->type == type) {
            return 0;
        }
    }
}

int dfu_image_tlv_read(const struct dfu_image *image, const struct dfu_image_tlv *tlv, void *buf,
                       size_t cap)
{
    int err;

    if (tlv->len > cap) {
        return DFU_ERR_NOSPACE;
    }
    if (!span_fits(tlv->off, tlv->len, image->end)) {
        return DFU_ERR_RANGE;
    }
    err = fixed_read(image->reader, tlv->off, buf, tlv->len);
    return err ? err : tlv->len;
}

static uint16_t hash_size(uint16_t type)
{
    switch (type) {
    case DFU_TLV_SHA256: return 32;
    case DFU_TLV_SHA384: return 48;
    case DFU_TLV_SHA512: return 64;
    default: return 0;
    }
}

int dfu_image_stored_hash(const struct dfu_image *image, uint8_t *buf)
{
    struct dfu_image_tlv tlv;
    uint32_t cursor = 0;

    for (;;) {
        int more = dfu_image_tlv_next(image, &cursor, &tlv);

        if (more <= 0) {
            return more < 0 ? more : DFU_ERR_NOENT;
        }
        if (!tlv.is_protected && tlv.len != 0 && tlv.len == hash_size(tlv.type)) {
            return dfu_image_tlv_read(image, &tlv, buf, DFU_HASH_MAX);
        }
    }
}

int dfu_image_next_dependency(const struct dfu_image *image, uint32_t *cursor,
                              struct dfu_image_dependency *out)
{
    struct dfu_image_tlv tlv = { 0 };
    uint8_t raw[12];
    int more;

    do {
        more = dfu_image_tlv_next(image, cursor, &tlv);
        if (more <= 0 || !tlv.is_protected) {
            return more < 0 ? more : 0;
        }
    } while (tlv.type != DFU_TLV_DEPENDENCY);
    if (tlv.len != sizeof(raw)) {
        return DFU_ERR_FORMAT;
    }
    more = dfu_image_tlv_read(image, &tlv, raw, sizeof(raw));
    if (more < 0) {
        return more;
    }
    *out = (struct dfu_image_dependency){
        .image = raw[0],
        .min_version = { raw[4], raw[5], get_le16(raw + 6), get_le32(raw + 8) },
    };
    return 1;
}
