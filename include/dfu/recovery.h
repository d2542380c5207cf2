/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* recovery.h - serial recovery: a bootloader that answers SMP, so that a device without a working
 * application can be given one.
 *
 * Its answers are those of MCUboot's recovery (spec: bootloader, section 7), which clients of the
 * field know. It never starts anything: it only writes slots, and says when to go on. What runs is
 * decided by dfu_boot() afterwards, which verifies as ever. A power cut during an upload leaves a
 * slot that no boot will take, and the upload starts over.
 *
 * The loader's story, with dfu_recovery_receive() for each packet in between:
 *
 *     pin held               -> start(BY_PIN), until LEAVE; then
 *     dfu_boot()                finishes swaps first
 *     retained boot mode 1   -> clear it, start(BY_REQUEST)
 *     a wait window          -> start(IN_WINDOW): only a client that speaks keeps it
 *     nothing may run        -> start(WITHOUT_IMAGE)
 *
 * Nothing is allocated, all state is the caller's. Times are milliseconds of one clock. */
#ifndef DFU_RECOVERY_H
#define DFU_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/image.h"
#include "dfu/slots.h"
#include "dfu/smp.h"
#include "dfu/update.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an application leaves in retained memory to ask for recovery at the next start, and what a
 * reset command's "boot_mode" carries. */
#define DFU_RECOVERY_BOOT_MODE 1u

#define DFU_RECOVERY_RESET_DELAY_MS 250u

/* Each field that an MCUboot option sets names it. */
struct dfu_recovery_config {
    const struct dfu_slot_map *map;
    struct dfu_image_policy policy; /* only images that verify are listed and marked */
    /* "image" of an upload counts slots from 1 (0 is slot 0, too); else it is an image number and
     * means its primary. CONFIG_MCUBOOT_SERIAL_DIRECT_IMAGE_UPLOAD */
    bool direct_upload;
    /* Sectors just ahead of the data, the trailer first; else the slot at the first chunk.
     * CONFIG_BOOT_ERASE_PROGRESSIVELY */
    bool erase_progressively;
    /* What clients can do without; an upload erases what it needs. Without states the list has no flags, and set state is not offered:
     * the only thing to do is to upload what runs. CONFIG_BOOT_MGMT_ECHO,
     * CONFIG_BOOT_SERIAL_IMG_GRP_SLOT_INFO, CONFIG_BOOT_SERIAL_IMG_GRP_IMAGE_STATE */
    bool no_echo, no_erase, no_slot_info, no_image_state;
    /* What group 63 erases (CONFIG_ENABLE_MGMT_PERUSER, CONFIG_BOOT_MGMT_CUSTOM_STORAGE_ERASE);
     * 0: that group is not offered. */
    const struct dfu_area *const *storage;
    size_t storage_count;
    /* Silence after which the device goes on; 0: never. */
    uint32_t idle_ms;
    uint8_t *buf; /* scratch to verify with, at least 64 bytes */
    size_t buf_len;
    uint8_t *response; /* at least DFU_SMP_RESPONSE_MIN bytes */
    size_t response_cap;
    uint32_t buf_size; /* the largest request the transport takes, as the parameters tell */
    void (*feed_watchdog)(void *ctx); /* while verifying and erasing; may be NULL */
    void *ctx;
};

/* DFU_ERR_INVAL for missing or too small buffers, or no map. */
int dfu_recovery_check(const struct dfu_recovery_config *cfg);

enum dfu_recovery_reason {
    DFU_RECOVERY_BY_PIN,
    DFU_RECOVERY_BY_REQUEST,
    DFU_RECOVERY_IN_WINDOW, /* CONFIG_BOOT_SERIAL_WAIT_FOR_DFU */
    DFU_RECOVERY_WITHOUT_IMAGE,
};

/* The upload that goes on, or the last one. */
struct dfu_recovery_upload {
    bool is_active;
    uint32_t size, off; /* off: bytes taken, what the next chunk has to begin with */
    const struct dfu_area *area;
    bool is_marked_encrypted;
    struct dfu_flash_img writer;
    uint8_t block[DFU_IMG_BLOCK_BUF_SIZE];
};

/* The struct must stay where it is. */
struct dfu_recovery {
    const struct dfu_recovery_config *cfg;
    enum dfu_recovery_reason reason;
    bool was_asked;   /* by a client that speaks SMP */
    bool has_changed; /* flash, so that what dfu_boot() said before does not hold */

    /* its own */
    struct dfu_smp_server smp;
    struct dfu_smp_binding bindings[3];
    struct dfu_recovery_upload upload;
    bool is_reset_wanted;
    uint64_t heard_ms, window_end_ms, reset_ms;
};

/* window_ms counts for DFU_RECOVERY_IN_WINDOW. cfg must outlive the recovery. */
void dfu_recovery_start(struct dfu_recovery *recovery, const struct dfu_recovery_config *cfg,
                        enum dfu_recovery_reason reason, uint32_t window_ms, uint64_t now_ms);

/* One SMP packet; answers go through the link before this returns. What is no request is not
 * answered and keeps nobody waiting. */
void dfu_recovery_receive(struct dfu_recovery *recovery, const uint8_t *packet, size_t len,
                          const struct dfu_smp_link *link, uint64_t now_ms);

enum dfu_recovery_verdict {
    DFU_RECOVERY_STAY,
    DFU_RECOVERY_LEAVE, /* nothing has changed: go on where the loader was */
    DFU_RECOVERY_RESET, /* restart, so that dfu_boot() looks anew */
};

/* Ask after each packet, and at dfu_recovery_due_ms(). */
enum dfu_recovery_verdict dfu_recovery_look(const struct dfu_recovery *recovery, uint64_t now_ms);

/* When the verdict may change by itself; UINT64_MAX: it won't. */
uint64_t dfu_recovery_due_ms(const struct dfu_recovery *recovery);

/* ---- The pin ---- */

/* A pin that counts once it has been held for a while (CONFIG_BOOT_SERIAL_ENTRANCE_GPIO with its
 * detect delay). Zero but for hold_ms, then look until it is decided. */
struct dfu_recovery_pin {
    uint32_t hold_ms;
    /* its own */
    bool was_active;
    uint64_t since_ms;
};

enum dfu_recovery_pin_verdict {
    DFU_RECOVERY_PIN_RELEASED,
    DFU_RECOVERY_PIN_LOOK_AGAIN,
    DFU_RECOVERY_PIN_HELD,
};

/* is_active: as it reads now. One look that reads otherwise decides that it was released. */
enum dfu_recovery_pin_verdict dfu_recovery_pin_look(struct dfu_recovery_pin *pin, bool is_active,
                                                    uint64_t now_ms);

#ifdef __cplusplus
}
#endif
#endif
