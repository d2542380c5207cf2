/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "cuts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"

#define SHOWN_MAX 8u
#define FIELD_MAX 32u /* bytes of the longest write of a trailer field */

#define SECOND_TEARS 2u /* of a cut that follows another */

void cut_failed(struct cut_rig *rig, const char *why)
{
    static const char *const words[] = { "?", "before", "inside", "after" };
    static unsigned shown;

    rig->found->failures++;
    if (shown++ >= SHOWN_MAX) {
        return;
    }
    (void)printf("FAILED: %s: %s", rig->device, why);
    for (unsigned i = 0; i < rig->depth; i++) {
        (void)printf("; cut %s operation %u, seed %llu%s", words[rig->path[i].when],
                     rig->path[i].op, (unsigned long long)rig->path[i].seed,
                     rig->path[i].is_unseen ? ", unseen" : "");
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

/* Plain cells forget a tear that cannot be seen. */
static void power_on(struct cut_rig *rig)
{
    struct dfu_sim_flash *sim = &rig->world->sim;
    uint32_t unit = sim->write_size;

    dfu_sim_flash_power_on(sim);
    if (rig->is_sticky || sim->last.kind != DFU_SIM_WRITE) {
        return;
    }
    for (uint32_t off = sim->last.off; off - sim->last.off < sim->last.len; off += unit) {
        const uint8_t *at = sim->mem + off;

        if (at[0] == sim->erased && memcmp(at, at + 1, unit - 1) == 0) {
            sim->programmed[off / unit / 8] &= (uint8_t) ~(1u << (off / unit % 8));
        }
    }
}

bool cut_is_trial_noted(const struct world *world, uint8_t image)
{
    static const uint8_t tag[] = { 0x51, 0xa1 };
    const struct dfu_area *area = world->map.images[image].secondary;
    const uint8_t *bytes = boot_world_bytes(world, boot_world_secondary(image));
    uint32_t stride = area->write_size > 4 ? area->write_size : 4;
    struct dfu_trailer at;

    if (dfu_slot_trailer(&world->map, area, &at)) {
        abort();
    }
    for (uint32_t i = 0; i < at.status_count * area->write_size / stride; i++) {
        if (memcmp(bytes + at.status + i * stride, tag, sizeof tag) == 0) {
            return true;
        }
    }
    return false;
}

/* Everything that follows a path of cuts, and what must hold whatever the campaign is. */
static void visit_cut(struct cut_rig *rig, cut_visit *visit, void *ctx)
{
    rig->found->runs++;
    visit(rig, ctx);
    if (rig->world->sim.double_programs > 0 && !rig->is_sticky) {
        cut_failed(rig, "a unit was programmed a second time");
    }
    rig->world->sim.double_programs = 0;
    if (!boot_world_guard_is_intact(rig->world)) {
        cut_failed(rig, "flash outside the slots was touched");
    }
}

/* False: it was no write of a field. */
static bool stop_unseen(struct dfu_sim_flash *sim)
{
    uint32_t unit = sim->last.off / sim->write_size;

    if (sim->last.kind != DFU_SIM_WRITE || sim->last.len > FIELD_MAX) {
        return false;
    }
    sim->programmed[unit / 8] |= (uint8_t)(1u << unit % 8);
    return true;
}

/* False: the session was over before the cut came. */
static bool cut_once(struct cut_rig *rig, cut_session *session, const struct cut *cut,
                     const uint8_t *begin, cut_visit *visit, void *ctx)
{
    struct dfu_sim_flash *sim = &rig->world->sim;

    boot_world_restore(rig->world, begin);
    sim->ops = 0;
    dfu_sim_flash_cut(sim, cut->when, cut->op, cut->seed);
    (void)session(rig, ctx);
    if (!sim->is_off) {
        dfu_sim_flash_power_on(sim);
        return false;
    }
    power_on(rig);
    if (cut->is_unseen && !stop_unseen(sim)) {
        return true;
    }
    rig->found->cuts++;
    rig->path[rig->depth++] = *cut;
    visit_cut(rig, visit, ctx);
    rig->depth--;
    return true;
}

void cut_everywhere(struct cut_rig *rig, cut_session *session, unsigned tears, cut_visit *visit,
                    void *ctx)
{
    uint8_t *begin = malloc(rig->world->state_size);
    bool is_cut = true;

    if (!begin) {
        abort();
    }
    boot_world_keep(rig->world, begin);
    for (uint32_t op = 1; is_cut; op++) {
        struct cut cut = { DFU_SIM_CUT_BEFORE, op, 0, false };

        is_cut = cut_once(rig, session, &cut, begin, visit, ctx);
        if (is_cut && rig->is_sticky) {
            cut.is_unseen = true;
            (void)cut_once(rig, session, &cut, begin, visit, ctx);
        }
        for (unsigned i = 0; is_cut && i < tears; i++) {
            cut = (struct cut){ DFU_SIM_CUT_INSIDE, op, i * 7919u + 1, false };
            (void)cut_once(rig, session, &cut, begin, visit, ctx);
        }
        cut = (struct cut){ DFU_SIM_CUT_AFTER, op, 0, false };
        is_cut = is_cut && cut_once(rig, session, &cut, begin, visit, ctx);
    }
    boot_world_restore(rig->world, begin);
    free(begin);
}

struct world_boot cut_start(struct cut_rig *rig)
{
    dfu_sim_flash_power_on(&rig->world->sim);
    rig->found->boots++;
    return boot_world_start(rig->world);
}

/* ---- Chains ---- */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void one_session(struct cut_rig *rig, const struct cut_chains *chains, const struct cut *cut,
                        void *ctx)
{
    struct dfu_sim_flash *sim = &rig->world->sim;

    dfu_sim_flash_power_on(sim);
    sim->ops = 0;
    dfu_sim_flash_cut(sim, cut->when, cut->op, cut->seed);
    (void)chains->session(rig, ctx);
    if (sim->is_off) {
        rig->found->cuts++;
        power_on(rig);
    }
    dfu_sim_flash_power_on(sim);
    rig->path[rig->depth++] = *cut;
    if (chains->note) {
        chains->note(rig, ctx);
    }
}

void cut_chains(struct cut_rig *rig, const struct cut_chains *chains, void *ctx)
{
    uint8_t *begin = malloc(rig->world->state_size);
    uint64_t random = chains->seed * 0x9e3779b97f4a7c15u + 1;

    if (!begin) {
        abort();
    }
    boot_world_keep(rig->world, begin);
    for (unsigned i = 0; i < chains->count; i++) {
        unsigned sessions = 1 + (unsigned)(next_random(&random) % CUTS_MAX);

        boot_world_restore(rig->world, begin);
        rig->depth = 0;
        if (chains->begin) {
            chains->begin(rig, ctx);
        }
        while (rig->depth < sessions) {
            struct cut cut = { DFU_SIM_CUT_BEFORE, 1, 0, false };

            cut.when = (enum dfu_sim_cut_when)(DFU_SIM_CUT_BEFORE + next_random(&random) % 3);
            cut.op = 1 + (uint32_t)(next_random(&random) % chains->ops);
            cut.seed = next_random(&random) & 0xffffffu;
            one_session(rig, chains, &cut, ctx);
        }
        visit_cut(rig, chains->visit, ctx);
    }
    boot_world_restore(rig->world, begin);
    rig->depth = 0;
    free(begin);
}

/* ---- A stage ---- */

struct stage {
    const struct cut_chains *chains;
    void *ctx;
};

static int stage_session(struct cut_rig *rig, void *ctx)
{
    const struct stage *stage = ctx;

    return stage->chains->session(rig, stage->ctx);
}

static void visit_and_cut_again(struct cut_rig *rig, void *ctx)
{
    const struct stage *stage = ctx;
    uint8_t *state = malloc(rig->world->state_size);

    if (!state) {
        abort();
    }
    boot_world_keep(rig->world, state);
    stage->chains->visit(rig, stage->ctx);
    boot_world_restore(rig->world, state);
    cut_everywhere(rig, stage->chains->session, SECOND_TEARS, stage->chains->visit, stage->ctx);
    free(state);
}

void cut_stage(struct cut_rig *rig, const struct pool_options *options, unsigned tears,
               const struct cut_chains *chains, void *ctx)
{
    struct cut_chains wanted = *chains;
    struct stage stage = { chains, ctx };

    if (options->only_chains) {
        wanted.count = options->chains;
    } else {
        cut_everywhere(rig, stage_session, options->is_full ? 2 * tears : tears,
                       visit_and_cut_again, &stage);
    }
    cut_chains(rig, &wanted, ctx);
}
