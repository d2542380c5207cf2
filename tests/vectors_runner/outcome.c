/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "outcome.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct flash_key flash_hash(const void *data, size_t len)
{
    struct flash_key key;

    if (!EVP_Digest(data, len, key.bytes, NULL, EVP_sha256(), NULL)) {
        report_fatal("hashing failed");
    }
    return key;
}

static struct flash_key key_of(const struct world *w)
{
    return flash_hash(w->sim.mem, w->state_size);
}

static struct outcome *slot_for(struct outcomes *outcomes, const struct flash_key *key)
{
    size_t at;

    memcpy(&at, key->bytes, sizeof at);
    at &= outcomes->cap - 1;
    while (outcomes->table[at].is_used &&
           memcmp(&outcomes->table[at].from, key, sizeof *key) != 0) {
        at = (at + 1) & (outcomes->cap - 1);
    }
    return &outcomes->table[at];
}

static void grow(struct outcomes *outcomes)
{
    struct outcomes bigger = { NULL, outcomes->count, outcomes->cap ? outcomes->cap * 2 : 256 };

    if (outcomes->count * 2 < outcomes->cap) {
        return;
    }
    bigger.table = calloc(bigger.cap, sizeof bigger.table[0]);
    if (!bigger.table) {
        report_fatal("out of memory");
    }
    for (size_t i = 0; i < outcomes->cap; i++) {
        if (outcomes->table[i].is_used) {
            *slot_for(&bigger, &outcomes->table[i].from) = outcomes->table[i];
        }
    }
    free(outcomes->table);
    *outcomes = bigger;
}

/* Whether the first operation of a swap with scratch still is to be finished, or begun: else the
 * primary has a trailer of its own, with the first records where MCUboot or we have put them. A
 * third record shows that the trailer is whole, whatever is left in scratch (B2). */
static bool places_records(const struct world *w)
{
    struct dfu_slot_state primary, scratch;
    struct dfu_trailer at;
    bool is_begun;

    if (w->spec.mode != DFU_MODE_SWAP_SCRATCH ||
        dfu_slot_state_read(&w->map, &w->area[WORLD_PRI], &primary) ||
        dfu_slot_trailer(&w->map, &w->area[WORLD_PRI], &at) ||
        dfu_slot_state_read(&w->map, &w->area[WORLD_SCR], &scratch)) {
        return false;
    }
    is_begun = primary.magic == DFU_MAGIC_GOOD && primary.copy_done == DFU_FLAG_UNSET;
    return !is_begun || (scratch.magic == DFU_MAGIC_GOOD &&
                         boot_world_bytes(w, WORLD_PRI)[at.status + 2 * at.status_stride] != 3);
}

static void note_odd_primary(const struct run *run, struct outcome *out)
{
    const struct dfu_area *pri = &run->ours.area[WORLD_PRI];
    struct dfu_trailer at, scratch_at;
    uint8_t *bytes;
    struct flash_key key;

    memcpy(out->odd_sha8, out->sha8[WORLD_PRI], sizeof out->odd_sha8);
    if (!run->odd_hex || dfu_slot_trailer(&run->ours.map, pri, &at) ||
        dfu_slot_trailer(&run->ours.map, &run->ours.area[WORLD_SCR], &scratch_at)) {
        return;
    }
    bytes = malloc(pri->size);
    if (!bytes) {
        report_fatal("out of memory");
    }
    memcpy(bytes, boot_world_bytes(&run->ours, WORLD_PRI), pri->size);
    if (bytes[at.status] == 1) {
        memset(bytes + at.status, run->c->spec.erased, 2 * (size_t)at.status_stride);
        for (uint32_t i = 0; i < 2 * at.status_stride; i++) {
            bool is_type = scratch_at.status + i == scratch_at.swap_info;

            (void)sscanf(run->odd_hex + 2 * i, "%2hhx", &bytes[run->odd_off + i]);
            bytes[run->odd_off + i] = bytes[is_type ? at.swap_info : run->odd_off + i];
        }
    }
    key = flash_hash(bytes, pri->size);
    memcpy(out->odd_sha8, key.bytes, sizeof out->odd_sha8);
    free(bytes);
}

static void boot_and_note(struct run *run, struct outcome *out, const struct flash_key *from)
{
    struct world *w = &run->ours;

    out->is_used = true;
    out->from = *from;
    out->places_records = places_records(w);
    out->boot = run_start(run);
    out->left = key_of(w);
    for (enum world_place place = WORLD_PRI; place < WORLD_PLACES; place++) {
        if (w->area[place].size > 0) {
            struct flash_key key = flash_hash(boot_world_bytes(w, place), w->area[place].size);

            memcpy(out->sha8[place], key.bytes, sizeof out->sha8[place]);
        }
    }
    note_odd_primary(run, out);
}

void outcome_of_two(struct outcomes *outcomes, struct run *run, struct outcome *next,
                    struct outcome *then)
{
    struct flash_key key = key_of(&run->ours);
    struct outcome *slot;
    bool has_booted = false;

    grow(outcomes);
    slot = slot_for(outcomes, &key);
    if (!slot->is_used) {
        run->spot.boot = "next";
        boot_and_note(run, slot, &key);
        outcomes->count++;
        has_booted = true;
    }
    *next = *slot;
    grow(outcomes);
    slot = slot_for(outcomes, &next->left);
    if (!slot->is_used) {
        if (!has_booted) { /* the first boot was remembered, so its flash must be made */
            (void)run_start(run);
        }
        run->spot.boot = "then";
        boot_and_note(run, slot, &next->left);
        outcomes->count++;
    }
    *then = *slot;
}

void outcomes_free(struct outcomes *outcomes)
{
    free(outcomes->table);
    *outcomes = (struct outcomes){ 0 };
}
