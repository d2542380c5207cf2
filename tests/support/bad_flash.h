/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* bad_flash.h - a start over flash that holds nonsense, and images whose lengths lie. */
#ifndef TEST_BAD_FLASH_H
#define TEST_BAD_FLASH_H

#include "upgrade.h"

/* A start; its operations and the bytes it reads have a bound that follows from the slots alone:
 * each of both images is looked at a few times, and moved at most once. What runs, as start(). */
unsigned start_within_bounds(struct device *device);

void assert_said(struct device *device, const char *line);

/* Bytes of an image, from its start or from its end, and what they make of it. */
struct lie {
    int32_t off; /* from the image's end where negative */
    const char *hex;
    enum dfu_image_fault fault;
};

#define LIE_COUNT 8
extern const struct lie lies[LIE_COUNT];

/* Write it into the image of size bytes at off in a slot. */
void put_lie(struct device *device, enum world_place place, uint32_t off, uint32_t size,
             const struct lie *lie);

/* Bytes that follow from *state, which goes on. */
void put_noise(struct device *device, enum world_place place, uint32_t off, uint32_t len,
               uint32_t *state);
void put_noise_in_trailer(struct device *device, enum world_place place, uint32_t *state);

/* The magic at the end of a slot, whatever was there. */
void put_magic(struct device *device, enum world_place place);

#endif
