/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_img.h - SMP group 1: list the images, upload, test, confirm, erase, slot info.
 *
 * The slot an image runs from is never written. One upload at a time for the whole server,
 * whatever link it comes over. A power cut during an upload leaves a slot that no boot will
 * take; with a progress store the same file (by its sha) goes on where flash ends, else the
 * upload starts over. Where sectors are erased just ahead, the old image's TLVs go first: before
 * its last block came there is no image to ask for. */
#ifndef DFU_SMP_IMG_H
#define DFU_SMP_IMG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/crypto.h"
#include "dfu/slots.h"
#include "dfu/smp.h"
#include "dfu/update.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct dfu_smp_group dfu_smp_group_img;

#define DFU_SMP_IMG_SHA_MAX 32u

/* The one upload. Zero is "none". */
struct dfu_smp_upload {
    bool is_active;
    uint8_t image, slot;
    uint8_t sha_len;
    bool is_assembled; /* not every byte of it was sent: the digest decides */
    uint8_t sha[DFU_SMP_IMG_SHA_MAX];
    uint32_t size;
    uint32_t off;   /* bytes accepted; some may still be buffered */
    uint32_t saved; /* of them, what the progress store was last told */
    struct dfu_flash_img writer;
    uint8_t block[DFU_IMG_BLOCK_BUF_SIZE];
};

/* The dump that a crash left, for mynewt's core commands. 0 or an enum dfu_err; size:
 * DFU_ERR_NOENT if there is none. */
struct dfu_core_ops {
    int (*size)(void *ctx, uint32_t *size);
    int (*read)(void *ctx, uint32_t off, void *buf, size_t len); /* within the size */
    int (*erase)(void *ctx);
};

/* The ctx of the binding: fill the first part, zero the rest. */
struct dfu_smp_img {
    const struct dfu_slot_map *map;
    uint8_t running_image; /* of the application that answers */
    uint8_t active_slot;   /* it runs from; 0 in swap and overwrite modes */
    uint8_t active_slots;  /* of the other images: bit n is set where image n runs from slot 1 */
    uint8_t hash_size;     /* of image hashes: 32, 48 or 64; 0: whatever an image carries */
    /* SHA-256 to check finished uploads ("match"), or NULL. */
    const struct dfu_hash_alg *sha256;
    const struct dfu_stream_store *store; /* of upload progress, or NULL: lost with RAM */
    uint32_t store_interval;              /* bytes between two saves; 0: as often as it helps */
    const struct dfu_core_ops *core;      /* NULL: no core commands, as in Zephyr */
    void *core_ctx;
    bool erase_progressively;    /* sectors just ahead of the data; else all at the first chunk */
    bool frugal_list;            /* leave out false flags and splitStatus */
    bool refuse_erase_pending;   /* a pending slot can be neither erased nor overwritten */
    bool refuse_other_images;    /* "confirm" only for the running image */
    bool confirm_other_images;   /* "confirm" also for what another image runs from now */
    bool compare_build_number;   /* "upgrade" looks at the build number too */
    bool no_erase, no_slot_info; /* no such command */

    struct dfu_smp_upload upload;
};

/* DFU_CHUNK, STARTED, STOPPED, PENDING, CHUNK_WRITE_COMPLETE. */
struct dfu_smp_chunk_event {
    uint8_t image, slot;
    uint32_t off, size;  /* of this chunk in the file; of the file */
    const uint8_t *data; /* NULL where it was not sent but is on the device already */
    uint32_t len;
    bool is_first;
};

/* DFU_SMP_EV_IMG_SLOT_STATE: behind the keys of each entry of the image list. A hook may put more
 * keys into it; what it returns has no meaning. */
struct dfu_smp_slot_state_event {
    uint8_t image, slot;
    const struct dfu_image_version *version;
    const uint8_t *hash;
    uint8_t hash_len;
    bool bootable, pending, confirmed, active, permanent;
    struct dfu_cbor_encoder *enc;
};

/* DFU_SMP_EV_SLOT_INFO_SLOT and, behind an image's slots, DFU_SMP_EV_SLOT_INFO_IMAGE, where slot
 * and area mean nothing. The same holds. */
struct dfu_smp_slot_info_event {
    uint8_t image, slot;
    const struct dfu_area *area;
    struct dfu_cbor_encoder *enc;
};

/* Forget a running upload and its stored progress: another writer takes over the slot. */
void dfu_smp_img_reset_upload(struct dfu_smp_img *img);

#ifdef __cplusplus
}
#endif
#endif
