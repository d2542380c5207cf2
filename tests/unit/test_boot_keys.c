/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Whom a bootloader trusts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "dfu/openssl.h"
#include "scenario.h"

#define SIZE 0x1064u

static EVP_PKEY *key_pair(uint8_t seed)
{
    uint8_t raw[32];

    memset(raw, seed, sizeof raw);
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof raw);
}

struct keys {
    EVP_PKEY *pairs[3];
    struct dfu_key keys[3];
    uint8_t *der[3];
};

static void keys_make(struct keys *k)
{
    for (uint8_t i = 0; i < 3; i++) {
        int len;

        k->pairs[i] = key_pair((uint8_t)(i + 1));
        k->der[i] = NULL;
        len = i2d_PUBKEY(k->pairs[i], &k->der[i]);
        assert_true(len > 0);
        k->keys[i] = (struct dfu_key){ &dfu_ed25519_openssl, k->der[i], (size_t)len };
    }
}

static void keys_free(struct keys *k)
{
    for (int i = 0; i < 3; i++) {
        EVP_PKEY_free(k->pairs[i]);
        OPENSSL_free(k->der[i]);
    }
}

static void put_signed(struct device *d, enum world_place place, uint8_t major, EVP_PKEY *pair)
{
    struct test_recipe recipe = { .version = { .major = major }, .ed25519 = pair };

    put_recipe(d, place, &recipe, SIZE);
}

/* A device that trusts `count` of the keys. */
static struct device *trusting(const struct world_spec *spec, struct keys *k, size_t count)
{
    struct device *d = device_new(spec);

    keys_make(k);
    d->world.cfg.policy.keys = k->keys;
    d->world.cfg.policy.key_count = count;
    d->world.cfg.policy.hash_only = false;
    return d;
}

/* ... and is offered an update that was signed with another pair's. */
static unsigned upgrade_signed_with(const struct world_spec *spec, size_t count, int signer)
{
    struct keys k;
    struct device *d = trusting(spec, &k, count);
    unsigned runs;

    put_signed(d, WORLD_PRI, OLD, k.pairs[0]);
    put_signed(d, WORLD_SEC, NEW, k.pairs[signer]);
    request(d, false);
    runs = start(d);
    keys_free(&k);
    device_free(d);
    return runs;
}

static void signed_primary_key_boots_T27(void **state)
{
    assert_int_equal(upgrade_signed_with(*state, 1, 0), NEW);
}

static void signed_secondary_key_boots_T28(void **state)
{
    assert_int_equal(upgrade_signed_with(*state, 2, 1), NEW);
}

static void signed_unknown_key_rejected_T29(void **state)
{
    assert_int_equal(upgrade_signed_with(*state, 2, 2), OLD);
}

static void single_key_build_rejects_secondary_key_image_T30(void **state)
{
    assert_int_equal(upgrade_signed_with(*state, 1, 1), OLD);
}

/* The pair that ends an image of test_image: KEYHASH and ED25519. */
#define PAIR_SIZE (4u + 32u + 4u + 64u)
#define ROOM      0x10000u

/* As anybody can make it of an image that is signed: signatures are not signed. */
static void put_signed_again(struct device *d, enum world_place place, uint8_t major,
                             EVP_PKEY *pair, size_t more)
{
    struct test_recipe recipe = {
        .hdr_size = 32,
        .body = 64,
        .version = { .major = major },
        .pattern = major,
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
        .tlv_count = 1,
        .ed25519 = pair,
    };
    size_t size = test_image_size(&recipe), total;
    uint8_t *image = malloc(ROOM);

    assert_non_null(image);
    assert_true(size + more * PAIR_SIZE <= ROOM);
    test_image_build(&recipe, image);
    for (size_t i = 0; i < more; i++, size += PAIR_SIZE) {
        memcpy(image + size, image + size - PAIR_SIZE, PAIR_SIZE);
    }
    total = size - recipe.hdr_size - recipe.body;
    put_le16(image + recipe.hdr_size + recipe.body + 2, (uint16_t)total);
    boot_world_load(&d->world, place, 0, image, (uint32_t)size);
    free(image);
}

/* Each costs a signature check, or with a pure one a hash of the whole image, at every start. */
static void an_image_with_more_signatures_than_there_are_keys_is_refused(void **state)
{
    static const size_t more[] = { 1, 2, 100 };

    (void)state;
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        struct world_spec spec = spec_move();
        struct keys k;
        struct device *d = trusting(&spec, &k, 1);

        put_signed_again(d, WORLD_PRI, OLD, k.pairs[0], 0);
        put_signed_again(d, WORLD_SEC, NEW, k.pairs[0], more[i]);
        request(d, false);
        assert_int_equal(start(d), OLD);
        assert_int_equal(d->last.result.update_fault, DFU_IMAGE_TLV_NOT_ALLOWED);
        keys_free(&k);
        device_free(d);
    }
}

/* With the TLVs of the recipe alone. */
static void put_as_it_is(struct device *d, enum world_place place, struct test_recipe *recipe)
{
    uint8_t *image = malloc(ROOM);

    assert_non_null(image);
    recipe->hdr_size = 32;
    recipe->body = 64;
    assert_true(test_image_size(recipe) <= ROOM);
    test_image_build(recipe, image);
    boot_world_load(&d->world, place, 0, image, (uint32_t)test_image_size(recipe));
    free(image);
}

/* An image in the only slot of a device that trusts two keys. Between the name of one and the
 * signature that is right, by the first, there is another signature. */
static struct device *doubly_signed(struct keys *k, int named, uint16_t type)
{
    static const uint8_t other[64] = { 1 };
    struct world_spec spec = spec_equal(DFU_MODE_SINGLE_SLOT, false);
    struct device *d = trusting(&spec, k, 2);
    uint8_t name[32];
    struct test_recipe recipe = {
        .version = { .major = OLD },
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 },
                  { DFU_TLV_KEYHASH, name, 32 },
                  { type, other, 64 } },
        .tlv_count = 3,
        .ed25519 = k->pairs[0],
    };

    EVP_Digest(k->keys[named].der, k->keys[named].der_len, name, NULL, EVP_sha256(), NULL);
    put_as_it_is(d, WORLD_PRI, &recipe);
    return d;
}

static void a_signature_of_another_scheme_is_not_taken_for_the_one_that_is_due(void **state)
{
    struct keys k;
    struct device *d = doubly_signed(&k, 0, DFU_TLV_ECDSA);

    (void)state;
    k.keys[1].alg = &dfu_ecdsa_p256_openssl;
    assert_int_equal(start(d), OLD);
    keys_free(&k);
    device_free(d);
}

static void one_wrong_signature_of_several_refuses_an_image(void **state)
{
    struct keys k;
    struct device *d = doubly_signed(&k, 1, DFU_TLV_ED25519);

    (void)state;
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_SIG_INVALID);
    keys_free(&k);
    device_free(d);
}

static void no_hash_of_an_image_may_be_wrong(void **state)
{
    static const uint8_t wrong[32] = { 1 };
    static const struct test_tlv right = { DFU_TLV_SHA256, NULL, 32 },
                                 bad = { DFU_TLV_SHA256, wrong, 32 };

    (void)state;
    for (int which = 0; which < 3; which++) {
        struct world_spec spec = spec_equal(DFU_MODE_SINGLE_SLOT, false);
        struct device *d = device_new(&spec);
        struct test_recipe recipe = { .version = { .major = OLD },
                                      .tlvs = { which == 1 ? bad : right,
                                                which == 2 ? bad : right },
                                      .tlv_count = 2 };

        put_as_it_is(d, WORLD_PRI, &recipe);
        assert_int_equal(start(d), which == 0 ? OLD : 0);
        assert_int_equal(d->last.result.fault,
                         which == 0 ? DFU_IMAGE_FINE : DFU_IMAGE_HASH_MISMATCH);
        device_free(d);
    }
}

int main(void)
{
    static const struct scenario scenarios[] = {
        SCENARIO(signed_primary_key_boots_T27),
        SCENARIO(signed_secondary_key_boots_T28),
        SCENARIO(signed_unknown_key_rejected_T29),
        SCENARIO(single_key_build_rejects_secondary_key_image_T30),
    };
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_with_more_signatures_than_there_are_keys_is_refused),
        cmocka_unit_test(a_signature_of_another_scheme_is_not_taken_for_the_one_that_is_due),
        cmocka_unit_test(one_wrong_signature_of_several_refuses_an_image),
        cmocka_unit_test(no_hash_of_an_image_may_be_wrong),
    };

    return run_scenarios("scenarios", scenarios, sizeof scenarios / sizeof scenarios[0]) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
