/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What is right where a recording shows a bug of MCUboot: one function a bug, named as in
 * docs/TESTING.md. Everything else is right as it was recorded. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/trailer.h"
#include "jsonl.h"
#include "run.h"

static struct dfu_slot_state state_of(struct run *run, enum world_place place)
{
    struct dfu_slot_state state;

    if (dfu_slot_state_read(&run->right.map, &run->right.area[place], &state)) {
        report_fatal("%s: no trailer in %s", run->c->id, boot_world_place_names[place]);
    }
    return state;
}

static char *line_with(struct world_log *log, const char *start)
{
    for (size_t i = 0; i < log->count; i++) {
        if (strstr(log->lines[i], start)) {
            return log->lines[i];
        }
    }
    return NULL;
}

static void replace_tail(char *line, const char *from, const char *with)
{
    char *at = line ? strstr(line, from) : NULL;

    if (at) {
        (void)snprintf(at, WORLD_LINE_SIZE - (size_t)(at - line), "%s", with);
    }
}

/* B7: a copy of a whole image, one write unit too long because its size is already aligned. The
 * right length is the image's, in the copy and in the line that announces it. */
static void shorten_copy(struct run *run, struct right_boot *boot)
{
    uint32_t unit = run->c->spec.areas[WORLD_PRI].write_size;
    char wrong[32], right[32];

    for (size_t i = 0; i < run->c->image_count; i++) {
        const struct case_image *image = &run->c->images[i];

        if (image->size % unit != 0 ||
            memcmp(image->bytes, boot_world_bytes(&run->right, WORLD_SEC), image->size) != 0) {
            continue;
        }
        for (size_t j = 0; j < boot->ops.count; j++) {
            struct case_op *op = &boot->ops.list[j];

            if (op->kind == 'C' && op->src_off == 0 && op->len == image->size + unit) {
                op->len = image->size;
            }
        }
        (void)snprintf(wrong, sizeof wrong, "0x%x bytes", (unsigned)(image->size + unit));
        (void)snprintf(right, sizeof right, "0x%x bytes", (unsigned)image->size);
        replace_tail(line_with(&boot->log, "copying the secondary slot"), wrong, right);
    }
}

/* B6: the copy is complete (the primary has its magic), the secondary's header is gone, but its
 * trailer still asks: that trailer is erased, and later boots say "none". The second request of
 * revert-then-request-again leaves the very same bytes, so no loader can tell it from B6. */
static void clear_stale_request(struct run *run, struct right_boot *boot)
{
    const struct dfu_area *sec = &run->right.area[WORLD_SEC];
    struct dfu_slot_state asked = state_of(run, WORLD_SEC);
    struct dfu_sector last;

    if (boot->ops.count > 0 || strcmp(boot->result, "ok") != 0) {
        return;
    }
    if (asked.magic != DFU_MAGIC_GOOD) {
        replace_tail(line_with(&boot->log, "Swap type: test"), "test", "none");
        replace_tail(line_with(&boot->log, "Swap type: perm"), "perm", "none");
    } else if (state_of(run, WORLD_PRI).magic == DFU_MAGIC_GOOD &&
               dfu_area_is_erased(sec, 0, DFU_IMAGE_HEADER_SIZE) == 1 &&
               dfu_area_sector(sec, dfu_area_sector_count(sec) - 1, &last) == 0) {
        boot->ops.list[boot->ops.count++] =
            (struct case_op){ .kind = 'E', .area = WORLD_SEC, .off = last.off, .len = last.size };
    }
}

/* B4: an upgrade refused for lack of space writes nothing, so copy_done stays unset, and nothing
 * was carried out. */
static void leave_copy_done(struct run *run, struct right_boot *boot)
{
    if (boot->ops.count == 1 && line_with(&boot->log, "Not enough free space")) {
        boot->ops.count = 0;
        (void)strcpy(boot->type, "none");
    }
    if (state_of(run, WORLD_PRI).copy_done == DFU_FLAG_UNSET) {
        char *line = line_with(&boot->log, "Primary image:");
        char *at = line ? strstr(line, "copy_done=0x1") : NULL;

        if (at) {
            at[strlen("copy_done=0x")] = '3';
        }
    }
}

/* B3: a torn copy_done of a trial image counts as set: the next boot reverts. On the twin the
 * byte is whole; all that differs is how the first line shows it. */
static void revert_despite_torn_copy_done(struct run *run, struct right_boot *boot)
{
    static const uint8_t whole = 0x01;
    struct dfu_slot_state primary = state_of(run, WORLD_PRI);
    struct dfu_trailer at;

    if (!run->is_twin &&
        (primary.copy_done != DFU_FLAG_BAD || primary.image_ok != DFU_FLAG_UNSET)) {
        return;
    }
    (void)strcpy(boot->type, run->is_twin ? "none" : "revert");
    boot->runs = NULL;
    boot->holds = NULL;
    if (!run->is_twin) {
        if (dfu_slot_trailer(&run->right.map, &run->right.area[WORLD_PRI], &at)) {
            report_fatal("%s: no trailer", run->c->id);
        }
        boot_world_bytes(&run->right, WORLD_PRI)[at.copy_done] = whole;
        run->is_twin = true;
        run->twin_holds = "old";
    }
}

/* B11: the second start keeps the primary's trailer, which holds the only request, and finishes
 * what the cut left of the secondary's. So the update takes place, and is then reverted. */
static void keep_the_request(struct run *run, struct right_boot *boot)
{
    const struct dfu_area *sec = &run->right.area[WORLD_SEC];
    struct dfu_sector last;

    if (strcmp(boot->result, "cut") == 0) {
        if (boot->ops.count == 1 &&
            dfu_area_sector(sec, dfu_area_sector_count(sec) - 1, &last) == 0) {
            boot->ops.list[0] = (struct case_op){
                .kind = 'E', .area = WORLD_SEC, .off = last.off, .len = last.size
            };
        }
        return;
    }
    run->twin_holds = run->is_twin ? "old" : "new";
    run->is_twin = true;
    boot->type[0] = '\0';
    boot->runs = NULL;
    boot->holds = NULL;
}

/* B3 where images run in place: a torn copy_done is not programmed again; swap_info, which these
 * modes do not use, says instead that the image has had its start. */
static void note_start_elsewhere(struct run *run, struct right_boot *boot)
{
    struct dfu_trailer at;

    if (boot->ops.count == 1 && boot->ops.list[0].kind == 'W' &&
        dfu_slot_trailer(&run->right.map, &run->right.area[WORLD_SEC], &at) == 0) {
        boot->ops.list[0].off = at.swap_info;
        boot->ops.list[0].hex = "02ffffff";
    }
}

static void add_type(char *out, size_t size, const char *before, const char *type)
{
    size_t len = strlen(out);

    (void)snprintf(out + len, size - len, "%s%s%s", len > 0 ? ", " : "", before, type);
}

/* One decision an image; null where a cut came before it. */
static void type_of(const cJSON *step, char *out, size_t size)
{
    const cJSON *decision = cJSON_GetObjectItemCaseSensitive(step, "decision");
    const cJSON *one = cJSON_IsArray(decision) ? decision->child : decision;

    out[0] = '\0';
    for (; one && cJSON_IsObject(one); one = cJSON_IsArray(decision) ? one->next : NULL) {
        bool is_resumed = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(one, "resumed"));

        add_type(out, size, is_resumed ? "resume " : "", json_str(one, "type"));
    }
}

void run_type_of_row(const cJSON *row, char *out, size_t size)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(row, "type");
    const cJSON *one = cJSON_IsArray(type) ? type->child : type;

    out[0] = '\0';
    for (; one && cJSON_IsString(one); one = cJSON_IsArray(type) ? one->next : NULL) {
        add_type(out, size, "", one->valuestring);
    }
}

void right_boot_of(struct run *run, const cJSON *step, struct right_boot *out)
{
    const cJSON *line;

    memset(out, 0, sizeof *out);
    out->ops = case_ops_of(json_get(step, "ops"));
    out->result = json_str(step, "result");
    type_of(step, out->type, sizeof out->type);
    out->runs = cJSON_GetObjectItemCaseSensitive(step, "runs");
    out->holds = cJSON_GetObjectItemCaseSensitive(step, "holds");
    cJSON_ArrayForEach(line, json_get(step, "log"))
    {
        if (out->log.count < WORLD_LINES_MAX) {
            (void)snprintf(out->log.lines[out->log.count++], WORLD_LINE_SIZE, "%s",
                           line->valuestring);
        }
    }
    if (case_shows(run->c, "B7")) {
        shorten_copy(run, out);
    }
    if (case_shows(run->c, "B6") || strstr(run->c->id, "/revert-then-request-again")) {
        if (run->c->spec.mode == DFU_MODE_OVERWRITE) {
            clear_stale_request(run, out);
        }
    }
    if (case_shows(run->c, "B4")) {
        leave_copy_done(run, out);
    }
    if (case_shows(run->c, "B3")) {
        revert_despite_torn_copy_done(run, out);
    }
    if (case_runs_in_place(run->c) && strstr(run->c->id, "/copydone-bad")) {
        note_start_elsewhere(run, out);
    }
    if (case_shows(run->c, "B11")) {
        keep_the_request(run, out);
    }
    /* B10: the same flash as recorded, but a gap in the records is reported. */
    out->extra_inconsistent_line = case_shows(run->c, "B10") && strstr(out->type, "resume");
}
