/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Power cuts: our loader takes over wherever MCUboot was stopped.
 *
 * A boot depends on nothing but the flash, so its outcome is remembered by the flash's hash, the
 * map of programmed units included: of the 24 000 pairs most meet a state seen before. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "jsonl.h"
#include "run.h"

#define WHY_SIZE 256u

struct key {
    uint8_t bytes[32];
};

/* One complete boot: what it started from, what it did, what it left. */
struct outcome {
    struct key from, left;
    struct our_boot boot;
    uint8_t sha8[WORLD_PLACES][8];
    uint8_t odd_sha8[8]; /* of the primary with its first records where MCUboot puts them (B12) */
    bool is_used;
};

struct memory {
    struct outcome *table;
    size_t count, cap; /* cap is a power of two */
};

struct sweep {
    struct run *run;
    struct memory memory;
    struct case_ops ops; /* of the recorded boot, one a power cut position */
    uint8_t *states;     /* the flash after 0, 1, ... ops.count operations */
    const uint8_t *recorded_after, *right_after;
};

static struct key hash_of(const void *data, size_t len)
{
    struct key key;

    if (!EVP_Digest(data, len, key.bytes, NULL, EVP_sha256(), NULL)) {
        report_fatal("hashing failed");
    }
    return key;
}

static struct key key_of(const struct world *w)
{
    return hash_of(w->sim.mem, w->state_size);
}

/* ---- Remembered boots ---- */

static struct outcome *slot_for(struct memory *memory, const struct key *key)
{
    size_t at;

    memcpy(&at, key->bytes, sizeof at);
    at &= memory->cap - 1;
    while (memory->table[at].is_used && memcmp(&memory->table[at].from, key, sizeof *key) != 0) {
        at = (at + 1) & (memory->cap - 1);
    }
    return &memory->table[at];
}

static void grow(struct memory *memory)
{
    struct memory bigger = { NULL, memory->count, memory->cap ? memory->cap * 2 : 256 };

    if (memory->count * 2 < memory->cap) {
        return;
    }
    bigger.table = calloc(bigger.cap, sizeof bigger.table[0]);
    if (!bigger.table) {
        report_fatal("out of memory");
    }
    for (size_t i = 0; i < memory->cap; i++) {
        if (memory->table[i].is_used) {
            *slot_for(&bigger, &memory->table[i].from) = memory->table[i];
        }
    }
    free(memory->table);
    *memory = bigger;
}

static void note_odd_primary(struct sweep *s, struct outcome *out)
{
    const struct run *run = s->run;
    const struct dfu_area *pri = &run->ours.area[WORLD_PRI];
    struct dfu_trailer at, scratch_at;
    uint8_t *bytes;
    struct key key;

    memcpy(out->odd_sha8, out->sha8[WORLD_PRI], sizeof out->odd_sha8);
    if (!run->odd_hex || dfu_slot_trailer(&run->ours.map, pri, &at) ||
        dfu_slot_trailer(&run->ours.map, &run->ours.area[WORLD_SCR], &scratch_at)) {
        return;
    }
    bytes = malloc(pri->size);
    if (!bytes) {
        report_fatal("out of memory");
    }
    memcpy(bytes, boot_world_bytes(&run->ours, WORLD_PRI), pri->size);
    if (bytes[at.status] == 1) {
        memset(bytes + at.status, run->c->spec.erased, 2 * (size_t)at.status_stride);
        for (uint32_t i = 0; i < 2 * at.status_stride; i++) {
            bool is_type = scratch_at.status + i == scratch_at.swap_info;

            (void)sscanf(run->odd_hex + 2 * i, "%2hhx", &bytes[run->odd_off + i]);
            bytes[run->odd_off + i] = bytes[is_type ? at.swap_info : run->odd_off + i];
        }
    }
    key = hash_of(bytes, pri->size);
    memcpy(out->odd_sha8, key.bytes, sizeof out->odd_sha8);
    free(bytes);
}

static void boot_and_note(struct sweep *s, struct outcome *out, const struct key *from)
{
    struct world *w = &s->run->ours;

    out->is_used = true;
    out->from = *from;
    out->boot = run_start(s->run);
    out->left = key_of(w);
    for (enum world_place place = WORLD_PRI; place < WORLD_PLACES; place++) {
        if (w->area[place].size > 0) {
            struct key key = hash_of(boot_world_bytes(w, place), w->area[place].size);

            memcpy(out->sha8[place], key.bytes, sizeof out->sha8[place]);
        }
    }
    note_odd_primary(s, out);
}

/* Two complete boots from the flash as it is. Copies: the table may move. */
static void boot_twice(struct sweep *s, struct outcome *next, struct outcome *then)
{
    struct key key = key_of(&s->run->ours);
    struct outcome *slot;
    bool has_booted = false;

    grow(&s->memory);
    slot = slot_for(&s->memory, &key);
    if (!slot->is_used) {
        s->run->spot.boot = "next";
        boot_and_note(s, slot, &key);
        s->memory.count++;
        has_booted = true;
    }
    *next = *slot;
    grow(&s->memory);
    slot = slot_for(&s->memory, &next->left);
    if (!slot->is_used) {
        if (!has_booted) { /* the first boot was remembered, so its flash must be made */
            (void)run_start(s->run);
        }
        s->run->spot.boot = "then";
        boot_and_note(s, slot, &next->left);
        s->memory.count++;
    }
    *then = *slot;
}

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
    struct key key = hash_of(state + area->base, area->size);

    hex8(key.bytes, out);
}

/* The recorded hash of an area, or what is right instead:
 * B6: the stale request is erased too, so the secondary is as after the whole boot.
 * B1: what is skipped though it should not be may hold no image; then only this hash tells.
 * B7: a boot that copied again left what the whole boot leaves, without the unit too many. */
static void right_sha8(const struct sweep *s, const cJSON *row, bool has_copied,
                       enum world_place place, const char *recorded, char out[17])
{
    const cJSON *bug = cJSON_GetObjectItemCaseSensitive(row, "bug");
    char whole[17];

    (void)snprintf(out, 17, "%s", recorded);
    if (bug && strcmp(bug->valuestring, "B6") == 0 && place == WORLD_SEC) {
        area_hex8(s->run, s->right_after, place, out);
    } else if (has_copied) {
        area_hex8(s->run, s->recorded_after, place, whole);
        if (strcmp(whole, recorded) == 0) {
            area_hex8(s->run, s->right_after, place, out);
        }
    }
}

static void check_hashes(struct sweep *s, const struct outcome *ours, const cJSON *row,
                         bool has_copied)
{
    struct run *run = s->run;
    bool is_offset = run->c->spec.mode == DFU_MODE_SWAP_OFFSET;
    const cJSON *hash;

    cJSON_ArrayForEach(hash, json_get(row, "sha8"))
    {
        enum world_place place = case_place(hash->string);
        char right[17], is[17], odd[17], whole[17];

        right_sha8(s, row, has_copied, place, hash->valuestring, right);
        hex8(ours->sha8[place], is);
        hex8(place == WORLD_PRI ? ours->odd_sha8 : ours->sha8[place], odd);
        area_hex8(run, s->right_after, place, whole);
        if (strcmp(right, is) != 0 && strcmp(hash->valuestring, is) != 0 &&
            strcmp(hash->valuestring, odd) != 0 && !(is_offset && strcmp(whole, is) == 0)) {
            report_differ(run->report, &run->spot, "%s is %s, right is %s", hash->string, is,
                          right);
        }
    }
}

static void check_row(struct sweep *s, const struct outcome *ours, const cJSON *row,
                      const cJSON *recorded, bool has_copied)
{
    struct run *run = s->run;
    const char *result = json_str(row, "result");
    const cJSON *bug = cJSON_GetObjectItemCaseSensitive(row, "bug");
    const cJSON *runs = json_get(row, "runs");
    char type[48], why[WHY_SIZE];

    if (bug && strcmp(bug->valuestring, "B6") != 0 && strcmp(bug->valuestring, "B1") != 0) {
        report_fatal("%s: nothing is known about bug %s here", run->c->id, bug->valuestring);
    }
    if (strcmp(result, ours->boot.result) != 0) {
        report_differ(run->report, &run->spot, "result %s, right is %s", ours->boot.result, result);
    }
    if (strcmp(cJSON_IsString(runs) ? runs->valuestring : "", ours->boot.runs) != 0) {
        report_differ(run->report, &run->spot, "runs \"%s\", right is \"%s\"", ours->boot.runs,
                      cJSON_IsString(runs) ? runs->valuestring : "");
    }
    run_type_of_row(recorded, type, sizeof type);
    if (type[0] != '\0' && strcmp(type, ours->boot.type) != 0) {
        report_differ(run->report, &run->spot, "carried out %s, right is %s", ours->boot.type,
                      type);
    }
    if (!run_holds_match(run, &ours->boot, json_get(row, "holds"), why, sizeof why)) {
        report_differ(run->report, &run->spot, "%s", why);
    }
    check_hashes(s, ours, row, has_copied);
}

/* ---- Sweeps and pairs ---- */

static void check_cut(struct sweep *s, const cJSON *sweep, int cut)
{
    struct run *run = s->run;
    const cJSON *next_row = right_outcome_at(json_get(sweep, "next"), cut);
    const cJSON *then_row = right_outcome_at(json_get(sweep, "then"), cut);
    struct outcome next, then;
    bool has_copied;
    char type[48];

    run_type_of_row(next_row, type, sizeof type);
    has_copied = type[0] != '\0' && strcmp(type, "none") != 0;
    run->spot.cut = cut;
    boot_world_restore(&run->ours, s->states + (size_t)cut * run->ours.state_size);
    boot_twice(s, &next, &then);
    run->report->tally->cuts++;
    if (run->report->is_verbose && run->only_cut >= 0) {
        (void)fprintf(run->report->out,
                      "  cut %d: next carried out %s, runs \"%s\"; then %s, \"%s\"\n", cut,
                      next.boot.type, next.boot.runs, then.boot.type, then.boot.runs);
    }
    run->spot.boot = "next";
    check_row(s, &next, next_row, outcome_at(json_get(sweep, "next"), cut), has_copied);
    run->spot.boot = "then";
    check_row(s, &then, then_row, then_row, has_copied);
}

static void check_states(struct sweep *s, const cJSON *sweep)
{
    const char *after = json_str(sweep, "after");

    for (size_t k = 0; k <= s->ops.count; k++) {
        const struct world *w = &s->run->ours;
        struct key key =
            hash_of(s->states + k * w->state_size + w->spec.guard, w->sim.size - 2 * w->spec.guard);
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
        boot_twice(s, &next, &then);
        run->spot.second_cut = b;
        run->report->tally->pairs++;
        run->spot.boot = "next";
        check_pair_boot(s, &next, json_get(right, "next"));
        run->spot.boot = "then";
        check_pair_boot(s, &then, json_get(right, "then"));
    }
    boot_world_journal_free(&journal);
}

static void check_pairs(struct sweep *s, const cJSON *pairs)
{
    struct run *run = s->run;
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
    run->spot.second_cut = -1;
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
    free(s.memory.table);
    run->spot = spot;
    run->ours.journal = &run->our_journal;
}
