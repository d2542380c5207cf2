/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "encrypted.h"

const uint8_t device_kek[32] = "the device's own encryption key";
const uint8_t foreign_kek[32] = "the encryption key of another..";

static const struct dfu_unwrap_key keys[] = {
    { &dfu_unwrap_kw_openssl, device_kek, 16 },
    { &dfu_unwrap_kw_openssl, device_kek, 32 },
};
const struct dfu_image_decryption device_decryption = { &dfu_image_opener, &dfu_aes_ctr_openssl,
                                                        keys, 2 };

struct picture picture_from(const struct test_recipe *begun, uint32_t size, uint8_t crypt_len,
                            const uint8_t *its_kek)
{
    struct picture p = { .size = size };
    struct test_recipe recipe = *begun;

    for (uint32_t i = 0; i < sizeof p.content_key; i++) {
        p.content_key[i] = (uint8_t)(recipe.version.major * 59 + i * 13);
    }
    recipe.pattern = (uint8_t)(recipe.version.major * 41);
    recipe.tlvs[0] = (struct test_tlv){ DFU_TLV_SHA256, NULL, 32 };
    recipe.tlv_count = 1;
    recipe.content_key = crypt_len ? p.content_key : NULL;
    recipe.kek = its_kek;
    recipe.crypt_len = crypt_len;
    recipe.body = size - (uint32_t)test_image_size(&recipe);
    test_image_build(&recipe, p.open);
    memcpy(p.closed, p.open, size);
    test_image_crypt(&recipe, p.closed);
    return p;
}

struct picture picture_of(uint8_t major, uint32_t size, uint8_t crypt_len, const uint8_t *its_kek)
{
    return picture_from(&(struct test_recipe){ .hdr_size = 32, .version = { .major = major } },
                        size, crypt_len, its_kek);
}

void put_open(struct device *d, enum world_place place, const struct picture *p)
{
    boot_world_load(&d->world, place, 0, p->open, p->size);
}

void put_closed_at(struct device *d, enum world_place place, uint32_t off, const struct picture *p)
{
    boot_world_load(&d->world, place, off, p->closed, p->size);
}

void put_closed(struct device *d, enum world_place place, const struct picture *p)
{
    put_closed_at(d, place, 0, p);
}

void holds_open(struct device *d, enum world_place place, const struct picture *p)
{
    assert_memory_equal(boot_world_bytes(&d->world, place), p->open, p->size);
}

void holds_closed_at(struct device *d, enum world_place place, uint32_t off,
                     const struct picture *p)
{
    assert_memory_equal(boot_world_bytes(&d->world, place) + off, p->closed, p->size);
}

void holds_closed(struct device *d, enum world_place place, const struct picture *p)
{
    holds_closed_at(d, place, 0, p);
}

struct device *encrypted_device(const struct encrypted_setting *setting)
{
    struct world_spec spec = setting->spec();

    spec.decryption = &device_decryption;
    spec.key_size = setting->key_size;
    spec.keeps_wrapped_keys = setting->keeps_wrapped_keys;
    return device_new(&spec);
}

struct device *encrypted_update(const struct encrypted_setting *setting, struct pictures *p,
                                bool permanent)
{
    struct device *d = encrypted_device(setting);

    p->old = picture_of(OLD, setting->old_size, setting->old_len, device_kek);
    p->new = picture_of(NEW, setting->new_size, setting->new_len, device_kek);
    put_open(d, WORLD_PRI, &p->old);
    put_closed_at(d, WORLD_SEC, update_off(d), &p->new);
    request(d, permanent);
    return d;
}

void is_reverted(struct device *d, const struct pictures *p)
{
    holds_open(d, WORLD_PRI, &p->old);
    holds_closed_at(d, WORLD_SEC, update_off(d), &p->new);
}
