/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A revoked key stays revoked, and nobody is locked out by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "dfu/err.h"
#include "dfu/openssl.h"
#include "dfu/revoke.h"
#include "test_image.h"
#include "upgrade.h"

#define SIZE   0x1100u
#define SECTOR 256u
#define KEYS   8

static struct {
    EVP_PKEY *pkey[KEYS];
    uint8_t der[KEYS][64];
    uint8_t hash[KEYS][32];
    struct dfu_key keys[KEYS];
} ring;

struct locked {
    struct device *d;
    struct dfu_boot_revocation revocation;
};

static int make_keys(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++) {
        uint8_t secret[32] = { (uint8_t)(i + 1) };
        uint8_t *der = NULL;
        int len;

        ring.pkey[i] = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof secret);
        assert_non_null(ring.pkey[i]);
        len = i2d_PUBKEY(ring.pkey[i], &der);
        assert_true(len > 0 && (size_t)len <= sizeof ring.der[i]);
        memcpy(ring.der[i], der, (size_t)len);
        OPENSSL_free(der);
        EVP_Digest(ring.der[i], (size_t)len, ring.hash[i], NULL, EVP_sha256(), NULL);
        ring.keys[i] =
            (struct dfu_key){ dfu_openssl_sig_alg(ring.pkey[i]), ring.der[i], (size_t)len };
    }
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++) {
        EVP_PKEY_free(ring.pkey[i]);
    }
    return 0;
}

/* An image signed by key; it asks to revoke so many keys. */
static void put_signed(struct device *d, enum world_place place, uint8_t major, int key,
                       const int *revokes, size_t count)
{
    struct test_recipe recipe = {
        .hdr_size = 32,
        .version = { .major = major },
        .pattern = major,
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
        .tlv_count = 1,
        .ed25519 = ring.pkey[key],
        .prot_count = count,
    };
    uint8_t image[SIZE];

    for (size_t i = 0; i < count; i++) {
        recipe.prot[i] = (struct test_tlv){ DFU_TLV_REVOKE, ring.hash[revokes[i]], 32 };
    }
    recipe.body = SIZE - (uint32_t)test_image_size(&recipe);
    test_image_build(&recipe, image);
    boot_world_load(&d->world, place, 0, image, SIZE);
}

static struct locked device_with(size_t key_count)
{
    struct world_spec spec = spec_move();
    struct locked l;

    spec.key = ring.keys;
    spec.areas[WORLD_SCR] = (struct world_area_spec){
        .size = 2 * SECTOR, .write_size = 8, .runs = { { SECTOR, 2 } }, .run_count = 1
    };
    l.d = device_new(&spec);
    l.d->world.map.scratch = NULL;
    l.d->world.cfg.policy.key_count = key_count;
    l.revocation =
        (struct dfu_boot_revocation){ &dfu_boot_revocation_rules, &l.d->world.area[WORLD_SCR] };
    return l;
}

static void arm(struct locked *l)
{
    l->d->world.cfg.revocation = &l->revocation;
}

static uint8_t revoked_count(const struct locked *l)
{
    struct dfu_revoked revoked;

    assert_int_equal(dfu_revoked_read(l->revocation.area, &revoked), DFU_OK);
    return revoked.count;
}

/* One that keeps a set of revoked keys, and runs an image by the first of its own. */
static void run_with(struct locked *l, size_t key_count)
{
    *l = device_with(key_count);
    arm(l);
    put_signed(l->d, WORLD_PRI, OLD, 0, NULL, 0);
    assert_int_equal(start(l->d), OLD);
}

static void an_image_of_a_revoked_key_is_refused(void **state)
{
    struct locked l;

    (void)state;
    run_with(&l, 2);
    put_signed(l.d, WORLD_SEC, NEW, 1, NULL, 0);
    assert_int_equal(dfu_revoke_key(&l.d->world.cfg, &l.d->last.result, ring.hash[1]), DFU_OK);
    assert_int_equal(dfu_revoke_key(&l.d->world.cfg, &l.d->last.result, ring.hash[1]), DFU_OK);
    assert_int_equal(revoked_count(&l), 1);
    request(l.d, false);
    assert_int_equal(start(l.d), OLD);
    assert_int_equal(l.d->last.result.update_err, DFU_ERR_VERIFY);
    assert_int_equal(l.d->last.result.update_fault, DFU_IMAGE_KEY_UNKNOWN);

    put_signed(l.d, WORLD_SEC, NEW, 0, NULL, 0); /* the other key still counts */
    request(l.d, false);
    assert_int_equal(start(l.d), NEW);
    device_free(l.d);
}

/* An image that two keys sign, the second one last. */
static void put_signed_twice(struct device *d, enum world_place place, uint8_t major, int first,
                             int second)
{
    uint8_t image[SIZE], signature[64];
    struct test_recipe recipe = {
        .hdr_size = 32,
        .body = 0x800,
        .version = { .major = major },
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 },
                  { DFU_TLV_KEYHASH, ring.hash[first], 32 },
                  { DFU_TLV_ED25519, signature, sizeof signature } },
        .tlv_count = 1,
        .ed25519 = ring.pkey[first],
    };

    test_image_build(&recipe, image); /* it ends with the signature, which is of no other TLV */
    memcpy(signature, image + test_image_size(&recipe) - sizeof signature, sizeof signature);
    recipe.tlv_count = 3;
    recipe.ed25519 = ring.pkey[second];
    test_image_build(&recipe, image);
    boot_world_load(&d->world, place, 0, image, test_image_size(&recipe));
}

static void an_image_that_a_key_that_is_left_signs_as_well_still_runs(void **state)
{
    struct locked l = device_with(2);

    (void)state;
    arm(&l);
    put_signed_twice(l.d, WORLD_PRI, OLD, 0, 1);
    assert_int_equal(start(l.d), OLD);
    assert_int_equal(dfu_revoke_key(&l.d->world.cfg, &l.d->last.result, ring.hash[1]), DFU_OK);
    assert_int_equal(start(l.d), OLD);
    device_free(l.d);
}

static void the_key_of_what_runs_and_the_last_key_can_not_be_revoked(void **state)
{
    struct locked l;
    struct dfu_boot_config *cfg;
    struct dfu_boot_result *running;

    (void)state;
    run_with(&l, 2);
    cfg = &l.d->world.cfg;
    running = &l.d->last.result;
    assert_int_equal(dfu_revoke_key(cfg, running, ring.hash[0]), DFU_ERR_PERM);
    assert_int_equal(dfu_revoke_key(cfg, running, ring.hash[2]), DFU_ERR_NOENT);
    assert_int_equal(dfu_revoke_key(cfg, running, ring.hash[1]), DFU_OK);
    assert_int_equal(dfu_revoke_key(cfg, running, ring.hash[0]), DFU_ERR_PERM);
    assert_int_equal(revoked_count(&l), 1);
    assert_int_equal(start(l.d), OLD);
    device_free(l.d);
}

static void the_last_key_can_not_be_revoked_where_nothing_runs_either(void **state)
{
    static const struct dfu_boot_result nothing;
    struct locked l = device_with(2);
    struct dfu_boot_config *cfg = &l.d->world.cfg;

    (void)state;
    arm(&l);
    assert_int_equal(dfu_revoke_key(cfg, &nothing, ring.hash[0]), DFU_OK);
    assert_int_equal(dfu_revoke_key(cfg, &nothing, ring.hash[1]), DFU_ERR_PERM);
    assert_int_equal(revoked_count(&l), 1);
    device_free(l.d);
}

static void a_full_set_takes_no_more_and_keeps_what_it_has(void **state)
{
    struct locked l;
    struct dfu_boot_config *cfg;
    struct dfu_boot_result *running;

    (void)state;
    run_with(&l, DFU_REVOKED_MAX + 2);
    cfg = &l.d->world.cfg;
    running = &l.d->last.result;
    for (size_t i = 1; i <= DFU_REVOKED_MAX; i++) {
        assert_int_equal(dfu_revoke_key(cfg, running, ring.hash[i]), DFU_OK);
    }
    assert_int_equal(dfu_revoke_key(cfg, running, ring.hash[DFU_REVOKED_MAX + 1]), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_revoke_key(cfg, running, ring.hash[1]), DFU_OK);
    assert_int_equal(revoked_count(&l), DFU_REVOKED_MAX);
    assert_int_equal(start(l.d), OLD);
    device_free(l.d);
}

static int refuse_to_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)ctx;
    (void)off;
    (void)buf;
    (void)len;
    return DFU_ERR_IO;
}

static void records_that_can_not_be_read_revoke_nothing(void **state)
{
    struct locked l = device_with(2);
    const struct dfu_flash_ops *good = l.revocation.area->ops;
    struct dfu_flash_ops ops = *good;
    struct dfu_revoked revoked;

    (void)state;
    arm(&l);
    put_signed(l.d, WORLD_PRI, OLD, 0, NULL, 0);
    assert_int_equal(start(l.d), OLD);
    assert_int_equal(dfu_revoke_key(&l.d->world.cfg, &l.d->last.result, ring.hash[1]), DFU_OK);
    put_signed(l.d, WORLD_PRI, NEW, 1, NULL, 0);
    ops.read = refuse_to_read;
    l.d->world.area[WORLD_SCR].ops = &ops;
    assert_int_equal(dfu_revoked_read(l.revocation.area, &revoked), DFU_ERR_IO);
    assert_int_equal(start(l.d), NEW);
    assert_int_equal(dfu_revoke_key(&l.d->world.cfg, &l.d->last.result, ring.hash[0]), DFU_ERR_IO);
    l.d->world.area[WORLD_SCR].ops = good;
    assert_int_equal(start(l.d), 0);
    device_free(l.d);
}

static int starts_left;

static int start_sometimes(struct dfu_hash *h)
{
    return starts_left-- == 0 ? DFU_ERR_IO : dfu_sha256_openssl.start(h);
}

/* Whose name is not known may be revoked. */
static void keys_that_can_not_be_told_apart_are_not_trusted(void **state)
{
    struct dfu_hash_alg failing = dfu_sha256_openssl;
    const struct dfu_hash_alg *const hashes[] = { &failing, NULL };
    struct locked l = device_with(2);

    (void)state;
    arm(&l);
    put_signed(l.d, WORLD_PRI, OLD, 0, NULL, 0);
    failing.start = start_sometimes;
    l.d->world.cfg.policy.hashes = hashes;
    starts_left = -1; /* never fails */
    assert_int_equal(start(l.d), OLD);
    starts_left = 1; /* at the second key; the one that signed has had its turn */
    assert_int_equal(start(l.d), 0);
    assert_int_equal(l.d->last.result.fault, DFU_IMAGE_KEY_UNKNOWN);
    device_free(l.d);
}

/* The old image may have to come back: until the new one is confirmed its key is needed. */
static void an_image_revokes_when_it_is_confirmed_and_not_before(void **state)
{
    static const int old_key[] = { 0 };
    struct locked l = device_with(2);

    (void)state;
    arm(&l);
    put_signed(l.d, WORLD_PRI, OLD, 0, NULL, 0);
    put_signed(l.d, WORLD_SEC, NEW, 1, old_key, 1);
    request(l.d, false);
    assert_int_equal(start(l.d), NEW);
    assert_int_equal(revoked_count(&l), 0);
    assert_int_equal(start(l.d), OLD);

    request(l.d, false);
    assert_int_equal(start(l.d), NEW);
    confirm(l.d);
    assert_int_equal(start(l.d), NEW);
    assert_non_null(strstr(lines_of(l.d), "is revoked\n"));
    assert_int_equal(revoked_count(&l), 1);
    assert_int_equal(start(l.d), NEW);
    assert_string_equal(ops_of(l.d), "");

    request(l.d, true); /* back to the old image, which lies there still */
    assert_int_equal(start(l.d), NEW);
    assert_int_equal(l.d->last.result.update_fault, DFU_IMAGE_KEY_UNKNOWN);
    device_free(l.d);
}

/* It stops the way back as a whole one does, so the key is not needed any more. */
static void a_torn_confirmation_revokes_as_well(void **state)
{
    static const int old_key[] = { 0 };
    struct locked l = device_with(2);
    struct dfu_trailer at;

    (void)state;
    arm(&l);
    put_signed(l.d, WORLD_PRI, OLD, 0, NULL, 0);
    put_signed(l.d, WORLD_SEC, NEW, 1, old_key, 1);
    request(l.d, false);
    assert_int_equal(start(l.d), NEW);
    assert_int_equal(dfu_slot_trailer(&l.d->world.map, &l.d->world.area[WORLD_PRI], &at), DFU_OK);
    put_bytes(l.d, WORLD_PRI, at.image_ok, "71");
    assert_int_equal(start(l.d), NEW);
    assert_int_equal(revoked_count(&l), 1);
    assert_int_equal(start(l.d), NEW);
    device_free(l.d);
}

static void an_image_can_not_revoke_the_key_that_it_needs_itself(void **state)
{
    static const int all[] = { 0, 1, 2 };
    struct locked l = device_with(3);

    (void)state;
    arm(&l);
    put_signed(l.d, WORLD_PRI, NEW, 1, all, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(start(l.d), NEW);
        assert_int_equal(revoked_count(&l), 2);
    }
    assert_non_null(strstr(lines_of(l.d), "cannot be revoked"));
    device_free(l.d);
}

static void nothing_is_revoked_by_what_is_not_protected_or_not_a_hash(void **state)
{
    struct locked l = device_with(2);
    struct test_recipe recipe = {
        .hdr_size = 32,
        .version = { .major = NEW },
        .prot = { { DFU_TLV_REVOKE, ring.hash[0], 16 }, { 0x00d1, ring.hash[0], 32 } },
        .prot_count = 2,
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
        .tlv_count = 1,
        .ed25519 = ring.pkey[1],
    };
    uint8_t image[SIZE];

    (void)state;
    arm(&l);
    recipe.body = SIZE - (uint32_t)test_image_size(&recipe);
    test_image_build(&recipe, image);
    boot_world_load(&l.d->world, WORLD_PRI, 0, image, SIZE);
    assert_int_equal(start(l.d), NEW);
    assert_int_equal(revoked_count(&l), 0);
    device_free(l.d);
}

/* Nothing would be trusted then, and slots that wait would be emptied. */
static void a_loader_that_can_not_revoke_does_not_start(void **state)
{
    static const struct dfu_hash_alg *const only_longer[] = { &dfu_sha512_openssl, NULL };
    struct locked l = device_with(3);
    const struct dfu_hash_alg *const *hashes = l.d->world.cfg.policy.hashes;
    struct dfu_key many[DFU_REVOKE_KEYS_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        many[i] = ring.keys[i % 3];
    }
    put_signed(l.d, WORLD_PRI, OLD, 0, NULL, 0);
    arm(&l);
    l.d->world.cfg.policy.keys = many;
    l.d->world.cfg.policy.key_count = DFU_REVOKE_KEYS_MAX;
    assert_int_equal(start(l.d), OLD);
    l.d->world.cfg.policy.key_count++;
    assert_int_equal(start(l.d), 0);
    assert_int_equal(l.d->last.err, DFU_ERR_INVAL);
    l.d->world.cfg.policy.key_count = 1;
    l.d->world.cfg.policy.hashes = only_longer;
    assert_int_equal(start(l.d), 0);
    assert_int_equal(l.d->last.err, DFU_ERR_INVAL);
    l.d->world.cfg.policy.hashes = hashes;
    l.revocation.area = NULL;
    assert_int_equal(start(l.d), 0);
    assert_int_equal(l.d->last.err, DFU_ERR_INVAL);
    device_free(l.d);
}

static void without_the_switch_the_tlv_means_nothing(void **state)
{
    static const int old_key[] = { 0 };
    struct locked l = device_with(2);

    (void)state;
    put_signed(l.d, WORLD_PRI, NEW, 1, old_key, 1);
    assert_int_equal(start(l.d), NEW);
    assert_int_equal(revoked_count(&l), 0);
    device_free(l.d);
}

/* Two keys one after the other, every start cut everywhere: what was revoked once stays so, and
 * what runs goes on running. */
static void no_cut_brings_a_revoked_key_back_or_locks_out(void **state)
{
    static const int two[] = { 0, 2 };
    bool is_over = false;

    (void)state;
    for (uint32_t op = 1; !is_over; op++) {
        for (uint64_t tear = 0; tear < 6; tear++) {
            struct locked l = device_with(3);
            uint8_t before;

            arm(&l);
            put_signed(l.d, WORLD_PRI, NEW, 1, two, 2);
            dfu_sim_flash_power_on(&l.d->world.sim);
            dfu_sim_flash_cut(&l.d->world.sim, tear ? DFU_SIM_CUT_INSIDE : DFU_SIM_CUT_BEFORE, op,
                              tear * 11 + op);
            l.d->last = boot_world_start(&l.d->world);
            is_over = !l.d->world.sim.is_off;
            dfu_sim_flash_power_on(&l.d->world.sim);
            before = revoked_count(&l);
            assert_int_equal(start(l.d), NEW);
            assert_true(revoked_count(&l) >= before);
            assert_int_equal(revoked_count(&l), 2);
            put_signed(l.d, WORLD_SEC, OLD, 0, NULL, 0);
            request(l.d, false);
            assert_int_equal(start(l.d), NEW);
            device_free(l.d);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_of_a_revoked_key_is_refused),
        cmocka_unit_test(an_image_that_a_key_that_is_left_signs_as_well_still_runs),
        cmocka_unit_test(the_key_of_what_runs_and_the_last_key_can_not_be_revoked),
        cmocka_unit_test(the_last_key_can_not_be_revoked_where_nothing_runs_either),
        cmocka_unit_test(a_full_set_takes_no_more_and_keeps_what_it_has),
        cmocka_unit_test(records_that_can_not_be_read_revoke_nothing),
        cmocka_unit_test(keys_that_can_not_be_told_apart_are_not_trusted),
        cmocka_unit_test(an_image_revokes_when_it_is_confirmed_and_not_before),
        cmocka_unit_test(a_torn_confirmation_revokes_as_well),
        cmocka_unit_test(an_image_can_not_revoke_the_key_that_it_needs_itself),
        cmocka_unit_test(nothing_is_revoked_by_what_is_not_protected_or_not_a_hash),
        cmocka_unit_test(a_loader_that_can_not_revoke_does_not_start),
        cmocka_unit_test(without_the_switch_the_tlv_means_nothing),
        cmocka_unit_test(no_cut_brings_a_revoked_key_back_or_locks_out),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
