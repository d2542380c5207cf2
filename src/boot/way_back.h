/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* way_back.h - for downgrade prevention: is the old image asked for because the new one was on
 * trial, or does somebody offer it as an update?
 *
 * With swap using move a revert asks for the old image as an upgrade would, while the primary's
 * trailer is made anew (bootloader spec 4.3). An upload can write the same into the secondary, so
 * what tells them apart is in the primary: its trailer, or, once that is being erased, a note in the
 * sector below the trailer's, where no image of this mode reaches. */
#ifndef DFU_BOOT_WAY_BACK_H
#define DFU_BOOT_WAY_BACK_H

#include "boot/strategy.h"

/* Whether a permanent request is one that a revert has made. */
bool way_back_is_under_way(const struct boot_pair *pair, const struct dfu_slot_state *primary);

/* Whether a revert that the trailers ask for leaves an image that is confirmed: with swap using
 * offset the secondary's trailer alone can ask for one. */
bool way_back_is_made_up(const struct boot_pair *pair);

/* Whether the secondary's own word that a trial has ended (complete.c) is to be believed. */
bool way_back_may_be_told(const struct boot_pair *pair, const struct dfu_slot_state *primary);

/* Before the primary's trailer is erased: leave the note. Nothing where it would not be asked for. */
int way_back_note(const struct swap *swap);
/* The same for a swap that begins, if it is a way back; or forget an old note. */
int way_back_settle(const struct swap *swap);
int way_back_forget(const struct swap *swap);

static inline bool prevents_downgrade(const struct boot_pair *pair)
{
    return cfg_of(pair)->prevent_downgrade || cfg_of(pair)->counter_downgrade;
}

#endif
