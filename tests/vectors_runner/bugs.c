/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What is right where a recording shows a bug of MCUboot: one function a bug, named as in
 * docs/MCUBOOT.md. Everything else is right as it was recorded. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/trailer.h"
#include "image/magic.h"
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
    uint32_t off = dfu_slot_upload_offset(&run->right.map, 0);
    char wrong[32], right[32];

    for (size_t i = 0; i < run->c->image_count; i++) {
        const struct case_image *image = &run->c->images[i];

        if (image->size % unit != 0 ||
            memcmp(image->bytes, boot_world_bytes(&run->right, WORLD_SEC) + off, image->size) !=
                0) {
            continue;
        }
        for (size_t j = 0; j < boot->ops.count; j++) {
            struct case_op *op = &boot->ops.list[j];

            if (op->kind == 'C' && op->src_off == off && op->len == image->size + unit) {
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

static char *line_at(struct world_log *log, const char *start, size_t *index)
{
    char *line = line_with(log, start);

    *index = line ? (size_t)(line - log->lines[0]) / WORLD_LINE_SIZE : log->count;
    return line;
}

static void drop_line(struct world_log *log, const char *start)
{
    size_t i;

    if (line_at(log, start, &i)) {
        memmove(log->lines[i], log->lines[i + 1], (log->count - i - 1) * WORLD_LINE_SIZE);
        log->count--;
    }
}

static void insert_op(struct case_ops *ops, size_t at, const struct case_op *op)
{
    struct case_op *list = realloc(ops->list, (ops->count + 2) * sizeof ops->list[0]);

    if (!list) {
        report_fatal("out of memory");
    }
    memmove(&list[at + 1], &list[at], (ops->count - at) * sizeof list[0]);
    list[at] = *op;
    ops->list = list;
    ops->count++;
}

/* From here on the right flash follows our own loader; only what it must hold is judged. */
static void follow(struct run *run, struct right_boot *boot, const char *holds)
{
    run->twin_holds = holds;
    run->is_twin = true;
    boot->result = "ok";
    boot->type[0] = '\0';
    boot->runs = NULL;
    boot->holds = NULL;
}

/* B12: the first two records, which come from scratch, belong where the status begins. Where the
 * scratch area has a smaller write unit, MCUboot takes its swap_size along. */
static void put_records_in_place(struct run *run, struct right_boot *boot)
{
    static char hex[4 * DFU_FLASH_WRITE_SIZE_MAX + 1];
    struct dfu_trailer at;

    run->odd_hex = NULL;
    if (dfu_slot_trailer(&run->right.map, &run->right.area[WORLD_PRI], &at)) {
        return;
    }
    for (size_t i = 1; i < boot->ops.count; i++) {
        struct case_op *op = &boot->ops.list[i];

        if (op->kind != 'W' || op->area != WORLD_PRI || op->len != 2 * at.status_stride ||
            op[-1].kind != 'C' || op[-1].area != WORLD_PRI) {
            continue;
        }
        memset(hex, run->c->spec.erased ? 'f' : '0', sizeof hex - 1);
        memcpy(hex, "01", 2);
        memcpy(hex + 2 * (size_t)at.status_stride, "02", 2);
        hex[4 * (size_t)at.status_stride] = '\0';
        run->odd_off = op->off;
        run->odd_hex = op->hex;
        run->is_odd_elsewhere = op->off != at.status;
        op->off = at.status;
        op->hex = hex;
    }
}

/* B2: what a torn erase left in scratch is not copied again; the swap goes on with the second
 * operation, and the revert brings the old image back. */
static void ignore_torn_scratch(struct run *run, struct right_boot *boot)
{
    size_t first = 0;

    if (strcmp(boot->result, "cut") == 0) {
        return;
    }
    if (run->is_past_bug) {
        follow(run, boot, "old");
        return;
    }
    boot->result = "ok";
    boot->runs = NULL;
    boot->holds = NULL;
    boot->pri_holds = "new";
    boot->sec_holds = "old";
    while (first < boot->ops.count && boot->ops.list[first].area != WORLD_SCR) {
        first++;
    }
    boot->ops.count -= first;
    memmove(boot->ops.list, boot->ops.list + first, boot->ops.count * sizeof boot->ops.list[0]);
    replace_tail(line_with(&boot->log, "Boot source"), "scratch", "primary slot");
    drop_line(&boot->log, "Image in the primary slot is not valid!");
    run->is_past_bug = true;
}

/* B14: the second start rebuilds the primary's trailer from that in scratch, and leaves the latter
 * alone until the former is whole. So the old image comes back. */
static void rebuild_before_scratch(struct run *run, struct right_boot *boot)
{
    const struct dfu_area *pri = &run->right.area[WORLD_PRI];
    uint32_t shift = pri->size - run->right.area[WORLD_SCR].size;

    if (strcmp(boot->result, "cut") != 0) {
        if (run->cuts == 2) {
            follow(run, boot, "old");
        }
        return;
    }
    run->cuts++;
    for (size_t i = 0; run->cuts == 2 && i < boot->ops.count; i++) {
        boot->ops.list[i].area = WORLD_PRI;
        boot->ops.list[i].off += shift;
    }
}

/* B13: whatever MCUboot did in the second start, the revert has begun and is finished. */
static void finish_the_revert(struct run *run, struct right_boot *boot)
{
    if (strcmp(boot->result, "cut") == 0) {
        boot->is_unjudged = ++run->cuts == 2;
    } else if (run->cuts == 2) {
        bool is_first = !run->is_twin;

        follow(run, boot, "old");
        (void)strcpy(boot->type, is_first ? "resume revert" : "none");
    }
}

/* N1: the swap goes on behind the highest record, as in the other modes, and without validation,
 * too; a trial is then reverted. */
static void resume_behind_the_gap(struct run *run, struct right_boot *boot)
{
    if (strcmp(boot->result, "cut") == 0) {
        run->cuts++;
    } else if (run->cuts > 0) {
        follow(run, boot, run->is_twin ? "old" : "new");
    }
}

/* N3: groups begin at common borders, so nothing is lost. */
static void keep_both_images(struct run *run, struct right_boot *boot)
{
    bool is_trial = strstr(run->c->id, "-test") != NULL;

    follow(run, boot, is_trial && run->is_twin ? "old" : "new");
    boot->sec_holds = strcmp(run->twin_holds, "old") == 0 ? "new" : "old";
}

/* B1: no copy is skipped while the primary still holds the old image, so that a trial can be
 * reverted. Most cases show it in cuts: sweep.c. */
static void copy_the_whole_old_image(struct run *run, struct right_boot *boot)
{
    bool is_trial = strstr(run->c->id, "-perm") == NULL;

    if (strcmp(boot->result, "cut") == 0) {
        run->cuts++;
    } else if (run->cuts > 0) {
        follow(run, boot, is_trial && run->is_twin ? "old" : "new");
        boot->sec_holds = strcmp(run->twin_holds, "old") == 0 ? "new" : "old";
    }
}

/* N2: what comes into an empty primary counts as confirmed. */
static void confirm_the_first_image(struct run *run, struct right_boot *boot)
{
    struct case_op image_ok;

    if (run->is_past_bug) {
        follow(run, boot, "new");
        return;
    }
    image_ok = boot->ops.list[boot->ops.count - 1];
    image_ok.off += run->right.map.max_align;
    insert_op(&boot->ops, boot->ops.count - 1, &image_ok);
    replace_tail(line_with(&boot->log, "Swap type: revert"), "revert", "none");
    drop_line(&boot->log, "Swap type: revert");
    run->is_past_bug = true;
}

/* B5: the primary's trailer gets a magic, right after the copy. */
static void write_magic_too(struct run *run, struct right_boot *boot)
{
    static char hex[2 * DFU_FLASH_WRITE_SIZE_MAX + 1];
    uint32_t len = round_up(DFU_TRAILER_MAGIC_SIZE, run->right.map.max_align);
    struct case_op op = { .kind = 'W', .area = WORLD_PRI, .hex = hex, .len = len };
    uint8_t magic[DFU_TRAILER_MAGIC_SIZE];
    char *flag = line_with(&boot->log, "Primary image: magic=unset");

    op.off = run->right.area[WORLD_PRI].size - len;
    trailer_magic(run->right.map.max_align, magic);
    memset(hex, run->c->spec.erased ? 'f' : '0', sizeof hex - 1);
    for (size_t i = 0; i < sizeof magic; i++) {
        (void)sprintf(hex + 2 * (len - sizeof magic + i), "%02x", magic[i]);
    }
    for (size_t i = 0; i < boot->ops.count; i++) {
        if (boot->ops.list[i].kind == 'C') {
            insert_op(&boot->ops, i + 1, &op);
            return;
        }
    }
    if (flag && state_of(run, WORLD_PRI).magic == DFU_MAGIC_GOOD) {
        char rest[WORLD_LINE_SIZE];

        (void)strcpy(rest, strchr(flag, ','));
        replace_tail(flag, "unset", "good");
        (void)strcat(flag, rest);
    }
}

/* N5, not marked in the recordings: a revert is due, but the image in the secondary lies where an
 * update does. MCUboot swaps sectors that are no image into the primary; right is to run on. */
static void keep_what_runs(struct run *run, struct right_boot *boot)
{
    size_t first;

    if (run->is_past_bug) {
        follow(run, boot, "old");
        return;
    }
    boot->ops.count = 0;
    boot->result = "ok";
    (void)strcpy(boot->type, "none");
    boot->runs = NULL;
    boot->holds = NULL;
    boot->pri_holds = "old";
    boot->sec_holds = strstr(run->c->id, "-bad") ? NULL : "new";
    (void)line_at(&boot->log, "Starting swap", &first);
    boot->log.count = first;
    drop_line(&boot->log, "Image in the secondary slot is not valid!");
    run->is_past_bug = true;
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

/* Downgrade prevention with swap using move: the primary is told that the way back is meant before
 * its trailer goes, and that it is gone before the last flag. */
static void note_the_way_back(struct run *run, struct right_boot *boot)
{
    const struct dfu_area *pri = &run->right.area[WORLD_PRI];
    uint32_t unit = pri->runs[0].size, size = 0;
    struct case_op erase = { .kind = 'E', .area = WORLD_PRI, .len = unit }, note = erase;
    struct dfu_trailer at;
    size_t i = 0;

    if (strcmp(boot->type, "revert") != 0 || dfu_slot_trailer(&run->right.map, pri, &at)) {
        return;
    }
    for (size_t j = 0; j < run->c->image_count; j++) {
        size = max_u32(size, run->c->images[j].size);
    }
    while (i < boot->ops.count && boot->ops.list[i].area != WORLD_PRI) {
        i++;
    }
    erase.off = note.off = at.status / unit * unit - unit;
    (void)snprintf(boot->note, sizeof boot->note, "3c91d7480eb562fa%02x%02x%02x%02x", size & 0xffu,
                   size >> 8 & 0xffu, size >> 16 & 0xffu, size >> 24);
    note.kind = 'W';
    note.hex = boot->note;
    note.len = (uint32_t)strlen(boot->note) / 2;
    insert_op(&boot->ops, i, &erase);
    insert_op(&boot->ops, i + 1, &note);
    insert_op(&boot->ops, boot->ops.count - 1, &erase);
}

static const struct {
    const char *bug;
    void (*mend)(struct run *run, struct right_boot *boot);
} table[] = {
    { "B7", shorten_copy },
    { "B4", leave_copy_done },
    { "B3", revert_despite_torn_copy_done },
    { "B11", keep_the_request },
    { "B2", ignore_torn_scratch },
    { "B5", write_magic_too },
    { "N1", resume_behind_the_gap },
    { "N2", confirm_the_first_image },
    { "N3", keep_both_images },
};

static bool is_misplaced_revert(const struct swap_case *c)
{
    return strcmp(c->id, "offset/copy-done-set-in-secondary") == 0 ||
           strcmp(c->id, "offset/primary-looks-like-trial") == 0 ||
           strcmp(c->id, "offset/primary-looks-like-trial-secondary-bad") == 0;
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
    if (case_shows(run->c, "B6") || strstr(run->c->id, "/revert-then-request-again")) {
        if (run->c->spec.mode == DFU_MODE_OVERWRITE) {
            clear_stale_request(run, out);
        }
    }
    if (run->c->spec.mode == DFU_MODE_SWAP_SCRATCH) {
        put_records_in_place(run, out);
    }
    if (strstr(run->c->id, "/bug-B1-")) {
        copy_the_whole_old_image(run, out);
    }
    if (case_runs_in_place(run->c) && strstr(run->c->id, "/copydone-bad")) {
        note_start_elsewhere(run, out);
    }
    if (strstr(run->c->id, "/bug-B13")) { /* others show it in pairs of cuts */
        finish_the_revert(run, out);
    }
    if (strstr(run->c->id, "/bug-B14")) {
        rebuild_before_scratch(run, out);
    }
    if (run->c->spec.mode == DFU_MODE_SWAP_MOVE && run->c->spec.prevent_downgrade) {
        note_the_way_back(run, out);
    }
    if (is_misplaced_revert(run->c)) {
        keep_what_runs(run, out);
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (case_shows(run->c, table[i].bug)) {
            table[i].mend(run, out);
        }
    }
    if (strcmp(run->c->id, "scratch/gap-in-records-novalidate") == 0) {
        resume_behind_the_gap(run, out);
    }
    /* B10: the same flash as recorded, but a gap in the records is reported. */
    out->extra_inconsistent_line = case_shows(run->c, "B10") && strstr(out->type, "resume");
}
