/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* An image slot as a DFU target. Always holds: flash is only touched in a step and while the lock
 * is ours; a step is at most one sector erase, one block written, or the end's one verification;
 * what was not verified (unless no policy asks for it) is never marked. */
#include "dfu/usb_slot.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "usb/slot_parts.h"

#define ID_SIZE     16u
#define MARK_US     UINT64_C(5000) /* a few trailer fields */
#define US_PER_MS   1000u
#define BYTES_A_KIB 1024u

static enum dfu_usb_status refuse(struct dfu_usb_slot *slot, enum dfu_usb_status status,
                                  const char *why)
{
    slot->work = DFU_USB_SLOT_NOTHING;
    slot->why = why;
    return status;
}

static bool is_secondary(const struct dfu_usb_slot *slot)
{
    return slot->area == slot->cfg->map->images[slot->cfg->image].secondary;
}

uint32_t usb_slot_image_off(const struct dfu_usb_slot *slot)
{
    return is_secondary(slot) ? dfu_slot_upload_offset(slot->cfg->map, slot->cfg->image) : 0;
}

/* ---- The lock ---- */

static void lost_lock(void *ctx, const struct dfu_lock_owner *new_owner)
{
    struct dfu_usb_slot *slot = ctx;

    (void)new_owner;
    slot->is_lost = true;
}

bool usb_slot_claim(struct dfu_usb_slot *slot, bool is_start)
{
    if (slot->cfg->lock && dfu_lock_claim(slot->cfg->lock, &slot->owner)) {
        slot->why = "another update is in progress";
        return false;
    }
    if (slot->is_lost && !is_start) {
        slot->why = "another update has taken the slot meanwhile";
        return false;
    }
    slot->is_lost = false;
    return true;
}

static void let_go(void *ctx)
{
    struct dfu_usb_slot *slot = ctx;

    if (slot->cfg->lock && dfu_lock_owner_get(slot->cfg->lock) == &slot->owner) {
        dfu_lock_release(slot->cfg->lock, &slot->owner);
    }
}

/* ---- What comes in ---- */

const char *usb_slot_keeps(const struct dfu_usb_slot *slot)
{
    bool is_previous = is_secondary(slot) &&
                       dfu_mcuboot_swap_type(slot->cfg->map, slot->cfg->image) == DFU_SWAP_REVERT;

    return is_previous ? "the running image isn't confirmed, and this slot holds the one before it"
                       : NULL;
}

/* The first block holds the header: enough to refuse what is no image or can't fit. */
static enum dfu_usb_status begin(struct dfu_usb_slot *slot, const uint8_t *data, size_t len)
{
    const struct dfu_slot_map *map = slot->cfg->map;
    const struct dfu_flash_img_config config = { .buf = slot->block,
                                                 .buf_len = sizeof slot->block,
                                                 .erase_progressively = true };
    struct dfu_image_header header;
    enum dfu_image_fault fault;
    uint64_t least;

    if (len < DFU_IMAGE_HEADER_SIZE) {
        return refuse(slot, DFU_USB_ERR_FILE, "shorter than an image header");
    }
    fault = dfu_image_header_parse(data, &header);
    if (fault != DFU_IMAGE_FINE) {
        return refuse(slot, DFU_USB_ERR_FILE, dfu_image_fault_text(fault));
    }
    least = (uint64_t)header.hdr_size + header.img_size + header.protect_tlv_size;
    if (least > dfu_slot_limit(map, slot->cfg->image, slot->area)) {
        return refuse(slot, DFU_USB_ERR_ADDRESS, "larger than the slot can hold");
    }
    if (usb_slot_keeps(slot)) {
        return refuse(slot, DFU_USB_ERR_WRITE, usb_slot_keeps(slot));
    }
    if (dfu_flash_img_init(&slot->img, map, slot->area, 0, &config)) {
        return refuse(slot, DFU_USB_ERR_WRITE, "this slot can't take an image");
    }
    slot->expected = (uint32_t)least;
    return DFU_USB_OK;
}

static enum dfu_usb_status slot_write(void *ctx, uint32_t off, const uint8_t *data, size_t len)
{
    struct dfu_usb_slot *slot = ctx;
    enum dfu_usb_status status = DFU_USB_OK;

    if (!usb_slot_claim(slot, off == 0)) {
        return DFU_USB_ERR_VENDOR;
    }
    slot->why = NULL;
    if (off == 0) {
        status = begin(slot, data, len);
    }
    if (status == DFU_USB_OK && !span_fits(off, len, slot->img.room)) {
        status = refuse(slot, DFU_USB_ERR_ADDRESS, "larger than the slot can hold");
    }
    if (status == DFU_USB_OK) {
        slot->work = DFU_USB_SLOT_WRITE;
        slot->data = data;
        slot->len = len;
    }
    return status;
}

static enum dfu_usb_status slot_finish(void *ctx, uint32_t size)
{
    struct dfu_usb_slot *slot = ctx;

    if (!usb_slot_claim(slot, false)) {
        return DFU_USB_ERR_VENDOR;
    }
    if (size < slot->expected) {
        return refuse(slot, DFU_USB_ERR_NOTDONE, "shorter than its header says");
    }
    slot->size = size;
    slot->work = DFU_USB_SLOT_FLUSH;
    return DFU_USB_OK;
}

/* ---- Writing ---- */

/* The end of what is programmed once n more bytes were taken, from the stream's start. */
static uint32_t end_after(const struct dfu_usb_slot *slot, uint32_t n)
{
    const struct dfu_stream *stream = &slot->img.stream;

    return dfu_stream_bytes_written(stream) + dfu_stream_bytes_buffered(stream) + n;
}

static enum dfu_usb_status write_piece(struct dfu_usb_slot *slot)
{
    struct dfu_flash_img *img = &slot->img;
    uint32_t n = min_u32((uint32_t)slot->len, DFU_IMG_BLOCK_BUF_SIZE);
    uint32_t end = end_after(slot, n);

    if (!img->is_trailer_clear) {
        if (dfu_flash_img_buffered_write(img, NULL, 0, false)) {
            return refuse(slot, DFU_USB_ERR_ERASE, "erasing the slot's trailer failed");
        }
        return DFU_USB_MORE;
    }
    if (end > img->stream.erased_to) {
        uint32_t off = img->stream.config.off + img->stream.erased_to;

        if (dfu_stream_erase_page(&img->stream, off)) {
            return refuse(slot, DFU_USB_ERR_ERASE, "erasing failed");
        }
        return DFU_USB_MORE;
    }
    if (dfu_flash_img_buffered_write(img, slot->data, n, false)) {
        return refuse(slot, DFU_USB_ERR_PROG, "programming failed");
    }
    slot->data += n;
    slot->len -= n;
    if (slot->len > 0) {
        return DFU_USB_MORE;
    }
    slot->work = DFU_USB_SLOT_NOTHING;
    return DFU_USB_OK;
}

void usb_slot_make_effective(struct dfu_usb_slot *slot, uint32_t size)
{
    slot->size = size;
    slot->work = slot->cfg->policy ? DFU_USB_SLOT_VERIFY : DFU_USB_SLOT_MARK;
}

static enum dfu_usb_status flush(struct dfu_usb_slot *slot)
{
    if (dfu_flash_img_buffered_write(&slot->img, NULL, 0, true)) {
        return refuse(slot, DFU_USB_ERR_PROG, "programming failed");
    }
    usb_slot_make_effective(slot, slot->size);
    return DFU_USB_MORE;
}

/* ---- Manifestation ---- */

static enum dfu_usb_status status_of(enum dfu_image_fault fault)
{
    switch (fault) {
    case DFU_IMAGE_FINE: return DFU_USB_OK;
    case DFU_IMAGE_TRUNCATED: return DFU_USB_ERR_NOTDONE;
    case DFU_IMAGE_TOO_LARGE: return DFU_USB_ERR_ADDRESS;
    case DFU_IMAGE_HASH_MISSING:
    case DFU_IMAGE_HASH_LENGTH:
    case DFU_IMAGE_HASH_MISMATCH:
    case DFU_IMAGE_KEY_UNKNOWN:
    case DFU_IMAGE_SIG_MISSING:
    case DFU_IMAGE_SIG_LENGTH:
    case DFU_IMAGE_SIG_INVALID:
    case DFU_IMAGE_BAD_PURE: return DFU_USB_ERR_VERIFY;
    case DFU_IMAGE_UNREADABLE: return DFU_USB_ERR_UNKNOWN;
    default: return DFU_USB_ERR_FILE;
    }
}

/* An image may name its vendor and class; if it does, they must be ours. */
static bool is_ours(const struct dfu_image *image, uint16_t type, const uint8_t *ours)
{
    struct dfu_image_tlv tlv;
    uint8_t theirs[ID_SIZE];

    if (!ours || dfu_image_tlv_find(image, type, true, &tlv)) {
        return true;
    }
    return dfu_image_tlv_read(image, &tlv, theirs, sizeof theirs) == (int)ID_SIZE &&
           memcmp(theirs, ours, ID_SIZE) == 0;
}

static enum dfu_usb_status verify(struct dfu_usb_slot *slot)
{
    const struct dfu_usb_slot_config *cfg = slot->cfg;
    struct dfu_area_span span = { slot->area, usb_slot_image_off(slot) };
    struct dfu_reader reader = dfu_area_reader(&span);
    uint32_t limit = dfu_slot_limit(cfg->map, cfg->image, slot->area);
    struct dfu_image_policy policy = *cfg->policy;
    struct dfu_unpacker unpacker;
    struct dfu_image_report report;
    struct dfu_image image;

    policy.body_is_clear = !is_secondary(slot); /* there it runs */
    if (policy.unpacker) {
        unpacker = *policy.unpacker;
        unpacker.limit = dfu_slot_limit(cfg->map, cfg->image, cfg->map->images[cfg->image].primary);
        policy.unpacker = &unpacker;
    }
    reader.size = slot->size; /* what follows is not part of this download */
    if (dfu_image_open(&image, &reader, limit) == DFU_IMAGE_FINE &&
        !(is_ours(&image, DFU_TLV_UUID_VID, cfg->vendor_id) &&
          is_ours(&image, DFU_TLV_UUID_CID, cfg->class_id))) {
        return refuse(slot, DFU_USB_ERR_TARGET, "an image for another product");
    }
    dfu_image_verify(&policy, &reader, limit, cfg->buf, cfg->buf_len, cfg->feed_watchdog, cfg->ctx,
                     &report);
    if (!dfu_verdict_is_trusted(&report.verdict)) {
        enum dfu_usb_status status = status_of(report.fault);

        return refuse(slot, status == DFU_USB_OK ? DFU_USB_ERR_VERIFY : status,
                      dfu_image_fault_text(report.fault));
    }
    slot->work = DFU_USB_SLOT_MARK;
    return DFU_USB_MORE;
}

/* In a device with one slot there is nothing to mark: what was written runs next. */
static enum dfu_usb_status mark(struct dfu_usb_slot *slot)
{
    const struct dfu_usb_slot_config *cfg = slot->cfg;

    if (is_secondary(slot) && dfu_boot_request_upgrade(cfg->map, cfg->image, cfg->permanent)) {
        return refuse(slot, DFU_USB_ERR_WRITE, "marking the image for the next boot failed");
    }
    slot->work = DFU_USB_SLOT_NOTHING;
    return DFU_USB_OK;
}

static enum dfu_usb_status slot_step(void *ctx)
{
    struct dfu_usb_slot *slot = ctx;

    /* The host may have been silent, and the lock let go, before it asked for the work. */
    if (slot->work != DFU_USB_SLOT_NOTHING && !usb_slot_claim(slot, false)) {
        return DFU_USB_ERR_VENDOR;
    }
    switch (slot->work) {
    case DFU_USB_SLOT_WRITE: return write_piece(slot);
    case DFU_USB_SLOT_FLUSH: return flush(slot);
    case DFU_USB_SLOT_VERIFY: return verify(slot);
    case DFU_USB_SLOT_MARK: return mark(slot);
    case DFU_USB_SLOT_NOTHING: break;
    }
    return DFU_USB_OK;
}

/* ---- What it takes ---- */

uint64_t usb_slot_erase_us(const struct dfu_usb_slot *slot, uint32_t from, uint32_t end)
{
    const struct dfu_usb_slot_timing *timing = &slot->cfg->timing;
    struct dfu_sector sector;
    uint64_t us = 0;

    while (from < end && dfu_area_sector_at(slot->area, from, &sector) == DFU_OK) {
        us += (uint64_t)timing->erase_sector_us * sector.size /
              (timing->erase_unit > 0 ? timing->erase_unit : sector.size);
        from = sector.off + sector.size;
    }
    return us;
}

static uint64_t write_us(const struct dfu_usb_slot *slot)
{
    const struct dfu_stream *stream = &slot->img.stream;
    uint32_t off = stream->config.off;
    uint64_t us = (uint64_t)slot->cfg->timing.write_kib_us *
                  (slot->len + dfu_stream_bytes_buffered(stream)) / BYTES_A_KIB;

    us += usb_slot_erase_us(slot, off + stream->erased_to,
                            off + end_after(slot, (uint32_t)slot->len));
    if (!slot->img.is_trailer_clear) {
        us += usb_slot_erase_us(slot, slot->img.trailer_off, slot->area->size);
    }
    return us;
}

static uint64_t verify_us(const struct dfu_usb_slot *slot)
{
    const struct dfu_usb_slot_timing *timing = &slot->cfg->timing;

    return (uint64_t)timing->verify_kib_us * slot->size / BYTES_A_KIB + timing->signature_us;
}

static uint32_t slot_left_ms(void *ctx)
{
    const struct dfu_usb_slot *slot = ctx;
    uint64_t us = 0;

    switch (slot->work) {
    case DFU_USB_SLOT_NOTHING: return 0;
    case DFU_USB_SLOT_WRITE: us = write_us(slot); break;
    case DFU_USB_SLOT_FLUSH:
    case DFU_USB_SLOT_VERIFY: us = write_us(slot) + verify_us(slot) + MARK_US; break;
    case DFU_USB_SLOT_MARK: us = MARK_US; break;
    }
    return (uint32_t)((us + US_PER_MS - 1) / US_PER_MS);
}

/* ---- The rest ---- */

static void slot_drop(void *ctx)
{
    struct dfu_usb_slot *slot = ctx;

    slot->work = DFU_USB_SLOT_NOTHING;
    slot->len = 0;
    let_go(slot);
}

static int slot_read(void *ctx, uint32_t off, uint8_t *buf, size_t len)
{
    const struct dfu_usb_slot *slot = ctx;
    uint32_t n = off < slot->area->size ? min_u32((uint32_t)len, slot->area->size - off) : 0;
    int err = n > 0 ? dfu_area_read(slot->area, off, buf, n) : DFU_OK;

    return err ? err : (int)n;
}

static const char *slot_why(void *ctx)
{
    const struct dfu_usb_slot *slot = ctx;

    return slot->why;
}

const struct dfu_usb_target_ops dfu_usb_slot_ops = {
    .write = slot_write,
    .finish = slot_finish,
    .step = slot_step,
    .left_ms = slot_left_ms,
    .drop = slot_drop,
    .rest = let_go,
    .read = slot_read,
    .why = slot_why,
};

int dfu_usb_slot_check(const struct dfu_usb_slot_config *cfg)
{
    if (!cfg->map || cfg->image >= cfg->map->image_count) {
        return DFU_ERR_INVAL;
    }
    if (!cfg->policy) {
        return cfg->permanent ? DFU_ERR_INVAL : DFU_OK;
    }
    return cfg->buf && cfg->buf_len >= 64 ? DFU_OK : DFU_ERR_INVAL;
}

void dfu_usb_slot_init(struct dfu_usb_slot *slot, const struct dfu_usb_slot_config *cfg,
                       const struct dfu_area *area)
{
    memset(slot, 0, sizeof *slot);
    slot->cfg = cfg;
    slot->area = area;
    slot->owner = (struct dfu_lock_owner){ "USB DFU", lost_lock, slot };
}
