/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The story in words, for somebody who has never seen a trailer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dfu/err.h"
#include "explain.h"

#define SENTENCE 512

static const char *version_of(const struct explain_slot *slot, char buf[DFU_IMAGE_VERSION_STRLEN])
{
    return slot->has_header ? dfu_image_version_text(&slot->header.version, buf) : "no image";
}

static bool is_swap(const struct explain *e)
{
    return e->mode->mode == DFU_MODE_SWAP_MOVE || e->mode->mode == DFU_MODE_SWAP_SCRATCH ||
           e->mode->mode == DFU_MODE_SWAP_OFFSET;
}

/* Modes that choose a slot and move nothing. */
static bool picks(const struct explain *e)
{
    return !is_swap(e) && e->mode->mode != DFU_MODE_OVERWRITE;
}

static const char *refusal_text(int err)
{
    switch (err) {
    case DFU_OK: return "it is not the image to go back to";
    case DFU_ERR_NOENT: return "the slot is empty";
    case DFU_ERR_PERM: return "its version is lower than that of the image it would replace";
    case DFU_ERR_IO: return "the slot cannot be read";
    case DFU_ERR_NOSPACE: return "there is not enough free space to swap";
    case DFU_ERR_FORMAT: return "the lengths in the slots make no sense";
    case DFU_ERR_DEPENDS: return "another image that an update needs is missing or too old";
    default: return NULL;
    }
}

static const char *refusal(const struct dfu_boot_outlook *o)
{
    const char *text = refusal_text(o->update_err);

    if (!text && o->secondary_report.fault == DFU_IMAGE_FINE) {
        return "the image in slot 0 is encrypted for no key of this device, so it cannot move out";
    }
    return text ? text : dfu_image_fault_text(o->secondary_report.fault);
}

/* A copy that was cut short may have left all that its hash covers. */
static bool is_part_filled(const struct dfu_boot_outlook *o)
{
    return dfu_verdict_is_trusted(&o->primary_report.verdict);
}

/* ---- What ---- */

static void next_swap(const struct explain *e, uint8_t image, char *out, size_t cap)
{
    const struct dfu_boot_outlook *o = &e->outlook[image];
    char from[DFU_IMAGE_VERSION_STRLEN], to[DFU_IMAGE_VERSION_STRLEN];
    const char *old = version_of(&e->slots[image][0], from);
    const char *new = version_of(&e->slots[image][1], to);

    if (!is_swap(e)) {
        snprintf(
            out, cap,
            "copies %s from slot 1 over slot 0 and runs it for good; this mode has no way back",
            new);
    } else if (o->swap == DFU_SWAP_TEST) {
        snprintf(out, cap,
                 "swaps the two slots and runs %s on trial: unless it is confirmed while it runs, "
                 "the start after that goes back to %s",
                 new, old);
    } else if (o->swap == DFU_SWAP_PERM) {
        snprintf(out, cap, "swaps the two slots and runs %s for good", new);
    } else if (o->why == DFU_BOOT_WHY_EMPTY_PRIMARY) {
        snprintf(out, cap, "fills slot 0, which holds %s, with %s from slot 1",
                 is_part_filled(o) ? "a part of the same" : "nothing that runs", new);
    } else {
        snprintf(out, cap, "goes back: swaps the two slots again and runs %s for good", new);
    }
}

static void next_nothing(const struct explain *e, uint8_t image, char *out, size_t cap)
{
    const struct dfu_boot_outlook *o = &e->outlook[image];
    char now[DFU_IMAGE_VERSION_STRLEN], refused[DFU_IMAGE_VERSION_STRLEN];
    const char *run = version_of(&e->slots[image][0], now);

    if (!dfu_verdict_is_trusted(&o->primary_report.verdict)) {
        snprintf(out, cap, "runs nothing: slot 0 does not pass its check (%s)",
                 dfu_image_fault_text(o->primary_report.fault));
    } else if (o->asked != DFU_SWAP_NONE) {
        snprintf(out, cap, "refuses %s in slot 1 (%s)%s and runs %s",
                 version_of(&e->slots[image][1], refused), refusal(o),
                 o->erases_secondary ? ", erases it" : "", run);
    } else {
        snprintf(out, cap, "changes nothing and runs %s", run);
    }
}

static void next_pick(const struct explain *e, char *out, size_t cap)
{
    const struct explain_boot *first = &e->scenarios[0].boots[0];
    const struct dfu_image_version *version = explain_runs(first);
    char text[DFU_IMAGE_VERSION_STRLEN];

    if (!version) {
        snprintf(out, cap, "runs nothing: no slot holds an image that may run");
    } else {
        snprintf(out, cap, "runs %s from slot %d", dfu_image_version_text(version, text),
                 first->slot);
    }
}

char *explain_next(const struct explain *e, uint8_t image, char *out, size_t cap)
{
    const struct dfu_boot_outlook *o = &e->outlook[image];

    if (picks(e)) {
        next_pick(e, out, cap);
    } else if (o->resumes) {
        snprintf(out, cap,
                 "finishes the swap that power interrupted (\"%s\"), from its step %" PRIu32
                 ".%u on, and runs what it brings in",
                 dfu_swap_type_text(o->swap), o->progress_idx, o->progress_state);
    } else if (o->swap == DFU_SWAP_NONE || o->swap == DFU_SWAP_FAIL) {
        next_nothing(e, image, out, cap);
    } else {
        next_swap(e, image, out, cap);
    }
    return out;
}

/* ---- Why ---- */

static const char *table_text(enum dfu_swap_rule rule)
{
    switch (rule) {
    case DFU_SWAP_RULE_OFFSET_REVERT:
        return "row 0 of the swap-type table: slot 1's trailer has the magic and copy_done, but no "
               "image_ok, so slot 1 holds the image to go back to";
    case DFU_SWAP_RULE_TEST:
        return "row 1 of the swap-type table: slot 1's trailer has the magic but no image_ok, which "
               "is a request for a test";
    case DFU_SWAP_RULE_PERM:
        return "row 2 of the swap-type table: slot 1's trailer has the magic and image_ok, which is "
               "a request to stay";
    case DFU_SWAP_RULE_REVERT:
        return "row 3 of the swap-type table: slot 0's trailer has the magic and copy_done but no "
               "image_ok, so the image there was on trial and nobody confirmed it";
    case DFU_SWAP_RULE_NONE: break;
    }
    return "no row of the swap-type table fits: slot 1 asks for nothing, and slot 0 is not on trial";
}

static const char *pick_text(const struct explain *e)
{
    switch (e->mode->mode) {
    case DFU_MODE_DIRECT_XIP:
    case DFU_MODE_RAM_LOAD:
        return "this mode runs the image of the highest version that passes its check, in "
               "whichever slot it lies";
    case DFU_MODE_FIRMWARE_LOADER:
        return "this mode runs slot 0; slot 1 holds the program that brings updates";
    case DFU_MODE_SINGLE_SLOT:
    case DFU_MODE_SINGLE_RAM_LOAD: return "there is one slot";
    default:
        return "this mode runs the image of the highest version that passes its check and was "
               "asked for (magic in its trailer); one that had its start and was not confirmed "
               "(copy_done, no image_ok) is erased";
    }
}

char *explain_why(const struct explain *e, uint8_t image, char *out, size_t cap)
{
    const struct dfu_boot_outlook *o = &e->outlook[image];
    const char *why = "";

    if (picks(e)) {
        snprintf(out, cap, "%s", pick_text(e));
        return out;
    }
    switch (o->why) {
    case DFU_BOOT_WHY_TABLE: why = table_text(o->rule); break;
    case DFU_BOOT_WHY_RECORDS:
        why = "slot 0's trailer holds records of steps that are done, and no copy_done: a swap "
              "has begun";
        break;
    case DFU_BOOT_WHY_TRAILER:
        why = "slot 0's trailer names a swap (swap_info) of which no step is recorded: power "
              "failed just before the first one";
        break;
    case DFU_BOOT_WHY_TORN_REQUEST:
        why = "slot 0's trailer names a swap, and power failed while the request in slot 1 was "
              "being erased: slot 0's word counts";
        break;
    case DFU_BOOT_WHY_EMPTY_PRIMARY:
        why = is_part_filled(o)
                  ? "a copy of slot 1's image to slot 0 was cut short (bootstrap)"
                  : "slot 0 holds nothing that passes its check, slot 1 does (bootstrap)";
        break;
    case DFU_BOOT_WHY_GOES_BACK:
        why = "the image on trial was not confirmed; power failed while the way back was prepared, "
              "and what asks for slot 1 is that";
        break;
    case DFU_BOOT_WHY_ATTEMPTS:
        why = "row 3 of the swap-type table fits (on trial, not confirmed), but the image on trial "
              "has a start left before it is reverted";
        break;
    case DFU_BOOT_WHY_BLOCKED:
        snprintf(
            out, cap, "no upgrade is possible: %s",
            o->fit != DFU_SLOTS_FIT
                ? dfu_slot_fit_text(o->fit)
                : "a header is not where it must be, or the records fit no swap of these slots");
        return out;
    }
    snprintf(out, cap, "%s", why);
    return out;
}

/* ---- Slots ---- */

static const char *magic_text(enum dfu_magic magic)
{
    return magic == DFU_MAGIC_GOOD ? "good" : magic == DFU_MAGIC_UNSET ? "unset" : "bad";
}

static const char *flag_text(enum dfu_flag flag)
{
    return flag == DFU_FLAG_SET ? "set" : flag == DFU_FLAG_UNSET ? "unset" : "bad";
}

static void print_key(const struct explain *e, const struct explain_slot *slot)
{
    char hex[17];

    if (e->source == EXPLAIN_DEVICE || e->policy.hash_only) {
        printf("; signature not checked%s", e->source == EXPLAIN_DEVICE ? "" : " (no key given)");
    } else if (slot->key) {
        printf("; signed by %s", slot->key);
    }
    if (slot->has_keyhash && !slot->key && e->source != EXPLAIN_DEVICE) {
        printf("; its key's hash begins %s", cli_hex(slot->keyhash, 8, hex));
    }
}

static void print_slot(const struct explain *e, uint8_t image, int n)
{
    const struct explain_slot *slot = &e->slots[image][n];
    const struct dfu_slot_state *t = &slot->trailer;
    bool is_trusted = dfu_verdict_is_trusted(&slot->report.verdict);
    char version[DFU_IMAGE_VERSION_STRLEN];

    if (!slot->area) {
        return;
    }
    printf("  slot %d   ", 2 * image + n);
    if (slot->is_empty) {
        printf("empty");
    } else if (!is_trusted) {
        printf("%s, not valid: %s", version_of(slot, version),
               dfu_image_fault_text(slot->report.fault));
        print_key(e, slot);
    } else {
        printf("%s", version_of(slot, version));
        if (e->source != EXPLAIN_DEVICE) {
            printf(", %" PRIu32 " bytes of at most %" PRIu32 ", valid", slot->report.size,
                   e->limits[image]);
        }
        print_key(e, slot);
    }
    if (slot->is_former) {
        printf("; left by a swap, to run again it must be uploaded again");
    }
    printf("\n           trailer: magic %s, image_ok %s, copy_done %s, swap_info %s\n",
           magic_text(t->magic), flag_text(t->image_ok), flag_text(t->copy_done),
           dfu_swap_type_text(t->swap_type));
}

/* ---- Futures ---- */

static const char *swap_words(const struct explain *e, const struct explain_boot *b)
{
    enum dfu_swap_type type = b->boot.result.swap[0];

    if (type == DFU_SWAP_NONE || type == DFU_SWAP_FAIL) {
        return b->boot.result.update_err ? "update refused" : "no change";
    }
    return is_swap(e) ? dfu_swap_type_text(type) : "overwrite";
}

/* Where there is no trial, what runs stays. */
static bool has_trials(const struct explain *e)
{
    return is_swap(e) || (e->mode->mode != DFU_MODE_OVERWRITE && e->mode->strategy &&
                          strstr(e->mode->name, "revert") != NULL);
}

static void print_boot(const struct explain *e, const struct explain_boot *b, unsigned number)
{
    const struct dfu_image_version *version = explain_runs(b);
    char text[DFU_IMAGE_VERSION_STRLEN];

    printf("  boot %u   %-14s  ", number, swap_words(e, b));
    if (!version) {
        printf("nothing runs: %s", dfu_image_fault_text(b->boot.result.fault));
    } else {
        printf("runs %s %s", dfu_image_version_text(version, text),
               b->is_confirmed || !has_trials(e) ? "for good" : "on trial");
    }
    if (b->boot.erases > 0 && e->has_cost) {
        printf("; %" PRIu32 " erases, %.1f KiB written", b->boot.erases,
               (double)b->boot.bytes_written / 1024);
        if (b->boot.is_time_known) {
            printf(", about %.1f s", (double)b->boot.flash_us / 1e6);
        }
    }
    printf("\n");
}

static void print_scenarios(const struct explain *e)
{
    for (unsigned i = 0; i < e->scenario_count; i++) {
        const struct explain_scenario *s = &e->scenarios[i];

        if (e->source == EXPLAIN_IMAGE && strcmp(s->name, "as-is") == 0 && !picks(e) &&
            e->outlook[0].asked == DFU_SWAP_NONE) {
            continue; /* nobody has asked for anything yet */
        }
        printf("\n%s:\n", s->title);
        for (unsigned n = 0; n < s->count; n++) {
            print_boot(e, &s->boots[n], n + 1);
        }
    }
}

static void print_fit(const struct explain *e)
{
    const struct fit *fit = &e->fit;

    if (fit->size <= fit->limit) {
        printf("It fits: %" PRIu32 " bytes, %" PRIu32 " below the largest image (%" PRIu32 ").\n",
               fit->size, fit->limit - fit->size, fit->limit);
        return;
    }
    printf("It does not fit: %" PRIu32 " bytes, %" PRIu32 " more than the largest image (%" PRIu32
           ").\n",
           fit->size, fit->size - fit->limit, fit->limit);
    for (unsigned i = 0; i < fit->help_count; i++) {
        printf("  it would fit with %s (largest image %" PRIu32 ")\n", fit->helps[i].what,
               fit->helps[i].limit);
    }
    if (fit->help_count == 0) {
        printf("  no other mode, build or known board takes it; make it smaller or the slots "
               "larger\n");
    }
}

int explain_print(struct explain *e)
{
    char text[SENTENCE];
    unsigned taker = explain_taker(e);

    printf("%s; board %s, %s\n", e->path, e->is_board_known ? e->board->name : "not named",
           e->mode->text);
    for (uint8_t i = 0; i < e->board->map.image_count; i++) {
        if (e->source != EXPLAIN_IMAGE || taker == 0) {
            print_slot(e, i, 0);
        }
        if (e->source != EXPLAIN_IMAGE ||
            (taker == 1 && (!e->has_fit || e->fit.size <= e->fit.limit))) {
            print_slot(e, i, 1);
        }
        if (e->source != EXPLAIN_IMAGE) {
            printf("\nThe next start %s.\n", explain_next(e, i, text, sizeof text));
            printf("Why: %s.\n", explain_why(e, i, text, sizeof text));
        }
    }
    if (e->has_fit) {
        print_fit(e);
    }
    if (e->source == EXPLAIN_IMAGE && e->fit.size <= e->fit.limit &&
        !dfu_verdict_is_trusted(&e->slots[0][taker].report.verdict)) {
        printf(
            taker == 0
                ? "A bootloader with these keys does not run it.\n"
                : "A bootloader with these keys refuses it, and erases it when asked to bring it "
                  "in.\n");
    } else if (e->is_stand_in && e->scenario_count > 1) {
        printf("The running image is not known (--running); the same image stands in for it "
               "below.\n");
    }
    print_scenarios(e);
    if (e->history.updates) {
        printf("\nThe last updates:\n");
        history_print(&e->history);
    }
    return CLI_DONE;
}
