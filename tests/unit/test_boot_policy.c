/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Whom a bootloader trusts, how far back it goes, and what it tells the application. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "dfu/shared_data.h"
#include "dfu/update.h"
#include "upgrade.h"

#define SIZE   0x1064u
#define NO_CNT 0xffffffffu /* an image without a counter */

/* ---- Several keys ---- */

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

/* A device that trusts `count` keys, and an update signed with another pair's. */
static unsigned upgrade_signed_with(size_t count, int signer)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);
    struct keys k;
    unsigned runs;

    keys_make(&k);
    d->world.cfg.policy.keys = k.keys;
    d->world.cfg.policy.key_count = count;
    d->world.cfg.policy.hash_only = false;
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
    (void)state;
    assert_int_equal(upgrade_signed_with(1, 0), NEW);
}

static void signed_secondary_key_boots_T28(void **state)
{
    (void)state;
    assert_int_equal(upgrade_signed_with(2, 1), NEW);
}

static void signed_unknown_key_rejected_T29(void **state)
{
    (void)state;
    assert_int_equal(upgrade_signed_with(2, 2), OLD);
}

static void single_key_build_rejects_secondary_key_image_T30(void **state)
{
    (void)state;
    assert_int_equal(upgrade_signed_with(1, 1), OLD);
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
        struct device *d = device_new(&spec);
        struct keys k;

        keys_make(&k);
        d->world.cfg.policy.keys = k.keys;
        d->world.cfg.policy.key_count = 1;
        d->world.cfg.policy.hash_only = false;
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

/* What stands between a key's name and its signature, of a scheme that another key has. */
static void a_signature_of_another_scheme_is_not_taken_for_the_one_that_is_due(void **state)
{
    static const uint8_t other[64] = { 1 };
    struct world_spec spec = spec_equal(DFU_MODE_SINGLE_SLOT, false);
    struct device *d = device_new(&spec);
    uint8_t name[32];
    struct keys k;
    struct test_recipe recipe = {
        .version = { .major = OLD },
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 },
                  { DFU_TLV_KEYHASH, name, 32 },
                  { DFU_TLV_ECDSA, other, 64 } },
        .tlv_count = 3,
    };

    (void)state;
    keys_make(&k);
    EVP_Digest(k.keys[0].der, k.keys[0].der_len, name, NULL, EVP_sha256(), NULL);
    k.keys[1].alg = &dfu_ecdsa_p256_openssl;
    d->world.cfg.policy.keys = k.keys;
    d->world.cfg.policy.key_count = 2;
    d->world.cfg.policy.hash_only = false;
    recipe.ed25519 = k.pairs[0];
    put_as_it_is(d, WORLD_PRI, &recipe);
    assert_int_equal(start(d), OLD);
    keys_free(&k);
    device_free(d);
}

static void one_wrong_signature_of_several_refuses_an_image(void **state)
{
    static const uint8_t wrong[64] = { 1 };
    struct world_spec spec = spec_equal(DFU_MODE_SINGLE_SLOT, false);
    struct device *d = device_new(&spec);
    uint8_t name[32];
    struct keys k;
    struct test_recipe recipe = {
        .version = { .major = OLD },
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 },
                  { DFU_TLV_KEYHASH, name, 32 },
                  { DFU_TLV_ED25519, wrong, 64 } },
        .tlv_count = 3,
    };

    (void)state;
    keys_make(&k);
    EVP_Digest(k.keys[1].der, k.keys[1].der_len, name, NULL, EVP_sha256(), NULL);
    d->world.cfg.policy.keys = k.keys;
    d->world.cfg.policy.key_count = 2;
    d->world.cfg.policy.hash_only = false;
    recipe.ed25519 = k.pairs[0];
    put_as_it_is(d, WORLD_PRI, &recipe);
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

/* ---- Roll-back protection ---- */

struct store {
    uint32_t value[DFU_IMAGES_MAX];
    unsigned raised;
    int err;
    unsigned asked, silent_from; /* 0: answers always; else from this question on no more */
};

static int store_get(void *ctx, uint8_t image, uint32_t *value)
{
    struct store *store = ctx;

    *value = store->value[image];
    store->asked++;
    return store->silent_from > 0 && store->asked >= store->silent_from ? DFU_ERR_IO : 0;
}

static int store_raise(void *ctx, uint8_t image, uint32_t value)
{
    struct store *store = ctx;

    assert_true(value > store->value[image]);
    store->raised++;
    if (!store->err) {
        store->value[image] = value;
    }
    return store->err;
}

static void put_counted(struct device *d, enum world_place place, uint8_t major, uint32_t counter)
{
    uint8_t value[4];
    struct test_recipe recipe = { .version = { .major = major } };

    put_le32(value, counter);
    if (counter != NO_CNT) {
        recipe.prot[0] = (struct test_tlv){ DFU_TLV_SEC_CNT, value, sizeof value };
        recipe.prot_count = 1;
    }
    put_recipe(d, place, &recipe, SIZE);
}

static struct device *counted(const struct world_spec *spec, uint32_t old, uint32_t new)
{
    struct device *d = device_new(spec);

    put_counted(d, WORLD_PRI, OLD, old);
    put_counted(d, WORLD_SEC, NEW, new);
    return d;
}

static void protect(struct device *d, struct store *store, struct dfu_boot_counter *counter)
{
    *counter = (struct dfu_boot_counter){ &dfu_boot_rollback, store_get, store_raise, store };
    d->world.cfg.counter = counter;
}

static void hw_prot_missing_security_cnt_T24(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = counted(&spec, NO_CNT, NO_CNT);
    struct store store = { .value = { 30 } };
    struct dfu_boot_counter counter;

    (void)state;
    protect(d, &store, &counter);
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_COUNTER_MISSING);
    assert_int_equal(store.value[0], 30);
    device_free(d);
}

static void hw_prot_failed_security_cnt_check_T25(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = counted(&spec, 0, 1);
    struct store store = { .value = { 30 } };
    struct dfu_boot_counter counter;

    (void)state;
    protect(d, &store, &counter);
    request(d, false);
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_COUNTER_TOO_LOW);
    assert_non_null(
        strstr(lines_of(d), "E: Image security counter value 0 lower than monotonic value 30\n"));
    assert_int_equal(store.value[0], 30);
    device_free(d);
}

static void a_broken_image_is_told_as_that_whatever_its_counter_is(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = counted(&spec, 0, 1);
    struct store store = { .value = { 30 } };
    struct dfu_boot_counter counter;

    (void)state;
    protect(d, &store, &counter);
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    assert_null(strstr(lines_of(d), "security counter"));
    device_free(d);
}

static void the_counter_moves_only_when_an_image_is_confirmed(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = counted(&spec, 1, 5);
    struct store store = { .value = { 0 } };
    struct dfu_boot_counter counter;

    (void)state;
    protect(d, &store, &counter);
    assert_int_equal(start(d), OLD);
    assert_int_equal(store.value[0], 1); /* there is no trial: it is here to stay */
    request(d, false);
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.value[0], 1);
    confirm(d);
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.value[0], 5);
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.raised, 2);
    device_free(d);
}

static void the_counter_never_blocks_a_revert(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = counted(&spec, 1, 5);
    struct store store = { .value = { 1 } };
    struct dfu_boot_counter counter;

    (void)state;
    protect(d, &store, &counter);
    request(d, false);
    assert_int_equal(start(d), NEW);
    assert_int_equal(start(d), OLD);
    assert_int_equal(store.value[0], 1);
    assert_int_equal(start(d), OLD);
    device_free(d);
}

static void a_permanent_upgrade_raises_the_counter_at_once(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = counted(&spec, 1, 5);
    struct store store = { .value = { 1 } };
    struct dfu_boot_counter counter;

    (void)state;
    protect(d, &store, &counter);
    request(d, true);
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.value[0], 5);
    device_free(d);
}

static void a_trial_that_runs_in_place_does_not_move_the_counter(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP_REVERT, true);
    struct device *d = counted(&spec, 1, 5);
    struct store store = { .value = { 0 } };
    struct dfu_boot_counter counter;

    (void)state;
    protect(d, &store, &counter);
    assert_int_equal(dfu_boot_set_next(&d->world.map, &d->world.area[WORLD_PRI], true, true), 0);
    assert_int_equal(dfu_boot_set_next(&d->world.map, &d->world.area[WORLD_SEC], false, false), 0);
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.value[0], 0);
    assert_int_equal(start(d), OLD);
    assert_int_equal(store.value[0], 1);
    device_free(d);
}

static void a_counter_that_cannot_be_raised_is_told_and_nothing_more(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct device *d = counted(&spec, 1, 5);
    struct store store = { .value = { 0 }, .err = DFU_ERR_IO };
    struct dfu_boot_counter counter;

    (void)state;
    protect(d, &store, &counter);
    assert_int_equal(start(d), NEW);
    assert_non_null(
        strstr(lines_of(d), "E: Security counter update failed after image 0 validation: 4\n"));
    device_free(d);
}

static void a_counter_that_cannot_be_read_stops_an_image_but_not_one_that_was_verified(void **state)
{
    unsigned refused = 0, told = 0;

    (void)state;
    for (unsigned from = 1; from < 10; from++) { /* in the check, then before raising */
        struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
        struct device *d = device_new(&spec);
        struct store store = { .value = { 0 }, .silent_from = from };
        struct dfu_boot_counter counter;

        put_counted(d, WORLD_PRI, OLD, 1);
        protect(d, &store, &counter);
        if (start(d) == 0) {
            assert_int_equal(d->last.result.fault, DFU_IMAGE_UNREADABLE);
            assert_int_equal(told, 0);
            refused++;
        } else if (store.raised == 0) {
            assert_non_null(strstr(lines_of(d), "E: Security counter update failed after image 0 "
                                                "validation: 4\n"));
            told++;
        }
        device_free(d);
    }
    assert_true(refused > 0 && told > 0);
}

/* It has none, and is no application that could be taken back. */
static void a_firmware_loader_needs_no_counter(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_FIRMWARE_LOADER, true);
    struct device *d = device_new(&spec);
    struct store store = { .value = { 3 } };
    struct dfu_boot_counter counter;

    (void)state;
    put_counted(d, WORLD_PRI, OLD, 3);
    put_counted(d, WORLD_SEC, NEW, NO_CNT);
    protect(d, &store, &counter);
    assert_int_equal(start(d), OLD);
    d->world.cfg.enter_loader = true;
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.raised, 0);
    device_free(d);
}

static void a_counter_of_another_length_is_none(void **state)
{
    static const uint8_t value[8] = { 9 };
    static const uint16_t lengths[] = { 0, 2, 3, 5, 8 };

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
        struct device *d = device_new(&spec);
        struct store store = { .value = { 0 } };
        struct dfu_boot_counter counter;
        struct test_recipe recipe = { .version = { .major = NEW },
                                      .prot = { { DFU_TLV_SEC_CNT, value, lengths[i] } },
                                      .prot_count = 1 };

        put_recipe(d, WORLD_SEC, &recipe, SIZE);
        put_counted(d, WORLD_PRI, OLD, 1);
        protect(d, &store, &counter);
        assert_int_equal(start(d), OLD);
        assert_int_equal(store.value[0], 1);
        device_free(d);
    }
}

static void an_empty_primary_has_no_counter_that_an_update_could_be_below(void **state)
{
    struct world_spec spec = spec_overwrite_fast();
    struct device *d = device_new(&spec);

    (void)state;
    put_counted(d, WORLD_SEC, NEW, 1);
    d->world.cfg.counter_downgrade = &dfu_boot_rollback;
    request(d, false);
    assert_int_equal(start(d), NEW);
    device_free(d);
}

static void a_lower_counter_is_a_downgrade_where_the_running_image_has_one(void **state)
{
    static const struct {
        uint32_t old, new;
        unsigned runs;
    } rows[] = {
        { 5, 4, OLD }, { 5, 5, NEW }, { 5, 6, NEW }, { 5, NO_CNT, OLD }, { NO_CNT, NO_CNT, NEW },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world_spec spec = spec_move();
        struct device *d = counted(&spec, rows[i].old, rows[i].new);

        d->world.cfg.counter_downgrade = &dfu_boot_rollback;
        request(d, false);
        assert_int_equal(start(d), rows[i].runs);
        device_free(d);
    }
}

static void a_revert_is_no_downgrade(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = counted(&spec, 4, 5);

    (void)state;
    d->world.cfg.counter_downgrade = &dfu_boot_rollback;
    d->world.cfg.prevent_downgrade = true;
    request(d, false);
    assert_int_equal(start(d), NEW);
    assert_int_equal(start(d), OLD);
    device_free(d);
}

/* ---- What the application is told ---- */

static uint32_t told(const struct dfu_boot_sharing *sharing, unsigned what)
{
    uint32_t value = 0;

    assert_int_equal(dfu_shared_number(sharing->mem, sharing->size,
                                       DFU_SHARED_TYPE(DFU_SHARED_LOADER, what), &value),
                     0);
    return value;
}

static void the_application_learns_which_slot_runs_and_how(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct device *d = counted(&spec, 1, 5);
    uint8_t mem[256];
    struct dfu_boot_sharing sharing = { &dfu_boot_sharer, mem, sizeof mem, false, true, 1,
                                        { 1, 2, 3, 4 } };
    static const uint8_t version[] = { 1, 2, 3, 0, 4, 0, 0, 0 };
    const uint8_t *data;

    (void)state;
    memset(mem, 0xa5, sizeof mem);
    d->world.cfg.sharing = &sharing;
    assert_int_equal(start(d), NEW);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_MODE), DFU_MODE_DIRECT_XIP);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_SIGNATURE), DFU_SHARED_SIG_NONE);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_RECOVERY), 1);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_RUNNING_SLOT), 1);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_MAX_SIZE), 0x4000 - 40);
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_COUNTER), 5);
    assert_int_equal(dfu_shared_find(mem, sizeof mem,
                                     DFU_SHARED_TYPE(DFU_SHARED_LOADER, DFU_SHARED_LOADER_VERSION),
                                     &data),
                     sizeof version);
    assert_memory_equal(data, version, sizeof version);
    device_free(d);
}

/* B8: MCUboot stops after the first image. */
static void the_largest_size_of_every_image_is_published_B8(void **state)
{
    struct world_spec spec = spec_move_pairs(WORLD_PAIRS);
    struct device *d = device_new(&spec);
    const uint8_t *data;
    uint8_t mem[256];
    struct dfu_boot_sharing sharing = {
        .how = &dfu_boot_sharer, .mem = mem, .size = sizeof mem, .informs = true
    };

    (void)state;
    for (uint8_t i = 0; i < WORLD_PAIRS; i++) {
        put_image(d, boot_world_primary(i), OLD, SIZE);
    }
    d->world.cfg.sharing = &sharing;
    assert_int_equal(start(d), OLD);
    for (uint8_t i = 0; i < WORLD_PAIRS; i++) {
        assert_int_equal(told(&sharing, DFU_SHARED_LOADER_MAX_SIZE + i),
                         dfu_slot_max_image(&d->world.map, i));
        assert_int_equal(
            dfu_shared_find(mem, sizeof mem,
                            DFU_SHARED_TYPE(DFU_SHARED_LOADER, DFU_SHARED_LOADER_COUNTER + i),
                            &data),
            DFU_ERR_NOENT);
    }
    device_free(d);
}

static void a_boot_record_ends_with_the_hash_of_the_image_that_runs(void **state)
{
    uint8_t record[60], mem[256], hash[32];
    struct test_recipe recipe = {
        .version = { .major = OLD },
        .prot = { { DFU_TLV_BOOT_RECORD, record, sizeof record } },
        .prot_count = 1,
    };
    struct dfu_boot_sharing sharing = {
        .how = &dfu_boot_sharer, .mem = mem, .size = sizeof mem, .measures = true
    };
    /* header, type, length: the bytes before the record */
    static const uint8_t head[] = { 0x16, 0x20, 68, 0, 0x3f, 0x10, sizeof record, 0 };
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);

    (void)state;
    memset(record, 0x11, sizeof record);
    put_recipe(d, WORLD_PRI, &recipe, SIZE);
    d->world.cfg.sharing = &sharing;
    assert_int_equal(start(d), OLD);
    assert_memory_equal(mem, head, sizeof head);
    assert_memory_equal(mem + 8, record, sizeof record - sizeof hash);
    memcpy(hash, boot_world_bytes(&d->world, WORLD_PRI) + SIZE - sizeof hash, sizeof hash);
    assert_memory_equal(mem + 8 + sizeof record - sizeof hash, hash, sizeof hash);
    device_free(d);
}

static void each_image_has_a_boot_record_of_its_own_unless_it_is_too_short(void **state)
{
    uint8_t record[40] = { 0 }, mem[256];
    struct dfu_boot_sharing sharing = {
        .how = &dfu_boot_sharer, .mem = mem, .size = sizeof mem, .measures = true
    };
    const uint8_t *data;

    (void)state;
    for (uint16_t len = 31; len <= 33; len++) {
        struct world_spec spec = spec_move_pairs(2);
        struct device *d = device_new(&spec);
        bool is_fine = len >= 32;

        for (uint8_t i = 0; i < 2; i++) {
            struct test_recipe recipe = {
                .version = { .major = OLD },
                .prot = { { DFU_TLV_BOOT_RECORD, record, i == 0 ? sizeof record : len } },
                .prot_count = 1,
            };

            put_recipe(d, boot_world_primary(i), &recipe, SIZE);
        }
        d->world.cfg.sharing = &sharing;
        assert_int_equal(start(d), OLD);
        assert_int_equal(dfu_shared_find(mem, sizeof mem, 0x103f, &data), sizeof record);
        assert_int_equal(dfu_shared_find(mem, sizeof mem, 0x107f, &data),
                         is_fine ? len : DFU_ERR_NOENT);
        assert_int_equal(strstr(lines_of(d), "E: Failed to add data") == NULL, is_fine);
        device_free(d);
    }
}

static void an_area_that_is_too_small_is_told_and_nothing_more(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);
    uint8_t mem[10];
    struct dfu_boot_sharing sharing = {
        .how = &dfu_boot_sharer, .mem = mem, .size = sizeof mem, .informs = true
    };

    (void)state;
    put_image(d, WORLD_PRI, OLD, SIZE);
    d->world.cfg.sharing = &sharing;
    assert_int_equal(start(d), OLD);
    assert_non_null(strstr(lines_of(d), "E: Failed to add data to shared memory area.\n"));
    assert_int_equal(told(&sharing, DFU_SHARED_LOADER_MODE), DFU_MODE_SWAP_MOVE);
    device_free(d);
}

static void shared_data_of_any_bytes_is_read_safely(void **state)
{
    static const uint8_t bad[][12] = {
        { 0 },
        { 0x16, 0x20, 3, 0 },                 /* shorter than itself */
        { 0x16, 0x20, 13, 0 },                /* longer than RAM */
        { 0x16, 0x20, 6, 0, 0, 0x20 },        /* half an entry */
        { 0x16, 0x20, 12, 0, 1, 0x20, 5, 0 }, /* a value beyond the end */
        { 0x16, 0x20, 12, 0, 1, 0x20, 0xff, 0xff },
    };
    uint8_t mem[12], value = 7;
    const uint8_t *data;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dfu_shared_find(bad[i], sizeof bad[i], 0x2000, &data), DFU_ERR_FORMAT);
    }
    assert_int_equal(dfu_shared_init(mem, 3), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_shared_init(mem, sizeof mem), 0);
    assert_int_equal(dfu_shared_find(mem, sizeof mem, 0x2000, &data), DFU_ERR_NOENT);
    assert_int_equal(dfu_shared_add(mem, sizeof mem, 0x2000, &value, 1), 0);
    assert_int_equal(dfu_shared_add(mem, sizeof mem, 0x2000, &value, 1), DFU_ERR_STATE);
    assert_int_equal(dfu_shared_add(mem, sizeof mem, 0x2001, &value, 1), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_shared_find(mem, sizeof mem, 0x2000, &data), 1);
    assert_int_equal(*data, 7);
}

/* ---- Bootstrap ---- */

static void bootstrap_leaves_a_confirmed_trailer_T3(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d;

    (void)state;
    spec.bootstrap = true;
    d = device_new(&spec);
    put_image(d, WORLD_SEC, NEW, SIZE);
    assert_int_equal(start(d), NEW);
    assert_int_equal(trailer(d, WORLD_PRI).magic, DFU_MAGIC_GOOD);
    assert_int_equal(trailer(d, WORLD_PRI).image_ok, DFU_FLAG_SET);
    assert_int_equal(trailer(d, WORLD_PRI).copy_done, DFU_FLAG_SET);
    assert_true(dfu_boot_is_img_confirmed(&d->world.map, 0));
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static void oversized_bootstrap_T4(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d;

    (void)state;
    spec.bootstrap = true;
    d = device_new(&spec);
    put_image(d, WORLD_SEC, NEW, dfu_slot_max_image(&d->world.map, 0) + 1);
    assert_int_equal(start(d), 0);
    assert_int_equal(holds(d, WORLD_PRI), 0);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_primary_key_boots_T27),
        cmocka_unit_test(signed_secondary_key_boots_T28),
        cmocka_unit_test(signed_unknown_key_rejected_T29),
        cmocka_unit_test(single_key_build_rejects_secondary_key_image_T30),
        cmocka_unit_test(an_image_with_more_signatures_than_there_are_keys_is_refused),
        cmocka_unit_test(a_signature_of_another_scheme_is_not_taken_for_the_one_that_is_due),
        cmocka_unit_test(one_wrong_signature_of_several_refuses_an_image),
        cmocka_unit_test(no_hash_of_an_image_may_be_wrong),
        cmocka_unit_test(hw_prot_missing_security_cnt_T24),
        cmocka_unit_test(hw_prot_failed_security_cnt_check_T25),
        cmocka_unit_test(a_broken_image_is_told_as_that_whatever_its_counter_is),
        cmocka_unit_test(the_counter_moves_only_when_an_image_is_confirmed),
        cmocka_unit_test(the_counter_never_blocks_a_revert),
        cmocka_unit_test(a_permanent_upgrade_raises_the_counter_at_once),
        cmocka_unit_test(a_trial_that_runs_in_place_does_not_move_the_counter),
        cmocka_unit_test(a_counter_that_cannot_be_raised_is_told_and_nothing_more),
        cmocka_unit_test(
            a_counter_that_cannot_be_read_stops_an_image_but_not_one_that_was_verified),
        cmocka_unit_test(a_firmware_loader_needs_no_counter),
        cmocka_unit_test(a_counter_of_another_length_is_none),
        cmocka_unit_test(an_empty_primary_has_no_counter_that_an_update_could_be_below),
        cmocka_unit_test(a_lower_counter_is_a_downgrade_where_the_running_image_has_one),
        cmocka_unit_test(a_revert_is_no_downgrade),
        cmocka_unit_test(the_application_learns_which_slot_runs_and_how),
        cmocka_unit_test(the_largest_size_of_every_image_is_published_B8),
        cmocka_unit_test(a_boot_record_ends_with_the_hash_of_the_image_that_runs),
        cmocka_unit_test(each_image_has_a_boot_record_of_its_own_unless_it_is_too_short),
        cmocka_unit_test(an_area_that_is_too_small_is_told_and_nothing_more),
        cmocka_unit_test(shared_data_of_any_bytes_is_read_safely),
        cmocka_unit_test(bootstrap_leaves_a_confirmed_trailer_T3),
        cmocka_unit_test(oversized_bootstrap_T4),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
