/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* thumb.h - the ARM Thumb branch filter, backwards. Before compression the encoder turned the
 * relative target of each BL into an absolute one, because equal bytes pack better. */
#ifndef DFU_IMAGE_THUMB_H
#define DFU_IMAGE_THUMB_H

#include <stddef.h>
#include <stdint.h>

#define THUMB_WINDOW 4u /* bytes of a BL */

struct thumb {
    uint32_t pos;                 /* of window[0], from the start of the program */
    uint8_t window[THUMB_WINDOW]; /* bytes not handed out yet */
    uint8_t have, ready;          /* bytes in the window; of these, finished ones */
};

/* Up to len finished bytes from the front of the window; returns how many there were. */
size_t thumb_take(struct thumb *t, uint8_t *out, size_t len);

/* Finish the front of a window that holds as many bytes as there are: all four, unless the program
 * ends. */
void thumb_convert(struct thumb *t);

#endif
