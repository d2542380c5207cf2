/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* explain.h - what a bootloader is going to do, found out by asking it: its own decision on a copy
 * of the flash, and a rehearsal of the next boots. Facts are gathered once (explain.c), then told
 * in words (explain_text.c) or as JSON (explain_json.c, docs/EXPLAIN.md). */
#ifndef DFU_DFU_EXPLAIN_H
#define DFU_DFU_EXPLAIN_H

#include "cli.h"
#include "dfu/client.h"
#include "extras.h"
#include "fit.h"
#include "history.h"
#include "rehearsal.h"
#include "sim_keys.h"

#define EXPLAIN_BOOTS_MAX     8u
#define EXPLAIN_SCENARIOS_MAX 5u

enum explain_source { EXPLAIN_IMAGE, EXPLAIN_FLASH, EXPLAIN_DEVICE };

/* One slot, as it is now. */
struct explain_slot {
    const struct dfu_area *area; /* NULL: the mode has no such slot */
    bool is_empty, has_header, has_keyhash;
    bool is_former; /* swap using offset left it where an update is not looked for */
    struct dfu_image_header header;
    struct dfu_image_report report;
    struct dfu_slot_state trailer;
    const char *key;     /* the file of the key that signed it; NULL: none of those given */
    uint8_t keyhash[32]; /* what the image says of its key */
};

struct explain_boot {
    struct rehearsed_boot boot;
    int slot; /* that runs, -1: none */
    bool is_confirmed;
};

/* A future: something is done, then the device starts a few times. */
struct explain_scenario {
    const char *name;  /* "as-is" */
    const char *title; /* "If nobody does anything" */
    struct explain_boot boots[EXPLAIN_BOOTS_MAX];
    unsigned count;
};

struct explain {
    struct cli *cli;
    enum explain_source source;
    const char *path; /* of the image or the dump, or the target */
    const struct boot_mode *mode;
    struct dfu_board *board;
    struct sim_keys keys;
    struct dfu_image_policy policy;
    struct rehearsal rehearsal;
    struct extras extras;
    struct dfu_boot_outlook outlook[DFU_IMAGES_MAX];
    struct explain_slot slots[DFU_IMAGES_MAX][2];
    uint32_t limits[DFU_IMAGES_MAX];
    struct explain_scenario scenarios[EXPLAIN_SCENARIOS_MAX];
    unsigned scenario_count;
    struct history history;    /* where --history says that there is one */
    bool has_fit, is_stand_in; /* stand-in: the other image of a rehearsal is only supposed */
    struct fit fit;
    bool is_board_known; /* false: a device whose board was not named */
    bool has_cost;       /* erases and time mean something: images of the right size, that board */
};

/* Everything but where the flash comes from: slots, outlook, scenarios. 0 or an exit code. */
int explain_look(struct explain *e);

/* The slot that an application of this mode is brought into: 0 where there is no other, or where a
 * program in the other brings it. */
unsigned explain_taker(const struct explain *e);

/* Whether size bytes fit, and what would help if they do not. */
void explain_measure(struct explain *e, uint32_t size);

/* The version that runs after a boot, or NULL. */
const struct dfu_image_version *explain_runs(const struct explain_boot *boot);

/* Sentences; out is returned. */
char *explain_next(const struct explain *e, uint8_t image, char *out, size_t cap);
char *explain_why(const struct explain *e, uint8_t image, char *out, size_t cap);

/* What a device says of itself, before a board is chosen; then its slots as stand-ins of that
 * version and state, of size bytes. 0 or an exit code. */
struct explain_device {
    struct dfu_client_images images;
    enum dfu_boot_mode mode;
    uint32_t largest; /* image; 0: not told */
};
int explain_ask_device(struct cli *cli, struct explain_device *out);
/* Slots that the mode and the images of the device fit into, where nobody says which it has. */
const char *explain_stand_in_board(const struct explain_device *device);
int explain_put_device(struct explain *e, const struct explain_device *device, uint32_t size);

int explain_print(struct explain *e);
int explain_print_json(struct explain *e);

#endif
