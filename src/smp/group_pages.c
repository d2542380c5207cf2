/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Pages that need not be sent. Offsets count from the start of the image in its slot, whatever slot
 * that is. What a client says is never believed: the digest of the whole decides in the end. */
#include "dfu/smp_pages.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "smp/img_parts.h"

#define PIECE    128u
#define OVERHEAD 49u /* keys, the longest numbers, a length and the map's end beside the hashes */

/* ---- Pages of the upload's slot ---- */

static bool begins_sector(const struct dfu_stream *stream, uint32_t off, struct dfu_sector *sector)
{
    uint32_t at = stream->config.off + off;

    return !dfu_area_sector_at(stream->config.area, at, sector) && sector->off == at;
}

/* The bytes of the page at off, whose sectors have this size; 0: none begins there. */
static uint32_t page_at(const struct dfu_smp_upload *up, uint32_t off, uint32_t *sector_size)
{
    const struct dfu_stream *stream = &up->writer.stream;
    struct dfu_sector sector;
    uint32_t len = 0;

    if (off >= up->size || !begins_sector(stream, off, &sector)) {
        return 0;
    }
    *sector_size = sector.size;
    do {
        len += sector.size;
    } while (len < DFU_SMP_PAGE_MIN && begins_sector(stream, off + len, &sector) &&
             sector.size == *sector_size);
    return len;
}

/* The first page at off or behind it; the upload's size where there is none. */
static uint32_t next_page(const struct dfu_smp_upload *up, uint32_t off)
{
    const struct dfu_stream *stream = &up->writer.stream;
    struct dfu_sector sector;

    if (off >= up->size ||
        dfu_area_sector_at(stream->config.area, stream->config.off + off, &sector)) {
        return up->size;
    }
    if (sector.off != stream->config.off + off) {
        off = sector.off + sector.size - stream->config.off;
    }
    return min_u32(off, up->size);
}

/* ---- Where bytes come from ---- */

struct source {
    const struct dfu_area *area;
    uint32_t off; /* of the image in it */
};

static struct source own_slot(const struct dfu_smp_img *img)
{
    const struct dfu_stream *stream = &img->upload.writer.stream;

    return (struct source){ stream->config.area, stream->config.off };
}

/* The slot the image runs from. False where its pages must not be told: what came encrypted lies
 * there in clear, and hashes of pages would let guesses be tried. */
static bool running_slot(const struct dfu_smp_img *img, struct source *out)
{
    struct img_slot active = img_active(img, img->upload.image);
    uint8_t raw[DFU_IMAGE_HEADER_SIZE];
    struct dfu_image_header header;

    out->area = img_area(img, active);
    if (!out->area) {
        return false;
    }
    out->off = dfu_boot_get_image_start_offset(fixed_img(img)->map, out->area);
    return !dfu_area_read(out->area, out->off, raw, sizeof(raw)) &&
           dfu_image_header_parse(raw, &header) == DFU_IMAGE_FINE &&
           (header.flags & (DFU_IMAGE_F_ENCRYPTED_AES128 | DFU_IMAGE_F_ENCRYPTED_AES256)) == 0;
}

/* ---- Requests ---- */

struct request {
    uint32_t off, len;
    bool running;
};

/* 0, or the handler's result. */
static int decode(struct dfu_smp_call *call, bool has_len, struct request *out)
{
    struct dfu_cbor_key keys[] = {
        { .name = "off", .type = DFU_CBOR_UINT, .out = &out->off },
        { .name = "running", .type = DFU_CBOR_BOOL, .out = &out->running },
        { .name = "len", .type = DFU_CBOR_UINT, .out = &out->len },
    };

    *out = (struct request){ 0 };
    if (dfu_cbor_decode_map(call->request, keys, has_len ? 3 : 2) || !keys[0].found ||
        (has_len && !keys[2].found)) {
        return DFU_SMP_EINVAL;
    }
    return 0;
}

/* ---- Hashes ---- */

static int hash_page(const struct dfu_smp_img *img, struct source from, uint32_t len,
                     uint8_t out[DFU_SMP_PAGE_HASH])
{
    struct dfu_hash hash = { .alg = fixed_img(img)->sha256 };
    uint8_t digest[DFU_HASH_MAX] = { 0 }, piece[PIECE];
    int err = hash.alg->start(&hash), finish_err;

    if (err) {
        return err;
    }
    while (!err && len > 0) {
        uint32_t n = min_u32(len, sizeof(piece));

        err = dfu_area_read(from.area, from.off, piece, n);
        err = err ? err : hash.alg->update(&hash, piece, n);
        from.off += n;
        len -= n;
    }
    finish_err = hash.alg->finish(&hash, digest);
    memcpy(out, digest, DFU_SMP_PAGE_HASH);
    return err ? err : finish_err;
}

/* Pages from `begin` on for one answer: all but the last of `size` bytes. */
struct run {
    uint32_t begin, end, size, count;
};

static struct run plan_run(const struct dfu_smp_call *call, uint32_t off, struct source from)
{
    const struct dfu_smp_img *img = call->ctx;
    const struct dfu_smp_upload *up = &img->upload;
    size_t room = call->enc->cap - call->enc->len;
    uint32_t most = room > OVERHEAD ? (uint32_t)(room - OVERHEAD) / DFU_SMP_PAGE_HASH : 0;
    uint32_t first_sector = 0, sector = 0, len;
    struct run run = { .begin = next_page(up, off) };

    run.end = run.begin;
    while (run.count < most && (len = page_at(up, run.end, &sector)) > 0) {
        uint32_t used = min_u32(len, up->size - run.end);

        if (run.count == 0) {
            run.size = len;
            first_sector = sector;
        }
        if (sector != first_sector || !span_fits(from.off + run.end, used, from.area->size) ||
            (run.count > 0 && run.end - run.begin + used > DFU_SMP_PAGES_HASH_MAX)) {
            break;
        }
        run.count++;
        run.end += used; /* behind a shorter page lie sectors of another size, or nothing */
    }
    return run;
}

static int put_hashes(struct dfu_smp_call *call, const struct run *run, struct source from)
{
    const struct dfu_smp_img *img = call->ctx;
    uint8_t *out;

    dfu_cbor_pair_uint(call->enc, "off", run->begin);
    dfu_cbor_pair_uint(call->enc, "len", run->end - run->begin);
    dfu_cbor_pair_uint(call->enc, "size", run->size);
    dfu_cbor_pair_uint(call->enc, "copy", max_u32(DFU_SMP_PAGES_COPY_MAX, run->size));
    dfu_cbor_put_text(call->enc, "hashes");
    out = dfu_cbor_reserve_bytes(call->enc, (size_t)run->count * DFU_SMP_PAGE_HASH);
    for (uint32_t i = 0; out && i < run->count; i++) {
        uint32_t at = run->begin + i * run->size;

        if (hash_page(img, (struct source){ from.area, from.off + at },
                      min_u32(run->size, run->end - at), out + (size_t)i * DFU_SMP_PAGE_HASH)) {
            return dfu_smp_fail(call, DFU_SMP_PAGES_READ_FAILED);
        }
    }
    return out ? 0 : DFU_SMP_EMSGSIZE;
}

static int check_upload(struct dfu_smp_call *call)
{
    const struct dfu_smp_img *img = call->ctx;

    if (!img->upload.is_active) {
        return dfu_smp_fail(call, DFU_SMP_PAGES_NO_UPLOAD);
    }
    if (!fixed_img(img)->sha256 || img->upload.sha_len != fixed_img(img)->sha256->size) {
        return dfu_smp_fail(call, DFU_SMP_PAGES_NO_DIGEST);
    }
    return 0;
}

static int read_hashes(struct dfu_smp_call *call)
{
    const struct dfu_smp_img *img = call->ctx;
    struct source from;
    struct request rq;
    struct run run;
    int rc = decode(call, false, &rq);

    rc = rc ? rc : check_upload(call);
    if (rc) {
        return rc;
    }
    from = own_slot(img);
    if (rq.running && !running_slot(img, &from)) {
        return dfu_smp_fail(call, DFU_SMP_PAGES_NOT_OFFERED);
    }
    run = plan_run(call, rq.off, from);
    return put_hashes(call, &run, from);
}

/* ---- Take ---- */

/* Whole pages, or the rest of the file. Where a sector begins nothing is erased yet: sectors are only
 * erased for bytes that are written to them. */
static bool are_pages(const struct dfu_smp_upload *up, uint32_t off, uint32_t len)
{
    struct dfu_sector sector;

    return len > 0 && len <= up->size - off && begins_sector(&up->writer.stream, off, &sector) &&
           (len == up->size - off || begins_sector(&up->writer.stream, off + len, &sector));
}

static int keep(struct dfu_smp_img *img, uint32_t off, uint32_t len)
{
    (void)off;
    return dfu_flash_img_skip(&img->upload.writer, len);
}

static int copy(struct dfu_smp_img *img, uint32_t off, uint32_t len)
{
    struct dfu_smp_upload *up = &img->upload;
    uint8_t piece[PIECE];
    struct source from;

    if (!running_slot(img, &from)) {
        return DFU_ERR_STATE;
    }
    while (len > 0) {
        uint32_t n = min_u32(len, sizeof(piece));
        bool is_last = off + n == up->size;
        int err = dfu_area_read(from.area, from.off + off, piece, n);

        err = err ? err : dfu_flash_img_buffered_write(&up->writer, piece, n, is_last);
        if (err) {
            return err;
        }
        off += n;
        len -= n;
    }
    return 0;
}

static int take(struct dfu_smp_call *call)
{
    struct dfu_smp_img *img = call->ctx;
    const struct dfu_smp_upload *up = &img->upload;
    struct source from;
    struct request rq;
    int rc = decode(call, true, &rq);

    if (rc) {
        return rc;
    }
    /* As for a chunk: where the upload stands, which tells a client to start again at 0. */
    if (!up->is_active || rq.off != up->off) {
        dfu_cbor_pair_uint(call->enc, "off", up->is_active ? up->off : 0);
        return 0;
    }
    rc = check_upload(call);
    if (rc) {
        return rc;
    }
    if (!are_pages(up, rq.off, rq.len)) {
        return dfu_smp_fail(call, DFU_SMP_PAGES_NO_PAGE);
    }
    if (!rq.running) {
        return img_upload_assemble(call, rq.off, rq.len, keep);
    }
    if (!running_slot(img, &from)) {
        return dfu_smp_fail(call, DFU_SMP_PAGES_NOT_OFFERED);
    }
    if (!span_fits(from.off + rq.off, rq.len, from.area->size) ||
        (rq.len > DFU_SMP_PAGES_COPY_MAX && rq.len > page_at(up, rq.off, &(uint32_t){ 0 }))) {
        return dfu_smp_fail(call, DFU_SMP_PAGES_NO_PAGE);
    }
    return img_upload_assemble(call, rq.off, rq.len, copy);
}

/* ---- The group ---- */

static const struct dfu_smp_command pages_commands[] = {
    [DFU_SMP_PAGES_HASHES] = { .read = read_hashes },
    [DFU_SMP_PAGES_TAKE] = { .write = take },
};

static const uint8_t pages_to_v1[] = {
    [DFU_SMP_PAGES_UNKNOWN] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_PAGES_NO_UPLOAD] = DFU_SMP_EBADSTATE,
    [DFU_SMP_PAGES_NO_DIGEST] = DFU_SMP_EBADSTATE,
    [DFU_SMP_PAGES_NOT_OFFERED] = DFU_SMP_EACCESSDENIED,
    [DFU_SMP_PAGES_NO_PAGE] = DFU_SMP_EINVAL,
    [DFU_SMP_PAGES_READ_FAILED] = DFU_SMP_EUNKNOWN,
};

const struct dfu_smp_group dfu_smp_group_pages = {
    .id = DFU_SMP_GROUP_PAGES,
    .name = "pages",
    .commands = pages_commands,
    .command_count = sizeof(pages_commands) / sizeof(pages_commands[0]),
    .to_v1 = pages_to_v1,
    .to_v1_count = sizeof(pages_to_v1),
};
