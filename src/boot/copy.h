/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* copy.h - copying the secondary over the primary. There is no journal: the request stays in the
 * secondary until the copy is complete, and a copy that was cut is made again. */
#ifndef DFU_BOOT_COPY_H
#define DFU_BOOT_COPY_H

#include "boot/strategy.h"

/* What every copy says and does first: erase what an image of so many bytes needs in the primary,
 * and its trailer; or all of the primary. Progress begins. Then, before the first byte, how many
 * there are. */
int copy_make_room(const struct boot_pair *pair, uint32_t size, bool whole);
void copy_announce(const struct boot_pair *pair, uint32_t size);

/* Erase and copy what the image needs, and give the primary a fresh trailer with a magic. */
int copy_image(const struct boot_pair *pair);

/* Erase and copy the whole slot. */
int copy_slot(const struct boot_pair *pair);

/* Swap modes with nothing worth keeping in the primary: the secondary keeps its image and loses
 * its request. */
int copy_into_broken_primary(const struct boot_pair *pair);

/* The same for swap using scratch, which copies the whole slot and keeps nothing. */
int copy_slot_into_broken_primary(const struct boot_pair *pair);

/* After a copy: destroy the secondary's header, then the request, so that nothing is lost in
 * between. */
int copy_retire_secondary(const struct boot_pair *pair);

/* Erase the last sector of the secondary, and with it the request. */
int copy_drop_request(const struct boot_pair *pair);

#endif
