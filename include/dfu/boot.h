/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* boot.h - the bootloader: decide, swap, revert, verify, and say what to run.
 *
 * dfu_boot() is called once per start. Flash is the only state: after a power cut at any point
 * the next call goes on where the last one stopped, also when that one was MCUboot with the same
 * slot map. Nothing unverified is ever returned as runnable (validate_primary off is the one
 * documented exception). No heap, no globals: the state of a boot lies on the stack and in the
 * caller's buffer. */
#ifndef DFU_BOOT_H
#define DFU_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/image.h"
#include "dfu/slots.h"
#include "dfu/trailer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One upgrade mode. A mode that no configuration points at is not linked. */
struct dfu_boot_strategy;
extern const struct dfu_boot_strategy dfu_boot_swap_move;
extern const struct dfu_boot_strategy dfu_boot_swap_offset;
extern const struct dfu_boot_strategy dfu_boot_swap_scratch;
extern const struct dfu_boot_strategy dfu_boot_overwrite;      /* whole slot */
extern const struct dfu_boot_strategy dfu_boot_overwrite_fast; /* only what the image needs */

/* Modes that move nothing: the slot with the higher version runs where it lies, or from RAM. With
 * revert an image has one start to be confirmed, else its slot is erased. */
extern const struct dfu_boot_strategy dfu_boot_direct_xip;
extern const struct dfu_boot_strategy dfu_boot_direct_xip_revert;
extern const struct dfu_boot_strategy dfu_boot_ram_load;
extern const struct dfu_boot_strategy dfu_boot_ram_load_revert;
extern const struct dfu_boot_strategy dfu_boot_single_ram_load; /* one slot, to RAM */
extern const struct dfu_boot_strategy dfu_boot_single_slot;
/* The primary, or the loader in the secondary where that is asked for. */
extern const struct dfu_boot_strategy dfu_boot_firmware_loader;

/* What happened, as facts; dfu_boot_event_text() turns one into MCUboot's console line. A loader
 * that prints nothing links no text. */
enum dfu_boot_event_id {
    DFU_BOOT_EV_START,       /* Starting <text>bootloader */
    DFU_BOOT_EV_TRAILER,     /* <text>: magic a, swap_type b, copy_done c, image_ok d */
    DFU_BOOT_EV_SOURCE,      /* Boot source: <text> */
    DFU_BOOT_EV_SWAP_TYPE,   /* Image index: a, Swap type: b (enum dfu_swap_type) */
    DFU_BOOT_EV_SWAP_STARTS, /* Starting swap using <text> algorithm. */
    DFU_BOOT_EV_OVERWRITE,   /* Image a upgrade secondary slot -> primary slot */
    DFU_BOOT_EV_ERASING_PRIMARY,
    DFU_BOOT_EV_COPYING,      /* a: image, b: bytes */
    DFU_BOOT_EV_INVALID_SLOT, /* Image in the <text> slot is not valid! b: enum dfu_image_fault */
    DFU_BOOT_EV_DOWNGRADE_ERASED, /* Image a in slot 1 erased due to downgrade prevention */
    DFU_BOOT_EV_VERSION_TOO_LOW,  /* Insufficient version in secondary slot */
    DFU_BOOT_EV_STORED_TOO_LOW,   /* Secondary header magic detected in first sector, ... */
    DFU_BOOT_EV_STUCK_REVERT,
    DFU_BOOT_EV_SECONDARY_UNREADABLE,
    DFU_BOOT_EV_SECTORS_FAILED,
    DFU_BOOT_EV_HEADERS_FAILED,
    DFU_BOOT_EV_STATUS_FAILED,
    DFU_BOOT_EV_INCOMPATIBLE,  /* Cannot upgrade: <text> */
    DFU_BOOT_EV_NO_ROOM,       /* Not enough free space to run swap upgrade */
    DFU_BOOT_EV_NO_ROOM_BYTES, /* required a bytes but only b are available */
    DFU_BOOT_EV_INCONSISTENT,  /* Detected inconsistent status! */
    DFU_BOOT_EV_STATUS_WRITE_FAILS,
    DFU_BOOT_EV_NO_KEY,      /* a kept key is all 0xff: copied as it is */
    DFU_BOOT_EV_KEY_MISSING, /* Image a in the primary slot cannot be encrypted */
    DFU_BOOT_EV_BAD_MAGIC,   /* Bad image magic a; Image=b */
    DFU_BOOT_EV_NO_IMAGE,    /* Unable to find bootable image */
    DFU_BOOT_EV_CHAINLOAD,   /* Bootloader chainload address offset: a */
    DFU_BOOT_EV_VERSION,     /* Image version: va.b.c */
    DFU_BOOT_EV_JUMP,        /* Jumping to the <text>image slot */

    DFU_BOOT_EV_NOT_FOR_PRIMARY,   /* Binary in secondary slot of image a is not designated ... */
    DFU_BOOT_EV_ERASING_SECONDARY, /* Erasing image from secondary slot */
    DFU_BOOT_EV_SHARING_FAILED,    /* Failed to add data to shared memory area. */
    DFU_BOOT_EV_COUNTER_TOO_LOW,   /* Image security counter value a lower than monotonic value b */
    DFU_BOOT_EV_COUNTER_FAILED,    /* Security counter update failed after image a validation: b */

    /* Modes that choose a slot: */
    DFU_BOOT_EV_SLOT_VERSION,    /* <text> slot: version=a.b.c+d */
    DFU_BOOT_EV_SLOT_EMPTY,      /* Image a <text> slot: image not found; b: enum dfu_image_fault */
    DFU_BOOT_EV_WRONG_ADDRESS,   /* Image in <text> slot at a has been built for offset b */
    DFU_BOOT_EV_TRIAL_KEPT,      /* Image a was never confirmed, but there is no other: <text> */
    DFU_BOOT_EV_NO_SLOT,         /* No slot to load for image a */
    DFU_BOOT_EV_LOADED,          /* Image a loaded from the <text> slot */
    DFU_BOOT_EV_SIZE_TOO_LARGE,  /* Image size bigger than designated area: a > b */
    DFU_BOOT_EV_RAM_NOT_FLAGGED, /* Image a in the <text> slot is not made to run from RAM */
    DFU_BOOT_EV_RAM_ADDRESS,     /* Image a RAM load address b is invalid. */
    DFU_BOOT_EV_RAM_OVERLAP, /* Image a RAM loading to address b would overlap with another image. */
    DFU_BOOT_EV_RAM_LOADED,  /* Image a RAM loading to b is succeeded. */
    DFU_BOOT_EV_RAM_FAILED,  /* Image a RAM loading to b is failed. */
    DFU_BOOT_EV_RAM_REMOVED,  /* Removing image a from SRAM at address b */
    DFU_BOOT_EV_SLOT_REMOVED, /* Removing image a slot b from flash */
    DFU_BOOT_EV_REVOKED,      /* Key revoked: a */
    DFU_BOOT_EV_REVOKE_REFUSED,
    DFU_BOOT_EV_ATTEMPT, /* Image on trial: start a of b */
    DFU_BOOT_EV_COUNT
};

struct dfu_boot_event {
    enum dfu_boot_event_id id;
    uint32_t a, b, c, d;
    const char *text; /* a word of the line, or NULL */
};

/* "I: Starting bootloader": level, colon, blank and line, as MCUboot on Zephyr prints it; cut to
 * cap with its NUL. Returns buf. */
char *dfu_boot_event_text(const struct dfu_boot_event *event, char *buf, size_t cap);

/* A line more, which MCUboot does not have: "E: The image: hash does not match". NULL for events that
 * it adds nothing to. */
char *dfu_boot_event_reason(const struct dfu_boot_event *event, char *buf, size_t cap);

/* What encrypted images need besides policy.decryption. */
struct dfu_boot_encryption;
extern const struct dfu_boot_encryption dfu_boot_encrypted;
/* What compressed images need besides policy.unpacker. They are installed where the mode
 * overwrites; in all others they are refused. */
struct dfu_boot_decompression;
extern const struct dfu_boot_decompression dfu_boot_decompressed;
/* Roll-back protection: a number for each image, kept where it can only grow. An image must carry
 * one that is not lower (TLV 0x50, protected); the number grows when an image is confirmed. */
struct dfu_boot_rollback;
extern const struct dfu_boot_rollback dfu_boot_rollback;

struct dfu_boot_counter {
    const struct dfu_boot_rollback *rules; /* &dfu_boot_rollback */
    int (*get)(void *ctx, uint8_t image, uint32_t *value);
    int (*raise)(void *ctx, uint8_t image, uint32_t value); /* called with higher values only */
    void *ctx;
};

/* What the application is told in a piece of RAM that a start leaves alone (shared_data.h). */
struct dfu_boot_sharer;
extern const struct dfu_boot_sharer dfu_boot_sharer;

struct dfu_boot_sharing {
    const struct dfu_boot_sharer *how; /* &dfu_boot_sharer */
    uint8_t *mem;
    size_t size;
    bool measures;    /* the boot records of the images that run (TLV 0x60), with their hashes */
    bool informs;     /* about the loader: mode, signature, slot, largest images, counters */
    uint8_t recovery; /* it has none (0), serial (1), USB DFU (2) */
    struct dfu_image_version version; /* of the loader */
};

/* RAM that images may be copied to, as the processor sees it. */
struct dfu_boot_ram {
    uint32_t addr; /* that images are linked for */
    uint32_t size;
    uint8_t *mem; /* where the loader writes it */
};

/* ---- Beyond MCUboot ----
 *
 * Each is a pointer of the configuration; NULL is what MCUboot does, and links nothing of it. None
 * changes what lies in slots and trailers: what another loader finds there it can go on with. */

/* Leave sectors alone that already hold what would be copied there. */
struct dfu_boot_skip;
extern const struct dfu_boot_skip dfu_boot_skip_equal;

struct dfu_boot_attempts;
struct dfu_boot_history;
struct dfu_boot_revocation;
struct dfu_boot_progress;

struct dfu_boot_config {
    const struct dfu_slot_map *map;
    const struct dfu_boot_strategy *strategy; /* of map->mode; a mismatch is refused */
    struct dfu_image_policy policy;
    const struct dfu_boot_encryption *encryption; /* &dfu_boot_encrypted, with policy.decryption */
    const struct dfu_boot_decompression *decompression; /* &dfu_boot_decompressed, or NULL */
    bool validate_primary; /* verify the primary fully at every start; the sane default */
    /* Refuse a secondary of a lower version (equal is fine). A revert is none. With swap using offset
     * the primary has to be one that was swapped in, or programmed with a confirmed trailer and its
     * copy_done: of others the secondary's own trailer is believed. */
    bool prevent_downgrade;
    bool check_load_addr; /* refuse a secondary that is not linked for the primary slot */
    const struct dfu_boot_counter *counter; /* NULL: no roll-back protection */
    /* &dfu_boot_rollback: refuse one of a lower security counter, where the running one has any */
    const struct dfu_boot_rollback *counter_downgrade;
    const struct dfu_boot_sharing *sharing; /* NULL: nothing is told */
    bool compare_build_number; /* where versions are compared; else by three numbers only */
    /* An empty or broken primary is filled from a valid secondary. Its trailer is confirmed then,
     * in modes that swap; where power failed just before that it stays without, as with MCUboot: it
     * cannot be gone back from either way. */
    bool bootstrap;
    bool validate_once;     /* single slot: an image found good is marked, and then trusted */
    bool enter_loader;      /* firmware loader: a pin or a retained mode asks for it */
    bool loader_if_invalid; /* firmware loader: it runs too where the application cannot */
    const struct dfu_boot_ram *ram; /* RAM load: one window for all images, or one for each */
    uint8_t ram_count;
    uint8_t *buf; /* scratch for copying and hashing, a multiple of 32, at least 64 */
    size_t buf_len;
    void (*event)(void *ctx, const struct dfu_boot_event *event); /* may be NULL */
    void (*feed_watchdog)(void *ctx);                             /* may be NULL */
    void *ctx;

    const struct dfu_boot_skip *skip;             /* &dfu_boot_skip_equal, or NULL */
    const struct dfu_boot_attempts *attempts;     /* attempts.h: starts before a revert */
    const struct dfu_boot_history *history;       /* history.h: what became of updates */
    const struct dfu_boot_revocation *revocation; /* revoke.h: keys no longer trusted */
    struct dfu_boot_progress *progress;           /* progress.h: how far an update is */
};

/* Where an image lies that may run. */
struct dfu_boot_place {
    const struct dfu_area *area;
    uint32_t off;       /* of its header in the area */
    uint8_t slot;       /* 0 primary, 1 secondary */
    bool is_loader;     /* not the application, but what brings a new one */
    const uint8_t *ram; /* the copy that was verified and runs; NULL: it runs in place */
    uint32_t ram_addr, ram_len;
    struct dfu_verdict verdict; /* why it may run; of a place without one nothing runs */
};

struct dfu_boot_result {
    const struct dfu_area *area; /* what to run: image 0's, verified */
    uint32_t image_off;          /* of its header in the area */
    struct dfu_image_header header;
    struct dfu_boot_place places[DFU_IMAGES_MAX]; /* of every image */
    enum dfu_swap_type swap[DFU_IMAGES_MAX];      /* what was carried out, per image */
    bool resumed;                                 /* an interrupted swap was finished */
    uint8_t resumed_images;                       /* whose: bit n for image n */
    int update_err; /* why an update was not carried out; never fatal by itself */
    enum dfu_image_fault update_fault; /* what was wrong with it, where its check failed */
    uint8_t update_image;              /* the first image whose update was not carried out */
    enum dfu_image_fault fault;        /* why nothing may run */
    uint8_t fault_image;               /* the image that is at fault */
};

/* 0: run out->area, if dfu_boot_may_run() says so, too. DFU_ERR_INVAL: the configuration is
 * refused. DFU_ERR_VERIFY: nothing here may run. DFU_ERR_POWER (simulator): unwound after a cut. */
int dfu_boot(const struct dfu_boot_config *cfg, struct dfu_boot_result *out);

/* DFU_ERR_INVAL: dfu_boot() would refuse this configuration. */
int dfu_boot_check(const struct dfu_boot_config *cfg);

/* dfu_boot() without that check, for firmware whose configuration is a constant that was checked
 * when it was built. */
int dfu_boot_checked(const struct dfu_boot_config *cfg, struct dfu_boot_result *out);

/* The verdicts on what is to run, asked once more, and whether there is a result->header to tell
 * where the program begins: for the line before the jump, beside the 0 that dfu_boot() returned. So it takes
 * two faults to jump where nothing was found fit to run. */
bool dfu_boot_may_run(const struct dfu_boot_config *cfg, const struct dfu_boot_result *result);

/* What a decision rests on. */
enum dfu_boot_why {
    DFU_BOOT_WHY_TABLE = 0,    /* the table of dfu_swap_rule_of() */
    DFU_BOOT_WHY_RECORDS,      /* status records: a swap has begun and is finished */
    DFU_BOOT_WHY_TRAILER,      /* the primary's trailer names a swap of which no step is recorded */
    DFU_BOOT_WHY_TORN_REQUEST, /* the same; the request's erase in the secondary was torn */
    DFU_BOOT_WHY_EMPTY_PRIMARY, /* bootstrap: the primary does not verify, the secondary does */
    DFU_BOOT_WHY_ATTEMPTS,      /* a revert waits: the image on trial has a start left */
    DFU_BOOT_WHY_GOES_BACK,     /* a revert, which asks for the old image as for an update */
    DFU_BOOT_WHY_BLOCKED,       /* slots do not fit, headers or records make no sense: nothing */
};

/* The same facts and the same pure decision, changing nothing: what the next dfu_boot() would do
 * with one image pair. */
struct dfu_boot_outlook {
    enum dfu_boot_why why;
    enum dfu_swap_rule rule;  /* of the table, whatever why says */
    enum dfu_swap_type asked; /* before the secondary's image was checked */
    int update_err;           /* why that is not carried out, as in dfu_boot_result */
    bool erases_secondary;    /* because of that */
    struct dfu_slot_state primary, secondary;
    enum dfu_slot_fit fit;
    bool resumes;          /* an interrupted swap will be finished */
    uint32_t progress_idx; /* 1-based, as recorded */
    uint8_t progress_state;
    enum dfu_swap_type swap; /* what will be carried out */
    struct dfu_image_report primary_report, secondary_report;
};
int dfu_boot_look(const struct dfu_boot_config *cfg, uint8_t image, struct dfu_boot_outlook *out);

#ifdef __cplusplus
}
#endif
#endif
