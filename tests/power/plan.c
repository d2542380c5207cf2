/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const uint8_t write_sizes[] = { 1, 2, 4, 8, 16, 32 };
static const uint8_t erased_values[] = { 0xff, 0x00 };

struct slots {
    uint32_t sector, sectors, extra;
    uint16_t max_sectors;
    enum layout layout;
    uint32_t scratch;
};

/* 16 and 32 byte units make the trailer of the smaller sectors several sectors long. Move and
 * offset take equal sectors only. */
static const struct slots uniform_slots[] = {
    { 1024, 3, 1, 8, LAYOUT_EQUAL, 0 },  { 1024, 4, 0, 8, LAYOUT_EQUAL, 0 },
    { 512, 7, 1, 8, LAYOUT_EQUAL, 0 },   { 512, 12, 1, 16, LAYOUT_EQUAL, 0 },
    { 256, 20, 1, 24, LAYOUT_EQUAL, 0 },
};

/* Of these the last two are tried in full campaigns only. */
static const struct slots scratch_slots[] = {
    { 1024, 3, 0, 8, LAYOUT_EQUAL, 1 },  { 512, 7, 0, 8, LAYOUT_EQUAL, 2 },
    { 512, 8, 0, 8, LAYOUT_MIXED, 2 },   { 512, 8, 0, 8, LAYOUT_COARSE, 2 },
    { 512, 8, 0, 8, LAYOUT_FINE, 3 },    { 256, 16, 0, 16, LAYOUT_CROSSING, 2 },
    { 256, 20, 0, 24, LAYOUT_EQUAL, 2 }, { 1024, 4, 0, 8, LAYOUT_EQUAL, 3 },
};

/* Without scratch, which slot has the larger sectors may not change on the way. */
static const struct slots overwrite_slots[] = {
    { 1024, 3, 0, 8, LAYOUT_EQUAL, 0 },  { 512, 8, 0, 8, LAYOUT_MIXED, 0 },
    { 512, 8, 0, 8, LAYOUT_COARSE, 0 },  { 512, 8, 0, 8, LAYOUT_FINE, 0 },
    { 256, 20, 0, 24, LAYOUT_EQUAL, 0 }, { 512, 7, 0, 8, LAYOUT_EQUAL, 0 },
    { 512, 12, 0, 16, LAYOUT_EQUAL, 0 },
};

/* Where a copy decodes, the secondary may be smaller. */
static const struct slots unpack_slots[] = {
    { 1024, 3, 0, 8, LAYOUT_EQUAL, 0 },   { 512, 8, 0, 8, LAYOUT_MIXED, 0 },
    { 512, 8, 0, 8, LAYOUT_COARSE, 0 },   { 512, 8, 0, 8, LAYOUT_FINE, 0 },
    { 512, 9, 0, 16, LAYOUT_SMALLER, 0 }, { 256, 20, 0, 24, LAYOUT_EQUAL, 0 },
    { 512, 7, 0, 8, LAYOUT_EQUAL, 0 },    { 512, 12, 0, 16, LAYOUT_SMALLER, 0 },
};

static bool is_unpacked(enum story_strategy strategy)
{
    return strategy == STORY_UNPACK || strategy == STORY_UNPACK_FAST;
}

static bool is_uniform(enum story_strategy strategy)
{
    return strategy == STORY_MOVE || strategy == STORY_OFFSET;
}

static const struct slots *slots_of(enum story_strategy strategy, bool is_full, size_t *count)
{
    if (is_uniform(strategy)) {
        *count = COUNT(uniform_slots);
        return uniform_slots;
    }
    if (is_unpacked(strategy)) {
        *count = COUNT(unpack_slots) - (is_full ? 0 : 2);
        return unpack_slots;
    }
    *count = (strategy == STORY_SCRATCH ? COUNT(scratch_slots) : COUNT(overwrite_slots)) -
             (is_full ? 0 : 2);
    return strategy == STORY_SCRATCH ? scratch_slots : overwrite_slots;
}

/* 0: the largest that fits. old longer than new, the reverse, less than a sector, exactly whole
 * sectors, one byte more. */
static const uint32_t sizes[][2] = {
    { 200, 250 }, { 700, 0 }, { 0, 300 }, { 0, 0 }, { 1024, 1025 },
};

static bool is_same(const struct pool_row *a, const struct pool_row *b)
{
    return strcmp(a->strategy, b->strategy) == 0 && strcmp(a->what, b->what) == 0 &&
           a->write_size == b->write_size && a->erased == b->erased &&
           strcmp(a->encryption, b->encryption) == 0;
}

static void note_size(struct plan *plan, size_t row, const struct story_spec *spec)
{
    unsigned *count = &plan->pool.rows[row].size_pairs;

    for (unsigned i = 0; i < *count; i++) {
        if (plan->sizes[row][i][0] == spec->old_size && plan->sizes[row][i][1] == spec->new_size) {
            return;
        }
    }
    if (*count < SIZES_MAX) {
        plan->sizes[row][*count][0] = spec->old_size;
        plan->sizes[row][(*count)++][1] = spec->new_size;
    }
}

static void note_layout(struct plan *plan, size_t row, const struct story_spec *spec)
{
    struct pool_row *told = &plan->pool.rows[row];

    plan->layouts[row] |= 1u << spec->layout;
    (void)layout_names(plan->layouts[row], told->sectors, sizeof told->sectors);
}

static struct pool_row row_like(const struct story_spec *spec, const char *what)
{
    struct pool_row row = { .write_size = spec->write_size, .erased = spec->erased, .images = 1 };

    (void)snprintf(row.strategy, sizeof row.strategy, "%s", story_strategy_name(spec->strategy));
    (void)snprintf(row.what, sizeof row.what, "%s", what);
    if (spec->crypt_len > 0) {
        (void)snprintf(row.encryption, sizeof row.encryption, "AES-%u%s", spec->crypt_len * 8u,
                       spec->keeps_wrapped_keys ? " wrapped" : "");
    } else {
        (void)snprintf(row.encryption, sizeof row.encryption, "none");
    }
    return row;
}

static size_t row_of(struct plan *plan, const struct pool_row *row)
{
    for (size_t i = 0; i < plan->pool.row_count; i++) {
        if (is_same(&plan->pool.rows[i], row)) {
            return i;
        }
    }
    return pool_add_row(&plan->pool, row);
}

static void add_job(struct plan *plan, const struct story_spec *spec, enum depth depth,
                    const char *what)
{
    struct pool_row like = row_like(spec, what);
    size_t row;

    if (!pool_wants(&plan->options, &like)) {
        return;
    }
    if (plan->pool.job_count == JOBS_MAX) {
        (void)fprintf(stderr, "power: the plan is too large\n");
        exit(2);
    }
    row = row_of(plan, &like);
    note_layout(plan, row, spec);
    note_size(plan, row, spec);
    plan->jobs[plan->pool.job_count++] = (struct job){ *spec, depth, row };
}

static void add_twice(struct plan *plan, struct story_spec spec, enum depth depth, const char *what)
{
    add_job(plan, &spec, depth, what);
    spec.is_sticky = true;
    add_job(plan, &spec, depth, what);
}

static struct story_spec spec_of(enum story_strategy strategy, uint8_t write_size, uint8_t erased,
                                 const struct slots *slots, const uint32_t size[2])
{
    return (struct story_spec){
        .strategy = strategy,
        .write_size = write_size,
        .erased = erased,
        .sector = slots->sector,
        .sectors = slots->sectors,
        .extra = is_uniform(strategy) ? slots->extra : 0,
        .layout = slots->layout,
        .scratch = slots->scratch > 0 ? slots->scratch : 2,
        .max_sectors = slots->max_sectors,
        .old_size = size[0],
        .new_size = size[1],
    };
}

/* Where a copy decodes, two kinds of flash stand for all: it writes like any other copy. */
static bool is_worth_it(enum story_strategy strategy, uint8_t write_size, uint8_t erased)
{
    return !is_unpacked(strategy) || (write_size == 4 && erased == 0xff) ||
           (write_size == 16 && erased == 0x00);
}

static void plan_singles(struct plan *plan, enum story_strategy strategy, uint8_t write_size,
                         uint8_t erased)
{
    size_t count;
    const struct slots *slots = slots_of(strategy, plan->options.is_full, &count);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < COUNT(sizes); j++) {
            struct story_spec spec = spec_of(strategy, write_size, erased, &slots[i], sizes[j]);

            add_twice(plan, spec, SINGLES, "every cut");
            spec.is_permanent = true;
            add_twice(plan, spec, SINGLES, "every cut");
            /* An image that is confirmed in writing must be kept as well. */
            spec.is_confirmed = true;
            spec.is_permanent = j % 2 == 1;
            add_twice(plan, spec, SINGLES, "every cut");
        }
    }
}

/* A full campaign takes each of the small slots with each unit and value. */
static void plan_pairs(struct plan *plan, enum story_strategy strategy)
{
    static const struct slots small[] = { { 512, 5, 1, 6, LAYOUT_EQUAL, 1 },
                                          { 256, 10, 1, 12, LAYOUT_EQUAL, 2 },
                                          { 256, 8, 0, 8, LAYOUT_COARSE, 2 } };
    static const struct slots unpacked[] = { { 512, 5, 1, 6, LAYOUT_EQUAL, 1 },
                                             { 256, 12, 0, 12, LAYOUT_SMALLER, 1 } };
    const struct slots *slots = is_unpacked(strategy) ? unpacked : small;
    static const uint32_t pair_sizes[][2] = { { 700, 300 }, { 300, 700 } };
    size_t kinds = strategy == STORY_SCRATCH && plan->options.is_full ? 3 : 2;

    for (size_t i = 0; i < COUNT(write_sizes) * COUNT(erased_values); i++) {
        uint8_t write_size = write_sizes[i / 2], erased = erased_values[i % 2];
        bool is_usual = (write_size == 4 && erased == 0xff) || (write_size == 16 && erased == 0x00);

        for (size_t j = 0; (plan->options.is_full || is_usual) && j < kinds * 2 * 2; j++) {
            struct story_spec spec =
                spec_of(strategy, write_size, erased, &slots[j % kinds], pair_sizes[j / kinds % 2]);

            spec.is_permanent = j / kinds / 2 != 0;
            spec.is_confirmed = write_size < 16;
            add_twice(plan, spec, PAIRS, "every pair");
        }
    }
}

static void plan_special(struct plan *plan, enum story_strategy strategy)
{
    static const struct slots slots = { 512, 6, 1, 8, LAYOUT_EQUAL, 2 };
    static const uint32_t size[][2] = { { 700, 1500 }, { 0, 400 } };

    for (size_t i = 0; i < 4; i++) {
        struct story_spec spec = spec_of(strategy, 8, 0xff, &slots, size[i % 2]);

        spec.is_signed = i < 2;
        spec.is_unchecked = i >= 2;
        spec.is_permanent = i % 2 == 1;
        add_twice(plan, spec, SINGLES, spec.is_signed ? "Ed25519" : "not validated");
    }
}

static void plan_encrypted_pairs(struct plan *plan, enum story_strategy strategy)
{
    static const struct slots slots = { 512, 7, 1, 8, LAYOUT_EQUAL, 2 };
    static const uint32_t size[] = { 700, 301 };
    struct story_spec spec = spec_of(strategy, 4, 0xff, &slots, size);

    spec.crypt_len = 16;
    add_twice(plan, spec, PAIRS, "every pair");
}

/* Encrypted images: every cut in few geometries. The last layout's trailers take several sectors. */
static void plan_encrypted(struct plan *plan, enum story_strategy strategy)
{
    static const struct slots small[] = { { 1024, 4, 1, 8, LAYOUT_EQUAL, 1 },
                                          { 512, 7, 1, 8, LAYOUT_EQUAL, 2 },
                                          { 256, 10, 1, 12, LAYOUT_EQUAL, 2 } };
    static const uint32_t crypt_sizes[][2] = { { 700, 301 }, { 250, 0 }, { 512, 1024 } };
    static const struct {
        uint8_t len, write_size, erased;
        bool is_wrapped;
    } ways[] = { { 16, 4, 0xff, false },
                 { 32, 8, 0x00, false },
                 { 32, 16, 0xff, false },
                 { 16, 8, 0xff, true },
                 { 32, 32, 0x00, true } };

    for (size_t i = 0; i < COUNT(ways); i++) {
        if (!is_worth_it(strategy, ways[i].write_size, ways[i].erased)) {
            continue;
        }
        for (size_t j = 0; j < (size_t)3 * 3 * 2; j++) {
            struct story_spec spec = spec_of(strategy, ways[i].write_size, ways[i].erased,
                                             &small[j % 3], crypt_sizes[j / 3 % 3]);

            spec.crypt_len = ways[i].len;
            spec.keeps_wrapped_keys = ways[i].is_wrapped;
            spec.is_permanent = j >= 9;
            spec.is_confirmed = j % 2 == 1;
            add_twice(plan, spec, SINGLES, "every cut");
        }
    }
}

/* Slots and scratch on flash of different kinds, where that is possible at all (unit-boot_units). */
static void plan_own_units(struct plan *plan, enum story_strategy strategy)
{
    static const struct slots small[] = { { 512, 7, 1, 8, LAYOUT_EQUAL, 2 },
                                          { 1024, 4, 1, 8, LAYOUT_EQUAL, 1 } };
    static const struct {
        uint8_t primary, secondary, scratch;
    } units[] = { { 4, 8, 4 }, { 8, 4, 8 }, { 1, 8, 1 },   { 8, 1, 8 },
                  { 8, 4, 4 }, { 8, 1, 1 }, { 16, 4, 16 }, { 4, 16, 4 } };
    static const uint32_t unit_sizes[][2] = { { 700, 1500 }, { 1500, 700 }, { 0, 300 } };

    for (size_t i = 0; i < COUNT(units) * COUNT(small) * COUNT(unit_sizes) * 2; i++) {
        size_t n = i / 2 / COUNT(small) / COUNT(unit_sizes);
        struct story_spec spec = spec_of(strategy, units[n].primary, n % 4 == 1 ? 0x00 : 0xff,
                                         &small[i / 2 % COUNT(small)],
                                         unit_sizes[i / 2 / COUNT(small) % COUNT(unit_sizes)]);

        spec.secondary_unit = units[n].secondary;
        spec.scratch_unit = units[n].scratch;
        spec.is_permanent = i % 2 == 1;
        if (strategy == STORY_SCRATCH || units[n].primary == units[n].scratch) {
            add_twice(plan, spec, SINGLES, "own units");
        }
    }
}

/* Swap using scratch takes an update where the primary holds no image. */
static void plan_empty(struct plan *plan)
{
    static const struct slots small[] = { { 512, 7, 0, 8, LAYOUT_EQUAL, 2 },
                                          { 1024, 3, 0, 8, LAYOUT_EQUAL, 1 },
                                          { 512, 8, 0, 8, LAYOUT_COARSE, 2 } };
    static const uint32_t empty_sizes[][2] = { { 700, 1500 }, { 700, 0 } };

    for (size_t i = 0; i < COUNT(small) * COUNT(empty_sizes) * 2 * 2 * 3; i++) {
        static const uint8_t crypt_lens[] = { 0, 16, 32 };
        bool is_wide = i / COUNT(small) / COUNT(empty_sizes) / 4 == 2;
        struct story_spec spec =
            spec_of(STORY_SCRATCH, is_wide ? 16 : 4, is_wide ? 0x00 : 0xff,
                    &small[i % COUNT(small)], empty_sizes[i / COUNT(small) % COUNT(empty_sizes)]);

        spec.crypt_len = crypt_lens[i / COUNT(small) / COUNT(empty_sizes) / 4];
        spec.is_permanent = i / COUNT(small) / COUNT(empty_sizes) % 2 == 1;
        spec.is_confirmed = i / COUNT(small) / COUNT(empty_sizes) / 2 % 2 == 1;
        spec.is_empty = true;
        add_twice(plan, spec, SINGLES, "empty primary");
        if (i % COUNT(small) == 1) {
            add_twice(plan, spec, PAIRS, "empty primary, pair");
        }
    }
}

/* Bootstrap: what waits is brought in where nothing runs, asked for or not. */
static void plan_bootstrap(struct plan *plan, enum story_strategy strategy)
{
    static const struct slots small[] = { { 512, 7, 1, 8, LAYOUT_EQUAL, 0 },
                                          { 1024, 4, 1, 8, LAYOUT_EQUAL, 0 },
                                          { 512, 8, 0, 8, LAYOUT_COARSE, 0 } };
    static const uint32_t empty_sizes[][2] = { { 700, 1500 }, { 700, 0 } };
    static const uint8_t crypt_lens[] = { 0, 16, 0 };
    size_t kinds = is_uniform(strategy) ? 2 : 3;

    for (size_t i = 0; i < kinds * COUNT(empty_sizes) * 2 * 3 * 3; i++) {
        size_t asked = i / kinds / COUNT(empty_sizes) / 2 % 3;
        size_t way = i / kinds / COUNT(empty_sizes) / 2 / 3;
        struct story_spec spec =
            spec_of(strategy, way == 2 ? 16 : 4, way == 2 ? 0x00 : 0xff, &small[i % kinds],
                    empty_sizes[i / kinds % COUNT(empty_sizes)]);

        spec.crypt_len = crypt_lens[way];
        spec.is_confirmed = i / kinds / COUNT(empty_sizes) % 2 == 1;
        spec.is_empty = true;
        spec.is_unasked = asked == 0;
        spec.is_permanent = asked == 1;
        add_twice(plan, spec, SINGLES, "bootstrap");
        if (i % kinds == 0 && plan->options.is_full) {
            add_twice(plan, spec, PAIRS, "bootstrap, pair");
        }
    }
}

static const struct beyond {
    const char *what, *what_pairs;
    unsigned switches;
    bool swaps_only;
} beyonds[] = {
    { "skip equal", "skip equal, pair", SWITCH_SKIP, false },
    { "history", "history, pair", SWITCH_HISTORY, false },
    { "attempts", "attempts, pair", SWITCH_ATTEMPTS, true },
    { "revocation", "revocation, pair", SWITCH_REVOKE, false },
    { "all beyond", "all beyond, pair",
      SWITCH_SKIP | SWITCH_HISTORY | SWITCH_ATTEMPTS | SWITCH_REVOKE | SWITCH_PROGRESS, false },
    { "counter", "counter, pair", SWITCH_COUNTER, false },
    { "no downgrade", "no downgrade, pair", SWITCH_COUNTER | SWITCH_DOWNGRADE, false },
};

/* A short campaign takes pairs of all switches together only, and each of these rows once. */
static bool is_in_short(const struct beyond *beyond, uint8_t write_size, uint8_t erased)
{
    bool is_all = (beyond->switches & SWITCH_PROGRESS) != 0;

    if (write_size == 4 && erased == 0xff) {
        return !is_all;
    }
    return write_size == 16 && erased == 0x00 &&
           (is_all || (beyond->switches & SWITCH_REVOKE) == 0);
}

static bool has_pairs(const struct plan *plan, const struct beyond *beyond, uint8_t write_size,
                      uint8_t erased)
{
    bool is_all = (beyond->switches & SWITCH_PROGRESS) != 0;

    return (write_size == 16 && erased == 0x00 && (is_all || plan->options.is_full)) ||
           (write_size == 4 && erased == 0xff && plan->options.is_full);
}

/* Signatures take longer than all else, so where keys are revoked there are fewer devices. */
static void plan_switch(struct plan *plan, enum story_strategy strategy,
                        const struct beyond *beyond, uint8_t write_size, uint8_t erased)
{
    static const struct slots small[] = { { 512, 7, 1, 8, LAYOUT_EQUAL, 2 },
                                          { 1024, 4, 1, 8, LAYOUT_EQUAL, 1 },
                                          { 512, 8, 0, 8, LAYOUT_COARSE, 2 } };
    static const uint32_t beyond_sizes[][2] = { { 700, 1300 }, { 1300, 700 }, { 0, 0 } };
    bool is_signed = (beyond->switches & SWITCH_REVOKE) != 0;
    size_t kinds = is_uniform(strategy) ? 2 : 3;

    for (size_t i = 0; i < kinds * COUNT(beyond_sizes) * 2; i++) {
        struct story_spec spec = spec_of(strategy, write_size, erased, &small[i % kinds],
                                         beyond_sizes[i / kinds % COUNT(beyond_sizes)]);

        if (is_signed && i % kinds != i / kinds % COUNT(beyond_sizes)) {
            continue;
        }
        spec.switches = beyond->switches;
        spec.is_signed = is_signed;
        spec.is_permanent = i / kinds / COUNT(beyond_sizes) != 0;
        spec.is_confirmed = write_size < 16;
        add_twice(plan, spec, SINGLES, beyond->what);
        if (i == 0 && has_pairs(plan, beyond, write_size, erased)) {
            add_twice(plan, spec, PAIRS, beyond->what_pairs);
        }
    }
}

static void plan_beyond(struct plan *plan, enum story_strategy strategy)
{
    bool is_swap = strategy == STORY_SCRATCH || is_uniform(strategy);

    for (size_t i = 0; i < COUNT(beyonds) * COUNT(write_sizes) * COUNT(erased_values); i++) {
        const struct beyond *beyond = &beyonds[i / (COUNT(write_sizes) * COUNT(erased_values))];
        uint8_t write_size = write_sizes[i / COUNT(erased_values) % COUNT(write_sizes)];
        uint8_t erased = erased_values[i % COUNT(erased_values)];

        if ((is_swap || !beyond->swaps_only) &&
            (plan->options.is_full || is_in_short(beyond, write_size, erased))) {
            plan_switch(plan, strategy, beyond, write_size, erased);
        }
    }
}

void plan_make(struct plan *plan, const enum story_strategy *strategies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < COUNT(write_sizes); j++) {
            for (size_t k = 0; k < COUNT(erased_values); k++) {
                if (is_worth_it(strategies[i], write_sizes[j], erased_values[k])) {
                    plan_singles(plan, strategies[i], write_sizes[j], erased_values[k]);
                }
            }
        }
        plan_pairs(plan, strategies[i]);
        plan_special(plan, strategies[i]);
        plan_encrypted(plan, strategies[i]);
        plan_encrypted_pairs(plan, strategies[i]);
        if (strategies[i] == STORY_SCRATCH) {
            plan_empty(plan);
        }
        if (!is_unpacked(strategies[i])) {
            plan_own_units(plan, strategies[i]);
            plan_beyond(plan, strategies[i]);
        }
        if (!is_unpacked(strategies[i]) && strategies[i] != STORY_SCRATCH) {
            plan_bootstrap(plan, strategies[i]);
        }
    }
}
