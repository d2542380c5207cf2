/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Switches: what their records must say, whatever was cut. */
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/record.h"
#include "story_inner.h"

#define ENTRIES_MAX 8u

static void lay(const struct story_spec *spec, struct world_spec *world, enum world_place place)
{
    world->areas[place].write_size = spec->write_size;
    layout_add(&world->areas[place], spec->sector, 2);
}

void story_lay_records(const struct story_spec *spec, struct world_spec *world)
{
    if ((spec->switches & SWITCH_ATTEMPTS) != 0) {
        lay(spec, world, WORLD_ATTEMPTS);
    }
    if ((spec->switches & SWITCH_HISTORY) != 0) {
        lay(spec, world, WORLD_HISTORY);
    }
    if ((spec->switches & SWITCH_REVOKE) != 0) {
        lay(spec, world, WORLD_REVOKED);
    }
    if ((spec->switches & SWITCH_COUNTER) != 0) {
        lay(spec, world, WORLD_COUNTER);
    }
}

/* ---- The security counter ---- */

static int get_counter(void *ctx, uint8_t image, uint32_t *value)
{
    struct dfu_record record;
    int err = dfu_record_open(&record, &((struct story *)ctx)->world.area[WORLD_COUNTER]);
    int len = err ? err : dfu_record_load(&record, value, sizeof *value);

    (void)image;
    return len == (int)sizeof *value ? DFU_OK : len < 0 ? len : DFU_ERR_FORMAT;
}

static int save_counter(struct story *s, uint32_t value)
{
    struct dfu_record record;
    int err = dfu_record_open(&record, &s->world.area[WORLD_COUNTER]);

    return err ? err : dfu_record_save(&record, &value, sizeof value);
}

static int raise_counter(void *ctx, uint8_t image, uint32_t value)
{
    struct story *s = ctx;
    uint32_t kept;

    s->is_raise_wrong |= get_counter(s, image, &kept) == DFU_OK && value <= kept;
    return save_counter(s, value);
}

static uint32_t counter_of(struct story *s)
{
    uint32_t value;

    return story_uses(s, SWITCH_COUNTER) && get_counter(s, 0, &value) == DFU_OK ? value : 0;
}

void story_set_counter(struct story *s)
{
    if (story_uses(s, SWITCH_COUNTER) && save_counter(s, 1)) {
        abort();
    }
}

static bool check_counter(struct story *s, bool may_need_old)
{
    uint32_t value = counter_of(s);

    if (value < s->counter_before || value < 1 || s->is_raise_wrong) {
        s->is_raise_wrong = false;
        return story_fail(s, "the security counter went from %u to %u", s->counter_before, value);
    }
    if (value > 1 && may_need_old) {
        return story_fail(s, "the security counter shuts out the old image while it may be needed");
    }
    return true;
}

/* ---- Arming, watching ---- */

/* It never goes back, and never beyond what was said at first. */
static void watch_progress(void *ctx, const struct dfu_boot_progress *progress)
{
    struct story *s = ctx;

    s->is_progress_wrong |= progress->done > progress->total ||
                            (progress->total == s->last_total && progress->done < s->last_done) ||
                            (!progress->is_active && progress->done != progress->total);
    s->last_done = progress->is_active ? progress->done : 0;
    s->last_total = progress->is_active ? progress->total : 0;
}

void story_arm(struct story *s)
{
    struct world *w = &s->world;

    s->attempts = (struct dfu_boot_attempts){ &dfu_boot_attempts_rules, &w->area[WORLD_ATTEMPTS],
                                              STORY_STARTS };
    s->history = (struct dfu_boot_history){ &dfu_boot_history_rules, &w->area[WORLD_HISTORY] };
    s->revocation =
        (struct dfu_boot_revocation){ &dfu_boot_revocation_rules, &w->area[WORLD_REVOKED] };
    w->cfg.skip = story_uses(s, SWITCH_SKIP) ? &dfu_boot_skip_equal : NULL;
    w->cfg.attempts = story_uses(s, SWITCH_ATTEMPTS) ? &s->attempts : NULL;
    w->cfg.history = story_uses(s, SWITCH_HISTORY) ? &s->history : NULL;
    w->cfg.revocation = story_uses(s, SWITCH_REVOKE) ? &s->revocation : NULL;
    w->cfg.progress = story_uses(s, SWITCH_PROGRESS) ? &s->progress : NULL;
    s->counter = (struct dfu_boot_counter){ &dfu_boot_rollback, get_counter, raise_counter, s };
    w->cfg.counter = story_uses(s, SWITCH_COUNTER) ? &s->counter : NULL;
    w->cfg.counter_downgrade = story_uses(s, SWITCH_DOWNGRADE) ? &dfu_boot_rollback : NULL;
    w->cfg.prevent_downgrade = story_uses(s, SWITCH_DOWNGRADE);
}

static uint32_t recorded_starts(const struct story *s)
{
    struct dfu_record record;
    uint8_t count = 0;

    if (!story_uses(s, SWITCH_ATTEMPTS) || dfu_record_open(&record, s->attempts.area) ||
        dfu_record_load(&record, &count, sizeof count) < 0) {
        return 0;
    }
    return count;
}

void story_note_start(struct story *s)
{
    static const struct dfu_flash_times times = { 85000, 4096, 41, 4 };

    s->progress = (struct dfu_boot_progress){ .rules = &dfu_boot_progress_rules,
                                              .report = watch_progress,
                                              .ctx = s,
                                              .primary = times,
                                              .secondary = times };
    s->last_done = s->last_total = 0;
    s->starts_before = recorded_starts(s);
    s->counter_before = counter_of(s);
}

bool story_took_start(const struct story *s)
{
    uint32_t now = recorded_starts(s);

    return story_uses(s, SWITCH_ATTEMPTS) && now == s->starts_before + 1 && now < STORY_STARTS;
}

static uint8_t revoked_count(const struct story *s)
{
    struct dfu_revoked revoked;

    if (dfu_revoked_read(s->revocation.area, &revoked)) {
        abort();
    }
    return revoked.count;
}

bool story_check_records(struct story *s, enum image runs, bool may_go_back)
{
    if (s->is_progress_wrong) {
        s->is_progress_wrong = false;
        return story_fail(s, "the progress that is told is wrong");
    }
    if (story_uses(s, SWITCH_REVOKE) && revoked_count(s) > 0 && (runs == OLD || may_go_back)) {
        return story_fail(s, "the key of the old image is revoked while it may be needed");
    }
    return !story_uses(s, SWITCH_COUNTER) || check_counter(s, runs == OLD || may_go_back);
}

/* ---- What is told ---- */

/* "TC": a trial that was confirmed; oldest first, lower case where the versions are wrong. */
static void tell_history(const struct story *s, char out[ENTRIES_MAX + 1])
{
    static const char letters[] = "?TCIVRFB"; /* by enum dfu_history_result; V: reverted */
    struct dfu_history_entry entry;
    unsigned count = 0;

    while (count < ENTRIES_MAX && dfu_history_read(s->history.area, count, &entry) == DFU_OK) {
        count++;
    }
    out[count] = '\0';
    for (unsigned i = 0; i < count; i++) {
        bool is_back, is_right;

        (void)dfu_history_read(s->history.area, count - 1 - i, &entry);
        is_back = entry.result == DFU_HISTORY_REVERTED;
        is_right = entry.has_from && entry.has_to && entry.from.major == (is_back ? 2 : 1) &&
                   entry.to.major == (is_back ? 1 : 2);
        out[i] = (char)(letters[entry.result % 8u] + (is_right ? 0 : 'a' - 'A'));
    }
}

/* Each update is told once, with how it ended. */
static bool is_told(const struct story *s, enum phase phase, enum image runs, const char *told)
{
    if (!story_is_swap(s)) {
        return strcmp(told, runs == NEW ? "BI" : "") == 0;
    }
    if (runs == OLD) {
        return strcmp(told, phase == OLD_STAYS ? "" : "TV") == 0 ||
               (phase == EITHER && told[0] == '\0');
    }
    if (phase == EITHER) {
        return strcmp(told, "I") == 0 || strcmp(told, "TC") == 0;
    }
    return strcmp(told, s->spec.is_permanent ? "I" : "TC") == 0;
}

/* Where images are overwritten, one that was not confirmed has no way back, but revokes nothing and
 * raises no counter. */
static bool is_unconfirmed(const struct story *s)
{
    struct dfu_slot_state state;

    if (dfu_slot_state_read(&s->world.map, &s->world.area[WORLD_PRI], &state)) {
        abort();
    }
    return !story_is_swap(s) && state.magic == DFU_MAGIC_GOOD && state.image_ok == DFU_FLAG_UNSET;
}

bool story_check_ending(struct story *s, enum phase phase, enum image runs)
{
    char told[ENTRIES_MAX + 1];

    if (story_uses(s, SWITCH_REVOKE) && runs == NEW &&
        revoked_count(s) != (is_unconfirmed(s) ? 0 : 1)) {
        return story_fail(s, "%u keys are revoked in the end", revoked_count(s));
    }
    if (story_uses(s, SWITCH_COUNTER) && runs == NEW &&
        counter_of(s) != (is_unconfirmed(s) ? 1 : 2)) {
        return story_fail(s, "the security counter is %u in the end", counter_of(s));
    }
    if (story_uses(s, SWITCH_HISTORY)) {
        tell_history(s, told);
        if (!is_told(s, phase, runs, told)) {
            return story_fail(s, "the history says '%s' (phase %d, %s)", told, (int)phase,
                              runs == OLD ? "old" : "new");
        }
    }
    return true;
}
