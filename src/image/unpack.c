/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The plain image of a compressed one, as a reader. Its TLV areas are a row of pieces, found by
 * walking the stored ones; reading on from the last piece costs nothing, so a walk through all is
 * as long as it looks. */
#include "image/unpack.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"

#define INFO_MAGIC      0x6907u
#define INFO_MAGIC_PROT 0x6908u
#define HEAD_SIZE       4u /* of an area, and of a TLV */
#define PADDING_MAX     15u
#define SKIP_SIZE       64u

static bool is_about_compression(uint16_t type)
{
    return type >= DFU_TLV_DECOMP_SIZE && type <= DFU_TLV_COMP_DEC_SIZE;
}

static bool is_hash(uint16_t type)
{
    return type >= DFU_TLV_SHA256 && type <= DFU_TLV_SHA512;
}

static bool is_signature(uint16_t type)
{
    return type >= DFU_TLV_RSA2048 && type <= DFU_TLV_ED25519;
}

/* ---- What the stored TLVs say ---- */

struct findings {
    uint32_t size, stream_len;
    unsigned sizes, shas, signatures, stream_lens; /* how often each was there */
    unsigned stored_hashes, stored_signatures;
    uint16_t hash_len;
    uint32_t prot_size, unprot_size; /* of U; without the area's own head */
};

static int read_u32(const struct dfu_image *image, const struct dfu_image_tlv *tlv, uint32_t *out)
{
    uint8_t raw[4];
    int len = dfu_image_tlv_read(image, tlv, raw, sizeof(raw));

    *out = get_le32(raw);
    return len == sizeof(raw) ? DFU_OK : len < 0 && len != DFU_ERR_NOSPACE ? len : DFU_ERR_FORMAT;
}

static int note_protected(struct dfu_unpacked *u, struct findings *f,
                          const struct dfu_image_tlv *tlv)
{
    switch (tlv->type) {
    case DFU_TLV_DECOMP_SIZE: f->sizes++; return read_u32(u->packed, tlv, &f->size);
    case DFU_TLV_COMP_DEC_SIZE: f->stream_lens++; return read_u32(u->packed, tlv, &f->stream_len);
    case DFU_TLV_DECOMP_SHA:
        f->shas++;
        u->sha = *tlv;
        return DFU_OK;
    case DFU_TLV_DECOMP_SIGNATURE:
        f->signatures++;
        u->signature = *tlv;
        return tlv->len ? DFU_OK : DFU_ERR_FORMAT;
    default: f->prot_size += HEAD_SIZE + tlv->len; return DFU_OK;
    }
}

static void note_unprotected(const struct dfu_unpacked *u, struct findings *f,
                             const struct dfu_image_tlv *tlv)
{
    uint16_t len = tlv->len;

    if (is_hash(tlv->type)) {
        f->stored_hashes++;
        f->hash_len = len;
        len = u->sha.len;
    } else if (is_signature(tlv->type)) {
        f->stored_signatures++;
        if (u->signature.len == 0) {
            return;
        }
        len = u->signature.len;
    }
    f->unprot_size += HEAD_SIZE + len;
}

/* One of each: with two hashes or signatures it would be unclear which one is replaced. */
static bool has_sense(const struct dfu_unpacked *u, const struct findings *f)
{
    uint32_t body = u->packed->header.img_size;

    return f->sizes == 1 && f->size > 0 && f->shas == 1 && f->stored_hashes == 1 &&
           u->sha.len == f->hash_len && f->signatures <= 1 && f->stored_signatures <= 1 &&
           f->stream_lens <= 1 && f->stream_len > DFU_CODING_SIZE && f->stream_len <= body &&
           body - f->stream_len <= (f->stream_lens ? PADDING_MAX : 0);
}

static enum dfu_image_fault fault_of(int err)
{
    return err == DFU_ERR_FORMAT ? DFU_IMAGE_BAD_COMPRESSION : DFU_IMAGE_UNREADABLE;
}

static enum dfu_image_fault find_out(struct dfu_unpacked *u, struct findings *f)
{
    struct dfu_image_tlv tlv;
    uint32_t cursor = 0;
    int more;

    *f = (struct findings){ .stream_len = u->packed->header.img_size };
    while ((more = dfu_image_tlv_next(u->packed, &cursor, &tlv)) > 0) {
        int err = DFU_OK;

        if (tlv.is_protected) {
            err = note_protected(u, f, &tlv);
        } else {
            note_unprotected(u, f, &tlv);
        }
        if (err) {
            return fault_of(err);
        }
    }
    if (more < 0) {
        return fault_of(more);
    }
    return has_sense(u, f) ? DFU_IMAGE_FINE : DFU_IMAGE_BAD_COMPRESSION;
}

/* ---- TLV areas of U, piece by piece ---- */

static void set_head(struct dfu_unpacked *u, uint16_t first, uint16_t second, uint32_t from,
                     uint32_t len)
{
    struct dfu_unpacked_piece *p = &u->piece;

    p->off += HEAD_SIZE + p->len;
    put_le16(p->head, first);
    put_le16(p->head + 2, second);
    p->from = from;
    p->len = len;
}

static void first_piece(struct dfu_unpacked *u)
{
    u->cursor = 0;
    u->is_unprotected = u->prot_size == 0;
    u->piece = (struct dfu_unpacked_piece){ .off = u->prot_off - HEAD_SIZE };
    if (u->is_unprotected) {
        set_head(u, INFO_MAGIC, (uint16_t)u->unprot_size, 0, 0);
    } else {
        set_head(u, INFO_MAGIC_PROT, (uint16_t)u->prot_size, 0, 0);
    }
}

static bool is_left_out(const struct dfu_unpacked *u, const struct dfu_image_tlv *tlv)
{
    if (tlv->is_protected) {
        return u->is_unprotected || is_about_compression(tlv->type);
    }
    return is_signature(tlv->type) && u->signature.len == 0;
}

static int next_piece(struct dfu_unpacked *u)
{
    const struct dfu_image_tlv *value;
    struct dfu_image_tlv tlv;
    uint32_t cursor = u->cursor;

    do {
        int more = dfu_image_tlv_next(u->packed, &cursor, &tlv);

        if (more <= 0) {
            return more < 0 ? more : DFU_ERR_FORMAT;
        }
    } while (is_left_out(u, &tlv));
    if (!tlv.is_protected && !u->is_unprotected) {
        u->is_unprotected = true; /* and find this TLV again */
        set_head(u, INFO_MAGIC, (uint16_t)u->unprot_size, 0, 0);
        return DFU_OK;
    }
    value = tlv.is_protected         ? &tlv
            : is_hash(tlv.type)      ? &u->sha
            : is_signature(tlv.type) ? &u->signature
                                     : &tlv;
    set_head(u, tlv.type, value->len, value->off, value->len);
    u->cursor = cursor;
    return DFU_OK;
}

static int find_piece(struct dfu_unpacked *u, uint32_t off)
{
    int err = DFU_OK;

    if (off < u->piece.off) {
        first_piece(u);
    }
    while (!err && off - u->piece.off >= HEAD_SIZE + u->piece.len) {
        err = next_piece(u);
    }
    return err;
}

static int read_stored(const struct dfu_unpacked *u, uint32_t off, void *buf, size_t len)
{
    const struct dfu_reader *reader = u->packed->reader;

    return reader->read(reader->ctx, off, buf, len);
}

/* From off on, as far as one piece goes; returns how far. */
static int read_tlvs(struct dfu_unpacked *u, uint32_t off, uint8_t *buf, uint32_t len)
{
    const struct dfu_unpacked_piece *p = &u->piece;
    uint32_t at;
    int err = find_piece(u, off);

    if (err) {
        return err;
    }
    at = off - p->off;
    if (at < HEAD_SIZE) {
        len = min_u32(len, HEAD_SIZE - at);
        memcpy(buf, p->head + at, len);
        return (int)len;
    }
    len = min_u32(len, HEAD_SIZE + p->len - at);
    err = read_stored(u, p->from + at - HEAD_SIZE, buf, len);
    return err ? err : (int)len;
}

/* ---- Body ---- */

static void stop_decoding(struct dfu_unpacked *u)
{
    if (u->is_decoding) {
        u->how->decoder->end(u->how->work);
        u->is_decoding = false;
    }
}

static int start_decoding(struct dfu_unpacked *u)
{
    int err;

    stop_decoding(u);
    err = u->how->decoder->start(u->how->work, u->how->work_len, &u->coding, u->packed->reader,
                                 u->stream_off, u->stream_len);
    u->is_decoding = err == DFU_OK;
    u->decoded = 0;
    return err;
}

/* Exactly the next bytes. After the last one the stream must end, or it is another's. */
static int decode(struct dfu_unpacked *u, uint8_t *buf, uint32_t len)
{
    int n = u->how->decoder->read(u->how->work, buf, len);

    if (n >= 0) {
        u->decoded += (uint32_t)n;
    }
    if (n >= 0 && (uint32_t)n == len && u->decoded == u->coding.size) {
        uint8_t more;
        int end = u->how->decoder->read(u->how->work, &more, 1);

        n = end < 0 ? end : end > 0 ? DFU_ERR_FORMAT : n;
    }
    return n < 0 ? n : (uint32_t)n == len ? DFU_OK : DFU_ERR_FORMAT;
}

static int decode_up_to(struct dfu_unpacked *u, uint32_t at)
{
    int err = !u->is_decoding || at < u->decoded ? start_decoding(u) : DFU_OK;

    while (!err && u->decoded < at) {
        uint8_t skipped[SKIP_SIZE];

        err = decode(u, skipped, min_u32(at - u->decoded, SKIP_SIZE));
    }
    return err;
}

static int read_body(struct dfu_unpacked *u, uint32_t at, uint8_t *buf, uint32_t len)
{
    int err = u->stream_err ? u->stream_err : decode_up_to(u, at);

    len = min_u32(len, u->coding.size - at);
    if (!err) {
        err = decode(u, buf, len);
    }
    if (err) {
        stop_decoding(u);
        u->stream_err = err == DFU_ERR_FORMAT ? err : DFU_OK;
    }
    return err ? err : (int)len;
}

/* ---- Reader ---- */

/* From off on, as far as one kind of source goes; returns how far. */
static int read_some(struct dfu_unpacked *u, uint32_t off, uint8_t *buf, uint32_t len)
{
    uint32_t hdr_size = u->packed->header.hdr_size;
    int err;

    if (off < DFU_IMAGE_HEADER_SIZE) {
        len = min_u32(len, DFU_IMAGE_HEADER_SIZE - off);
        memcpy(buf, u->header + off, len);
        return (int)len;
    }
    if (off < hdr_size) {
        len = min_u32(len, hdr_size - off);
        err = read_stored(u, off, buf, len);
        return err ? err : (int)len;
    }
    return off < u->prot_off ? read_body(u, off - hdr_size, buf, len) : read_tlvs(u, off, buf, len);
}

static int read_unpacked(void *ctx, uint32_t off, void *buf, size_t len)
{
    struct dfu_unpacked *u = ctx;
    uint8_t *out = buf;

    if (!span_fits(off, len, u->reader.size) || len > INT32_MAX) {
        return DFU_ERR_RANGE;
    }
    while (len > 0) {
        int n = read_some(u, off, out, (uint32_t)len);

        if (n < 0) {
            return n;
        }
        off += (uint32_t)n;
        out += n;
        len -= (size_t)n;
    }
    return DFU_OK;
}

static enum dfu_image_fault rebuild_header(struct dfu_unpacked *u, const struct findings *f)
{
    const struct dfu_image_header *h = &u->packed->header;
    uint64_t size = (uint64_t)h->hdr_size + f->size + u->prot_size + u->unprot_size;

    if (size > UINT32_MAX || u->unprot_size > UINT16_MAX) {
        return DFU_IMAGE_SIZE_OVERFLOW;
    }
    if (read_stored(u, 0, u->header, sizeof(u->header))) {
        return DFU_IMAGE_UNREADABLE;
    }
    put_le16(u->header + 10, (uint16_t)u->prot_size);
    put_le32(u->header + 12, f->size);
    put_le32(u->header + 16, h->flags & ~(uint32_t)COMPRESSED);
    u->prot_off = h->hdr_size + f->size;
    u->reader = (struct dfu_reader){ read_unpacked, u, (uint32_t)size };
    return DFU_IMAGE_FINE;
}

static enum dfu_image_fault check_coding(struct dfu_unpacked *u, const struct findings *f)
{
    const struct dfu_image_header *h = &u->packed->header;
    uint8_t raw[DFU_CODING_SIZE];

    u->stream_off = h->hdr_size + DFU_CODING_SIZE;
    u->stream_len = f->stream_len - DFU_CODING_SIZE;
    if (read_stored(u, h->hdr_size, raw, sizeof(raw))) {
        return DFU_IMAGE_UNREADABLE;
    }
    if (dfu_coding_parse(raw, f->size, h->flags & DFU_IMAGE_F_COMPRESSED_ARM_THUMB, &u->coding)) {
        return DFU_IMAGE_BAD_COMPRESSION;
    }
    return u->how->decoder->work_size(&u->coding) > u->how->work_len ? DFU_IMAGE_NO_MEMORY
                                                                     : DFU_IMAGE_FINE;
}

enum dfu_image_fault dfu_unpacked_open(struct dfu_unpacked *out, const struct dfu_image *packed,
                                       const struct dfu_unpacker *how)
{
    struct findings f;
    enum dfu_image_fault fault;

    *out = (struct dfu_unpacked){ .packed = packed, .how = how };
    if ((packed->header.flags & COMPRESSED & ~(uint32_t)DFU_IMAGE_F_COMPRESSED_ARM_THUMB) !=
        DFU_IMAGE_F_COMPRESSED_LZMA2) {
        return DFU_IMAGE_NOT_SUPPORTED; /* the filter alone, or LZMA1: nobody makes these */
    }
    fault = find_out(out, &f);
    if (!fault) {
        out->prot_size = f.prot_size ? f.prot_size + HEAD_SIZE : 0;
        out->unprot_size = f.unprot_size + HEAD_SIZE;
        fault = rebuild_header(out, &f);
    }
    if (!fault) {
        fault = check_coding(out, &f);
    }
    if (!fault) {
        first_piece(out);
    }
    return fault;
}

void dfu_unpacked_close(struct dfu_unpacked *unpacked)
{
    stop_decoding(unpacked);
}

const struct dfu_unpack_way dfu_unpack = {
    .open = dfu_unpacked_open,
    .close = dfu_unpacked_close,
};
