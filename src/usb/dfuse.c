/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* DfuSe over image slots. The class in front of it stays as it is: it is given the block numbers
 * that it expects, and what the host's number meant is kept for the target.
 *
 * Always holds: the slot's trailer is erased, its end first, before anything else in the slot is;
 * nothing is marked that was not verified as it lies in flash. */
#include "dfu/usb_dfuse.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "dfu/err.h"
#include "usb/slot_parts.h"

#define VERSION       0x011au
#define ADDRESS_SIZE  5u /* a command and a little-endian address */
#define FIRST_DATA    2u
#define PIECE         512u
#define BYTES_A_KIB   1024u
#define US_PER_MS     1000u
#define WRITE_MAX     32u /* largest write unit */
#define READABLE      'a'
#define READ_ERASE_RW 'g'

static enum dfu_usb_status refuse(struct dfu_usb_dfuse_slot *slot, enum dfu_usb_status status,
                                  const char *why)
{
    slot->work = DFU_USB_DFUSE_NOTHING;
    slot->slot.why = why;
    return status;
}

/* ---- The dialect ---- */

static int dfuse_control(struct dfu_usb_dfu *dfu, const struct dfu_usb_setup *setup, uint8_t *data,
                         uint32_t now_ms)
{
    struct dfu_usb_dfuse_slot *slot = dfu->cfg->alts[dfu->alt].ctx;
    struct dfu_usb_setup plain = *setup;

    if (setup->length > 0 &&
        (setup->request == DFU_USB_DNLOAD || setup->request == DFU_USB_UPLOAD)) {
        slot->number = setup->value;
        plain.value = dfu->state == DFU_USB_IDLE ? 0 : dfu->block_number;
    }
    return dfu_usb_dfu_control(dfu, &plain, data, now_ms);
}

const struct dfu_usb_dialect dfu_usb_dfuse = { VERSION, dfuse_control };

/* ---- Addresses ---- */

static uint32_t start_of(const struct dfu_usb_dfuse_slot *slot)
{
    return slot->slot.area->base + usb_slot_image_off(&slot->slot);
}

/* The offset in the area of len bytes from an address on; false outside the slot. */
static bool offset_of(const struct dfu_usb_dfuse_slot *slot, uint64_t address, uint32_t len,
                      uint32_t *off)
{
    const struct dfu_area *area = slot->slot.area;

    if (address < start_of(slot) || address > UINT32_MAX) {
        return false;
    }
    *off = (uint32_t)address - area->base;
    return span_fits(*off, len, area->size);
}

static uint64_t data_address(const struct dfu_usb_dfuse_slot *slot)
{
    return slot->pointer + (uint64_t)(slot->number - FIRST_DATA) * slot->transfer_size;
}

/* ---- Erasing and writing ---- */

/* It is ours, and may change. */
static enum dfu_usb_status may_change(struct dfu_usb_dfuse_slot *slot)
{
    const struct dfu_area *area = slot->slot.area;
    bool is_start = slot->clear_from == area->size;

    if (!slot->is_writable) {
        return refuse(slot, DFU_USB_ERR_WRITE, "read only");
    }
    if (!usb_slot_claim(&slot->slot, is_start)) {
        slot->clear_from = area->size;
        return refuse(slot, DFU_USB_ERR_VENDOR, slot->slot.why);
    }
    if (usb_slot_keeps(&slot->slot)) {
        return refuse(slot, DFU_USB_ERR_WRITE, usb_slot_keeps(&slot->slot));
    }
    return DFU_USB_OK;
}

static enum dfu_usb_status erase_sector(struct dfu_usb_dfuse_slot *slot, uint32_t off,
                                        uint32_t *start)
{
    struct dfu_sector sector;

    if (dfu_area_sector_at(slot->slot.area, off, &sector) ||
        dfu_area_erase(slot->slot.area, sector.off, sector.size)) {
        return refuse(slot, DFU_USB_ERR_ERASE, "erasing failed");
    }
    *start = sector.off;
    return DFU_USB_OK;
}

/* Before anything else in the slot changes its trailer asks for nothing any more: DFU_USB_OK once
 * that is so. */
static enum dfu_usb_status clear_trailer(struct dfu_usb_dfuse_slot *slot)
{
    enum dfu_usb_status status = may_change(slot);
    struct dfu_trailer trailer;

    if (status != DFU_USB_OK) {
        return status;
    }
    if (dfu_slot_trailer(slot->slot.cfg->map, slot->slot.area, &trailer)) {
        return refuse(slot, DFU_USB_ERR_WRITE, "this slot can't take an image");
    }
    if (slot->clear_from <= trailer.status) {
        return DFU_USB_OK;
    }
    status = erase_sector(slot, slot->clear_from - 1, &slot->clear_from);
    return status == DFU_USB_OK ? DFU_USB_MORE : status;
}

static enum dfu_usb_status erase_page(struct dfu_usb_dfuse_slot *slot)
{
    enum dfu_usb_status status;
    uint32_t off;

    if (!offset_of(slot, get_le32(slot->data + 1), 1, &off)) {
        return refuse(slot, DFU_USB_ERR_TARGET, "not an address of this slot");
    }
    status = clear_trailer(slot);
    return status == DFU_USB_OK ? erase_sector(slot, off, &off) : status;
}

/* From the end to the start, so that the trailer is the first to go. */
static enum dfu_usb_status erase_all(struct dfu_usb_dfuse_slot *slot)
{
    enum dfu_usb_status status = may_change(slot);

    if (status == DFU_USB_OK) {
        status = erase_sector(slot, slot->off - 1, &slot->off);
    }
    if (status != DFU_USB_OK) {
        return status;
    }
    slot->clear_from = min_u32(slot->clear_from, slot->off);
    return slot->off > 0 ? DFU_USB_MORE : DFU_USB_OK;
}

static enum dfu_usb_status write_piece(struct dfu_usb_dfuse_slot *slot)
{
    const struct dfu_area *area = slot->slot.area;
    uint32_t n = min_u32((uint32_t)slot->len, PIECE);
    uint32_t whole = round_down(n, area->write_size);
    uint8_t last[WRITE_MAX];
    enum dfu_usb_status status = clear_trailer(slot);
    int err = DFU_OK;

    if (status != DFU_USB_OK) {
        return status;
    }
    if (slot->off % area->write_size != 0) {
        return refuse(slot, DFU_USB_ERR_ADDRESS, "not at a write unit's start");
    }
    if (whole > 0) {
        err = dfu_area_write(area, slot->off, slot->data, whole);
    }
    if (!err && whole < n) {
        memset(last, area->erased, sizeof last);
        memcpy(last, slot->data + whole, n - whole);
        err = dfu_area_write(area, slot->off + whole, last, area->write_size);
    }
    if (err) {
        return refuse(slot, DFU_USB_ERR_PROG, "programming failed; erase the page before it");
    }
    slot->off += n;
    slot->data += n;
    slot->len -= n;
    return slot->len > 0 ? DFU_USB_MORE : DFU_USB_OK;
}

/* ---- Commands ---- */

static enum dfu_usb_status set_address(struct dfu_usb_dfuse_slot *slot)
{
    uint32_t address = get_le32(slot->data + 1);
    uint32_t off;

    if (!offset_of(slot, address, 0, &off)) {
        return refuse(slot, DFU_USB_ERR_TARGET, "not an address of this slot");
    }
    slot->pointer = address;
    return DFU_USB_OK;
}

static enum dfu_usb_status do_command(struct dfu_usb_dfuse_slot *slot)
{
    uint8_t command = slot->data[0];

    if (command == DFU_USB_DFUSE_SET_ADDRESS && slot->len == ADDRESS_SIZE) {
        return set_address(slot);
    }
    if (command == DFU_USB_DFUSE_ERASE && (slot->len == ADDRESS_SIZE || slot->len == 1)) {
        return slot->len == 1 ? erase_all(slot) : erase_page(slot);
    }
    if (command == 0 && slot->len == 1) {
        return DFU_USB_OK; /* the list of commands, which an upload of block 0 brings */
    }
    return refuse(slot, DFU_USB_ERR_VENDOR, "no such command");
}

/* ---- The target ---- */

/* The offset that the class counts says nothing here. */
static enum dfu_usb_status dfuse_write(void *ctx, uint32_t class_off, const uint8_t *data,
                                       size_t len)
{
    struct dfu_usb_dfuse_slot *slot = ctx;

    (void)class_off;
    slot->slot.why = NULL;
    slot->data = data;
    slot->len = len;
    if (slot->number == 0) {
        slot->work = DFU_USB_DFUSE_COMMAND;
        slot->off = slot->slot.area->size; /* of a mass erase */
        return DFU_USB_OK;
    }
    if (slot->number < FIRST_DATA) {
        return refuse(slot, DFU_USB_ERR_UNKNOWN, "block 1 is reserved");
    }
    if (!offset_of(slot, data_address(slot), (uint32_t)len, &slot->off)) {
        return refuse(slot, DFU_USB_ERR_ADDRESS, "outside the slot");
    }
    slot->work = DFU_USB_DFUSE_WRITE;
    return DFU_USB_OK;
}

/* The host lets the device leave: what lies in the slot is the image. */
static enum dfu_usb_status dfuse_finish(void *ctx, uint32_t class_size)
{
    struct dfu_usb_dfuse_slot *slot = ctx;

    (void)class_size;
    if (!slot->is_writable || slot->clear_from == slot->slot.area->size) {
        slot->work = DFU_USB_DFUSE_NOTHING; /* nothing was downloaded: it just leaves */
        return DFU_USB_OK;
    }
    if (!usb_slot_claim(&slot->slot, false)) {
        return refuse(slot, DFU_USB_ERR_VENDOR, slot->slot.why);
    }
    usb_slot_make_effective(&slot->slot, slot->slot.area->size - usb_slot_image_off(&slot->slot));
    slot->work = DFU_USB_DFUSE_EFFECTIVE;
    return DFU_USB_OK;
}

static enum dfu_usb_status dfuse_step(void *ctx)
{
    struct dfu_usb_dfuse_slot *slot = ctx;
    enum dfu_usb_status status = DFU_USB_OK;

    switch (slot->work) {
    case DFU_USB_DFUSE_COMMAND: status = do_command(slot); break;
    case DFU_USB_DFUSE_WRITE: status = write_piece(slot); break;
    case DFU_USB_DFUSE_EFFECTIVE:
        status = dfu_usb_slot_ops.step(&slot->slot);
        if (status == DFU_USB_OK) {
            slot->clear_from = slot->slot.area->size; /* its trailer holds the request now */
        }
        break;
    case DFU_USB_DFUSE_NOTHING: break;
    }
    if (status != DFU_USB_MORE) {
        slot->work = DFU_USB_DFUSE_NOTHING;
    }
    return status;
}

static uint64_t erase_us(const struct dfu_usb_dfuse_slot *slot)
{
    struct dfu_trailer trailer;
    uint32_t off;
    uint64_t us = 0;

    if (slot->work == DFU_USB_DFUSE_COMMAND && slot->data[0] != DFU_USB_DFUSE_ERASE) {
        return 0;
    }
    if (slot->work == DFU_USB_DFUSE_COMMAND && slot->len == 1) {
        return usb_slot_erase_us(&slot->slot, 0, slot->off);
    }
    if (!dfu_slot_trailer(slot->slot.cfg->map, slot->slot.area, &trailer)) {
        us = usb_slot_erase_us(&slot->slot, trailer.status, slot->clear_from);
    }
    if (slot->work == DFU_USB_DFUSE_COMMAND && slot->len == ADDRESS_SIZE &&
        offset_of(slot, get_le32(slot->data + 1), 1, &off)) {
        us += usb_slot_erase_us(&slot->slot, off, off + 1);
    }
    return us;
}

static uint32_t dfuse_left_ms(void *ctx)
{
    struct dfu_usb_dfuse_slot *slot = ctx;
    uint64_t us = 0;

    switch (slot->work) {
    case DFU_USB_DFUSE_NOTHING: return 0;
    case DFU_USB_DFUSE_EFFECTIVE: return dfu_usb_slot_ops.left_ms(&slot->slot);
    case DFU_USB_DFUSE_COMMAND: us = erase_us(slot); break;
    case DFU_USB_DFUSE_WRITE:
        us = erase_us(slot) +
             (uint64_t)slot->slot.cfg->timing.write_kib_us * slot->len / BYTES_A_KIB + 1;
        break;
    }
    return (uint32_t)((us + US_PER_MS - 1) / US_PER_MS);
}

static void dfuse_drop(void *ctx)
{
    struct dfu_usb_dfuse_slot *slot = ctx;

    slot->work = DFU_USB_DFUSE_NOTHING;
    slot->len = 0;
    dfu_usb_slot_ops.drop(&slot->slot);
}

static void dfuse_rest(void *ctx)
{
    struct dfu_usb_dfuse_slot *slot = ctx;

    dfu_usb_slot_ops.rest(&slot->slot);
}

static int dfuse_read(void *ctx, uint32_t class_off, uint8_t *buf, size_t len)
{
    static const uint8_t commands[] = { 0, DFU_USB_DFUSE_SET_ADDRESS, DFU_USB_DFUSE_ERASE };
    struct dfu_usb_dfuse_slot *slot = ctx;
    uint32_t off;

    (void)class_off;
    if (slot->number == 0) {
        uint32_t n = min_u32((uint32_t)len, sizeof commands);

        memcpy(buf, commands, n);
        return (int)n;
    }
    if (slot->number < FIRST_DATA || !offset_of(slot, data_address(slot), 0, &off)) {
        return DFU_ERR_RANGE;
    }
    return dfu_usb_slot_ops.read(&slot->slot, off, buf, len);
}

static const char *dfuse_why(void *ctx)
{
    const struct dfu_usb_dfuse_slot *slot = ctx;

    return slot->slot.why;
}

const struct dfu_usb_target_ops dfu_usb_dfuse_ops = {
    .write = dfuse_write,
    .finish = dfuse_finish,
    .step = dfuse_step,
    .left_ms = dfuse_left_ms,
    .drop = dfuse_drop,
    .rest = dfuse_rest,
    .read = dfuse_read,
    .why = dfuse_why,
};

/* ---- Set-up ---- */

void dfu_usb_dfuse_init(struct dfu_usb_dfuse_slot *slot, const struct dfu_usb_slot_config *cfg,
                        const struct dfu_area *area, bool is_writable, uint16_t transfer_size)
{
    memset(slot, 0, sizeof *slot);
    dfu_usb_slot_init(&slot->slot, cfg, area);
    slot->is_writable = is_writable;
    slot->transfer_size = transfer_size;
    slot->clear_from = area->size;
    slot->pointer = start_of(slot);
}

char *dfu_usb_dfuse_layout(const struct dfu_usb_dfuse_slot *slot, const char *name, char *buf,
                           size_t cap)
{
    const char type[] = { slot->is_writable ? READ_ERASE_RW : READABLE, '\0' };
    const struct dfu_area *area = slot->slot.area;
    uint32_t skip = usb_slot_image_off(&slot->slot);
    struct text t = text_in(buf, cap);

    text_add(&t, "@");
    text_add(&t, name);
    text_add(&t, " /0x");
    text_add_hex(&t, start_of(slot));
    for (uint32_t i = 0; i < area->run_count; i++) {
        uint32_t size = area->runs[i].size;
        uint32_t count = area->runs[i].count - (i == 0 ? skip / size : 0);
        bool is_kib = size % BYTES_A_KIB == 0;

        text_add(&t, i == 0 ? "/" : ",");
        text_add_dec(&t, count);
        text_add(&t, "*");
        text_add_dec(&t, is_kib ? size / BYTES_A_KIB : size);
        text_add(&t, is_kib ? "K" : "B");
        text_add(&t, type);
    }
    return buf;
}
