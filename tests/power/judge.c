/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What must come out of a flash after a cut, and whether it does. */
#include <stdarg.h>
#include <string.h>
#include <stdlib.h>

#include "dfu/err.h"
#include "cuts.h"
#include "story_inner.h"

/* Upgrade, other starts of a trial, revert, and one that finds nothing to do; one to spare. */
#define BOOTS_TO_REST (4u + STORY_STARTS - 1u)
#define WHY_SIZE      200u

static const char *const image_names[IMAGES] = { "old", "new" };
static const char *const phase_names[] = { "old stays", "trial", "reverting", "new stays",
                                           "either" };

void (*story_on_failure)(const char *replay, const char *why);

__attribute__((format(printf, 2, 3))) bool story_fail(struct story *s, const char *format, ...)
{
    char why[WHY_SIZE], replay[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    s->is_failed = true;
    s->tally.failures++;
    story_text(&s->spec, s->path, replay, sizeof replay);
    if (story_on_failure) {
        story_on_failure(replay, why);
    }
    return false;
}

bool story_is_swap(const struct story *s)
{
    return s->spec.strategy == STORY_MOVE || s->spec.strategy == STORY_OFFSET ||
           s->spec.strategy == STORY_SCRATCH;
}

/* ---- What the flash says ---- */

struct facts {
    struct dfu_slot_state pri, sec, scr;
};

static struct facts look(const struct story *s)
{
    struct facts facts = { .scr = { DFU_MAGIC_UNSET, DFU_FLAG_UNSET, DFU_FLAG_UNSET, DFU_SWAP_NONE,
                                    0 } };

    if (s->world.map.scratch &&
        dfu_slot_state_read(&s->world.map, s->world.map.scratch, &facts.scr)) {
        abort();
    }
    if (dfu_slot_state_read(&s->world.map, &s->world.area[WORLD_PRI], &facts.pri) ||
        dfu_slot_state_read(&s->world.map, &s->world.area[WORLD_SEC], &facts.sec)) {
        (void)fprintf(stderr, "power: a trailer cannot be read\n");
        abort();
    }
    return facts;
}

/* With an offset the new image waits, and is put back, one sector up. */
static bool holds(const struct story *s, enum world_place place, enum image image)
{
    bool is_staged = place == WORLD_SEC && image == NEW;
    uint32_t off = is_staged ? dfu_slot_upload_offset(&s->world.map, 0) : 0;
    const uint8_t *at = boot_world_bytes(&s->world, place) + off;

    if (place == WORLD_PRI) {
        return memcmp(at, s->image[image], s->size[image]) == 0;
    }
    return memcmp(at, s->closed[image], s->closed_size[image]) == 0;
}

/* A trial counts as run once its copy_done was begun: from then on the loader goes back unless
 * the application confirms. A torn copy_done counts as begun; where it cannot be written again,
 * the loader asks for the way back in the secondary before it makes the trailer anew, or only notes
 * it there. */
static bool is_trial_over(const struct story *s, const struct facts *f)
{
    bool asks_back = s->spec.strategy == STORY_OFFSET ? f->sec.copy_done == DFU_FLAG_SET
                                                      : f->sec.image_ok == DFU_FLAG_SET;

    bool is_withdrawn = f->pri.magic == DFU_MAGIC_GOOD && f->pri.copy_done == DFU_FLAG_SET;

    if (f->sec.magic == DFU_MAGIC_GOOD) {
        return s->spec.is_sticky && (asks_back || is_withdrawn) && holds(s, WORLD_PRI, NEW) &&
               holds(s, WORLD_SEC, OLD);
    }
    if (s->spec.is_sticky && s->spec.strategy == STORY_SCRATCH && f->pri.magic == DFU_MAGIC_GOOD &&
        f->pri.image_ok == DFU_FLAG_UNSET && cut_is_trial_noted(&s->world, 0)) {
        return true;
    }
    return f->pri.magic == DFU_MAGIC_GOOD && f->pri.copy_done != DFU_FLAG_UNSET &&
           f->pri.image_ok == DFU_FLAG_UNSET;
}

/* A request counts once its magic is whole; its image_ok, written after it, makes it permanent. */
static enum phase phase_of_request(const struct story *s, const struct facts *f)
{
    if (f->sec.magic != DFU_MAGIC_GOOD) {
        return OLD_STAYS;
    }
    if (f->sec.image_ok == DFU_FLAG_BAD) {
        return EITHER;
    }
    return story_is_swap(s) && f->sec.image_ok == DFU_FLAG_UNSET ? TRIAL : NEW_STAYS;
}

static enum phase phase_of_confirm(const struct story *s, const struct facts *f)
{
    if (!story_is_swap(s) || f->pri.image_ok == DFU_FLAG_SET) {
        return NEW_STAYS;
    }
    return f->pri.image_ok == DFU_FLAG_BAD ? EITHER : REVERTING;
}

/* What must come out of the flash as it is, where phase was the phase before the cut. */
enum phase story_phase_at(const struct story *s, enum phase phase)
{
    struct facts f = look(s);

    return phase == TRIAL && is_trial_over(s, &f) ? REVERTING : phase;
}

enum phase story_phase_in(const struct story *s, enum story_stage stage)
{
    struct facts f;

    if (s->spec.is_empty) { /* there is nothing to go back to */
        return NEW_STAYS;
    }
    switch (stage) {
    case STAGE_REQUEST: f = look(s); return phase_of_request(s, &f);
    case STAGE_CONFIRM: f = look(s); return phase_of_confirm(s, &f);
    case STAGE_ATTEMPT:
    case STAGE_REVERT: return REVERTING;
    case STAGE_SETTLED: return NEW_STAYS;
    default:
        return story_phase_at(s, story_is_swap(s) && !s->spec.is_permanent ? TRIAL : NEW_STAYS);
    }
}

/* ---- One boot, and what must be true after it ---- */

static bool is_expected(enum phase phase, enum image image)
{
    switch (phase) {
    case OLD_STAYS:
    case REVERTING: return image == OLD;
    case TRIAL:
    case NEW_STAYS: return image == NEW;
    default: return true;
    }
}

bool story_check_flash(struct story *s)
{
    if (s->world.sim.double_programs > 0 && !s->spec.is_sticky) {
        return story_fail(s, "%u units were programmed a second time",
                          s->world.sim.double_programs);
    }
    if (!boot_world_guard_is_intact(&s->world)) {
        return story_fail(s, "flash outside the slots was touched");
    }
    return true;
}

bool story_check_boot(struct story *s, enum phase phase, const struct world_boot *boot)
{
    enum image runs;

    if (!story_check_flash(s)) {
        return false;
    }
    if (boot->err) {
        return story_fail(s, "no image boots: %s (phase: %s)", dfu_err_name(boot->err),
                          phase_names[phase]);
    }
    runs = boot->result.header.version.major == 2 ? NEW : OLD;
    if (!is_expected(phase, runs) && !(phase == REVERTING && story_took_start(s))) {
        return story_fail(s, "the %s image runs (phase: %s)", image_names[runs],
                          phase_names[phase]);
    }
    if (boot->result.area != &s->world.area[WORLD_PRI] || !holds(s, WORLD_PRI, runs)) {
        return story_fail(s, "the %s image runs but the primary does not hold it",
                          image_names[runs]);
    }
    if ((story_is_swap(s) || phase == OLD_STAYS) && !s->spec.is_empty &&
        !holds(s, WORLD_SEC, runs == OLD ? NEW : OLD)) {
        return story_fail(s, "the %s image is lost (phase: %s)",
                          image_names[runs == OLD ? NEW : OLD], phase_names[phase]);
    }
    return story_check_records(s, runs, phase == TRIAL || phase == REVERTING);
}

enum phase story_phase_after_boot(const struct story *s, enum phase phase)
{
    return phase == TRIAL && story_is_swap(s) ? REVERTING : phase;
}

void story_tell(struct story *s, const char *what, enum phase phase, int err)
{
    struct facts f;

    if (!s->verbose) {
        return;
    }
    f = look(s);
    (void)fprintf(s->verbose,
                  "%s: %s, %u operations; phase %s\n"
                  "  pri magic %d image_ok %d copy_done %d type %s, holds%s%s\n"
                  "  sec magic %d image_ok %d copy_done %d type %s, holds%s%s\n",
                  what, dfu_err_name(err), s->world.sim.ops, phase_names[phase], f.pri.magic,
                  f.pri.image_ok, f.pri.copy_done, dfu_swap_type_text(f.pri.swap_type),
                  holds(s, WORLD_PRI, OLD) ? " old" : "", holds(s, WORLD_PRI, NEW) ? " new" : "",
                  f.sec.magic, f.sec.image_ok, f.sec.copy_done, dfu_swap_type_text(f.sec.swap_type),
                  holds(s, WORLD_SEC, OLD) ? " old" : "", holds(s, WORLD_SEC, NEW) ? " new" : "");
    for (size_t i = 0; i < s->log.count; i++) {
        (void)fprintf(s->verbose, "    %s\n", s->log.lines[i]);
    }
    s->log.count = 0;
}

bool story_settle(struct story *s, enum phase phase)
{
    struct known_key keys[BOOTS_TO_REST];

    for (unsigned i = 0; i < BOOTS_TO_REST; i++) {
        struct world_boot boot;

        keys[i] = known_key_of(s->world.sim.mem, s->world.state_size, (uint8_t)phase);
        if (!s->verbose && known_has(&s->known, &keys[i])) {
            known_add(&s->known, keys, i);
            return true;
        }
        dfu_sim_flash_power_on(&s->world.sim);
        boot = story_start(s);
        story_tell(s, "boot", phase, boot.err);
        if (!story_check_boot(s, phase, &boot)) {
            return false;
        }
        if (boot.ops == 0) { /* the flash is as it was, so every later boot is this one */
            if (!story_check_ending(s, phase, boot.result.header.version.major == 2 ? NEW : OLD)) {
                return false;
            }
            known_add(&s->known, keys, i + 1);
            return true;
        }
        phase = story_phase_after_boot(s, phase);
    }
    return story_fail(s, "after %u boots the device is still busy", BOOTS_TO_REST);
}
