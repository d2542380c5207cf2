/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* encrypted.h - encrypted images for the bootloader's tests, and a device with the key to open them.
 * Their encryption (test_image.c) shares nothing with the library's. */
#ifndef TEST_ENCRYPTED_H
#define TEST_ENCRYPTED_H

#include <stdbool.h>
#include <stdint.h>

#include "test_image.h"
#include "upgrade.h"

#define SIZE_MAX_IMAGE 0x3000u

/* Keys that wrap content keys: the device's own, and one that it has not. */
extern const uint8_t device_kek[32], foreign_kek[32];

/* Takes bodies of both key lengths. */
extern const struct dfu_image_decryption device_decryption;

/* One image as a primary slot holds it, and as it is at rest. */
struct picture {
    uint8_t open[SIZE_MAX_IMAGE], closed[SIZE_MAX_IMAGE];
    uint32_t size;
    uint8_t content_key[32];
};
struct picture picture_from(const struct test_recipe *begun, uint32_t size, uint8_t crypt_len,
                            const uint8_t *its_kek);

/* crypt_len: of the content key; 0 for a plain image. */
struct picture picture_of(uint8_t major, uint32_t size, uint8_t crypt_len, const uint8_t *its_kek);

void put_open(struct device *d, enum world_place place, const struct picture *p);
void put_closed(struct device *d, enum world_place place, const struct picture *p);
void put_closed_at(struct device *d, enum world_place place, uint32_t off, const struct picture *p);
void holds_open(struct device *d, enum world_place place, const struct picture *p);
void holds_closed(struct device *d, enum world_place place, const struct picture *p);
void holds_closed_at(struct device *d, enum world_place place, uint32_t off,
                     const struct picture *p);

struct encrypted_setting {
    struct world_spec (*spec)(void);
    uint16_t key_size;
    bool keeps_wrapped_keys;
    uint8_t old_len, new_len; /* of the content keys; 0: a plain image */
    uint32_t old_size, new_size;
};
struct device *encrypted_device(const struct encrypted_setting *setting);

struct pictures {
    struct picture old, new;
};
/* A device that runs the old image and is asked for the new one. */
struct device *encrypted_update(const struct encrypted_setting *setting, struct pictures *p,
                                bool permanent);

/* The old image runs in the open, the new one is back where it waited. */
void is_reverted(struct device *d, const struct pictures *p);

#endif
