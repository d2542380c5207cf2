/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "cuts.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dfu/err.h"

#define SHOWN_MAX 8u

double cut_cpu_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void cut_failed(struct cut_rig *rig, const char *why)
{
    static const char *const words[] = { "?", "before", "inside", "after" };
    static unsigned shown;

    rig->row->failures++;
    if (shown++ >= SHOWN_MAX) {
        return;
    }
    (void)printf("FAILED: %s: %s", rig->device, why);
    for (unsigned i = 0; i < rig->depth; i++) {
        (void)printf("; cut %s operation %u, seed %llu", words[rig->path[i].when], rig->path[i].op,
                     (unsigned long long)rig->path[i].seed);
    }
    (void)printf("\n");
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
    rig->row->cuts++;
    rig->row->runs++;
    rig->path[rig->depth++] = *cut;
    visit(rig, ctx);
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
        struct cut cut = { DFU_SIM_CUT_BEFORE, op, 0 };

        is_cut = cut_once(rig, session, &cut, begin, visit, ctx);
        for (unsigned i = 0; is_cut && i < tears; i++) {
            cut = (struct cut){ DFU_SIM_CUT_INSIDE, op, i * 7919u + 1 };
            (void)cut_once(rig, session, &cut, begin, visit, ctx);
        }
        cut = (struct cut){ DFU_SIM_CUT_AFTER, op, 0 };
        is_cut = is_cut && cut_once(rig, session, &cut, begin, visit, ctx);
    }
    boot_world_restore(rig->world, begin);
    free(begin);
}

struct world_boot cut_start(struct cut_rig *rig)
{
    dfu_sim_flash_power_on(&rig->world->sim);
    rig->row->boots++;
    return boot_world_start(rig->world);
}

static void print_row(const struct cut_row *row)
{
    (void)printf("%-38s %5u %9llu %9llu %10llu %9.0f %8llu %7.1f\n", row->name, row->devices,
                 row->cuts, row->runs, row->boots,
                 row->seconds > 0 ? (double)row->cuts / row->seconds : 0.0, row->failures,
                 row->seconds);
}

int cut_report(const struct cut_row *rows, size_t count)
{
    struct cut_row total = { .name = "total" };

    (void)printf("%-14s %-14s %4s %3s %7s %9s %9s %10s %9s %8s %7s\n", "strategy", "what", "unit",
                 "er", "devices", "cuts", "runs", "boots", "cuts/s", "failures", "cpu s");
    for (size_t i = 0; i < count; i++) {
        print_row(&rows[i]);
        total.devices += rows[i].devices;
        total.cuts += rows[i].cuts;
        total.runs += rows[i].runs;
        total.boots += rows[i].boots;
        total.failures += rows[i].failures;
        total.seconds += rows[i].seconds;
    }
    print_row(&total);
    if (total.cuts == 0) {
        (void)printf("FAILED: nothing was cut\n");
    }
    return total.cuts > 0 && total.failures == 0 ? 0 : 1;
}
