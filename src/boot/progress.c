/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/progress.h"

static uint64_t parts(uint32_t len, uint32_t size)
{
    return size > 0 ? ((uint64_t)len + size - 1) / size : 0;
}

static uint64_t time_of(const struct boot_pair *pair, const struct dfu_area *area, uint32_t erased,
                        uint32_t written)
{
    const struct dfu_boot_progress *p = cfg_of(pair)->progress;
    const struct dfu_flash_times *times = area == pair->secondary ? &p->secondary : &p->primary;

    return parts(erased, times->erase_size) * times->erase_us +
           parts(written, times->program_size) * times->program_us;
}

static void tell(struct dfu_boot_progress *p)
{
    uint64_t left = p->us_total > p->us_done ? p->us_total - p->us_done : 0;

    left = (left + 999) / 1000;
    p->ms_left = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
    p->report(p->ctx, p);
}

static void begin(const struct boot_pair *pair)
{
    struct dfu_boot_progress *p = cfg_of(pair)->progress;

    p->is_active = true;
    p->image = pair->image;
    p->done = p->total = 0;
    p->us_done = p->us_total = 0;
}

/* All steps, and those that are done. Each also writes a record. */
static void begin_swap(const struct swap *swap)
{
    const struct boot_pair *pair = swap->pair;
    const struct swap_plan *plan = cfg_of(pair)->strategy->plan;
    struct dfu_boot_progress *p = cfg_of(pair)->progress;
    uint32_t steps = plan->steps(swap);

    begin(pair);
    for (uint32_t n = 0; n < steps; n++) {
        struct swap_step step = plan->step(swap, n);

        if (n == swap->done) {
            p->done = p->total;
            p->us_done = p->us_total;
        }
        p->total += step.len;
        p->us_total += time_of(pair, step.dst, step.len, step.len);
        p->us_total += time_of(pair, pair->primary, 0, 1);
    }
    tell(p);
}

static void begin_copy(const struct boot_pair *pair, uint32_t erases, uint32_t writes)
{
    struct dfu_boot_progress *p = cfg_of(pair)->progress;

    begin(pair);
    p->total = writes;
    p->us_total = time_of(pair, pair->primary, erases, writes);
    p->us_total += 2 * time_of(pair, pair->secondary, 1, 0); /* its header and its request go */
    tell(p);
}

static void moved(const struct boot_pair *pair, const struct dfu_area *area, uint32_t erased,
                  uint32_t written)
{
    struct dfu_boot_progress *p = cfg_of(pair)->progress;

    if (!p->is_active) {
        return;
    }
    p->us_done += time_of(pair, area, erased, written);
    p->done = written < p->total - p->done ? p->done + written : p->total;
    tell(p);
}

static void end(const struct boot_pair *pair)
{
    struct dfu_boot_progress *p = cfg_of(pair)->progress;

    if (p->is_active) {
        p->done = p->total;
        p->us_done = p->us_total;
        p->is_active = false;
        tell(p);
    }
}

const struct dfu_boot_progress_rules dfu_boot_progress_rules = { begin_swap, begin_copy, moved,
                                                                 end };
