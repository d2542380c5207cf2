/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The order of checks, messages and erases is MCUboot's. Each turn of a loop here either ends it or
 * takes one slot out of the choice, so there are never more turns than slots. */
#include "boot/pick.h"

#include <string.h>

#include "boot/check.h"
#include "boot/depend.h"
#include "boot/permit.h"
#include "boot/slot_ops.h"
#include "boot/trial.h"
#include "dfu/err.h"
#include "image/fixed.h"

#define SLOTS     2
#define NO_SLOT   (-1)
#define ENCRYPTED (DFU_IMAGE_F_ENCRYPTED_AES128 | DFU_IMAGE_F_ENCRYPTED_AES256)
#define PACKED    (DFU_IMAGE_F_COMPRESSED_LZMA1 | DFU_IMAGE_F_COMPRESSED_LZMA2)

static const char *const slot_names[SLOTS] = { "primary", "secondary" };

/* One image on its way through a start. */
struct choice {
    struct boot_pair pair;
    const struct dfu_area *area[SLOTS];
    struct dfu_image_header header[SLOTS];
    bool is_candidate[SLOTS];
    int slot; /* chosen and verified, or NO_SLOT */
    struct dfu_verdict verdict;
    enum dfu_image_fault fault;
};

struct pick {
    struct kept_boot kept;
    struct choice choices[DFU_IMAGES_MAX];
    struct ram_span ram[DFU_IMAGES_MAX];
};

static const struct pick_rules *rules_of(const struct pick *p)
{
    return fixed_boot(p->kept)->strategy->pick;
}

static uint8_t count_of(const struct pick *p)
{
    return fixed_boot(p->kept)->map->image_count;
}

static void emit(const struct choice *c, enum dfu_boot_event_id id, uint32_t b, const char *text)
{
    boot_emit(&c->pair,
              (struct dfu_boot_event){ .id = id, .a = c->pair.image, .b = b, .text = text });
}

/* ---- What there is ---- */

/* All of an image, as far as a header tells, must lie in its slot. */
static bool header_is_sane(const struct dfu_image_header *header, const struct dfu_area *area)
{
    uint64_t end = (uint64_t)header->hdr_size + header->img_size + header->protect_tlv_size;

    return end < area->size;
}

static bool can_use(const struct pick *p, const struct dfu_image_header *header)
{
    bool is_encrypted = (header->flags & ENCRYPTED) != 0;

    return (header->flags & PACKED) == 0 &&
           (!is_encrypted || (rules_of(p)->load && fixed_boot(p->kept)->policy.decryption));
}

static enum dfu_image_fault fault_of(const struct dfu_area *area)
{
    struct dfu_area_span span = { area, 0 };
    struct dfu_reader reader = dfu_area_reader(&span);
    struct dfu_image image;

    return dfu_image_open(&image, &reader, 0);
}

/* An empty slot is no news where the other holds an image that is broken. */
static void keep_fault(struct choice *c, enum dfu_image_fault fault)
{
    if (fault != DFU_IMAGE_FINE && fault != DFU_IMAGE_BAD_MAGIC) {
        c->fault = fault;
    }
}

static void look_at_slot(const struct pick *p, struct choice *c, int slot)
{
    static const char *const padded[SLOTS] = { "Primary  ", "Secondary" };
    const struct dfu_area *area = c->area[slot];
    const struct dfu_image_version *version = &c->header[slot].version;
    enum dfu_image_fault fault;

    c->is_candidate[slot] = area && slot_header_read(area, 0, &c->header[slot]) == DFU_OK &&
                            header_is_sane(&c->header[slot], area) && can_use(p, &c->header[slot]);
    if (!area) {
        return;
    }
    if (!c->is_candidate[slot]) {
        fault = fault_of(area);
        keep_fault(c, fault);
        emit(c, DFU_BOOT_EV_SLOT_EMPTY, fault, slot_names[slot]);
        return;
    }
    boot_emit(&c->pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_SLOT_VERSION,
                                                 .text = padded[slot],
                                                 .a = version->major,
                                                 .b = version->minor,
                                                 .c = version->revision,
                                                 .d = version->build });
}

static void look_at_all(struct pick *p)
{
    for (uint8_t i = 0; i < count_of(p); i++) {
        const struct dfu_slot_pair *slots = &fixed_boot(p->kept)->map->images[i];
        struct choice *c = &p->choices[i];

        *c = (struct choice){
            .pair = { .kept = p->kept,
                      .primary = slots->primary,
                      .secondary = slots->secondary,
                      .image = i },
            .area = { slots->primary, slots->secondary },
            .slot = NO_SLOT,
            .fault = DFU_IMAGE_BAD_MAGIC,
        };
        for (int slot = 0; slot < SLOTS; slot++) {
            look_at_slot(p, c, slot);
        }
    }
}

static int newest(const struct pick *p, const struct choice *c)
{
    if (!c->is_candidate[0] || !c->is_candidate[1]) {
        return c->is_candidate[0] ? 0 : c->is_candidate[1] ? 1 : NO_SLOT;
    }
    return dfu_image_version_compare(&c->header[1].version, &c->header[0].version,
                                     fixed_boot(p->kept)->compare_build_number) > 0;
}

/* ---- One slot ---- */

static bool is_built_for_elsewhere(const struct pick *p, const struct choice *c, int slot)
{
    return !rules_of(p)->load && (c->header[slot].flags & DFU_IMAGE_F_ROM_FIXED) != 0 &&
           c->header[slot].load_addr != c->area[slot]->base;
}

/* Check an image where it will run: in RAM, or in its slot. */
static void verify_at(const struct pick *p, const struct choice *c, int slot,
                      const struct ram_span *ram, struct dfu_image_report *report)
{
    const struct dfu_boot_config *cfg = fixed_boot(p->kept);
    struct dfu_image_policy policy = copied_policy(&cfg->policy);
    struct dfu_area_span in_slot = { c->area[slot], 0 };
    struct dfu_memory_span in_ram = { ram ? ram->mem : NULL, ram ? ram->len : 0 };
    struct dfu_reader reader = ram ? dfu_memory_reader(&in_ram) : dfu_area_reader(&in_slot);
    uint32_t limit = slot_image_limit(cfg->map, c->area[slot]);

    policy.body_is_clear = ram != NULL; /* it was decrypted on its way there */
    check_image(
        &(struct check_subject){ c->pair.kept, &policy, &reader, limit, c->pair.image, true },
        report);
}

static int erase_slot(const struct pick *p, const struct choice *c, int slot)
{
    int err = rules_of(p)->keeps_slots ? DFU_OK : slot_erase(&c->pair, c->area[slot]);

    return err == DFU_ERR_POWER ? err : DFU_OK; /* a slot that stays is still not run */
}

/* Whether another slot holds an image that would run, if this one was given up. */
static bool has_substitute(const struct pick *p, const struct choice *c, int slot)
{
    int other = 1 - slot;
    struct dfu_image_report report;
    enum trial_state state;

    if (!c->is_candidate[other] || is_built_for_elsewhere(p, c, other) ||
        (c->header[other].flags & DFU_IMAGE_F_NON_BOOTABLE) != 0) {
        return false;
    }
    state = trial_state(&c->pair, c->area[other]);
    if (state != TRIAL_CONFIRMED && state != TRIAL_NEW) {
        return false;
    }
    verify_at(p, c, other, NULL, &report);
    return dfu_verdict_is_trusted(&report.verdict);
}

/* 0: may go on. DFU_ERR_VERIFY: given up. An image that had its start and was not confirmed goes,
 * unless it is the last one: then it is better than none (MCUboot erases that, too). */
static int begin_trial(const struct pick *p, const struct choice *c, int slot)
{
    const struct dfu_area *area = c->area[slot];
    enum trial_state state = trial_state(&c->pair, area);
    int err = DFU_OK;

    if (state == TRIAL_NEW) {
        err = trial_begin(&c->pair, area);
        state = err && err != DFU_ERR_POWER ? TRIAL_FAILED : state;
    }
    if (state == TRIAL_NEVER_ASKED || (state == TRIAL_FAILED && has_substitute(p, c, slot))) {
        err = erase_slot(p, c, slot);
        return err ? err : DFU_ERR_VERIFY;
    }
    if (state == TRIAL_UNREADABLE) {
        return DFU_ERR_VERIFY;
    }
    if (state == TRIAL_FAILED) {
        emit(c, DFU_BOOT_EV_TRIAL_KEPT, 0, slot_names[slot]);
        return DFU_OK;
    }
    return err;
}

static void wipe_ram(const struct choice *c, struct ram_span *ram)
{
    if (ram->len > 0) {
        emit(c, DFU_BOOT_EV_RAM_REMOVED, ram->addr, NULL);
        memset(ram->mem, 0, ram->len);
        ram->len = 0;
    }
}

static void say_invalid(struct choice *c, int slot, enum dfu_image_fault fault)
{
    keep_fault(c, fault);
    boot_emit(&c->pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_INVALID_SLOT,
                                                 .a = c->pair.image,
                                                 .b = fault,
                                                 .text = slot_names[slot] });
}

/* What has no end can not be copied. */
static int load(struct pick *p, struct choice *c, int slot)
{
    enum dfu_image_fault fault = fault_of(c->area[slot]);
    int err = DFU_ERR_VERIFY;

    if (fault == DFU_IMAGE_FINE || fault == DFU_IMAGE_UNREADABLE) {
        err = rules_of(p)->load(&c->pair, (uint8_t)slot, p->ram, &p->ram[c->pair.image]);
    } else {
        say_invalid(c, slot, fault);
    }

    if (err && err != DFU_ERR_POWER && err != DFU_ERR_IO && !rules_of(p)->keeps_slots) {
        emit(c, DFU_BOOT_EV_SLOT_REMOVED, (uint32_t)slot, NULL);
        return erase_slot(p, c, slot) ? DFU_ERR_POWER : err;
    }
    return err;
}

static int verify(struct pick *p, struct choice *c, int slot)
{
    struct ram_span *ram = &p->ram[c->pair.image];
    struct dfu_image_report report = { .key_index = -1 };
    int err;

    if ((c->header[slot].flags & DFU_IMAGE_F_NON_BOOTABLE) != 0) {
        return DFU_ERR_VERIFY;
    }
    verify_at(p, c, slot, rules_of(p)->load ? ram : NULL, &report);
    c->verdict = report.verdict;
    if (dfu_verdict_is_trusted(&report.verdict)) {
        return DFU_OK;
    }
    say_invalid(c, slot, report.fault);
    err = report.fault == DFU_IMAGE_UNREADABLE ? DFU_OK : erase_slot(p, c, slot);
    wipe_ram(c, ram);
    return err ? err : DFU_ERR_VERIFY;
}

static int try_slot(struct pick *p, struct choice *c, int slot)
{
    int err = DFU_OK;

    if (is_built_for_elsewhere(p, c, slot)) {
        boot_emit(&c->pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_WRONG_ADDRESS,
                                                     .text = slot_names[slot],
                                                     .a = c->area[slot]->base,
                                                     .b = c->header[slot].load_addr });
        return DFU_ERR_VERIFY;
    }
    if (rules_of(p)->reverts) {
        err = begin_trial(p, c, slot);
    }
    if (!err && rules_of(p)->load) {
        err = load(p, c, slot);
    }
    return err ? err : verify(p, c, slot);
}

/* ---- All images ---- */

static int choose(struct pick *p, struct choice *c)
{
    while (c->slot == NO_SLOT) {
        int slot = newest(p, c);
        int err;

        if (slot == NO_SLOT) {
            emit(c, DFU_BOOT_EV_NO_SLOT, 0, NULL);
            return DFU_ERR_VERIFY;
        }
        err = try_slot(p, c, slot);
        if (err == DFU_ERR_POWER) {
            return err;
        }
        c->is_candidate[slot] = false;
        c->slot = err ? NO_SLOT : slot;
    }
    return DFU_OK;
}

/* Give up one image whose dependencies are not met; false if there is none. */
static bool drop_unmet(struct pick *p)
{
    struct swap_place places[DFU_IMAGES_MAX];
    struct choice *c;
    uint8_t unmet;

    for (uint8_t i = 0; i < count_of(p); i++) {
        places[i] = (struct swap_place){ p->choices[i].area[p->choices[i].slot], 0 };
    }
    unmet = depend_first_unmet(fixed_boot(p->kept), places);
    if (unmet == count_of(p)) {
        return false;
    }
    c = &p->choices[unmet];
    wipe_ram(c, &p->ram[unmet]);
    c->slot = NO_SLOT;
    return true;
}

static int choose_all(struct pick *p, struct dfu_boot_result *out)
{
    do {
        for (uint8_t i = 0; i < count_of(p); i++) {
            int err = choose(p, &p->choices[i]);

            if (err) {
                out->fault = p->choices[i].fault;
                out->fault_image = i;
                return err;
            }
        }
    } while (count_of(p) > 1 && drop_unmet(p));
    return DFU_OK;
}

/* Of a copy in RAM, the copy's header. */
static int report(const struct pick *p, struct choice *c, struct dfu_boot_result *out)
{
    const struct ram_span *ram = &p->ram[c->pair.image];
    struct dfu_image_header *header = &c->header[c->slot];
    struct dfu_boot_place *place;

    emit(c, DFU_BOOT_EV_LOADED, 0, slot_names[c->slot]);
    place = permit_run(out, c->pair.image, c->area[c->slot], (uint8_t)c->slot, &c->verdict);
    if (rules_of(p)->load) {
        place->ram = ram->mem;
        place->ram_addr = ram->addr;
        place->ram_len = ram->len;
        if (dfu_image_header_parse(ram->mem, header) != DFU_IMAGE_FINE) {
            return DFU_ERR_VERIFY;
        }
    }
    if (c->pair.image == 0) {
        out->header = *header;
    }
    return DFU_OK;
}

int boot_pick(struct kept_boot kept, struct dfu_boot_result *out)
{
    struct pick p = { .kept = kept };
    int err;

    look_at_all(&p);
    err = choose_all(&p, out);
    for (uint8_t i = 0; !err && i < count_of(&p); i++) {
        err = report(&p, &p.choices[i], out);
    }
    for (uint8_t i = 0; i < count_of(&p); i++) {
        out->swap[i] = DFU_SWAP_NONE;
        if (err && err != DFU_ERR_POWER) {
            permit_withdraw(out);
            wipe_ram(&p.choices[i], &p.ram[i]);
        }
    }
    return err;
}

/* Facts and reports of both slots; which of them runs next is told by their versions and trailers.
 */
int boot_pick_look(const struct dfu_boot_config *cfg, uint8_t image, struct dfu_boot_outlook *out)
{
    struct pick p = { .kept = keep_boot(cfg) };
    struct choice *c = &p.choices[image];

    look_at_all(&p);
    out->fit = DFU_SLOTS_FIT;
    if (dfu_slot_state_read(cfg->map, c->area[0], &out->primary)) {
        return DFU_ERR_IO;
    }
    verify_at(&p, c, 0, NULL, &out->primary_report);
    if (c->area[1]) {
        if (dfu_slot_state_read(cfg->map, c->area[1], &out->secondary)) {
            return DFU_ERR_IO;
        }
        verify_at(&p, c, 1, NULL, &out->secondary_report);
    }
    return DFU_OK;
}
