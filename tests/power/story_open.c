/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Setting a story up: images, device, and the flash before each stage. */
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/update.h"
#include "packed_image.h"
#include "story_inner.h"

#define GUARD_SECTORS 1u
#define COPY_CHUNK    256u /* so that a sector is copied in several writes */

static const uint8_t kek[32] = "the key of the simulated device";
static const uint8_t content_keys[IMAGES][32] = { "the old image is encrypted so",
                                                  "and the new one so" };

/* A KEK wraps keys of its own length. */
static const struct dfu_unwrap_key unwrap_keys[] = {
    { &dfu_unwrap_kw_openssl, kek, 16 },
    { &dfu_unwrap_kw_openssl, kek, 32 },
};
static const struct dfu_image_decryption decryption = { &dfu_image_opener, &dfu_aes_ctr_openssl,
                                                        unwrap_keys, 2 };

static bool is_packed(const struct story *s)
{
    return s->spec.strategy == STORY_UNPACK || s->spec.strategy == STORY_UNPACK_FAST;
}

/* false: it is no smaller, and does not fit. */
static bool pack(struct story *s, const struct test_recipe *recipe)
{
    static struct packed_image packed;

    packed_image_make(&packed, recipe, true);
    s->closed_size[NEW] = (uint32_t)test_image_size(&packed.recipe);
    free(s->closed[NEW]);
    s->closed[NEW] = malloc(s->closed_size[NEW]);
    if (!s->closed[NEW]) {
        abort();
    }
    test_image_build(&packed.recipe, s->closed[NEW]);
    test_image_crypt(&packed.recipe, s->closed[NEW]);
    return s->closed_size[NEW] <= dfu_slot_max_image(&s->world.map, 0);
}

static bool build_images(struct story *s, EVP_PKEY *const keys[IMAGES])
{
    static const uint8_t counters[IMAGES][4] = { { 1 }, { 2 } };

    for (enum image i = OLD; i < IMAGES; i++) {
        struct test_recipe recipe = {
            .hdr_size = DFU_IMAGE_HEADER_SIZE,
            .version = { .major = i == NEW ? 2 : 1 },
            .pattern = i == NEW && !story_uses(s, SWITCH_SKIP) ? 77 : 5,
            .tlvs = { { .type = DFU_TLV_SHA256 } },
            .tlv_count = 1,
            .prot = { { DFU_TLV_REVOKE, s->old_key_hash, sizeof s->old_key_hash } },
            .prot_count = i == NEW && story_uses(s, SWITCH_REVOKE) ? 1 : 0,
            .ed25519 = s->spec.is_signed ? keys[i] : NULL,
            .content_key = s->spec.crypt_len ? content_keys[i] : NULL,
            .kek = kek,
            .crypt_len = s->spec.crypt_len,
        };
        uint32_t least;
        uint32_t most = dfu_slot_limit(&s->world.map, 0, &s->world.area[WORLD_PRI]);
        uint32_t size = i == NEW ? s->spec.new_size : s->spec.old_size;

        if (story_uses(s, SWITCH_COUNTER)) {
            recipe.prot[recipe.prot_count++] =
                (struct test_tlv){ DFU_TLV_SEC_CNT, counters[i], sizeof counters[i] };
        }
        least = (uint32_t)test_image_size(&recipe);
        s->size[i] = size == 0 ? most : size;
        if (s->size[i] > most || s->size[i] <= least) {
            return false;
        }
        recipe.body = s->size[i] - least;
        s->image[i] = malloc(s->size[i]);
        s->closed[i] = malloc(s->size[i]);
        if (!s->image[i] || !s->closed[i]) {
            abort();
        }
        test_image_build(&recipe, s->image[i]);
        memcpy(s->closed[i], s->image[i], s->size[i]);
        test_image_crypt(&recipe, s->closed[i]);
        s->closed_size[i] = s->size[i];
        if (i == NEW && is_packed(s) && !pack(s, &recipe)) {
            return false;
        }
    }
    return true;
}

static uint8_t max_align_of(const struct story_spec *spec)
{
    return (uint8_t)max_u32(max_u32(spec->write_size, 8),
                            max_u32(spec->secondary_unit, spec->scratch_unit));
}

static uint16_t key_size_of(const struct story_spec *spec)
{
    uint32_t len = spec->crypt_len + (spec->keeps_wrapped_keys ? 8u : 0u);

    return (uint16_t)round_up(len, max_align_of(spec));
}

static enum dfu_boot_mode mode_of(enum story_strategy strategy)
{
    switch (strategy) {
    case STORY_MOVE: return DFU_MODE_SWAP_MOVE;
    case STORY_OFFSET: return DFU_MODE_SWAP_OFFSET;
    case STORY_SCRATCH: return DFU_MODE_SWAP_SCRATCH;
    default: return DFU_MODE_OVERWRITE;
    }
}

static void lay_slot(const struct story_spec *spec, bool is_primary, struct world_area_spec *area)
{
    bool has_extra = is_primary == (spec->strategy != STORY_OFFSET);

    layout_slot(area, spec->layout, is_primary, spec->sector,
                spec->sectors + (has_extra ? spec->extra : 0));
}

static void lay_areas(const struct story_spec *spec, struct world_spec *world)
{
    lay_slot(spec, true, &world->areas[WORLD_PRI]);
    lay_slot(spec, false, &world->areas[WORLD_SEC]);
    if (spec->strategy == STORY_SCRATCH) {
        layout_add(&world->areas[WORLD_SCR], spec->sector, spec->scratch);
        world->areas[WORLD_SCR].write_size =
            spec->scratch_unit ? spec->scratch_unit : spec->write_size;
    }
    world->areas[WORLD_PRI].write_size = spec->write_size;
    world->areas[WORLD_SEC].write_size =
        spec->secondary_unit ? spec->secondary_unit : spec->write_size;
}

static void read_keys(struct story *s, EVP_PKEY *const keys[IMAGES])
{
    for (enum image i = OLD; i < IMAGES; i++) {
        int len = i2d_PUBKEY(keys[i], &s->key_der[i]);

        if (len <= 0) {
            abort();
        }
        s->keys[i] = (struct dfu_key){ &dfu_ed25519_openssl, s->key_der[i], (size_t)len };
    }
    if (!EVP_Digest(s->key_der[OLD], s->keys[OLD].der_len, s->old_key_hash, NULL, EVP_sha256(),
                    NULL)) {
        abort();
    }
}

static void build_world(struct story *s, EVP_PKEY *const keys[IMAGES])
{
    const struct story_spec *spec = &s->spec;
    struct world_spec world = {
        .mode = mode_of(spec->strategy),
        .is_fast = spec->strategy == STORY_FAST || spec->strategy == STORY_UNPACK_FAST,
        .unpacks = is_packed(s),
        .max_align = max_align_of(spec),
        .max_sectors = spec->max_sectors,
        .erased = spec->erased,
        .validate_primary = !spec->is_unchecked,
        .bootstrap = spec->is_empty && spec->strategy != STORY_SCRATCH,
        .decryption = spec->crypt_len ? &decryption : NULL,
        .key_size = key_size_of(spec),
        .keeps_wrapped_keys = spec->keeps_wrapped_keys,
        .guard = spec->sector * GUARD_SECTORS,
    };

    lay_areas(spec, &world);
    story_lay_records(spec, &world);
    if (spec->is_signed) {
        read_keys(s, keys);
        world.key = s->keys;
    }
    boot_world_init(&s->world, &world);
    s->world.cfg.buf_len = COPY_CHUNK;
    s->world.cfg.policy.key_count = spec->is_signed ? IMAGES : 0;
    story_arm(s);
}

static bool fill(struct story *s)
{
    const struct dfu_area *pri = &s->world.area[WORLD_PRI];

    if (!s->spec.is_empty || s->spec.is_confirmed) {
        s->image[OLD][0] ^= s->spec.is_empty;
        boot_world_load(&s->world, WORLD_PRI, 0, s->image[OLD], s->size[OLD]);
    }
    boot_world_load(&s->world, WORLD_SEC, dfu_slot_upload_offset(&s->world.map, 0), s->closed[NEW],
                    s->closed_size[NEW]);
    story_set_counter(s);
    if (s->spec.is_empty && !s->spec.is_unasked &&
        dfu_boot_request_upgrade(&s->world.map, 0, s->spec.is_permanent)) {
        return false;
    }
    return !s->spec.is_confirmed || (dfu_trailer_write_magic(&s->world.map, pri) == 0 &&
                                     dfu_trailer_write_image_ok(&s->world.map, pri) == 0 &&
                                     dfu_trailer_write_copy_done(&s->world.map, pri) == 0);
}

/* All starts but the last of an image on trial. */
static void use_up_starts(struct story *s)
{
    struct world_boot boot;

    for (unsigned i = 1; i < STORY_STARTS; i++) {
        dfu_sim_flash_power_on(&s->world.sim);
        (void)story_act(s, STAGE_ATTEMPT, &boot);
    }
}

static void find_stages(struct story *s)
{
    bool is_trial = story_is_swap(s) && !s->spec.is_permanent;

    s->has[STAGE_UPGRADE] = true;
    if (s->spec.is_empty) {
        return;
    }
    s->has[STAGE_REQUEST] = true;
    s->has[STAGE_ATTEMPT] = is_trial && story_uses(s, SWITCH_ATTEMPTS);
    s->has[STAGE_REVERT] = is_trial;
    s->has[STAGE_CONFIRM] = !s->spec.is_permanent;
    s->has[STAGE_SETTLED] =
        (is_trial && story_uses(s, SWITCH_HISTORY)) ||
        (!s->spec.is_permanent && (story_uses(s, SWITCH_REVOKE) || story_uses(s, SWITCH_COUNTER)));
}

/* Each stage once without a cut, keeping the flash before it. */
static bool rehearse(struct story *s, char *why, size_t why_size)
{
    const struct story_path nowhere = { .cut_count = 0 };
    struct world_boot boot;
    uint8_t *trial = NULL;

    s->path = &nowhere;
    find_stages(s);
    for (enum story_stage stage = STAGE_REQUEST; stage < STAGES; stage++) {
        if (stage == STAGE_ATTEMPT) {
            trial = story_kept(s);
        }
        if (stage >= STAGE_ATTEMPT && stage <= STAGE_CONFIRM) { /* these begin with the trial */
            boot_world_restore(&s->world, trial);
        }
        if (!s->has[stage]) {
            continue;
        }
        if (stage == STAGE_REVERT && story_uses(s, SWITCH_ATTEMPTS)) {
            use_up_starts(s);
        }
        s->start[stage] = story_kept(s);
        dfu_sim_flash_power_on(&s->world.sim);
        if (story_act(s, stage, &boot)) {
            (void)snprintf(why, why_size, "%s fails without any cut", story_stage_name(stage));
            free(trial);
            return false;
        }
    }
    free(trial);
    story_reset(s);
    return true;
}

void story_close(struct story *s)
{
    for (enum image i = OLD; i < IMAGES; i++) {
        free(s->image[i]);
        free(s->closed[i]);
    }
    for (int i = 0; i < STAGES; i++) {
        free(s->start[i]);
    }
    for (enum image i = OLD; i < IMAGES; i++) {
        OPENSSL_free(s->key_der[i]);
    }
    known_free(&s->known);
    boot_world_free(&s->world);
    free(s);
}

struct story *story_open(const struct story_spec *spec, EVP_PKEY *const keys[2], char *why,
                         size_t why_size)
{
    struct story *s = calloc(1, sizeof *s);

    if (!s) {
        abort();
    }
    why[0] = '\0';
    s->spec = *spec;
    build_world(s, keys);
    if (!build_images(s, keys) || !fill(s) || !rehearse(s, why, why_size)) {
        story_close(s);
        return NULL;
    }
    return s;
}
