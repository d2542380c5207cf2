/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* nor.h - a simulated flash with its memory, for tests: equal sectors, strict about second
 * programs, and slots on it. */
#ifndef TEST_NOR_H
#define TEST_NOR_H

#include <stdint.h>

#include "dfu/sim_flash.h"
#include "dfu/slots.h"

#define NOR_AREAS_MAX 8

struct nor {
    struct dfu_sim_flash flash;
    struct dfu_sector_run run;
    struct dfu_area areas[NOR_AREAS_MAX];
    struct dfu_sector_run runs[NOR_AREAS_MAX];
    unsigned area_count;
};

/* Formatted: everything erased, power on. */
struct nor *nor_new(uint32_t sector_size, uint32_t sector_count, uint8_t write_size,
                    uint8_t erased);
void nor_free(struct nor *nor);

/* The next area: count sectors after the area made before it. */
const struct dfu_area *nor_area(struct nor *nor, const char *label, uint32_t count);

/* The next two areas, of so many sectors each, as the slots of one image: swap using move, alignment
 * 8, at most 128 sectors. */
struct dfu_slot_map nor_two_slots(struct nor *nor, uint32_t sectors);

/* The next pseudo-random number; state is the printed seed at first. */
uint32_t test_random(uint64_t *state);

#endif
