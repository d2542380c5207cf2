/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* One case from init to its last step. */
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/update.h"
#include "jsonl.h"
#include "order.h"
#include "run.h"

#define WHY_SIZE 256u

/* ---- What our loader did ---- */

static int image_at(const struct run *run, const struct world *w, enum world_place place,
                    uint32_t off)
{
    for (size_t i = 0; i < run->c->image_count; i++) {
        const struct case_image *image = &run->c->images[i];

        if (off <= w->area[place].size && image->size <= w->area[place].size - off &&
            memcmp(boot_world_bytes(w, place) + off, image->bytes, image->size) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void run_note_holds(const struct run *run, const struct world *w, struct our_boot *out)
{
    struct dfu_sector second;

    for (enum world_place place = WORLD_PRI; place < WORLD_PLACES; place++) {
        out->holds[place] = out->also_holds[place] = -1;
        out->hold_off[place] = 0;
        if (w->area[place].size == 0) {
            continue;
        }
        out->holds[place] = image_at(run, w, place, 0);
        if (dfu_area_sector(&w->area[place], 1, &second) == 0) {
            int behind = image_at(run, w, place, second.off);

            if (behind < 0) {
                continue;
            }
            if (out->holds[place] < 0) {
                out->holds[place] = behind;
                out->hold_off[place] = second.off;
            } else if (place == WORLD_SEC || place == WORLD_SEC1) {
                out->also_holds[place] = behind;
                out->hold_off[place] = second.off;
            }
        }
    }
}

bool run_holds_match(const struct run *run, const struct our_boot *boot, const cJSON *holds,
                     char *why, size_t why_size)
{
    const cJSON *slot;

    cJSON_ArrayForEach(slot, holds)
    {
        enum world_place place = case_place(slot->string);
        const char *recorded = cJSON_IsString(slot) ? slot->valuestring : "nothing";
        char ours[64] = "nothing";

        if (boot->holds[place] >= 0) {
            const char *name = run->c->images[boot->holds[place]].name;

            if (boot->also_holds[place] >= 0) {
                (void)snprintf(ours, sizeof ours, "%s,%s@%u", name,
                               run->c->images[boot->also_holds[place]].name, boot->hold_off[place]);
            } else if (boot->hold_off[place] == 0) {
                (void)snprintf(ours, sizeof ours, "%s", name);
            } else {
                (void)snprintf(ours, sizeof ours, "%s@%u", name, boot->hold_off[place]);
            }
        }
        if (strcmp(ours, recorded) != 0) {
            (void)snprintf(why, why_size, "%s holds %s, recorded %s", slot->string, ours, recorded);
            return false;
        }
    }
    return true;
}

struct our_boot run_start(struct run *run)
{
    struct world_boot start;
    struct our_boot out = { 0 };

    dfu_sim_flash_power_on(&run->ours.sim);
    run->ours.sim.double_programs = 0;
    start = boot_world_start(&run->ours);
    out.err = start.err;
    out.ops = start.ops;
    run->report->tally->boots++;
    (void)snprintf(out.result, sizeof out.result, "%s",
                   start.err == 0                ? "ok"
                   : start.err == DFU_ERR_VERIFY ? "no-image"
                                                 : dfu_err_name(start.err));
    for (uint8_t i = 0; i < run->ours.map.image_count; i++) {
        size_t len = strlen(out.type);

        (void)snprintf(out.type + len, sizeof out.type - len, "%s%s%s", i > 0 ? ", " : "",
                       start.result.resumed_images >> i & 1 ? "resume " : "",
                       dfu_swap_type_text(start.result.swap[i]));
    }
    if (start.err == 0 && start.result.area) {
        const struct dfu_image_version *v = &start.result.header.version;

        (void)snprintf(out.runs, sizeof out.runs, "%s %u.%u.%u+%u", start.result.area->label,
                       v->major, v->minor, v->revision, v->build);
    }
    run_note_holds(run, &run->ours, &out);
    if (run->ours.sim.double_programs > 0) {
        report_differ(run->report, &run->spot, "%u units were programmed a second time",
                      run->ours.sim.double_programs);
    }
    return out;
}

/* ---- Comparing ---- */

static void check_recorded_hashes(struct run *run, const cJSON *hashes)
{
    const cJSON *hash;
    char digest[65];

    cJSON_ArrayForEach(hash, hashes)
    {
        enum world_place place = case_place(hash->string);

        report_sha256(boot_world_bytes(&run->recorded, place), run->recorded.area[place].size,
                      digest);
        if (strcmp(digest, hash->valuestring) != 0) {
            report_fatal("%s step %d: the recorded %s cannot be rebuilt", run->c->id,
                         run->spot.step, hash->string);
        }
    }
}

/* Each step is judged alone: after a difference the next one begins from the right flash. */
static void check_bytes(struct run *run)
{
    uint8_t *state;

    for (enum world_place place = WORLD_PRI; place < WORLD_PLACES; place++) {
        const uint8_t *right = boot_world_bytes(&run->right, place);
        const uint8_t *ours = boot_world_bytes(&run->ours, place);
        uint32_t size = run->right.area[place].size;
        uint32_t at = 0;

        if (size == 0 || memcmp(right, ours, size) == 0) {
            continue;
        }
        while (right[at] == ours[at]) {
            at++;
        }
        report_differ(run->report, &run->spot, "%s differs from 0x%x: ours %02x, right %02x",
                      boot_world_place_names[place], at, ours[at], right[at]);
        state = malloc(run->right.state_size);
        if (!state) {
            report_fatal("out of memory");
        }
        boot_world_keep(&run->right, state);
        boot_world_restore(&run->ours, state);
        free(state);
    }
}

static bool same_lines(const struct world_log *right, const struct world_log *ours, bool prefix,
                       bool skip_inconsistent, char *why, size_t why_size)
{
    size_t at = 0;

    for (size_t i = 0; i < ours->count; i++) {
        if (skip_inconsistent && strcmp(ours->lines[i], "E: Detected inconsistent status!") == 0) {
            skip_inconsistent = false;
            continue;
        }
        if (at == right->count && prefix) {
            return true;
        }
        if (at == right->count || strcmp(right->lines[at], ours->lines[i]) != 0) {
            (void)snprintf(why, why_size, "line %zu is \"%.90s\", right is \"%.90s\"", i + 1,
                           ours->lines[i], at < right->count ? right->lines[at] : "(no line)");
            return false;
        }
        at++;
    }
    if (at < right->count || skip_inconsistent) {
        (void)snprintf(why, why_size, "line missing: \"%.90s\"",
                       at < right->count ? right->lines[at] : "Detected inconsistent status!");
        return false;
    }
    return true;
}

static void check_held(struct run *run, enum world_place place, const char *name,
                       const struct our_boot *ours)
{
    const char *is = ours->holds[place] < 0 ? "nothing" : run->c->images[ours->holds[place]].name;

    if (name && strcmp(is, name) != 0) {
        report_differ(run->report, &run->spot, "%s holds %s, right is %s",
                      boot_world_place_names[place], is, name);
    }
}

static void check_answer(struct run *run, const struct right_boot *right,
                         const struct our_boot *ours)
{
    char recorded_runs[64] = "", why[WHY_SIZE];

    if (strcmp(right->result, ours->result) != 0) {
        report_differ(run->report, &run->spot, "result %s, right is %s", ours->result,
                      right->result);
    }
    if (right->type[0] != '\0' && ours->err == 0 && strcmp(right->type, ours->type) != 0) {
        report_differ(run->report, &run->spot, "carried out %s, right is %s", ours->type,
                      right->type);
    }
    if (right->runs) {
        if (cJSON_IsObject(right->runs)) {
            (void)snprintf(recorded_runs, sizeof recorded_runs, "%s %s",
                           json_str(right->runs, "area"), json_str(right->runs, "version"));
        }
        if (strcmp(recorded_runs, ours->runs) != 0) {
            report_differ(run->report, &run->spot, "runs \"%s\", right is \"%s\"", ours->runs,
                          recorded_runs);
        }
    }
    check_held(run, WORLD_PRI, right->pri_holds, ours);
    check_held(run, WORLD_SEC, right->sec_holds, ours);
    if (right->holds && !run_holds_match(run, ours, right->holds, why, sizeof why)) {
        report_differ(run->report, &run->spot, "%s", why);
    }
}

/* ---- Steps ---- */

/* The right flash of a torn copy_done (see bugs.c) is moved on by our own loader. */
static void boot_twin(struct run *run, struct right_boot *right)
{
    struct dfu_slot_state before, after;
    struct our_boot twin = { 0 };
    struct world_log log;

    if (dfu_slot_state_read(&run->ours.map, &run->ours.area[WORLD_PRI], &before) ||
        dfu_slot_state_read(&run->right.map, &run->right.area[WORLD_PRI], &after)) {
        report_fatal("%s: no trailer", run->c->id);
    }
    run->right.log = &log;
    dfu_sim_flash_power_on(&run->right.sim);
    (void)boot_world_start(&run->right);
    run->right.log = NULL;
    for (size_t i = 0; before.copy_done != after.copy_done && i < log.count; i++) {
        char *flag = strstr(log.lines[i], "copy_done=0x1");

        if (flag && strstr(log.lines[i], "Primary image")) {
            flag[strlen("copy_done=0x")] = (char)('0' + before.copy_done);
        }
    }
    right->log = log;
    run_note_holds(run, &run->right, &twin);
    if (twin.holds[WORLD_PRI] < 0 ||
        strcmp(run->c->images[twin.holds[WORLD_PRI]].name, run->twin_holds) != 0) {
        report_differ(run->report, &run->spot, "the primary does not hold %s", run->twin_holds);
    }
}

static void apply_right(struct run *run, struct right_boot *right)
{
    struct case_ops split;

    run->right.journal = &run->right_journal;
    boot_world_journal_clear(&run->right_journal);
    if (run->is_twin) {
        boot_twin(run, right);
    } else {
        split = case_ops_split(&right->ops);
        for (size_t i = 0; i < split.count; i++) {
            case_apply(&run->right, &split.list[i]);
        }
        free(split.list);
    }
    run->right.journal = NULL;
}

static void print_boot(const struct run *run, const struct our_boot *boot)
{
    FILE *out = run->report->out;

    (void)fprintf(out, "  boot: result %s, carried out %s, runs \"%s\", operations %zu\n",
                  boot->result, boot->type, boot->runs, run->our_journal.count);
    for (size_t i = 0; i < run->log.count; i++) {
        (void)fprintf(out, "    %s\n", run->log.lines[i]);
    }
    for (size_t i = 0; i < run->our_journal.count; i++) {
        const struct world_op *op = &run->our_journal.ops[i];
        enum world_place place = boot_world_place_of(&run->ours, op->off);

        (void)fprintf(out, "    %3zu %c %s 0x%x+0x%x%s", i + 1, (char)op->kind,
                      boot_world_place_names[place], op->off - run->ours.area[place].base, op->len,
                      op->data ? " =" : "");
        for (uint32_t j = 0; op->data && j < op->len && j < 16; j++) {
            (void)fprintf(out, " %02x", op->data[j]);
        }
        (void)fprintf(out, "\n");
    }
}

static void boot_step(struct run *run, const cJSON *step)
{
    bool is_cut = cJSON_GetObjectItemCaseSensitive(step, "cut") != NULL;
    struct right_boot right;
    struct our_boot ours;
    char why[WHY_SIZE];

    right_boot_of(run, step, &right);
    apply_right(run, &right);
    ours = run_start(run);
    if (run->report->is_verbose) {
        print_boot(run, &ours);
    }
    if (!right.is_unjudged &&
        !order_same(&run->ours, &run->right_journal, &run->our_journal, is_cut, why, sizeof why)) {
        report_differ(run->report, &run->spot, "%s", why);
    }
    if (!right.is_unjudged && !same_lines(&right.log, &run->log, is_cut,
                                          right.extra_inconsistent_line, why, sizeof why)) {
        report_differ(run->report, &run->spot, "%s", why);
    }
    if (is_cut) { /* ours ran on to the end; from here on it stands where the recording was cut */
        memcpy(run->ours.sim.mem, run->right.sim.mem, run->right.state_size);
    } else {
        check_answer(run, &right, &ours);
    }
    free(right.ops.list);
}

/* Programming a unit twice is refused here, so such a step must fail and leave that field. */
static bool drop_second_programs(const cJSON *step, struct case_ops *ops)
{
    const cJSON *number;
    const cJSON *doubles = cJSON_GetObjectItemCaseSensitive(step, "double_program");

    cJSON_ArrayForEach(number, doubles)
    {
        ops->list[number->valueint - 1].len = 0;
    }
    return doubles != NULL;
}

static int mark(struct run *run, const cJSON *step)
{
    const struct dfu_area *area = &run->ours.area[case_place(json_str(step, "area"))];

    return dfu_boot_set_next(&run->ours.map, area, json_int(step, "active") != 0,
                             json_int(step, "confirm") != 0);
}

static void application_step(struct run *run, const cJSON *step, bool is_confirm)
{
    bool is_marked = strcmp(json_str(step, "do"), "set_next") == 0;
    const cJSON *image_json = cJSON_GetObjectItemCaseSensitive(step, "image");
    uint8_t image = image_json ? (uint8_t)image_json->valueint : 0;
    struct case_ops ops = case_ops_of(json_get(step, "ops"));
    bool is_recorded_fine = json_int(step, "rc") == 0;
    bool is_overwritten = run->c->spec.mode == DFU_MODE_OVERWRITE && is_confirm;
    int err;

    /* A confirm after a full overwrite is only a second program where the copy wrote erased
     * bytes; our copy leaves such units alone. */
    if (!is_overwritten && drop_second_programs(step, &ops)) {
        is_recorded_fine = false;
    }
    for (size_t i = 0; i < ops.count; i++) {
        if (ops.list[i].len > 0) {
            case_apply(&run->right, &ops.list[i]);
        }
    }
    free(ops.list);
    dfu_sim_flash_power_on(&run->ours.sim);
    err = is_marked    ? mark(run, step)
          : is_confirm ? dfu_boot_write_img_confirmed(&run->ours.map, image)
                       : dfu_boot_request_upgrade(&run->ours.map, image,
                                                  cJSON_IsTrue(json_get(step, "permanent")));
    if (case_shows(run->c, "B3") && strstr(run->c->id, "torn-image-ok") && is_confirm) {
        /* B3: confirming over a torn flag either reports the failure or counts as confirmed. */
        is_recorded_fine = dfu_boot_is_img_confirmed(&run->ours.map, image);
    }
    if ((err == 0) != is_recorded_fine) {
        report_differ(run->report, &run->spot, "the application's call returned %s, right is %s",
                      dfu_err_name(err), is_recorded_fine ? "success" : "a failure");
    }
}

static void plain_step(struct run *run, const cJSON *step, const char *what)
{
    struct world *worlds[] = { &run->recorded, &run->right, &run->ours };

    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        if (strcmp(what, "stage") == 0) {
            case_stage(run->c, worlds[i], step);
        } else {
            case_poke(worlds[i], step);
        }
    }
}

static void apply_recorded(struct run *run, const cJSON *step)
{
    const cJSON *json = cJSON_GetObjectItemCaseSensitive(step, "ops");

    if (json) {
        struct case_ops ops = case_ops_of(json);
        struct case_ops split = case_ops_split(&ops);

        for (size_t i = 0; i < split.count; i++) {
            case_apply(&run->recorded, &split.list[i]);
        }
        free(ops.list);
        free(split.list);
    }
}

static uint8_t *kept(const struct world *w)
{
    uint8_t *state = malloc(w->state_size);

    if (!state) {
        report_fatal("out of memory");
    }
    boot_world_keep(w, state);
    return state;
}

static void one_step(struct run *run, const cJSON *step)
{
    const char *what = json_str(step, "do");
    uint8_t *before = kept(&run->recorded);
    uint8_t *recorded_after, *right_after;

    apply_recorded(run, step);
    if (strcmp(what, "boot") == 0) {
        boot_step(run, step);
    } else if (strcmp(what, "pending") == 0 || strcmp(what, "confirm") == 0 ||
               strcmp(what, "set_next") == 0) {
        application_step(run, step, strcmp(what, "confirm") == 0);
    } else {
        plain_step(run, step, what);
    }
    check_recorded_hashes(run, json_get(step, "sha256"));
    check_bytes(run);
    if (strcmp(what, "boot") == 0) {
        uint8_t *ours = kept(&run->ours);

        recorded_after = kept(&run->recorded);
        right_after = kept(&run->right);
        run_sweeps(run, before, step, recorded_after, right_after);
        boot_world_restore(&run->ours, ours);
        boot_world_restore(&run->recorded, recorded_after);
        free(ours);
        free(recorded_after);
        free(right_after);
    }
    free(before);
}

static void open_worlds(struct run *run)
{
    boot_world_init(&run->recorded, &run->c->spec);
    boot_world_init(&run->right, &run->c->spec);
    boot_world_init(&run->ours, &run->c->spec);
    run->recorded.sim.allow_reprogram = true;
    run->right.sim.allow_reprogram = true;
    case_init(run->c, &run->recorded);
    case_init(run->c, &run->right);
    case_init(run->c, &run->ours);
    run->ours.log = &run->log;
    run->ours.journal = &run->our_journal;
    check_recorded_hashes(run, json_get(run->c->json, "initial_sha256"));
}

void run_case(const struct swap_case *c, struct report *report, int only_step, int only_cut)
{
    struct run run = { .c = c, .report = report, .only_step = only_step, .only_cut = only_cut };
    const cJSON *step;

    run.spot = (struct spot){ c->id, -1, -1, -1, NULL };
    report->shown = 0;
    report->tally->cases++;
    open_worlds(&run);
    cJSON_ArrayForEach(step, json_get(c->json, "steps"))
    {
        run.spot = (struct spot){ c->id, run.spot.step + 1, -1, -1, NULL };
        if (report->is_verbose) {
            (void)fprintf(report->out, "step %d: %s\n", run.spot.step, json_str(step, "do"));
        }
        one_step(&run, step);
    }
    report->tally->failed_cases += report->shown > 0;
    boot_world_free(&run.recorded);
    boot_world_free(&run.right);
    boot_world_free(&run.ours);
    boot_world_journal_free(&run.right_journal);
    boot_world_journal_free(&run.our_journal);
}
