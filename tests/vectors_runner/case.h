/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* case.h - one recorded case as structs: device, images, operations. The format is described in
 * tests/vectors/swap/README.md; its words are used here. */
#ifndef RUNNER_CASE_H
#define RUNNER_CASE_H

#include <cjson/cJSON.h>

#include "test_image.h"
#include "boot_world.h"

#define CASE_IMAGES_MAX 6
#define CASE_CHUNK      1024u /* bytes of one recorded copy operation */

struct case_image {
    const char *name;
    uint8_t *bytes;
    uint32_t size;
};

struct swap_case {
    const cJSON *json;
    const char *id, *mode;
    struct world_spec spec;
    struct case_image images[CASE_IMAGES_MAX];
    size_t image_count;
};

/* One recorded operation: erase (E), write (W) or copy (C; many writes). */
struct case_op {
    char kind;
    enum world_place area, src;
    uint32_t off, len, src_off;
    const char *hex;
};

struct case_ops {
    struct case_op *list;
    size_t count;
};

/* NULL, or a mode that the runner does not know. */
const char *case_unknown_mode(const cJSON *json);

/* Direct-XIP: nothing moves, and the application marks slots by area. */
bool case_runs_in_place(const struct swap_case *c);

/* Ends the program if an image does not come out as recorded. */
void case_open(struct swap_case *c, const cJSON *json);
void case_close(struct swap_case *c);

/* The areas of a case or of a geometry row. */
void case_areas(const cJSON *areas, struct world_spec *spec);

/* Whether the case is marked as showing this bug. */
bool case_shows(const struct swap_case *c, const char *bug);

/* Fill a blank world: init, or the area and image of a "stage" step. */
void case_init(const struct swap_case *c, struct world *w);
void case_stage(const struct swap_case *c, struct world *w, const cJSON *step);
void case_poke(struct world *w, const cJSON *step);

/* A recorded list, copies still whole; and copies split into the writes that count as one each.
 * Free the list. */
struct case_ops case_ops_of(const cJSON *ops);
struct case_ops case_ops_split(const struct case_ops *ops);

/* Do one operation. The world allows programming a unit twice where the recording did. */
void case_apply(struct world *w, const struct case_op *op);

enum world_place case_place(const char *name);

#endif
