/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Invariants: while anything of ours is under way (running, erasing, a reboot) the lock is ours;
 * offset bytes of the image are on flash and in the checksum, and the writer stands behind them;
 * what is behind them in the buffer lies between stored and fill. */
#include "dfu/config_dfu.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/err.h"

#define NEVER        UINT64_MAX
#define START_SIZE   12u
#define CRC_INITIAL  1u
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const char *dfu_config_dfu_event_text(enum dfu_config_dfu_event event)
{
    static const char *const texts[] = {
        [DFU_CONFIG_DFU_EVENT_OTHER] = "Cannot start DFU: another DFU transport is active",
        [DFU_CONFIG_DFU_EVENT_KEEPS] =
            "Cannot start DFU: the running image is not confirmed, the slot keeps the one before",
        [DFU_CONFIG_DFU_EVENT_TRUNCATED] = "DFU data did not fit the buffer and was cut",
        [DFU_CONFIG_DFU_EVENT_TIMED_OUT] = "DFU timed out",
        [DFU_CONFIG_DFU_EVENT_CLEAN] = "Secondary image slot is clean",
        [DFU_CONFIG_DFU_EVENT_FLASH_FAILED] = "Secondary image slot can't be written",
        [DFU_CONFIG_DFU_EVENT_BAD_CHECKSUM] = "DFU data is not what was announced",
        [DFU_CONFIG_DFU_EVENT_COMPLETE] = "DFU complete, upgrade requested",
    };

    return texts[event];
}

static void tell(const struct dfu_config_dfu *dfu, enum dfu_config_dfu_event event)
{
    if (dfu->event) {
        dfu->event(dfu->ctx, event);
    }
}

/* ---- Ends ---- */

static void forget(struct dfu_config_dfu *dfu)
{
    dfu->length = dfu->checksum = dfu->offset = 0;
    dfu->crc = CRC_INITIAL;
}

static void release_if_idle(struct dfu_config_dfu *dfu)
{
    if (!dfu->is_running && !dfu->is_erasing && !dfu->is_reboot_wanted) {
        (void)dfu_lock_release(dfu->lock, &dfu->owner);
    }
}

/* What is on flash stays, and may be gone on with. */
static void terminate(struct dfu_config_dfu *dfu)
{
    dfu->is_running = dfu->is_storing = false;
    dfu->fill = dfu->stored = 0;
    release_if_idle(dfu);
}

static void slot_was_lost(void *ctx, const struct dfu_lock_owner *new_owner)
{
    struct dfu_config_dfu *dfu = ctx;

    (void)new_owner;
    dfu->is_foreign = true;
}

int dfu_config_dfu_init(struct dfu_config_dfu *dfu)
{
    const struct dfu_slot_pair *pair = &dfu->map->images[dfu->image];

    if (!pair->secondary || !dfu->buf || dfu->buf_size < DFU_FLASH_WRITE_SIZE_MAX ||
        dfu->buf_size % DFU_FLASH_WRITE_SIZE_MAX != 0) {
        return DFU_ERR_INVAL;
    }
    dfu->owner = (struct dfu_lock_owner){ "Config Channel", slot_was_lost, dfu };
    dfu->slot = dfu->active == 0 ? pair->secondary : pair->primary;
    forget(dfu);
    return DFU_OK;
}

/* ---- Start ---- */

static void schedule_erase(struct dfu_config_dfu *dfu)
{
    forget(dfu);
    dfu->is_clean = false;
    dfu->is_erasing = true;
    dfu->erase_at = 0;
    dfu->erase_ms = dfu->now_ms;
}

static uint32_t piece_max(const struct dfu_config_dfu *dfu)
{
    return max_u32(DFU_CONFIG_DFU_PIECE, dfu->slot->write_size);
}

/* An erase passes over sectors that read erased, so none of them may have been programmed. */
static int open_image(struct dfu_config_dfu *dfu, uint32_t length, uint32_t checksum)
{
    const struct dfu_flash_img_config config = { .buf = dfu->piece,
                                                 .buf_len = piece_max(dfu),
                                                 .leaves_erased = true };
    int err = dfu_flash_img_init(&dfu->writer, dfu->map, dfu->slot, length, &config);

    forget(dfu);
    if (!err) {
        dfu->length = length;
        dfu->checksum = checksum;
    }
    return err;
}

static void run(struct dfu_config_dfu *dfu)
{
    dfu->is_running = true;
    dfu->fill = dfu->stored = 0;
    dfu->timeout_ms = dfu->now_ms + DFU_CONFIG_DFU_TIMEOUT_MS;
}

/* From the first byte; nothing where such an image can't be. */
static void begin(struct dfu_config_dfu *dfu, uint32_t length, uint32_t checksum)
{
    if (length == 0 || length > dfu_slot_max_image(dfu->map, dfu->image)) {
        return;
    }
    if (!dfu->is_clean) {
        schedule_erase(dfu);
    } else if (!open_image(dfu, length, checksum)) {
        run(dfu);
    }
}

static void start(struct dfu_config_dfu *dfu, const uint8_t *data, size_t len)
{
    uint32_t length, checksum, offset;

    if (len < START_SIZE || dfu->is_running || dfu->is_erasing) {
        return;
    }
    if (dfu_lock_claim(dfu->lock, &dfu->owner)) {
        tell(dfu, DFU_CONFIG_DFU_EVENT_OTHER);
        return;
    }
    if (dfu_mcuboot_next(dfu->map, dfu->image, dfu->active) == DFU_SWAP_REVERT) {
        tell(dfu, DFU_CONFIG_DFU_EVENT_KEEPS);
        release_if_idle(dfu);
        return;
    }
    length = get_le32(data);
    checksum = get_le32(data + 4);
    offset = get_le32(data + 8);
    if (dfu->is_foreign) {
        dfu->is_foreign = false;
        schedule_erase(dfu);
    } else if (offset > 0 && offset == dfu->offset && length == dfu->length &&
               checksum == dfu->checksum) {
        run(dfu);
    } else if (offset == 0) {
        begin(dfu, length, checksum);
    }
    release_if_idle(dfu);
}

/* ---- Data ---- */

static void take_data(struct dfu_config_dfu *dfu, const uint8_t *data, size_t len)
{
    uint32_t waiting = (uint32_t)(dfu->fill - dfu->stored);
    uint32_t room = dfu->buf_size - dfu->fill;

    if (!dfu->is_running) {
        return;
    }
    if (len == 0) {
        terminate(dfu);
        return;
    }
    room = min_u32(room, dfu->length - dfu->offset - waiting);
    if (len > room) {
        tell(dfu, DFU_CONFIG_DFU_EVENT_TRUNCATED);
        len = room;
    }
    memcpy(dfu->buf + dfu->fill, data, len);
    dfu->fill = (uint16_t)(dfu->fill + len);
    dfu->timeout_ms = dfu->now_ms + DFU_CONFIG_DFU_TIMEOUT_MS;
}

/* What can be written now: whole units, and at the image's end what is left. */
static uint32_t storable(const struct dfu_config_dfu *dfu)
{
    uint32_t waiting = (uint32_t)(dfu->fill - dfu->stored);

    if (dfu->offset + waiting == dfu->length) {
        return waiting;
    }
    return round_down(waiting, dfu->slot->write_size);
}

static int request_upgrade(const struct dfu_config_dfu *dfu)
{
    if (!dfu_mode_chooses_slot(dfu->map->mode)) {
        return dfu_boot_request_upgrade(dfu->map, dfu->image, false);
    }
    return dfu->map->mode == DFU_MODE_DIRECT_XIP_REVERT ||
                   dfu->map->mode == DFU_MODE_RAM_LOAD_REVERT
               ? dfu_boot_set_next(dfu->map, dfu->slot, false, false)
               : DFU_OK;
}

static void complete(struct dfu_config_dfu *dfu)
{
    if (!dfu->keep_any && dfu->checksum != 0 && dfu->crc != dfu->checksum) {
        forget(dfu);
        tell(dfu, DFU_CONFIG_DFU_EVENT_BAD_CHECKSUM);
    } else {
        tell(dfu, request_upgrade(dfu) ? DFU_CONFIG_DFU_EVENT_FLASH_FAILED
                                       : DFU_CONFIG_DFU_EVENT_COMPLETE);
    }
    terminate(dfu);
}

/* The buffer has nothing more to store: what is less than a unit waits for its rest. */
static void drain(struct dfu_config_dfu *dfu)
{
    dfu->is_storing = false;
    dfu->fill = (uint16_t)(dfu->fill - dfu->stored);
    memmove(dfu->buf, dfu->buf + dfu->stored, dfu->fill);
    dfu->stored = 0;
    if (dfu->offset == dfu->length) {
        complete(dfu);
    }
}

static void store_step(struct dfu_config_dfu *dfu)
{
    uint32_t len = min_u32(storable(dfu), piece_max(dfu));

    dfu->store_ms = dfu->now_ms + DFU_CONFIG_DFU_STORE_MS;
    dfu->timeout_ms = dfu->now_ms + DFU_CONFIG_DFU_TIMEOUT_MS;
    if (dfu->is_in_use) {
        dfu->is_in_use = false;
        return;
    }
    dfu->is_clean = false;
    if (dfu_flash_img_buffered_write(&dfu->writer, dfu->buf + dfu->stored, len, true)) {
        dfu->is_suspect = true;
        tell(dfu, DFU_CONFIG_DFU_EVENT_FLASH_FAILED);
        forget(dfu);
        terminate(dfu);
        return;
    }
    dfu->crc = dfu_crc32(dfu->crc, dfu->buf + dfu->stored, len);
    dfu->stored = (uint16_t)(dfu->stored + len);
    dfu->offset = dfu_flash_img_bytes_written(&dfu->writer);
    if (storable(dfu) == 0) {
        drain(dfu);
    }
}

/* ---- Erase ---- */

static void end_erase(struct dfu_config_dfu *dfu, enum dfu_config_dfu_event event)
{
    dfu->is_erasing = false;
    dfu->is_clean = event == DFU_CONFIG_DFU_EVENT_CLEAN;
    tell(dfu, event);
    release_if_idle(dfu);
}

static void erase_step(struct dfu_config_dfu *dfu)
{
    struct dfu_sector sector;
    int err;

    if (dfu->is_in_use) {
        dfu->is_in_use = false;
        dfu->erase_ms = dfu->now_ms + DFU_CONFIG_DFU_ERASE_RETRY_MS;
        return;
    }
    if (dfu->erase_at == dfu->slot->size) {
        dfu->is_suspect = false;
        end_erase(dfu, DFU_CONFIG_DFU_EVENT_CLEAN);
        return;
    }
    err = dfu_area_sector_at(dfu->slot, dfu->erase_at, &sector);
    if (!err && !dfu->is_suspect) {
        err = dfu_area_is_erased(dfu->slot, sector.off, sector.size);
    }
    if (err == 0) {
        err = dfu_area_erase(dfu->slot, sector.off, sector.size);
    }
    if (err < 0) {
        end_erase(dfu, DFU_CONFIG_DFU_EVENT_FLASH_FAILED);
        return;
    }
    dfu->erase_at += sector.size;
}

/* ---- What the host asks ---- */

static enum dfu_config_dfu_state state_of(struct dfu_config_dfu *dfu)
{
    const struct dfu_lock_owner *owner = dfu_lock_owner_get(dfu->lock);

    if (owner && owner != &dfu->owner) {
        return DFU_CONFIG_DFU_ACTIVE_OTHER;
    }
    if (dfu->is_erasing) {
        return DFU_CONFIG_DFU_CLEANING;
    }
    if (dfu->is_storing) {
        return DFU_CONFIG_DFU_STORING;
    }
    return dfu->is_running ? DFU_CONFIG_DFU_ACTIVE : DFU_CONFIG_DFU_INACTIVE;
}

/* Asking has no effect on other transports: it does not claim the lock. */
static int sync(struct dfu_config_dfu *dfu, uint8_t *out)
{
    uint32_t offset = dfu->offset;

    if (dfu->is_running && !dfu->is_storing && storable(dfu) > 0) {
        dfu->is_storing = true;
        dfu->store_ms = dfu->now_ms + DFU_CONFIG_DFU_STORE_MS;
    }
    if (!dfu->is_storing) {
        offset += (uint32_t)(dfu->fill - dfu->stored);
    }
    out[0] = (uint8_t)state_of(dfu);
    put_le32(out + 1, dfu->length);
    put_le32(out + 5, dfu->checksum);
    put_le32(out + 9, offset);
    put_le16(out + 13, dfu->buf_size);
    return 15;
}

static int reboot(struct dfu_config_dfu *dfu, uint8_t *out)
{
    out[0] = dfu_lock_claim(dfu->lock, &dfu->owner) == 0;
    if (out[0]) {
        dfu->is_reboot_wanted = true;
        dfu->reboot_ms = dfu->now_ms + DFU_CONFIG_DFU_REBOOT_MS;
        dfu->is_erasing = false;
        terminate(dfu);
    }
    return 1;
}

static int fwinfo(const struct dfu_config_dfu *dfu, uint8_t *out)
{
    const struct dfu_slot_pair *pair = &dfu->map->images[dfu->image];
    const struct dfu_area *area = dfu->active == 0 ? pair->primary : pair->secondary;
    struct dfu_mcuboot_img_header header;

    if (dfu_boot_read_bank_header(area, 0, &header)) {
        return 0;
    }
    out[0] = dfu->active;
    put_le32(out + 1, header.image_size);
    out[5] = header.version.major;
    out[6] = header.version.minor;
    put_le16(out + 7, header.version.revision);
    put_le32(out + 9, header.version.build);
    return 13;
}

/* Without a NUL, cut to max bytes; how many. */
static int text(const char *words, int max, uint8_t *out)
{
    int len = 0;

    for (; words[len] && len < max; len++) {
        out[len] = (uint8_t)words[len];
    }
    return len;
}

static int devinfo(const struct dfu_config_dfu *dfu, uint8_t *out)
{
    put_le16(out, dfu->vendor);
    put_le16(out + 2, dfu->product);
    return 4 + text(dfu->generation ? dfu->generation : "", (int)DFU_CONFIG_FETCH_MAX - 4, out + 4);
}

static void module_set(void *ctx, uint8_t option, const uint8_t *data, size_t len)
{
    if (option == DFU_CONFIG_DFU_START) {
        start(ctx, data, len);
    } else if (option == DFU_CONFIG_DFU_DATA) {
        take_data(ctx, data, len);
    }
}

static int module_fetch(void *ctx, uint8_t option, uint8_t *out)
{
    struct dfu_config_dfu *dfu = ctx;

    switch (option) {
    case DFU_CONFIG_DFU_SYNC: return sync(dfu, out);
    case DFU_CONFIG_DFU_REBOOT: return reboot(dfu, out);
    case DFU_CONFIG_DFU_FWINFO: return fwinfo(dfu, out);
    case DFU_CONFIG_DFU_DEVINFO: return devinfo(dfu, out);
    case DFU_CONFIG_DFU_VARIANT:
        return text(dfu_mode_chooses_slot(dfu->map->mode) ? "MCUBOOT+XIP" : "MCUBOOT",
                    DFU_CONFIG_FETCH_MAX, out);
    default: return DFU_ERR_NOENT;
    }
}

static const char *const option_names[] = { "start",  "data",           "sync",   "reboot",
                                            "fwinfo", "module_variant", "devinfo" };

const struct dfu_config_module dfu_config_dfu_module = { "dfu", option_names, COUNT(option_names),
                                                         module_set, module_fetch };

/* ---- Time ---- */

void dfu_config_dfu_note_use(struct dfu_config_dfu *dfu)
{
    dfu->is_in_use = true;
}

void dfu_config_dfu_poll(struct dfu_config_dfu *dfu, uint64_t now_ms)
{
    dfu->now_ms = now_ms;
    if (dfu->is_reboot_wanted && now_ms >= dfu->reboot_ms) {
        dfu->is_reboot_wanted = false;
        release_if_idle(dfu);
        dfu->reboot(dfu->ctx);
        return;
    }
    if (dfu->is_erasing && now_ms >= dfu->erase_ms) {
        erase_step(dfu);
    }
    if (dfu->is_storing && now_ms >= dfu->store_ms) {
        store_step(dfu);
    }
    if (dfu->is_running && now_ms >= dfu->timeout_ms) {
        terminate(dfu);
        tell(dfu, DFU_CONFIG_DFU_EVENT_TIMED_OUT);
    }
}

static uint64_t sooner(bool is_due, uint64_t at_ms, uint64_t than_ms)
{
    return is_due && at_ms < than_ms ? at_ms : than_ms;
}

uint64_t dfu_config_dfu_due_ms(const struct dfu_config_dfu *dfu)
{
    uint64_t due_ms = sooner(dfu->is_reboot_wanted, dfu->reboot_ms, NEVER);

    due_ms = sooner(dfu->is_erasing, dfu->erase_ms, due_ms);
    due_ms = sooner(dfu->is_storing, dfu->store_ms, due_ms);
    return sooner(dfu->is_running, dfu->timeout_ms, due_ms);
}
