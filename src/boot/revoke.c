/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The record is the whole set: names one after the other. */
#include "boot/revoke.h"

#include <string.h>

#include "boot/place_reader.h"
#include "boot/stay.h"
#include "dfu/err.h"
#include "dfu/record.h"

#define HASH_SIZE 32u
#define NO_KEY    SIZE_MAX

/* A policy with some keys left out, and where those that are left stand in the whole one. */
struct rest {
    struct dfu_image_policy policy;
    struct dfu_key keys[DFU_REVOKE_KEYS_MAX];
    uint8_t whole_index[DFU_REVOKE_KEYS_MAX];
};

/* ---- The set ---- */

int dfu_revoked_read(const struct dfu_area *area, struct dfu_revoked *out)
{
    struct dfu_record record;
    int len = dfu_record_open(&record, area);

    *out = (struct dfu_revoked){ 0 };
    if (!len) {
        len = dfu_record_load(&record, out->names, sizeof out->names);
    }
    if (len < 0) {
        return len == DFU_ERR_NOENT ? DFU_OK : len;
    }
    out->count = (uint8_t)((size_t)len / DFU_REVOKED_NAME_LEN);
    return DFU_OK;
}

static bool holds(const struct dfu_revoked *revoked, const uint8_t hash[HASH_SIZE])
{
    for (uint8_t i = 0; i < revoked->count; i++) {
        if (memcmp(revoked->names[i], hash, DFU_REVOKED_NAME_LEN) == 0) {
            return true;
        }
    }
    return false;
}

static int save(const struct dfu_area *area, struct dfu_revoked *revoked,
                const uint8_t hash[HASH_SIZE])
{
    struct dfu_record record;
    int err = dfu_record_open(&record, area);

    if (revoked->count == DFU_REVOKED_MAX) {
        return DFU_ERR_NOSPACE;
    }
    memcpy(revoked->names[revoked->count++], hash, DFU_REVOKED_NAME_LEN);
    return err ? err
               : dfu_record_save(&record, revoked->names,
                                 (size_t)revoked->count * DFU_REVOKED_NAME_LEN);
}

/* ---- Keys ---- */

/* NULL: the policy does not have it. */
static const struct dfu_hash_alg *sha256_of(const struct dfu_image_policy *policy)
{
    const struct dfu_hash_alg *const *alg = policy->hashes;

    while (*alg && (*alg)->tlv_type != DFU_TLV_SHA256) {
        alg++;
    }
    return *alg;
}

static int hash_key(const struct dfu_image_policy *policy, const struct dfu_key *key,
                    uint8_t out[HASH_SIZE])
{
    struct dfu_hash hash = { .alg = sha256_of(policy) };
    int err = hash.alg ? hash.alg->start(&hash) : DFU_ERR_NOTSUP;
    int finish_err;

    if (err) {
        return err;
    }
    err = hash.alg->update(&hash, key->der, key->der_len);
    finish_err = hash.alg->finish(&hash, out);
    return err ? err : finish_err;
}

/* What is left of a policy without the revoked keys, and without the one at also. */
static int leave_out(const struct dfu_image_policy *whole, const struct dfu_revoked *revoked,
                     size_t also, struct rest *rest)
{
    uint8_t hash[HASH_SIZE];
    int err = whole->key_count > DFU_REVOKE_KEYS_MAX ? DFU_ERR_NOTSUP : DFU_OK;

    rest->policy = *whole;
    rest->policy.keys = rest->keys;
    rest->policy.key_count = 0;
    rest->policy.hash_only = whole->key_count == 0 && whole->hash_only; /* none left is no reason */
    for (size_t i = 0; !err && i < whole->key_count; i++) {
        err = hash_key(whole, &whole->keys[i], hash);
        if (!err && i != also && !holds(revoked, hash)) {
            rest->whole_index[rest->policy.key_count] = (uint8_t)i;
            rest->keys[rest->policy.key_count++] = whole->keys[i];
        }
    }
    return err;
}

static void verify(const struct check_subject *subject, struct dfu_image_report *report)
{
    const struct dfu_boot_config *cfg = fixed_boot(subject->kept);
    struct dfu_revoked revoked;
    struct rest rest;

    if (dfu_revoked_read(cfg->revocation->area, &revoked)) {
        revoked.count = 0;
    }
    if (leave_out(subject->policy, &revoked, NO_KEY, &rest)) {
        rest.policy.key_count = 0; /* then nothing is trusted */
        rest.policy.hash_only = false;
    }
    dfu_image_verify(&rest.policy, subject->reader, subject->limit, cfg->buf, cfg->buf_len,
                     cfg->feed_watchdog, cfg->ctx, report);
    if (report->key_index >= 0) {
        report->key_index = rest.whole_index[report->key_index];
    }
}

static enum dfu_image_fault check(const struct check_subject *subject, int key_index)
{
    const struct dfu_boot_config *cfg = fixed_boot(subject->kept);
    const struct dfu_image_policy *policy = subject->policy;
    struct dfu_revoked revoked;
    uint8_t hash[HASH_SIZE];

    if (key_index < 0 || dfu_revoked_read(cfg->revocation->area, &revoked)) {
        return DFU_IMAGE_FINE;
    }
    return hash_key(policy, &policy->keys[key_index], hash) || holds(&revoked, hash)
               ? DFU_IMAGE_KEY_UNKNOWN
               : DFU_IMAGE_FINE;
}

/* ---- Revoking ---- */

static bool is_trusted_by(const struct dfu_boot_config *cfg, const struct dfu_boot_place *place,
                          const struct rest *rest)
{
    struct dfu_image_policy policy = rest->policy;
    struct place_span span;
    struct dfu_reader reader = place_reader(place, &span);
    struct dfu_image_report report;

    policy.body_is_clear = true; /* it runs */
    dfu_image_verify(&policy, &reader, 0, cfg->buf, cfg->buf_len, cfg->feed_watchdog, cfg->ctx,
                     &report);
    return dfu_verdict_is_trusted(&report.verdict);
}

static int revoke(const struct dfu_boot_config *cfg, const struct dfu_boot_result *running,
                  const uint8_t hash[HASH_SIZE])
{
    struct dfu_revoked revoked;
    uint8_t own[HASH_SIZE];
    struct rest rest;
    size_t key = NO_KEY;
    int err = dfu_revoked_read(cfg->revocation->area, &revoked);

    for (size_t i = 0; !err && i < cfg->policy.key_count && key == NO_KEY; i++) {
        err = hash_key(&cfg->policy, &cfg->policy.keys[i], own);
        key = !err && memcmp(own, hash, sizeof own) == 0 ? i : NO_KEY;
    }
    if (err || key == NO_KEY) {
        return err ? err : DFU_ERR_NOENT;
    }
    if (holds(&revoked, hash)) {
        return DFU_OK;
    }
    err = leave_out(&cfg->policy, &revoked, key, &rest);
    for (uint8_t i = 0; !err && i < cfg->map->image_count; i++) {
        if (running->places[i].area && !is_trusted_by(cfg, &running->places[i], &rest)) {
            err = DFU_ERR_PERM;
        }
    }
    if (!err && rest.policy.key_count == 0) {
        err = DFU_ERR_PERM;
    }
    return err ? err : save(cfg->revocation->area, &revoked, hash);
}

int dfu_revoke_key(const struct dfu_boot_config *cfg, const struct dfu_boot_result *running,
                   const uint8_t hash[32])
{
    return cfg->revocation ? revoke(cfg, running, hash) : DFU_ERR_INVAL;
}

static void tell(const struct dfu_boot_config *cfg, const uint8_t hash[HASH_SIZE], int err)
{
    const struct dfu_boot_event event = {
        .id = err ? DFU_BOOT_EV_REVOKE_REFUSED : DFU_BOOT_EV_REVOKED,
        .a = (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3],
    };

    if (cfg->event) {
        cfg->event(cfg->ctx, &event);
    }
}

static bool is_revoked(const struct dfu_boot_config *cfg, const uint8_t hash[HASH_SIZE])
{
    struct dfu_revoked revoked;

    return dfu_revoked_read(cfg->revocation->area, &revoked) == DFU_OK && holds(&revoked, hash);
}

static void apply_one(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out,
                      const struct dfu_boot_place *place)
{
    struct place_span span;
    struct dfu_reader reader = place_reader(place, &span);
    uint8_t hash[HASH_SIZE];
    struct dfu_image_tlv tlv;
    struct dfu_image image;
    uint32_t cursor = 0;

    if (!is_here_to_stay(cfg, place) || dfu_image_open(&image, &reader, 0) != DFU_IMAGE_FINE) {
        return;
    }
    while (dfu_image_tlv_next(&image, &cursor, &tlv) == 1) {
        int err;

        if (tlv.type != DFU_TLV_REVOKE || !tlv.is_protected || tlv.len != sizeof hash ||
            dfu_image_tlv_read(&image, &tlv, hash, sizeof hash) != (int)sizeof hash ||
            is_revoked(cfg, hash)) {
            continue;
        }
        err = revoke(cfg, out, hash);
        if (err != DFU_ERR_NOENT && err != DFU_ERR_POWER) { /* a key of other devices */
            tell(cfg, hash, err);
        }
    }
}

static void apply(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out)
{
    for (uint8_t i = 0; i < cfg->map->image_count; i++) {
        if (out->places[i].area && !out->places[i].is_loader) {
            apply_one(cfg, out, &out->places[i]);
        }
    }
}

static bool makes_sense(const struct dfu_boot_config *cfg)
{
    return cfg->revocation->area && cfg->policy.key_count <= DFU_REVOKE_KEYS_MAX &&
           sha256_of(&cfg->policy);
}

const struct dfu_boot_revocation_rules dfu_boot_revocation_rules = { makes_sense, verify, check,
                                                                     apply };
