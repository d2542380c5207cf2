/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Cutting power: in a stage, in the boots after it, in chains. */
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/update.h"
#include "story_inner.h"

#define EDGES     10u /* units of the largest alignment: the flags and the last records */
#define FIELD_MAX 32u /* bytes of the longest write of a trailer field */

enum { UNSEEN = 1, ONE_BIT = 2 }; /* as an edge: how a field's write stopped */

struct world_boot story_start(struct story *s)
{
    s->tally.boots++;
    story_note_start(s);
    return boot_world_start(&s->world);
}

/* ---- Stages ---- */

int story_act(struct story *s, enum story_stage stage, struct world_boot *boot)
{
    *boot = (struct world_boot){ 0 };
    switch (stage) {
    case STAGE_REQUEST: return dfu_boot_request_upgrade(&s->world.map, 0, s->spec.is_permanent);
    case STAGE_CONFIRM: return dfu_boot_write_img_confirmed(&s->world.map, 0);
    default: *boot = story_start(s); return boot->err;
    }
}

/* Power is back after a cut. What the torn operation touched is known: the last one. */
static void power_on_after_cut(struct story *s)
{
    struct dfu_sim_flash *sim = &s->world.sim;
    uint32_t unit = sim->write_size;

    dfu_sim_flash_power_on(sim);
    if (s->spec.is_sticky || sim->last.kind != DFU_SIM_WRITE) {
        return;
    }
    for (uint32_t off = sim->last.off; off - sim->last.off < sim->last.len; off += unit) {
        const uint8_t *at = sim->mem + off;

        if (at[0] == sim->erased && memcmp(at, at + 1, unit - 1) == 0) {
            sim->programmed[off / unit / 8] &= (uint8_t) ~(1u << (off / unit % 8));
        }
    }
}

void story_reset(struct story *s)
{
    dfu_sim_flash_power_on(&s->world.sim);
    s->world.sim.double_programs = 0;
}

/* The flash is as a cut left it. */
static void judge(struct story *s, struct story_path *path, enum phase phase)
{
    s->path = path;
    s->tally.paths++;
    dfu_sim_flash_power_on(&s->world.sim);
    (void)(story_check_flash(s) && story_settle(s, phase));
    s->world.sim.double_programs = 0;
}

uint8_t *story_kept(const struct story *s)
{
    uint8_t *state = malloc(s->world.state_size);

    if (!state) {
        abort();
    }
    boot_world_keep(&s->world, state);
    return state;
}

/* A tear depends on the seed and on the operation's number; the shortcut does operation number
 * op as the first one, and this makes it tear as the op-th would. */
static uint64_t seed_as_first(uint64_t seed, uint32_t op)
{
    return seed ^ op ^ 1u;
}

/* Do one operation of a journal, torn. */
static void redo_torn(struct story *s, const struct world_op *op, uint32_t number, uint64_t seed)
{
    dfu_sim_flash_cut(&s->world.sim, DFU_SIM_CUT_INSIDE, 1, seed_as_first(seed, number));
    if (boot_world_redo(&s->world, op) != DFU_ERR_POWER) {
        (void)fprintf(stderr, "power: a torn operation went through\n");
        abort();
    }
}

static void redo_whole(struct story *s, const struct world_op *op)
{
    if (boot_world_redo(&s->world, op)) {
        (void)fprintf(stderr, "power: an operation cannot be repeated\n");
        abort();
    }
}

static void set_cut(struct story_path *path, enum dfu_sim_cut_when when, uint32_t op, uint64_t seed)
{
    path->cuts[path->cut_count - 1].when = when;
    path->cuts[path->cut_count - 1].op = op;
    path->cuts[path->cut_count - 1].seed = seed;
    path->cuts[path->cut_count - 1].edge = 0;
}

/* An erase of len bytes at off that stopped at the edge. Edges are whole units. */
static void erase_to_edge(struct story *s, uint32_t off, uint32_t len, uint32_t edge,
                          bool is_from_edge)
{
    struct dfu_sim_flash *sim = &s->world.sim;
    uint32_t begin = off + (is_from_edge ? edge : 0);
    uint32_t end = off + (is_from_edge ? len : edge);

    memset(sim->mem + begin, sim->erased, end - begin);
    for (uint32_t unit = begin / sim->write_size; unit < end / sim->write_size; unit++) {
        sim->programmed[unit / 8] &= (uint8_t) ~(1u << (unit % 8));
    }
}

/* Called with the flash as some cut left it; may change the flash. */
typedef void at_cut(struct story *s, struct story_path *path, void *ctx);

/* The write of one field that stopped: nothing to be seen of it (UNSEEN; only sticky cells remember)
 * or one bit of its first byte changed (ONE_BIT). */
static void stop_write(struct story *s, uint32_t off, uint32_t edge)
{
    struct dfu_sim_flash *sim = &s->world.sim;

    if (edge == ONE_BIT) {
        sim->mem[off] ^= 0x40u;
    }
    sim->programmed[off / sim->write_size / 8] |= (uint8_t)(1u << (off / sim->write_size % 8));
}

static void visit_field(struct story *s, struct story_path *path, const struct world_op *op,
                        const uint8_t *state, at_cut *visit, void *ctx)
{
    if (op->kind != DFU_SIM_WRITE || op->len > FIELD_MAX) {
        return;
    }
    for (uint32_t edge = s->spec.is_sticky ? UNSEEN : ONE_BIT; edge <= ONE_BIT; edge++) {
        s->tally.cuts++;
        set_cut(path, DFU_SIM_CUT_BEFORE, path->cuts[path->cut_count - 1].op, 0);
        path->cuts[path->cut_count - 1].edge = edge;
        path->cuts[path->cut_count - 1].is_from_edge = false;
        boot_world_restore(&s->world, state);
        stop_write(s, op->off, edge);
        visit(s, path, ctx);
    }
}

/* The erase of a sector with trailer fields stops at each of them. */
static void visit_edges(struct story *s, struct story_path *path, const struct world_op *op,
                        const uint8_t *state, at_cut *visit, void *ctx)
{
    enum world_place place = boot_world_place_of(&s->world, op->off);
    uint32_t stride = s->world.map.max_align;
    struct dfu_trailer at;

    if (op->kind != DFU_SIM_ERASE || place == WORLD_PLACES ||
        dfu_slot_trailer(&s->world.map, &s->world.area[place], &at) ||
        op->off - s->world.area[place].base + op->len <= at.status) {
        return;
    }
    for (uint32_t i = 1; i <= EDGES && i * stride < op->len; i++) {
        for (int is_from_edge = 0; is_from_edge < 2; is_from_edge++) {
            s->tally.cuts++;
            set_cut(path, DFU_SIM_CUT_BEFORE, path->cuts[path->cut_count - 1].op, 0);
            path->cuts[path->cut_count - 1].edge = op->len - i * stride;
            path->cuts[path->cut_count - 1].is_from_edge = is_from_edge != 0;
            boot_world_restore(&s->world, state);
            erase_to_edge(s, op->off, op->len, op->len - i * stride, is_from_edge != 0);
            visit(s, path, ctx);
        }
    }
}

/* Visit every cut of a recorded session that began at the flash state begin. */
static void visit_cuts(struct story *s, struct story_path *path, const uint8_t *begin,
                       const struct world_journal *journal, unsigned tears, at_cut *visit,
                       void *ctx)
{
    uint8_t *state = malloc(s->world.state_size);
    uint32_t count = (uint32_t)journal->count;

    if (!state) {
        abort();
    }
    memcpy(state, begin, s->world.state_size);
    for (uint32_t k = 1; k <= count; k++) {
        const struct world_op *op = &journal->ops[k - 1];

        s->tally.cuts++;
        set_cut(path, DFU_SIM_CUT_BEFORE, k, 0);
        boot_world_restore(&s->world, state);
        visit(s, path, ctx);
        for (unsigned tear = 0; tear < tears; tear++) {
            s->tally.cuts++;
            set_cut(path, DFU_SIM_CUT_INSIDE, k, tear * 7919u + 1);
            boot_world_restore(&s->world, state);
            redo_torn(s, op, k, tear * 7919u + 1);
            power_on_after_cut(s);
            visit(s, path, ctx);
        }
        visit_edges(s, path, op, state, visit, ctx);
        visit_field(s, path, op, state, visit, ctx);
        boot_world_restore(&s->world, state);
        redo_whole(s, op);
        boot_world_keep(&s->world, state);
    }
    if (count > 0) {
        s->tally.cuts++;
        set_cut(path, DFU_SIM_CUT_AFTER, count, 0);
        boot_world_restore(&s->world, state);
        visit(s, path, ctx);
    }
    free(state);
}

static void judge_single(struct story *s, struct story_path *path, void *ctx)
{
    (void)ctx;
    judge(s, path, story_phase_in(s, path->stage));
}

static struct world_journal journal_of_stage(struct story *s, enum story_stage stage)
{
    struct world_journal journal = { 0 };
    struct world_boot boot;

    boot_world_restore(&s->world, s->start[stage]);
    s->world.journal = &journal;
    (void)story_act(s, stage, &boot);
    s->world.journal = NULL;
    return journal;
}

void story_every_cut(struct story *s, enum story_stage stage, unsigned tears)
{
    struct world_journal journal = journal_of_stage(s, stage);
    struct story_path path = { .stage = stage, .cut_count = 1 };

    story_reset(s);
    visit_cuts(s, &path, s->start[stage], &journal, tears, judge_single, NULL);
    boot_world_journal_free(&journal);
}

/* ---- Pairs ---- */

struct pair {
    enum phase phase; /* at power on after the first cut */
    unsigned tears;
};

static void judge_second(struct story *s, struct story_path *path, void *ctx)
{
    const struct pair *pair = ctx;

    judge(s, path, story_phase_at(s, pair->phase));
}

static void cut_next_boot(struct story *s, struct story_path *path, void *ctx)
{
    struct pair pair = { story_phase_in(s, path->stage), ((struct pair *)ctx)->tears };
    struct world_journal journal = { 0 };
    uint8_t *begin = story_kept(s);

    s->world.journal = &journal;
    (void)story_start(s);
    s->world.journal = NULL;
    story_reset(s);
    path->cut_count = 2;
    visit_cuts(s, path, begin, &journal, pair.tears, judge_second, &pair);
    path->cut_count = 1;
    boot_world_journal_free(&journal);
    free(begin);
}

void story_every_pair(struct story *s, enum story_stage stage, unsigned tears)
{
    struct world_journal journal = journal_of_stage(s, stage);
    struct story_path path = { .stage = stage, .cut_count = 1 };
    struct pair pair = { OLD_STAYS, tears };

    story_reset(s);
    visit_cuts(s, &path, s->start[stage], &journal, tears, cut_next_boot, &pair);
    boot_world_journal_free(&journal);
}

/* ---- The long way round ---- */

/* One session with a cut armed. False if the path failed in it. */
static bool cut_session(struct story *s, unsigned index, enum phase *phase)
{
    const struct story_path *path = s->path;
    enum story_stage stage = index == 0 ? path->stage : STAGE_UPGRADE;
    struct world_boot boot;
    int err;

    dfu_sim_flash_power_on(&s->world.sim);
    dfu_sim_flash_cut(&s->world.sim, path->cuts[index].when, path->cuts[index].op,
                      path->cuts[index].seed);
    s->log.count = 0;
    s->tally.cuts++;
    err = story_act(s, stage, &boot);
    if (s->world.sim.is_off) {
        if (path->cuts[index].edge > 0 && s->world.sim.last.kind == DFU_SIM_WRITE) {
            stop_write(s, s->world.sim.last.off, path->cuts[index].edge);
        } else if (path->cuts[index].edge > 0) {
            erase_to_edge(s, s->world.sim.last.off, s->world.sim.last.len, path->cuts[index].edge,
                          path->cuts[index].is_from_edge);
        }
        if (path->cuts[index].when == DFU_SIM_CUT_INSIDE) {
            power_on_after_cut(s);
        }
        dfu_sim_flash_power_on(&s->world.sim);
        *phase = index == 0 ? story_phase_in(s, path->stage) : story_phase_at(s, *phase);
        story_tell(s, "cut", *phase, err);
        return story_check_flash(s);
    }
    /* It was over before the cut came. */
    story_tell(s, "not cut", *phase, err);
    if (index == 0 && (path->stage == STAGE_REQUEST || path->stage == STAGE_CONFIRM)) {
        *phase = story_phase_in(s, path->stage);
        return err ? story_fail(s, "the application's call failed: %s", dfu_err_name(err)) : true;
    }
    if (!story_check_boot(s, *phase, &boot)) {
        return false;
    }
    *phase = story_phase_after_boot(s, *phase);
    return true;
}

bool story_follow(struct story *s, const struct story_path *path, FILE *verbose)
{
    enum phase phase;

    s->path = path;
    s->verbose = verbose;
    s->world.log = verbose ? &s->log : NULL;
    s->is_failed = false;
    s->tally.paths++;
    boot_world_restore(&s->world, s->start[path->stage]);
    story_reset(s);
    phase = story_phase_in(s, path->stage);
    for (unsigned i = 0; !s->is_failed && i < path->cut_count; i++) {
        (void)cut_session(s, i, &phase);
    }
    if (!s->is_failed) {
        (void)story_settle(s, phase);
    }
    story_reset(s);
    s->verbose = NULL;
    s->world.log = NULL;
    return !s->is_failed;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void story_random_chains(struct story *s, unsigned count, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    struct story_path path;

    for (unsigned i = 0; i < count; i++) {
        do {
            path.stage = (enum story_stage)(next_random(&state) % STAGES);
        } while (!s->has[path.stage]);
        path.cut_count = 1 + (unsigned)(next_random(&state) % STORY_CUTS_MAX);
        for (unsigned j = 0; j < path.cut_count; j++) {
            bool is_app = j == 0 && (path.stage == STAGE_REQUEST || path.stage == STAGE_CONFIRM);

            path.cuts[j].edge = 0;
            path.cuts[j].when =
                (enum dfu_sim_cut_when)(DFU_SIM_CUT_BEFORE + next_random(&state) % 3);
            path.cuts[j].op = 1 + (uint32_t)(next_random(&state) % (is_app ? 3 : 60));
            path.cuts[j].seed = next_random(&state) & 0xffffffu;
        }
        (void)story_follow(s, &path, NULL);
    }
}

bool story_has(const struct story *s, enum story_stage stage)
{
    return s->has[stage];
}

const struct story_tally *story_tally(const struct story *s)
{
    return &s->tally;
}
