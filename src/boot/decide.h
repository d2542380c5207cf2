/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* decide.h - from facts to a decision. Pure: nothing is read, nothing is written, so that the
 * whole table can be tested. boot_decide() says what is asked for; boot_settle() says what comes
 * of it once the image in the secondary was checked. */
#ifndef DFU_BOOT_DECIDE_H
#define DFU_BOOT_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/fixed.h"
#include "dfu/boot.h"

/* Which area holds the status of a swap that has begun. */
enum boot_source { BOOT_SOURCE_NONE, BOOT_SOURCE_PRIMARY, BOOT_SOURCE_SCRATCH };

/* What a cut left to do of ending a trial whose copy_done could not be written. The facts are those
 * of when it will be done. */
enum boot_rest { BOOT_REST_NONE, BOOT_REST_TRAILER, BOOT_REST_REQUEST };

/* What one image pair looks like before anything is done. */
struct boot_facts {
    enum dfu_boot_mode mode;
    bool can_upgrade;   /* slots fit together, headers and status could be read */
    bool is_size_known; /* the primary's trailer records the size that this swap would have */
    bool goes_back;     /* what asks for a permanent swap is a revert that has begun (way_back.h) */
    bool is_misplaced;  /* the image to go back to does not lie where a revert would fetch it */
    uint8_t image;      /* which pair it is */
    uint32_t done;      /* steps of a begun swap that are recorded as done */
    uint32_t steps;     /* ... of so many; 0 where none has begun */
    uint32_t own_done;  /* the same by the primary's records alone, where scratch has some, too,
                         * and of no later swap */
    struct dfu_slot_state primary, secondary, scratch;
    enum boot_rest rest;
};

static inline enum dfu_boot_mode mode_of(const struct boot_facts *facts)
{
    return fixed_mode(facts->mode);
}

enum boot_action {
    BOOT_KEEP,    /* run what the primary holds */
    BOOT_RESUME,  /* finish a swap that has begun */
    BOOT_UPGRADE, /* begin one, if the secondary passes its check */
};

struct boot_decision {
    enum boot_action action;
    enum dfu_swap_type type;
    bool is_recorded; /* the primary's trailer says so, not the request in the secondary */
    enum dfu_boot_why why;
};

/* Outcome of checking the secondary. */
enum boot_check {
    BOOT_CHECK_GOOD,
    BOOT_CHECK_EMPTY,        /* no header: erased */
    BOOT_CHECK_NOT_BOOTABLE, /* flagged so */
    BOOT_CHECK_INVALID,
    BOOT_CHECK_TOO_OLD,    /* of a lower version than the verified primary */
    BOOT_CHECK_UNREADABLE, /* nothing is known about it */
};

/* What is erased because of it. */
enum boot_cleaning {
    BOOT_CLEAN_NOTHING,
    BOOT_CLEAN_SECONDARY,         /* the whole slot */
    BOOT_CLEAN_SECONDARY_TRAILER, /* so that the request goes away */
    BOOT_CLEAN_BOTH_TRAILERS,     /* a revert to an image that is gone must not be asked again */
};

struct boot_settlement {
    enum dfu_swap_type type; /* to carry out; NONE or FAIL if the check failed */
    enum boot_cleaning cleaning;
    enum dfu_swap_type left; /* what is asked for when a request has been cleaned away */
};

enum boot_source boot_source_of(const struct boot_facts *facts);

/* Whether that is a swap which has changed the primary, or is about to. */
bool boot_has_begun(const struct boot_facts *facts);

/* Whether both trailers ask for a revert, as MCUboot leaves them when it is cut while it prepares
 * one for the second time: the primary's may have records. */
bool boot_is_revert_prepared_twice(const struct boot_facts *facts);

/* Whether a swap that is noted in the scratch area may be noted in the primary as well. */
bool boot_is_noted_twice(const struct boot_facts *facts);

struct boot_decision boot_decide(const struct boot_facts *facts);

struct boot_settlement boot_settle(const struct boot_facts *facts, struct boot_decision decision,
                                   enum boot_check check);

#endif
