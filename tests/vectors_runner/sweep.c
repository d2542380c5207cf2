/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Power cuts: our loader takes over wherever MCUboot was stopped. */
#include <stdlib.h>
#include <string.h>

#include "jsonl.h"
#include "outcome.h"

#define WHY_SIZE 256u

struct sweep {
    struct run *run;
    struct outcomes outcomes; /* of the boots of ours */
    struct case_ops ops;      /* of the recorded boot, one a power cut position */
    uint8_t *states;          /* the flash after 0, 1, ... ops.count operations */
    const uint8_t *recorded_after, *right_after;
};

/* ---- Comparing with rows ---- */

static const cJSON *outcome_at(const cJSON *rows, int cut)
{
    const cJSON *row;

    cJSON_ArrayForEach(row, rows)
    {
        if (cut >= cJSON_GetArrayItem(row, 0)->valueint &&
            cut <= cJSON_GetArrayItem(row, 1)->valueint) {
            return cJSON_GetArrayItem(row, 2);
        }
    }
    report_fatal("no row for cut %d", cut);
    return NULL;
}

static bool shows(const cJSON *outcome, const char *bug)
{
    const cJSON *shown = cJSON_GetObjectItemCaseSensitive(outcome, "bug");

    return shown && strcmp(shown->valuestring, bug) == 0;
}

/* B1: after a cut in the last operation no copy is skipped, so that all ends as without a cut. */
static const cJSON *right_outcome_at(const cJSON *rows, int cut)
{
    const cJSON *outcome = outcome_at(rows, cut);

    return shows(outcome, "B1") ? outcome_at(rows, 0) : outcome;
}

static void hex8(const uint8_t *bytes, char out[17])
{
    for (int i = 0; i < 8; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void area_hex8(const struct run *run, const uint8_t *state, enum world_place place,
                      char out[17])
{
    const struct dfu_area *area = &run->ours.area[place];
    struct flash_key key = flash_hash(state + area->base, area->size);

    hex8(key.bytes, out);
}

/* What a row is judged by. */
struct judged {
    const cJSON *row;      /* the right outcome */
    const cJSON *recorded; /* what MCUboot did */
    bool has_copied;       /* in this boot or the one before */
    bool is_as_without_cut;
    bool has_placed_records; /* the first records of a swap with scratch are ours */
};

/* The only right hash of an area, the recorded one but for these:
 * B6: the stale request is erased too, so the secondary is as after the whole boot.
 * B1: in the last operation with an offset MCUboot takes the new image for the old one, so it skips
 * what it must not, or copies what nobody needs; the whole boot does neither.
 * B5, B7: a boot that copied again left what the whole boot leaves, with a magic, and without the
 * unit too many. A unit that was copied before the cut stays where nothing is copied again. */
static void right_sha8(const struct sweep *s, const struct judged *judged, enum world_place place,
                       const char *recorded, char out[17])
{
    bool is_stale = shows(judged->row, "B6") && place == WORLD_SEC;
    char whole[17];

    area_hex8(s->run, s->recorded_after, place, whole);
    if (is_stale || judged->is_as_without_cut ||
        (judged->has_copied && !s->run->odd_hex && strcmp(whole, recorded) == 0)) {
        area_hex8(s->run, s->right_after, place, out);
    } else {
        (void)snprintf(out, 17, "%s", recorded);
    }
}

/* B12: records that this boot or the one before has placed lie where the status begins; put where
 * MCUboot puts them, all is as recorded. */
static bool has_records_in_place(const struct outcome *ours)
{
    return memcmp(ours->sha8[WORLD_PRI], ours->odd_sha8, sizeof ours->odd_sha8) != 0;
}

static void check_hashes(struct sweep *s, const struct outcome *ours, const struct judged *judged)
{
    struct run *run = s->run;
    const cJSON *hash;

    cJSON_ArrayForEach(hash, json_get(judged->row, "sha8"))
    {
        enum world_place place = case_place(hash->string);
        bool is_odd = place == WORLD_PRI && run->odd_hex && judged->has_placed_records;
        char right[17], is[17];

        right_sha8(s, judged, place, hash->valuestring, right);
        hex8(is_odd ? ours->odd_sha8 : ours->sha8[place], is);
        if (strcmp(right, is) != 0) {
            report_differ(run->report, &run->spot, "%s is %s, right is %s", hash->string, is,
                          right);
        } else if (is_odd && run->is_odd_elsewhere && !has_records_in_place(ours)) {
            report_differ(run->report, &run->spot, "the first records are beside the status");
        }
    }
}

static void check_row(struct sweep *s, const struct outcome *ours, const struct judged *judged)
{
    struct run *run = s->run;
    const cJSON *row = judged->row;
    const char *result = json_str(row, "result");
    const cJSON *bug = cJSON_GetObjectItemCaseSensitive(row, "bug");
    const cJSON *runs = json_get(row, "runs");
    char type[48], why[WHY_SIZE];

    if (bug && !shows(row, "B6") && !shows(row, "B1")) {
        report_fatal("%s: nothing is known about bug %s here", run->c->id, bug->valuestring);
    }
    if (strcmp(result, ours->boot.result) != 0) {
        report_differ(run->report, &run->spot, "result %s, right is %s", ours->boot.result, result);
    }
    if (strcmp(cJSON_IsString(runs) ? runs->valuestring : "", ours->boot.runs) != 0) {
        report_differ(run->report, &run->spot, "runs \"%s\", right is \"%s\"", ours->boot.runs,
                      cJSON_IsString(runs) ? runs->valuestring : "");
    }
    run_type_of_row(judged->recorded, type, sizeof type);
    if (type[0] != '\0' && strcmp(type, ours->boot.type) != 0) {
        report_differ(run->report, &run->spot, "carried out %s, right is %s", ours->boot.type,
                      type);
    }
    if (!run_holds_match(run, &ours->boot, json_get(row, "holds"), why, sizeof why)) {
        report_differ(run->report, &run->spot, "%s", why);
    }
    check_hashes(s, ours, judged);
}

/* ---- What a resumed boot may cost ---- */

/* B1: what is left of the whole boot, from the first operation behind the last record on. */
static uint32_t rest_of_boot(const struct sweep *s, int cut)
{
    int from = cut;

    while (from > 0 && s->ops.list[from - 1].kind != 'W') {
        from--;
    }
    return (uint32_t)((int)s->ops.count - from);
}

/* A full copy leaves flags alone that the request left erased, so that they can be programmed once
 * more: it writes up to the flags, and then each run of fields that are set. MCUboot writes them
 * with what is before them. */
static uint32_t writes_of_trailer(const struct sweep *s)
{
    const struct world *w = &s->run->ours;
    const struct dfu_area *pri = &w->area[WORLD_PRI];
    const uint8_t *bytes = s->right_after + pri->base;
    struct dfu_trailer at;
    uint32_t flags, writes;
    bool was_set = false;

    if (dfu_slot_trailer(&w->map, pri, &at)) {
        report_fatal("%s: no trailer", s->run->c->id);
    }
    flags = at.swap_info / pri->write_size * pri->write_size;
    writes = (flags + CASE_CHUNK - 1) / CASE_CHUNK;
    for (uint32_t off = flags; off < pri->size; off += pri->write_size) {
        bool is_set = false;

        for (uint32_t i = 0; i < pri->write_size; i++) {
            is_set = is_set || bytes[off + i] != w->spec.erased;
        }
        writes += is_set && !was_set;
        was_set = is_set;
    }
    return writes - (pri->size + CASE_CHUNK - 1) / CASE_CHUNK;
}

/* Never more erases and writes than MCUboot needed from the same flash, but where it did wrong. */
static void check_cost(const struct sweep *s, const struct outcome *ours, const cJSON *sweep,
                       int cut, bool has_copied)
{
    const struct run *run = s->run;
    const cJSON *rows = json_get(sweep, "next");
    bool is_whole_copy = run->c->spec.mode == DFU_MODE_OVERWRITE && !run->c->spec.is_fast;
    uint32_t recorded = (uint32_t)cJSON_GetArrayItem(json_get(sweep, "ops"), cut)->valueint;
    uint32_t most = recorded;

    if (shows(outcome_at(rows, cut), "B6")) {
        most++; /* the erase of the stale request */
    } else if (case_shows(run->c, "B5") && has_copied) {
        most++; /* the magic */
    } else if (shows(outcome_at(rows, cut > 0 ? cut - 1 : 0), "B1") ||
               shows(outcome_at(rows, cut), "B1")) {
        most =
            rest_of_boot(s, cut); /* also where what MCUboot skips was done just before the cut */
    } else if (is_whole_copy && has_copied) {
        most += writes_of_trailer(s);
    }
    if (ours->boot.ops > most) {
        report_differ(run->report, &run->spot, "%u operations, right are %u at most (recorded %u)",
                      ours->boot.ops, most, recorded);
    }
}

/* ---- Sweeps and pairs ---- */

static bool has_swapped(const char *type)
{
    return type[0] != '\0' && strcmp(type, "none") != 0;
}

static void check_cut(struct sweep *s, const cJSON *sweep, int cut)
{
    struct run *run = s->run;
    struct judged next = { .recorded = outcome_at(json_get(sweep, "next"), cut),
                           .row = right_outcome_at(json_get(sweep, "next"), cut) };
    struct judged then = { .row = right_outcome_at(json_get(sweep, "then"), cut) };
    struct outcome our_next, our_then;
    char type[48], then_type[48];

    run->spot.cut = cut;
    boot_world_restore(&run->ours, s->states + (size_t)cut * run->ours.state_size);
    outcome_of_two(&s->outcomes, s->run, &our_next, &our_then);
    run->report->tally->cuts++;
    if (run->report->is_verbose && run->only_cut >= 0) {
        (void)fprintf(
            run->report->out, "  cut %d: next carried out %s, runs \"%s\"; then %s, \"%s\"\n", cut,
            our_next.boot.type, our_next.boot.runs, our_then.boot.type, our_then.boot.runs);
    }
    then.recorded = then.row;
    run_type_of_row(next.row, type, sizeof type);
    run_type_of_row(then.row, then_type, sizeof then_type);
    next.has_copied = then.has_copied = has_swapped(type);
    next.has_placed_records = has_swapped(type) && our_next.places_records;
    next.is_as_without_cut =
        run->c->spec.mode == DFU_MODE_SWAP_OFFSET &&
        (strstr(type, "resume test") != NULL || strstr(type, "resume perm") != NULL);
    then.has_placed_records = has_swapped(then_type) || next.has_placed_records;
    then.is_as_without_cut = !has_swapped(then_type) && next.is_as_without_cut;
    run->spot.boot = "next";
    check_row(s, &our_next, &next);
    check_cost(s, &our_next, sweep, cut, next.has_copied);
    run->spot.boot = "then";
    check_row(s, &our_then, &then);
}

static void check_states(struct sweep *s, const cJSON *sweep)
{
    const char *after = json_str(sweep, "after");

    for (size_t k = 0; k <= s->ops.count; k++) {
        const struct world *w = &s->run->ours;
        struct flash_key key = flash_hash(s->states + k * w->state_size + w->spec.guard,
                                          w->sim.size - 2 * w->spec.guard);
        char is[17];

        hex8(key.bytes, is);
        if (strncmp(after + 16 * k, is, 16) != 0) {
            report_fatal("%s: the flash at cut %zu cannot be rebuilt", s->run->c->id, k);
        }
    }
}

static void check_sweep(struct sweep *s, const cJSON *sweep)
{
    struct run *run = s->run;

    check_states(s, sweep);
    for (int cut = 0; cut <= (int)s->ops.count; cut++) {
        if (run->only_cut < 0 || run->only_cut == cut) {
            check_cut(s, sweep, cut);
        }
    }
}

static void check_pair_boot(struct sweep *s, const struct outcome *ours, const cJSON *right)
{
    struct run *run = s->run;
    char why[WHY_SIZE];

    if (strcmp(json_str(right, "result"), ours->boot.result) != 0) {
        report_differ(run->report, &run->spot, "result %s, right is %s", ours->boot.result,
                      json_str(right, "result"));
    }
    if (!run_holds_match(run, &ours->boot, json_get(right, "holds"), why, sizeof why)) {
        report_differ(run->report, &run->spot, "%s", why);
    }
}

/* Pairs that show a bug (B1, B13, B14) must end as all others do. */
static const cJSON *pair_outcome(const cJSON *pairs, int first, int second)
{
    const cJSON *exception;

    cJSON_ArrayForEach(exception, json_get(pairs, "exceptions"))
    {
        if (cJSON_GetArrayItem(exception, 0)->valueint == first &&
            second >= cJSON_GetArrayItem(exception, 1)->valueint &&
            second <= cJSON_GetArrayItem(exception, 2)->valueint &&
            !cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(exception, 3), "bug")) {
            return cJSON_GetArrayItem(exception, 3);
        }
    }
    return json_get(pairs, "usual");
}

/* Cut MCUboot after a operations and our loader after each b of its own. */
static void check_second_cuts(struct sweep *s, const cJSON *pairs, int a, uint8_t *state)
{
    struct run *run = s->run;
    struct world_journal journal = { 0 };
    struct outcome next, then;

    boot_world_restore(&run->ours, s->states + (size_t)a * run->ours.state_size);
    boot_world_keep(&run->ours, state);
    run->ours.journal = &journal;
    run->spot.second_cut = -1;
    run->spot.boot = "next";
    (void)run_start(run);
    run->ours.journal = NULL;
    for (int b = 1; b < (int)journal.count; b++) {
        const cJSON *right = pair_outcome(pairs, a, b);

        boot_world_restore(&run->ours, state);
        if (boot_world_redo(&run->ours, &journal.ops[b - 1])) {
            report_fatal("%s: an operation of our own cannot be repeated", run->c->id);
        }
        boot_world_keep(&run->ours, state);
        outcome_of_two(&s->outcomes, s->run, &next, &then);
        run->spot.second_cut = b;
        run->report->tally->pairs++;
        run->spot.boot = "next";
        check_pair_boot(s, &next, json_get(right, "next"));
        run->spot.boot = "then";
        check_pair_boot(s, &then, json_get(right, "then"));
    }
    boot_world_journal_free(&journal);
}

/* MCUboot's pairs end where its second boot does, ours where ours does: there must be no more of
 * them, but for the copy that B1 leaves out, in each cut of that step. */
static void check_pair_count(struct sweep *s, const cJSON *pairs, unsigned ours)
{
    struct tally *tally = s->run->report->tally;
    unsigned recorded = (unsigned)json_int(pairs, "pairs"), left_out = 0;
    const cJSON *exception;
    struct dfu_sector sector;

    cJSON_ArrayForEach(exception, json_get(pairs, "exceptions"))
    {
        if (shows(cJSON_GetArrayItem(exception, 3), "B1") &&
            dfu_area_sector(&s->run->ours.area[WORLD_PRI], 0, &sector) == 0) {
            uint32_t ops = 1 + (sector.size + CASE_CHUNK - 1) / CASE_CHUNK;

            left_out = ops * (ops + 1);
        }
    }
    tally->more_pairs += left_out;
    tally->fewer_pairs += recorded + left_out - ours;
    if (ours > recorded + left_out) {
        report_differ(s->run->report, &s->run->spot, "%u pairs, right are %u at most", ours,
                      recorded + left_out);
    }
}

static void check_pairs(struct sweep *s, const cJSON *pairs)
{
    struct run *run = s->run;
    unsigned before = run->report->tally->pairs;
    uint8_t *state = malloc(run->ours.state_size);

    if (!state) {
        report_fatal("out of memory");
    }
    for (int a = 1; a < (int)s->ops.count; a++) {
        if (run->only_cut < 0 || run->only_cut == a) {
            run->spot.cut = a;
            check_second_cuts(s, pairs, a, state);
        }
    }
    run->spot.cut = run->spot.second_cut = -1;
    run->spot.boot = NULL;
    if (run->only_cut < 0) {
        check_pair_count(s, pairs, run->report->tally->pairs - before);
    }
    free(state);
}

static void build_states(struct sweep *s, const uint8_t *before, const cJSON *step)
{
    struct world *w = &s->run->recorded;
    struct case_ops whole = case_ops_of(json_get(step, "ops"));

    s->ops = case_ops_split(&whole);
    free(whole.list);
    s->states = malloc((s->ops.count + 1) * w->state_size);
    if (!s->states) {
        report_fatal("out of memory");
    }
    boot_world_restore(w, before);
    boot_world_keep(w, s->states);
    for (size_t k = 0; k < s->ops.count; k++) {
        case_apply(w, &s->ops.list[k]);
        boot_world_keep(w, s->states + (k + 1) * w->state_size);
    }
}

static const cJSON *entry_for(const struct run *run, const char *name)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(run->c->json, name))
    {
        if (json_int(entry, "step") == run->spot.step) {
            return entry;
        }
    }
    return NULL;
}

void run_sweeps(struct run *run, const uint8_t *before, const cJSON *step,
                const uint8_t *recorded_after, const uint8_t *right_after)
{
    struct sweep s = { .run = run, .recorded_after = recorded_after, .right_after = right_after };
    const cJSON *sweep = entry_for(run, "sweeps");
    const cJSON *pairs = entry_for(run, "pairs");
    struct spot spot = run->spot;

    if ((!sweep && !pairs) || (run->only_step >= 0 && run->only_step != run->spot.step)) {
        return;
    }
    run->ours.journal = NULL;
    build_states(&s, before, step);
    if (sweep) {
        check_sweep(&s, sweep);
    }
    if (pairs) {
        check_pairs(&s, pairs);
    }
    free(s.states);
    free(s.ops.list);
    outcomes_free(&s.outcomes);
    run->spot = spot;
    run->ours.journal = &run->our_journal;
}
