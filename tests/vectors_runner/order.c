/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "order.h"

#include <stdio.h>
#include <string.h>

static bool is_erased(const struct world *w, const uint8_t *unit)
{
    for (uint32_t i = 0; i < w->sim.write_size; i++) {
        if (unit[i] != w->sim.erased) {
            return false;
        }
    }
    return true;
}

bool order_next(struct order_walk *walk, struct order_step *out)
{
    while (walk->op < walk->journal->count) {
        const struct world_op *op = &walk->journal->ops[walk->op];
        uint32_t at = walk->done;

        if (op->kind == DFU_SIM_ERASE) {
            walk->op++;
            *out = (struct order_step){ op->kind, op->off, NULL };
            return true;
        }
        if (at == op->len) {
            walk->op++;
            walk->done = 0;
            continue;
        }
        walk->done += walk->world->sim.write_size;
        if (!is_erased(walk->world, op->data + at)) {
            *out = (struct order_step){ op->kind, op->off + at, op->data + at };
            return true;
        }
    }
    return false;
}

static void describe(const struct world *w, const struct order_step *step, char *out, size_t size)
{
    enum world_place place;

    if (!step) {
        (void)snprintf(out, size, "nothing more");
        return;
    }
    place = boot_world_place_of(w, step->off);
    if (place == WORLD_PLACES) {
        (void)snprintf(out, size, "outside of all areas");
    } else if (step->data) {
        (void)snprintf(out, size, "write %s 0x%x = %02x...", boot_world_place_names[place],
                       (unsigned)(step->off - w->area[place].base), step->data[0]);
    } else {
        (void)snprintf(out, size, "erase %s 0x%x", boot_world_place_names[place],
                       (unsigned)(step->off - w->area[place].base));
    }
}

/* A sector that we left as it was, and that is erased. */
static bool is_needless(const struct world *w, const struct world_journal *ours, uint32_t off)
{
    enum world_place place = boot_world_place_of(w, off);
    const struct dfu_area *area = &w->area[place];
    struct dfu_sector sector;

    if (place == WORLD_PLACES || dfu_area_sector_at(area, off - area->base, &sector) ||
        dfu_area_is_erased(area, sector.off, sector.size) != 1) {
        return false;
    }
    for (size_t i = 0; i < ours->count; i++) {
        if (ours->ops[i].off - off < sector.size) {
            return false;
        }
    }
    return true;
}

/* The next recorded step that we have to do, too. */
static bool next_needed(struct order_walk *right, const struct world_journal *ours,
                        struct order_step *out)
{
    bool has_step;

    do {
        has_step = order_next(right, out);
    } while (has_step && out->kind == DFU_SIM_ERASE && is_needless(right->world, ours, out->off));
    return has_step;
}

bool order_same(const struct world *world, const struct world_journal *right,
                const struct world_journal *ours, bool prefix, char *why, size_t why_size)
{
    struct order_walk right_walk = { world, right, 0, 0 };
    struct order_walk our_walk = { world, ours, 0, 0 };
    struct order_step right_step, our_step;
    char right_text[64], our_text[64];

    for (unsigned n = 1;; n++) {
        bool has_right = next_needed(&right_walk, ours, &right_step);
        bool has_ours;

        if (!has_right && prefix) {
            return true;
        }
        has_ours = order_next(&our_walk, &our_step);
        if (!has_right && !has_ours) {
            return true;
        }
        if (has_right && has_ours && right_step.kind == our_step.kind &&
            right_step.off == our_step.off &&
            (!right_step.data ||
             memcmp(right_step.data, our_step.data, world->sim.write_size) == 0)) {
            continue;
        }
        describe(world, has_right ? &right_step : NULL, right_text, sizeof right_text);
        describe(world, has_ours ? &our_step : NULL, our_text, sizeof our_text);
        (void)snprintf(why, why_size, "order, step %u: recorded %s, ours %s", n, right_text,
                       our_text);
        return false;
    }
}
