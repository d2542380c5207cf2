/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* each_mode.h - the same test in every mode that moves images. */
#ifndef TEST_EACH_MODE_H
#define TEST_EACH_MODE_H

#include "upgrade.h"

typedef struct world_spec make_spec(void);

#define EACH(list, make)                                           \
    for (size_t i_ = 0; i_ < sizeof(list) / sizeof(list)[0]; i_++) \
        for (make_spec *make = (list)[i_]; make; make = NULL)

#define OLD_SIZE 0x2064u /* of the images of device_of() */
#define NEW_SIZE 0x21f4u

/* An old image, and a new one that nobody has asked for. */
struct device *device_on(const struct world_spec *spec);
struct device *device_of(make_spec *make);

bool is_swap(const struct device *device);

void put_update(struct device *device, uint8_t major, uint32_t size);
unsigned secondary_holds(struct device *device);

/* Flags of a trailer, in modes that keep them. */
void assert_flags(struct device *device, enum world_place place, enum dfu_magic magic,
                  enum dfu_flag image_ok, enum dfu_flag copy_done);
void assert_nothing_asked(struct device *device);

/* Flash operations of the start that installs it. */
uint32_t ops_of_next_start(const struct world_spec *spec, bool permanent);

/* The next start runs the new image, for good, and keeps the old one where the mode does. */
void assert_upgraded_for_good(struct device *device);

#endif
