/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* story.h - one device, one update, and what may remain of it when power fails.
 *
 * A story is: the application asks for the new image, the loader installs it, and then either
 * the application confirms it or the loader goes back. Each of these is a stage; power is cut in
 * a stage, then in the boots that follow, and finally the device is left alone. What must come
 * out follows from the flash at the last cut (see phase_at in story.c), never from luck. */
#ifndef POWER_STORY_H
#define POWER_STORY_H

#include <openssl/evp.h>

#include "boot_world.h"
#include "layout.h"
#include "test_image.h"

#define STORY_CUTS_MAX 10

/* Unpacking overwrites with what a compressed update decodes to. */
enum story_strategy {
    STORY_MOVE,
    STORY_OVERWRITE,
    STORY_FAST,
    STORY_OFFSET,
    STORY_SCRATCH,
    STORY_UNPACK,
    STORY_UNPACK_FAST,
    STORY_STRATEGIES
};

/* Attempt: a start of an image on trial that is not its last. Settled: the first start after the
 * application has confirmed. Both only where a switch below makes a difference there. */
enum story_stage {
    STAGE_REQUEST,
    STAGE_UPGRADE,
    STAGE_ATTEMPT,
    STAGE_REVERT,
    STAGE_CONFIRM,
    STAGE_SETTLED,
    STAGES
};

/* Beyond MCUboot, and its policies, as bits. */
enum story_switch {
    SWITCH_SKIP = 1, /* both images then have the same body, but for its length */
    SWITCH_HISTORY = 2,
    SWITCH_ATTEMPTS = 4, /* three starts */
    SWITCH_REVOKE = 8,   /* signed; the new image revokes the key of the old one */
    SWITCH_PROGRESS = 16,
    SWITCH_COUNTER = 32,  /* 1 at first; the old image has 1, the new one 2 */
    SWITCH_DOWNGRADE = 64 /* of versions and counters is prevented: no way back is one */
};

/* A device and an update. */
struct story_spec {
    enum story_strategy strategy;
    uint8_t write_size, erased;
    uint8_t secondary_unit,
        scratch_unit;         /* write sizes of their own; 0: write_size, as the primary */
    uint32_t sector, sectors; /* of the secondary */
    uint32_t extra;     /* sectors more in the primary; with an offset in the secondary: 0, 1 */
    enum layout layout; /* of the slots */
    uint32_t scratch;   /* sectors of s in the scratch area */
    uint16_t max_sectors;
    uint32_t old_size, new_size; /* whole images; 0: the largest that fits */
    bool is_permanent;
    bool is_confirmed; /* the old image has a trailer with everything set, or none at all */
    /* The primary holds no image, or, with is_confirmed, one whose header is broken. The story is
     * then the upgrade alone. */
    bool is_empty;
    bool is_unasked; /* nobody asks for the upgrade of an empty primary */
    bool is_signed;  /* Ed25519, else by hash alone */
    /* A unit whose program was torn may still read erased. Plain cells then take a program like
     * any erased unit; sticky ones (parts with error correction) refuse until the next erase. */
    bool is_sticky;
    bool is_unchecked; /* the primary is not verified at each start */
    /* Bytes of the images' content keys, 16 or 32: both are encrypted, but in the primary. 0: not. */
    uint8_t crypt_len;
    bool keeps_wrapped_keys; /* the trailer holds those keys as they came */
    unsigned switches;       /* enum story_switch */
};

/* One way to fail: a stage, and a cut in it and in each boot after it. */
struct story_path {
    enum story_stage stage;
    struct {
        enum dfu_sim_cut_when when;
        uint32_t op;
        uint64_t seed;
        /* Where edge is not 0, operation op is an erase that stopped there: done up to that byte
         * of its sector, or, with is_from_edge, from that byte on. */
        uint32_t edge;
        bool is_from_edge;
    } cuts[STORY_CUTS_MAX];
    unsigned cut_count;
};

struct story_tally {
    uint64_t paths, cuts, boots, failures;
};

struct story;

/* keys: of the old and the new image, where they are signed.
 * NULL if the images do not fit the device or the stages cannot be run without any cut; why then
 * says so, or is empty where the sizes alone are the reason. */
struct story *story_open(const struct story_spec *spec, EVP_PKEY *const keys[2], char *why,
                         size_t why_size);
void story_close(struct story *story);

const char *story_strategy_name(enum story_strategy strategy);
const char *story_stage_name(enum story_stage stage);

/* Whether this story has the stage. */
bool story_has(const struct story *story, enum story_stage stage);

/* Every cut in a stage: before each operation, after the last, and inside each with so many
 * different tears. (After operation k is the flash of before operation k + 1.) Erases of trailers
 * also stop at each field: chance alone would not part a magic from the flag beside it. */
void story_every_cut(struct story *story, enum story_stage stage, unsigned tears);

/* Every cut in a stage, and for each every cut in the boot after it. */
void story_every_pair(struct story *story, enum story_stage stage, unsigned tears);

/* Random stages with up to ten cuts each, from the seed alone. */
void story_random_chains(struct story *story, unsigned count, uint64_t seed);

/* One path the long way round: through the real calls, power really failing under them. */
bool story_follow(struct story *story, const struct story_path *path, FILE *verbose);

const struct story_tally *story_tally(const struct story *story);

/* Called for each failure with the command-line form of what failed. */
extern void (*story_on_failure)(const char *replay, const char *why);

/* "move,w=4,e=ff,..." both ways; false if the text makes no sense. */
void story_text(const struct story_spec *spec, const struct story_path *path, char *out,
                size_t size);
bool story_parse(const char *text, struct story_spec *spec, struct story_path *path);

#endif
