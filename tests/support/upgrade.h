/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* upgrade.h - what a test of the bootloader says and asks about a simulated device. */
#ifndef TEST_UPGRADE_H
#define TEST_UPGRADE_H

#include "boot_world.h"
#include "test_image.h"

#define OLD 1 /* major versions of the two images of most tests */
#define NEW 2

struct device {
    struct world world;
    struct world_journal journal;
    struct world_log log;
    struct world_boot last;
    char ops[16384];
    char lines[WORLD_LINES_MAX * WORLD_LINE_SIZE];
};

/* Slots as in the worked examples: sectors of 4 KiB, write size 8, status for 128 sectors. Swap
 * using move has one sector more in the primary; overwrite has equal slots. */
struct world_spec spec_move(void);
struct world_spec spec_overwrite_fast(void);
struct world_spec spec_overwrite(void);

/* Any other mode: equal slots, one or two. */
struct world_spec spec_equal(enum dfu_boot_mode mode, bool has_secondary);

/* Swap using offset has one sector more in the secondary, swap using scratch one in scratch. */
struct world_spec spec_offset(void);
struct world_spec spec_scratch(void);
/* Slots so small that the images reach into the sector of the trailer, which then is in scratch for
 * a while. */
struct world_spec spec_scratch_shared(void);

/* Several image pairs, up to WORLD_PAIRS. */
struct world_spec spec_with_pairs(struct world_spec spec, uint8_t pairs);
struct world_spec spec_move_pairs(uint8_t pairs);

struct device *device_new(const struct world_spec *spec);
void device_free(struct device *device);

/* An image of size bytes in all, accepted by its hash. */
void put_image(struct device *device, enum world_place place, uint8_t major, uint32_t size);
void put_recipe(struct device *device, enum world_place place, struct test_recipe *recipe,
                uint32_t size);
void put_image_with(struct device *device, enum world_place place, uint8_t major, uint32_t size,
                    uint32_t flags);

/* One made to run from addr in RAM. */
void put_image_for_ram(struct device *device, enum world_place place, uint8_t major, uint32_t size,
                       uint32_t addr);

/* One that runs only beside image `other` of at least version major.0.0. */
void put_image_needing(struct device *device, enum world_place place, uint8_t major, uint32_t size,
                       uint8_t other, uint8_t other_major);
void put_bytes(struct device *device, enum world_place place, uint32_t off, const char *hex);

/* Make a slot's bytes read as they do after a whole erase. */
void wipe(struct device *device, enum world_place place, uint32_t off, uint32_t len);

/* Where an update waits in the secondary: swap using offset leaves the first sector free. */
uint32_t update_off(const struct device *device);

void request(struct device *device, bool permanent);
void request_image(struct device *device, uint8_t image, bool permanent);
void confirm(struct device *device);
void confirm_image(struct device *device, uint8_t image);

/* The major version of the image in a slot; 0: there is none. */
unsigned holds(struct device *device, enum world_place place);
unsigned holds_at(struct device *device, enum world_place place, uint32_t off);

/* Power on and start; what runs afterwards: a major version, or 0 for nothing. */
unsigned start(struct device *device);

/* The same, with power failing at operation op. The start must not outlive it. */
void start_cut(struct device *device, enum dfu_sim_cut_when when, uint32_t op, uint64_t seed);

/* Power fails before each operation of the next start, and inside it in so many ways; each time the
 * start after runs which, and check has nothing to say against it. */
void check_after_every_cut(struct device *device, unsigned which, uint64_t tears,
                           void (*check)(struct device *device));

/* The trailer of a slot, and where its fields lie. */
struct dfu_slot_state trailer(struct device *device, enum world_place place);
struct dfu_trailer fields_of(struct device *device, enum world_place place);
bool is_blank(struct device *device, enum world_place place, uint32_t off, uint32_t len);

/* No byte of an image is left in RAM. */
bool ram_is_blank(const struct device *device);

/* The operations of the last start: "E pri 4000", "w pri 4fd8 02" (what is not erased of a small
 * write), "W pri 3000+1000" (adjacent large writes as one), a line each. */
const char *ops_of(struct device *device);

/* Its console lines, each with its newline. */
const char *lines_of(struct device *device);

#endif
