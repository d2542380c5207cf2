/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* strategy.h - what an upgrade mode consists of.
 *
 * A mode that swaps is a plan: a pure map from a step's number to one copy, and to the status
 * record that says it is done. The engine (swap.h) carries steps out and journals them; a plan
 * does no I/O but in prepare. A mode that overwrites is one function. */
#ifndef DFU_BOOT_STRATEGY_H
#define DFU_BOOT_STRATEGY_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/fixed.h"
#include "dfu/boot.h"

/* One image's slots during one boot. */
struct boot_pair {
    struct kept_boot kept;
    const struct dfu_area *primary, *secondary;
    uint8_t image;
    uint32_t update_off; /* where the secondary's image begins; locate.h finds it */
    bool is_misplaced;   /* it does not lie where it should be, but in the other place */
};

static inline const struct dfu_boot_config *cfg_of(const struct boot_pair *pair)
{
    return fixed_boot(pair->kept);
}

/* A swap, not yet begun or under way. */
struct swap {
    const struct boot_pair *pair;
    enum dfu_swap_type type;
    bool is_recorded;   /* a trailer of the swap itself asks for it, and may keep doing so */
    bool is_in_scratch; /* ... that of the scratch area */
    bool may_be_torn;   /* the next step: an earlier start may have begun it */
    uint16_t turn;      /* not 0: noted behind the size (swap.h) */
    uint32_t size;      /* bytes of the larger image */
    uint32_t unit;      /* bytes moved at once; 0 where that differs from operation to operation */
    uint32_t count;     /* operations that the size needs */
    uint32_t end;       /* of the last of them, in both slots */
    uint32_t used[2];   /* sectors of each image; a plan may skip what lies above */
    uint32_t required;  /* bytes of the primary that the swap would use, and has */
    uint32_t available;
    uint32_t done;                 /* steps that are recorded */
    uint32_t failed_marks;         /* records that could not be written */
    struct dfu_trailer at;         /* the primary's */
    struct dfu_trailer scratch_at; /* the scratch area's, if there is one */
    /* Of the image that was in the primary, and in the secondary; without a cipher: copied as is. */
    struct dfu_content_key keys[2];
};

/* Erase a span of dst, then copy src into it. A step never harms its own source, so it can be
 * done again after any cut. len 0: there is nothing to do but the record. */
struct swap_step {
    const struct dfu_area *dst, *src;
    uint32_t dst_off, src_off, len;
};

/* The record of a step: where in the journal, and MCUboot's name for the step. */
struct swap_mark {
    const struct dfu_area *area; /* whose trailer holds it; NULL: the primary's */
    uint32_t index;              /* in status records */
    uint32_t idx;                /* operation, from 1 */
    uint8_t state;               /* of that operation, from 1; also the byte recorded */
};

struct swap_place {
    const struct dfu_area *area;
    uint32_t off;
};

struct swap_plan {
    const char *algorithm;  /* as the console names it */
    uint32_t first_records; /* so many at the start may be missing without being a gap */
    bool takes_empty;       /* the primary need not hold an image */
    /* From size to unit, count, required and available. DFU_ERR_NOSPACE, DFU_ERR_FORMAT. */
    int (*measure)(struct swap *swap);
    uint32_t (*steps)(const struct swap *swap);
    struct swap_step (*step)(const struct swap *swap, uint32_t n);
    struct swap_mark (*mark)(const struct swap *swap, uint32_t n);
    /* Where a slot's image header lies after swap->done steps. */
    struct swap_place (*header)(const struct swap *swap, bool of_primary);
    /* Put the trailers in order before step 0. */
    int (*prepare)(struct swap *swap);
    /* Make the secondary, whose trailer was erased, ask for the image in it, which is the confirmed
     * one. NULL: no trailer can be made anew, it may share its sector with an image. */
    int (*request_back)(const struct swap *swap);

    /* NULL where there is nothing to do: */
    int (*ready)(struct swap *swap); /* before the first step of this start */
    /* The step itself, where it is more than an erase and a copy, and what follows its record. */
    int (*apply)(const struct swap *swap, uint32_t n);
    int (*recorded)(const struct swap *swap, uint32_t n);
    int (*finish)(const struct swap *swap); /* after the last step, before the flags */
};

struct pick_rules;

struct dfu_boot_strategy {
    enum dfu_boot_mode mode;
    /* From flash to what may run: fills out, DFU_ERR_VERIFY if nothing may. */
    int (*start)(struct kept_boot kept, struct dfu_boot_result *out);
    /* What that would do with one image, changing nothing. cfg has no event. */
    int (*look)(const struct dfu_boot_config *cfg, uint8_t image, struct dfu_boot_outlook *out);

    /* Modes that choose a slot: */
    const struct pick_rules *pick;

    /* Modes that move images: */
    const struct swap_plan *plan; /* NULL: the mode overwrites */
    /* Copy the secondary over the primary: an overwrite, or the first fill of a broken primary. */
    int (*copy)(const struct boot_pair *pair);
};

#endif
