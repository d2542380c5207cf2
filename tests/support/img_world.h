/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* img_world.h - a device as the image group sees it: simulated flash with two slots (and two more
 * for a second image), a server on top, images to fill them with. Every flash operation is
 * watched: one that touches the running slot fails the test at once. */
#ifndef TEST_IMG_WORLD_H
#define TEST_IMG_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/smp_img.h"
#include "dfu/smp_pages.h"
#include "nor.h"
#include "smp_peer.h"

#define WORLD_EVENTS_MAX 2048u

struct img_world {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_smp_img img;
    struct dfu_smp_binding bindings[2]; /* images, and their pages */
    struct smp_peer peer;

    uint8_t stored[DFU_STREAM_PROGRESS_SIZE]; /* the progress store: survives world_reset */
    int stored_len;
    struct dfu_stream_store store;
    unsigned saves;

    struct dfu_smp_hook hook;
    uint32_t events[WORLD_EVENTS_MAX]; /* of uploads and confirmations, as they came */
    unsigned event_count;
    uint32_t refused_event; /* answered with rc 11 */

    bool guards_active; /* off while a test prepares the running slot */
};

/* image_count images of two slots with slot_sectors sectors of 4096 bytes each, swap-move. */
void world_init(struct img_world *w, uint8_t image_count, uint32_t slot_sectors,
                uint8_t write_size);
void world_free(struct img_world *w);

/* The device restarts without a swap: RAM is lost, flash and store stay. */
void world_reset(struct img_world *w);

const struct dfu_area *world_slot(const struct img_world *w, uint8_t image, uint8_t slot);

/* An image of this version and total size (at least 128), its stored hash right. */
struct test_image {
    uint8_t *data;
    uint32_t size;
    uint8_t sha[32];  /* of the whole file */
    uint8_t hash[32]; /* its hash TLV */
};
struct test_image image_make(struct dfu_image_version version, uint32_t size);
void image_free(struct test_image *image);

/* Put one into a slot as a programmer would. */
void world_program(struct img_world *w, uint8_t image, uint8_t slot,
                   const struct test_image *content);

/* A new world where 1.0.0 runs, and 1.1.0 lies in the other slot of the last image. */
void world_fill(struct img_world *w, uint8_t image_count, struct test_image *old_image,
                struct test_image *new_image);

/* Bring the first image's trailers into the state that reads as this swap type. */
void world_make_swap_type(struct img_world *w, enum dfu_swap_type type);

/* ---- Requests ---- */

/* One upload request; NULL or negative leaves a key out. */
struct chunk {
    int64_t off, len, image;
    const uint8_t *data;
    size_t data_len;
    const uint8_t *sha;
    size_t sha_len;
    int upgrade;
};
#define CHUNK_NONE ((struct chunk){ .off = -1, .len = -1, .image = -1, .upgrade = -1 })

struct reply {
    int64_t off;            /* -1 without one */
    int match;              /* -1 without one */
    int64_t rc;             /* of {"rc"} */
    int64_t err, err_group; /* of {"err"} */
};

struct reply world_chunk(struct img_world *w, const struct chunk *chunk);

/* From off on in pieces of step bytes until the server has it all or answers an error. sha NULL:
 * without one. */
struct reply world_upload(struct img_world *w, const struct test_image *image, uint32_t off,
                          uint32_t step, bool with_sha);

/* State write; hash NULL: without one. */
struct reply world_set_state(struct img_world *w, const uint8_t *hash, size_t hash_len,
                             bool confirm);
struct reply world_erase(struct img_world *w, int64_t slot);

/* "active,confirmed" of a slot as the list has it; "absent" if it is not in there. */
const char *world_flags(struct img_world *w, uint8_t image, uint8_t slot);

void assert_slot_holds(const struct img_world *w, uint8_t image, uint8_t slot,
                       const struct test_image *content);

#endif
