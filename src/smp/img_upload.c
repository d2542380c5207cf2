/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The upload: check, ask the hooks, erase, write, account. Every check comes before the first
 * byte of flash is touched; any refusal ends the running upload, so that no client can wait for
 * an offset that will never come. */
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "smp/img_parts.h"

#define TLV_MAGIC      0x6907u /* of the areas behind an image */
#define TLV_MAGIC_PROT 0x6908u

struct request {
    bool has_off, has_len;
    uint32_t off, len, image;
    bool upgrade;
    struct dfu_cbor_span data, sha;
};

static int decode(const struct dfu_smp_call *call, struct request *rq)
{
    struct dfu_cbor_key keys[] = {
        { .name = "off", .type = DFU_CBOR_UINT, .out = &rq->off },
        { .name = "data", .type = DFU_CBOR_BYTES, .out = &rq->data },
        { .name = "len", .type = DFU_CBOR_UINT, .out = &rq->len },
        { .name = "sha", .type = DFU_CBOR_BYTES, .out = &rq->sha },
        { .name = "image", .type = DFU_CBOR_UINT, .out = &rq->image },
        { .name = "upgrade", .type = DFU_CBOR_BOOL, .out = &rq->upgrade },
    };
    int err;

    *rq = (struct request){ 0 };
    err = dfu_cbor_decode_map(call->request, keys, sizeof(keys) / sizeof(keys[0]));
    rq->has_off = keys[0].found;
    rq->has_len = keys[2].found;
    return err ? DFU_SMP_EINVAL : 0;
}

/* ---- The running upload ---- */

static void forget(struct dfu_smp_img *img)
{
    img->upload.is_active = false;
    img->upload.off = 0;
    img->upload.size = 0;
    img->upload.saved = 0;
    img->upload.sha_len = 0;
    img->upload.is_assembled = false;
}

/* Only a whole digest says for sure that the file is the same after a reset. */
static bool is_stored(const struct dfu_smp_img *img)
{
    return fixed_img(img)->store && img->upload.sha_len == DFU_SMP_IMG_SHA_MAX;
}

static struct dfu_stream_identity identity(const struct dfu_smp_img *img)
{
    struct dfu_stream_identity id = { .length = img->upload.size };

    memcpy(id.hash, img->upload.sha, sizeof(id.hash));
    return id;
}

static void forget_stored(const struct dfu_smp_img *img)
{
    if (fixed_img(img)->store) {
        (void)dfu_stream_progress_clear(fixed_img(img)->store);
    }
}

void dfu_smp_img_reset_upload(struct dfu_smp_img *img)
{
    forget(img);
    forget_stored(img);
}

static struct dfu_smp_chunk_event chunk_event(const struct dfu_smp_img *img,
                                              const struct request *rq)
{
    return (struct dfu_smp_chunk_event){ .image = img->upload.image,
                                         .slot = img->upload.slot,
                                         .off = rq->off,
                                         .size = img->upload.size,
                                         .data = rq->data.data,
                                         .len = (uint32_t)rq->data.len,
                                         .is_first = rq->off == 0 };
}

static int notify(struct dfu_smp_call *call, uint32_t event, const struct request *rq)
{
    struct dfu_smp_chunk_event data = chunk_event(call->ctx, rq);

    return dfu_smp_notify(call, event, &data, sizeof(data));
}

static void tell(struct dfu_smp_call *call, uint32_t event, const struct request *rq)
{
    struct dfu_smp_chunk_event data = chunk_event(call->ctx, rq);

    dfu_smp_tell(call, event, &data, sizeof(data));
}

static void tell_status(struct dfu_smp_call *call, enum dfu_smp_status status)
{
    struct dfu_smp_status_event event = { call->header.group, call->header.id, status };

    dfu_smp_tell(call, DFU_SMP_EV_CMD_STATUS, &event, sizeof event);
}

/* End the upload; what flash holds of it stays resumable. result goes to the server. */
static int stop(struct dfu_smp_call *call, int result)
{
    forget(call->ctx);
    dfu_smp_tell(call, DFU_SMP_EV_DFU_STOPPED, NULL, 0);
    return result;
}

/* Told only by servers that tell reasons. */
static void note_reason(struct dfu_smp_call *call, const char *reason)
{
    if (fixed_server(call->server)->verbose_errors) {
        call->reason = reason;
    }
}

static int refuse(struct dfu_smp_call *call, uint16_t code, const char *reason)
{
    note_reason(call, reason);
    return stop(call, dfu_smp_fail_in(call, DFU_SMP_GROUP_IMG, code));
}

/* The same after flash failed: what it holds is not known any more. */
static int give_up(struct dfu_smp_call *call, uint16_t code, const char *reason)
{
    forget_stored(call->ctx);
    return refuse(call, code, reason);
}

static int answer(struct dfu_smp_call *call, uint32_t off)
{
    dfu_cbor_pair_uint(call->enc, "off", off);
    return 0;
}

/* ---- Checks of the first chunk, in the order of the protocol ---- */

/* A slot of that image which nobody needs. A server of one image takes any number, as tools put
 * the slot there. */
static bool choose_slot(const struct dfu_smp_img *img, const struct request *rq,
                        struct img_slot *out)
{
    *out = (struct img_slot){ 0, 0 };
    if (fixed_img(img)->map->image_count > 1) {
        if (rq->image >= fixed_img(img)->map->image_count) {
            return false;
        }
        *out = img_other(img_active(img, (uint8_t)rq->image));
        return img_area(img, *out) && !img_is_in_use(img, *out);
    }
    for (; out->slot < IMG_SLOTS; out->slot++) {
        if (img_area(img, *out) && !img_is_in_use(img, *out)) {
            return true;
        }
    }
    return false;
}

static bool is_resumed(const struct dfu_smp_img *img, const struct request *rq)
{
    const struct dfu_smp_upload *up = &img->upload;

    return up->is_active && rq->sha.len > 0 && rq->sha.len == up->sha_len &&
           memcmp(rq->sha.data, up->sha, up->sha_len) == 0 &&
           (fixed_img(img)->map->image_count == 1 || rq->image == up->image);
}

static int check_fields(const struct request *rq, const char **reason)
{
    *reason = "header malformed";
    if (rq->data.len < DFU_IMAGE_HEADER_SIZE) {
        return DFU_SMP_IMG_INVALID_HEADER;
    }
    if (!rq->has_len) {
        return DFU_SMP_IMG_INVALID_LENGTH;
    }
    if (get_le32(rq->data.data) != DFU_IMAGE_MAGIC) {
        *reason = "magic mismatch";
        return DFU_SMP_IMG_INVALID_HEADER_MAGIC;
    }
    return rq->sha.len > DFU_SMP_IMG_SHA_MAX ? DFU_SMP_IMG_INVALID_HASH : 0;
}

/* The largest image of the loader's own geometry: what doesn't fit there would never boot. */
static int check_size(const struct dfu_smp_img *img, struct img_slot at, const struct request *rq,
                      const char **reason)
{
    *reason = "img too large";
    if (rq->len > dfu_slot_max_image(fixed_img(img)->map, at.image)) {
        return DFU_SMP_IMG_TOO_LARGE;
    }
    *reason = "data overrun";
    return rq->data.len > rq->len ? DFU_SMP_IMG_DATA_OVERRUN : 0;
}

/* An image that is linked to run in place must come to that place. */
static int check_address(const struct dfu_smp_img *img, struct img_slot at,
                         const struct request *rq, const char **reason)
{
    struct dfu_image_header header;

    *reason = "img address mismatch";
    return dfu_image_header_parse(rq->data.data, &header) != DFU_IMAGE_FINE ||
                   dfu_boot_fits_slot(fixed_img(img)->map, img_area(img, at), &header)
               ? 0
               : DFU_SMP_IMG_INVALID_FLASH_ADDRESS;
}

static int check_version(const struct dfu_smp_img *img, struct img_slot at,
                         const struct request *rq)
{
    struct dfu_image_header header;
    struct img_info running;

    if (!rq->upgrade) {
        return 0;
    }
    if (img_read(img, img_active(img, at.image), &running) ||
        dfu_image_header_parse(rq->data.data, &header) != DFU_IMAGE_FINE) {
        return DFU_SMP_IMG_VERSION_GET_FAILED;
    }
    if (dfu_image_version_compare(&running.version, &header.version,
                                  fixed_img(img)->compare_build_number) >= 0) {
        return DFU_SMP_IMG_CURRENT_IS_NEWER;
    }
    return 0;
}

/* ---- Flash ---- */

/* Trailer first and from its end: a cut leaves no request beside half an image. */
static int erase_for(const struct dfu_smp_img *img, const struct dfu_area *area, uint32_t size)
{
    uint32_t begin = area == fixed_img(img)->map->images[img->upload.image].secondary
                         ? dfu_slot_upload_offset(fixed_img(img)->map, img->upload.image)
                         : 0;
    struct dfu_trailer trailer;
    uint32_t end = area->size;
    int err = dfu_area_is_erased(area, 0, area->size);

    if (err) {
        return err > 0 ? 0 : err;
    }
    err = dfu_slot_trailer(fixed_img(img)->map, area, &trailer);
    while (!err && end > begin) {
        struct dfu_sector sector = { 0 };

        err = dfu_area_sector_at(area, end - 1, &sector);
        if (!err && (end > trailer.status || sector.off < begin + size)) {
            err = dfu_area_erase(area, sector.off, sector.size);
        }
        end = sector.off;
    }
    return err;
}

/* A trailer torn while the image was marked takes no second request: nothing but a new upload,
 * which erases it, gets such a slot to boot. */
static bool can_be_marked(const struct dfu_smp_img *img, const struct dfu_area *area)
{
    struct dfu_slot_state state;

    if (dfu_slot_state_read(fixed_img(img)->map, area, &state)) {
        return false;
    }
    return state.magic == DFU_MAGIC_GOOD ||
           (state.magic == DFU_MAGIC_UNSET && state.image_ok == DFU_FLAG_UNSET);
}

/* Whether what lies in the slot starts as the file does. */
static bool holds_header(const struct dfu_smp_img *img, const struct request *rq)
{
    const struct dfu_flash_img *writer = &img->upload.writer;
    uint8_t head[DFU_IMAGE_HEADER_SIZE];

    return !dfu_area_read(writer->area, writer->stream.config.off, head, sizeof(head)) &&
           memcmp(head, rq->data.data, sizeof(head)) == 0;
}

/* Whether the slot holds this very file already, told by its first bytes, then by its digest. */
static bool holds_file(struct dfu_smp_img *img, const struct request *rq)
{
    struct dfu_smp_upload *up = &img->upload;

    if (!fixed_img(img)->sha256 || up->sha_len != fixed_img(img)->sha256->size ||
        !holds_header(img, rq) || !can_be_marked(img, up->writer.area)) {
        return false;
    }
    return dfu_flash_img_check(&up->writer, fixed_img(img)->sha256, up->size, up->sha) == 0;
}

/* How many bytes are worth a save. Erasing ahead, a resume goes back to the start of the sector
 * anyway; in a slot erased beforehand it goes nowhere once more was written than saved. */
static uint32_t save_interval(const struct dfu_smp_img *img)
{
    const struct dfu_smp_upload *up = &img->upload;
    struct dfu_sector sector;

    if (fixed_img(img)->store_interval != 0) {
        return fixed_img(img)->store_interval;
    }
    if (fixed_img(img)->erase_progressively &&
        !dfu_area_sector_at(up->writer.area, up->writer.stream.config.off + up->saved, &sector)) {
        return sector.size;
    }
    return 1;
}

static void save_progress(struct dfu_smp_img *img)
{
    struct dfu_smp_upload *up = &img->upload;
    uint32_t written = dfu_flash_img_bytes_written(&up->writer);
    struct dfu_stream_identity id;

    if (!is_stored(img) || written - up->saved < save_interval(img)) {
        return;
    }
    id = identity(img);
    /* A save that fails costs the resume, not the upload. */
    (void)dfu_stream_progress_save(&up->writer.stream, fixed_img(img)->store, &id);
    up->saved = written;
}

/* Trailer first, then what would make an image of the old bytes behind the new header: until the
 * last of its TLVs has come, the slot holds nothing that could be asked for. */
static int break_old_image(const struct dfu_smp_img *img, const struct request *rq)
{
    const struct dfu_stream *stream = &img->upload.writer.stream;
    const struct dfu_area *area = img->upload.writer.area;
    struct dfu_image_header header;
    struct dfu_sector sector;
    uint8_t magic[2];
    uint32_t at;
    int err;

    if (dfu_image_header_parse(rq->data.data, &header) != DFU_IMAGE_FINE) {
        return 0;
    }
    at = stream->config.off + header.hdr_size;
    if (!span_fits(at, header.img_size, area->size)) {
        return 0;
    }
    at += header.img_size;
    if (dfu_area_read(area, at, magic, sizeof(magic)) ||
        (get_le16(magic) != TLV_MAGIC && get_le16(magic) != TLV_MAGIC_PROT)) {
        return 0;
    }
    err = dfu_area_sector_at(area, at, &sector);
    if (!err && sector.off > stream->config.off) {
        err = dfu_area_erase(area, sector.off, sector.size);
    }
    return err;
}

/* ---- Accepted data ---- */

/* What was put together from pages must be the file, or it is nothing. */
static void drop(const struct dfu_smp_img *img)
{
    const struct dfu_flash_img *writer = &img->upload.writer;
    struct dfu_sector sector;

    if (img->upload.is_assembled &&
        !dfu_area_sector_at(writer->area, writer->stream.config.off, &sector)) {
        (void)dfu_area_erase(writer->area, sector.off, sector.size);
    }
}

static int complete(struct dfu_smp_call *call, const struct request *rq)
{
    struct dfu_smp_img *img = call->ctx;
    struct dfu_smp_upload *up = &img->upload;
    uint32_t size = up->size;

    (void)answer(call, size);
    if (fixed_img(img)->sha256 && up->sha_len == fixed_img(img)->sha256->size) {
        bool match = dfu_flash_img_check(&up->writer, fixed_img(img)->sha256, size, up->sha) == 0;

        dfu_cbor_pair_bool(call->enc, "match", match);
        if (!match) {
            drop(img);
        }
    }
    tell(call, DFU_SMP_EV_DFU_PENDING, rq);
    tell_status(call, DFU_SMP_COMPLETE);
    dfu_smp_img_reset_upload(img);
    return 0;
}

/* len more bytes are there. */
static int account(struct dfu_smp_call *call, const struct request *rq)
{
    struct dfu_smp_img *img = call->ctx;
    struct dfu_smp_upload *up = &img->upload;

    up->off += (uint32_t)rq->data.len;
    if (up->off == up->size) {
        return complete(call, rq);
    }
    save_progress(img);
    tell(call, DFU_SMP_EV_DFU_CHUNK_WRITE_COMPLETE, rq);
    tell_status(call, rq->off == 0 ? DFU_SMP_STARTED : DFU_SMP_ONGOING);
    return answer(call, up->off);
}

static int write_chunk(struct dfu_smp_call *call, const struct request *rq)
{
    struct dfu_smp_img *img = call->ctx;
    struct dfu_smp_upload *up = &img->upload;
    bool is_last = rq->data.len == up->size - up->off;

    if (dfu_flash_img_buffered_write(&up->writer, rq->data.data, rq->data.len, is_last)) {
        return give_up(call, DFU_SMP_IMG_FLASH_WRITE_FAILED, "fa write fail");
    }
    return account(call, rq);
}

int img_upload_assemble(struct dfu_smp_call *call, uint32_t off, uint32_t len,
                        int (*put)(struct dfu_smp_img *img, uint32_t off, uint32_t len))
{
    struct dfu_smp_img *img = call->ctx;
    struct request rq = { .off = off, .data = { NULL, len } };
    int rc = notify(call, DFU_SMP_EV_DFU_CHUNK, &rq);

    if (rc) {
        note_reason(call, "app reject");
        return stop(call, rc);
    }
    img->upload.is_assembled = true;
    if (put(img, off, len)) {
        return give_up(call, DFU_SMP_IMG_FLASH_WRITE_FAILED, "fa write fail");
    }
    return account(call, &rq);
}

/* Set the upload up from the first chunk; nothing is erased yet. */
static int open_upload(struct dfu_smp_img *img, struct img_slot at, const struct request *rq)
{
    struct dfu_smp_upload *up = &img->upload;
    const struct dfu_flash_img_config config = { .buf = up->block,
                                                 .buf_len = sizeof(up->block),
                                                 .erase_progressively =
                                                     fixed_img(img)->erase_progressively };

    forget(img);
    up->image = at.image;
    up->slot = at.slot;
    up->size = rq->len;
    up->sha_len = (uint8_t)rq->sha.len;
    if (rq->sha.len > 0) {
        memcpy(up->sha, rq->sha.data, rq->sha.len);
    }
    return dfu_flash_img_init(&up->writer, fixed_img(img)->map, img_area(img, at), rq->len,
                              &config);
}

/* Where flash left off with this file before a reset; 0: nowhere. The record does not know of
 * writers that are no uploads, so the slot is looked at, too. */
static uint32_t stored_off(struct dfu_smp_img *img, const struct request *rq)
{
    struct dfu_stream_identity id;

    if (!is_stored(img) || !holds_header(img, rq)) {
        return 0;
    }
    id = identity(img);
    if (dfu_stream_progress_load(&img->upload.writer.stream, fixed_img(img)->store, &id)) {
        return 0;
    }
    return dfu_flash_img_bytes_written(&img->upload.writer);
}

static int begin_upload(struct dfu_smp_call *call, const struct request *rq)
{
    struct dfu_smp_img *img = call->ctx;
    struct dfu_smp_upload *up = &img->upload;

    up->is_active = true;
    tell(call, DFU_SMP_EV_DFU_STARTED, rq);
    if (holds_file(img, rq)) {
        return complete(call, rq);
    }
    up->off = stored_off(img, rq);
    if (up->off == up->size) {
        return complete(call, rq);
    }
    if (up->off > 0) {
        up->saved = up->off;
        up->is_assembled = true; /* for all that is known */
        tell_status(call, DFU_SMP_STARTED);
        return answer(call, up->off);
    }
    /* Before flash changes: a record of another upload must not outlive its bytes. */
    forget_stored(img);
    if (fixed_img(img)->erase_progressively
            ? dfu_flash_img_buffered_write(&up->writer, NULL, 0, false) || break_old_image(img, rq)
            : erase_for(img, up->writer.area, up->size)) {
        return give_up(call, DFU_SMP_IMG_FLASH_ERASE_FAILED, "fa erase fail");
    }
    return write_chunk(call, rq);
}

static int first_chunk(struct dfu_smp_call *call, const struct request *rq)
{
    struct dfu_smp_img *img = call->ctx;
    const char *reason = NULL;
    struct img_slot at;
    int err, rc = check_fields(rq, &reason);

    if (rc) {
        return refuse(call, (uint16_t)rc, reason);
    }
    if (is_resumed(img, rq)) {
        return answer(call, img->upload.off);
    }
    if (!choose_slot(img, rq, &at)) {
        return refuse(call, DFU_SMP_IMG_NO_FREE_SLOT, "no slot");
    }
    rc = check_size(img, at, rq, &reason);
    if (!rc) {
        rc = check_address(img, at, rq, &reason);
    }
    if (rc) {
        return refuse(call, (uint16_t)rc, reason);
    }
    rc = check_version(img, at, rq);
    if (rc) {
        return refuse(call, (uint16_t)rc, "downgrade");
    }
    err = open_upload(img, at, rq);
    if (err) {
        return err == DFU_ERR_NOSPACE ? refuse(call, DFU_SMP_IMG_TOO_LARGE, "img too large")
                                      : refuse(call, DFU_SMP_IMG_FLASH_OPEN_FAILED, "fa open fail");
    }
    rc = notify(call, DFU_SMP_EV_DFU_CHUNK, rq);
    if (rc) {
        note_reason(call, "app reject");
        return stop(call, rc);
    }
    return begin_upload(call, rq);
}

static int next_chunk(struct dfu_smp_call *call, const struct request *rq)
{
    struct dfu_smp_img *img = call->ctx;
    int rc;

    if (!img->upload.is_active || rq->off != img->upload.off) {
        return answer(call, img->upload.is_active ? img->upload.off : 0);
    }
    if (rq->data.len > img->upload.size - img->upload.off) {
        return refuse(call, DFU_SMP_IMG_DATA_OVERRUN, "data overrun");
    }
    rc = notify(call, DFU_SMP_EV_DFU_CHUNK, rq);
    if (rc) {
        note_reason(call, "app reject");
        return stop(call, rc);
    }
    return write_chunk(call, rq);
}

int img_upload(struct dfu_smp_call *call)
{
    struct request rq;
    int rc = decode(call, &rq);

    if (rc) {
        return rc;
    }
    if (!rq.has_off) {
        return refuse(call, DFU_SMP_IMG_INVALID_OFFSET, "header malformed");
    }
    return rq.off == 0 ? first_chunk(call, &rq) : next_chunk(call, &rq);
}
