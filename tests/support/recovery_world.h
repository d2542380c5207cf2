/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* recovery_world.h - a device in serial recovery on simulated flash, and a client that sends it
 * packets and reads the answers as text: {rc:0,off:512}. */
#ifndef TEST_RECOVERY_WORLD_H
#define TEST_RECOVERY_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/boot.h"
#include "dfu/recovery.h"
#include "img_world.h"
#include "nor.h"

#define RECOVERY_SECTOR    4096u
#define RECOVERY_SECTORS   8u /* of a slot */
#define RECOVERY_SLOT_SIZE (RECOVERY_SECTORS * RECOVERY_SECTOR)
#define RECOVERY_IDLE_MS   30000u
#define RECOVERY_WINDOW_MS 500u

struct recovery_world {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_recovery_config cfg;
    struct dfu_recovery recovery;
    struct dfu_smp_link link;
    struct test_image old_image, new_image; /* versions 1.0.0 and 2.3.4 */
    uint64_t now;
    unsigned answers;
    uint8_t answer[1024];
    size_t answer_len;
    char text[2048]; /* of the last answer's map */
    uint8_t buf[256], response[1024];
};

/* Empty slots of swap-move, in recovery because nothing may run. */
struct recovery_world *rec_open(uint8_t image_count);
void rec_close(struct recovery_world *w);

/* Once more, from the start. */
void rec_enter(struct recovery_world *w, enum dfu_recovery_reason reason);

const struct dfu_area *rec_slot(const struct recovery_world *w, uint8_t image, uint8_t number);
void rec_program(struct recovery_world *w, const struct dfu_area *area,
                 const struct test_image *image);
void rec_assert_holds(const struct recovery_world *w, const struct dfu_area *area,
                      const struct test_image *image);

/* One packet; its only answer's map as text, "" for silence. */
const char *rec_send(struct recovery_world *w, struct dfu_smp_header header, const void *payload,
                     size_t len);
const char *rec_ask(struct recovery_world *w, enum dfu_smp_op op, uint16_t group, uint8_t id);
const char *rec_ask_images(struct recovery_world *w);
const char *rec_write_img(struct recovery_world *w, uint8_t id, const struct dfu_cbor_encoder *enc);

/* One upload request; a negative number leaves its key out. */
const char *rec_chunk(struct recovery_world *w, int64_t off, int64_t len, int64_t image,
                      const uint8_t *data, size_t data_len);

/* In chunks of 300 bytes, as far as the device answers; true: to the end. */
bool rec_upload(struct recovery_world *w, int64_t number, const struct test_image *image);

/* Without a hash, or with a negative confirm, that key is left out. */
const char *rec_set_state_by(struct recovery_world *w, const uint8_t *hash, size_t hash_len,
                             int confirm);
const char *rec_set_state(struct recovery_world *w, const uint8_t *hash, int confirm);

/* Slot as clients count them; a negative number leaves the key out. */
const char *rec_erase(struct recovery_world *w, int number);

/* The bootloader over the same slots. */
int rec_boot(struct recovery_world *w, struct dfu_boot_result *out);

#endif
