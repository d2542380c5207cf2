/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* upgrade_set.h - several images of one device as one upgrade: resumable steps that do no I/O.
 *
 * do they fit -> each is uploaded and marked, in the order given -> one reset -> compare what runs
 * -> confirm each, if all of them run. Where only a part came up nothing is confirmed, so the next
 * reset goes back to the old images, all of them. As with one image (upgrade.h), a client that
 * starts again goes on where the last one stopped. */
#ifndef DFU_UPGRADE_SET_H
#define DFU_UPGRADE_SET_H

#include "dfu/upgrade.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_UPGRADE_SET_MAX (DFU_CLIENT_SLOTS_MAX / 2)

struct dfu_upgrade_part {
    struct dfu_reader file;
    struct dfu_firmware firmware; /* inspected, fault DFU_IMAGE_FINE */
    uint32_t image_number;        /* of no other part */
};

struct dfu_upgrade_set_config {
    struct dfu_upgrade_config each; /* for all; its file, firmware and image_number are not used */
    const struct dfu_upgrade_part *parts; /* the caller's, there until it is over */
    size_t count;                         /* 1 to DFU_UPGRADE_SET_MAX */
};

enum dfu_upgrade_set_step {
    DFU_UPGRADE_SET_SLOTS,
    DFU_UPGRADE_SET_STAGE,   /* the engine uploads and marks part at */
    DFU_UPGRADE_SET_RESTART, /* the engine finds part at in place, and resets */
    DFU_UPGRADE_SET_LIST,
    DFU_UPGRADE_SET_CONFIRM, /* part at */
    DFU_UPGRADE_SET_CHECK,
    DFU_UPGRADE_SET_OVER,
};

struct dfu_upgrade_part_done {
    enum dfu_upgrade_outcome
        outcome;                   /* of its upload: staged, on test, already running, or why not */
    struct dfu_client_slot before; /* what ran; hash_len 0: not told */
    uint32_t sent;                 /* bytes of image */
};

struct dfu_upgrade_set {
    struct dfu_upgrade_set_config config;
    enum dfu_upgrade_set_step step;
    enum dfu_upgrade_outcome outcome;    /* of all of them */
    enum dfu_upgrade_set_step failed_in; /* of an outcome that is none of the good ones: in _STAGE
                                            and _RESTART the engine says why, else what follows */
    size_t at;                           /* the part it is about */
    int err;                             /* of DFU_UPGRADE_FAILED */
    struct dfu_refusal refusal;          /* of err DFU_ERR_PERM */
    uint32_t limit;                      /* of DFU_UPGRADE_TOO_LARGE: the largest image */
    size_t new_count;           /* of DFU_UPGRADE_REVERTED: so many run nevertheless, and */
    struct dfu_client_slot old; /* this one does not (its image is that of part at) */
    struct dfu_upgrade_part_done done[DFU_UPGRADE_SET_MAX];
    struct dfu_upgrade engine;

    /* state */
    struct dfu_exchange exchange;
    uint8_t frame[256];
    uint8_t version, seq;
    bool is_asking, is_engine_on, wants_confirm[DFU_UPGRADE_SET_MAX];
};

/* DFU_ERR_INVAL: no parts, or too many. */
int dfu_upgrade_set_start(struct dfu_upgrade_set *set, const struct dfu_upgrade_set_config *config);

/* As for one image. It is over when set->step is DFU_UPGRADE_SET_OVER; the link is wanted anew when
 * set->engine.wants_reconnect says so. */
size_t dfu_upgrade_set_next(struct dfu_upgrade_set *set, uint64_t now_ms, uint8_t *frame,
                            size_t cap);
void dfu_upgrade_set_answer(struct dfu_upgrade_set *set, uint64_t now_ms, const uint8_t *frame,
                            size_t len);
uint64_t dfu_upgrade_set_deadline(const struct dfu_upgrade_set *set);
void dfu_upgrade_set_link_back(struct dfu_upgrade_set *set, uint64_t now_ms);

#ifdef __cplusplus
}
#endif
#endif
