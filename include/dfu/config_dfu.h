/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* config_dfu.h - updates in the background through the configuration channel (its module "dfu"),
 * as nRF Desktop's config channel DFU.
 *
 * The host announces length and checksum, then sends data into a buffer that is stored in small
 * pieces while the device goes on with its work; sync tells how far it got. Setting never fails:
 * whoever sends must sync. The slot is erased page by page at the first start after something
 * else was in it, not at every boot, and not while the running image is unconfirmed: then it holds
 * the way back. All state but the flash is in RAM. Images are written by the staged image writer
 * (update.h), as over every other link. */
#ifndef DFU_CONFIG_DFU_H
#define DFU_CONFIG_DFU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/config_channel.h"
#include "dfu/lock.h"
#include "dfu/slots.h"
#include "dfu/update.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_CONFIG_DFU_TIMEOUT_MS     5000u  /* without start, data or storing */
#define DFU_CONFIG_DFU_REBOOT_MS      250u   /* from the answer to the reset */
#define DFU_CONFIG_DFU_ERASE_RETRY_MS 15000u /* to the next page, while the device is in use */
#define DFU_CONFIG_DFU_STORE_MS       5u     /* from one piece to the next */
#define DFU_CONFIG_DFU_PIECE          16u    /* bytes stored at once; or the write size */

/* Options, as the event's nibble less 1. */
enum dfu_config_dfu_option {
    DFU_CONFIG_DFU_START,   /* set: length, checksum, offset (u32 each, little-endian) */
    DFU_CONFIG_DFU_DATA,    /* set: 1 to 25 bytes */
    DFU_CONFIG_DFU_SYNC,    /* state (u8), length, checksum, offset (u32), buffer (u16) */
    DFU_CONFIG_DFU_REBOOT,  /* u8: 1 it will, 0 somebody else has the lock */
    DFU_CONFIG_DFU_FWINFO,  /* slot (u8), size (u32), version (u8, u8, u16, u32); or nothing */
    DFU_CONFIG_DFU_VARIANT, /* "MCUBOOT", "MCUBOOT+XIP" */
    DFU_CONFIG_DFU_DEVINFO, /* vendor (u16), product (u16), generation */
};

enum dfu_config_dfu_state {
    DFU_CONFIG_DFU_INACTIVE = 0,
    DFU_CONFIG_DFU_ACTIVE = 1,
    DFU_CONFIG_DFU_STORING = 2,
    DFU_CONFIG_DFU_CLEANING = 3,
    DFU_CONFIG_DFU_ACTIVE_OTHER = 4, /* another transport has the lock */
};

/* DFU_CONFIG_DFU_EVENT_...: for logs. */
enum dfu_config_dfu_event {
    DFU_CONFIG_DFU_EVENT_OTHER,     /* a start was refused: another transport is active */
    DFU_CONFIG_DFU_EVENT_KEEPS,     /* or: the running image isn't confirmed */
    DFU_CONFIG_DFU_EVENT_TRUNCATED, /* data did not fit the buffer */
    DFU_CONFIG_DFU_EVENT_TIMED_OUT,
    DFU_CONFIG_DFU_EVENT_CLEAN,
    DFU_CONFIG_DFU_EVENT_FLASH_FAILED,
    DFU_CONFIG_DFU_EVENT_BAD_CHECKSUM, /* all stored, but not what was announced */
    DFU_CONFIG_DFU_EVENT_COMPLETE,     /* and the upgrade is requested */
};
const char *dfu_config_dfu_event_text(enum dfu_config_dfu_event event);

/* Fill in the first part, zero the rest, call dfu_config_dfu_init(). */
struct dfu_config_dfu {
    const struct dfu_slot_map *map;
    uint8_t image;         /* the pair that is updated */
    uint8_t active;        /* the slot that runs, 0 or 1: the other one is written */
    struct dfu_lock *lock; /* shared with the other ways of updating */
    uint8_t *buf;          /* what was sent and is not stored yet */
    uint16_t buf_size;     /* a multiple of 32 */
    bool keep_any;         /* do not compare the checksum (CRC-32 started at 1) at the end */
    uint16_t vendor, product;
    const char *generation;                                    /* at most 12 characters */
    void (*reboot)(void *ctx);                                 /* now */
    void (*event)(void *ctx, enum dfu_config_dfu_event event); /* may be NULL */
    void *ctx;

    struct dfu_lock_owner owner;
    const struct dfu_area *slot;
    struct dfu_flash_img writer; /* of the image that has the length and checksum below */
    uint8_t piece[DFU_FLASH_WRITE_SIZE_MAX];
    uint32_t length, checksum, offset, crc;
    uint16_t fill, stored;
    bool is_running, is_storing, is_clean, is_erasing, is_foreign, is_in_use, is_reboot_wanted;
    bool is_suspect; /* flash failed: what reads erased need not be */
    uint32_t erase_at;
    uint64_t now_ms, timeout_ms, store_ms, erase_ms, reboot_ms;
};

/* Once map, image, active, buf and buf_size are set. DFU_ERR_INVAL: the image has no second slot,
 * or buf_size is no multiple of DFU_FLASH_WRITE_SIZE_MAX. */
int dfu_config_dfu_init(struct dfu_config_dfu *dfu);

/* The module, with a struct dfu_config_dfu as its binding's ctx. Poll before a report is handed
 * over, so that it knows the time. */
extern const struct dfu_config_module dfu_config_dfu_module;

/* Somebody uses the device (a key was pressed, a packet came): work in the background waits. */
void dfu_config_dfu_note_use(struct dfu_config_dfu *dfu);

/* Do one piece of what is due; when to come again, or UINT64_MAX. */
void dfu_config_dfu_poll(struct dfu_config_dfu *dfu, uint64_t now_ms);
uint64_t dfu_config_dfu_due_ms(const struct dfu_config_dfu *dfu);

#ifdef __cplusplus
}
#endif
#endif
