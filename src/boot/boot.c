/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The story of a start that moves images: look and decide, image by image; act; verify; choose. */
#include "boot/boot.h"

#include "base/bytes.h"
#include "boot/attempts.h"
#include "boot/copy.h"
#include "boot/decide.h"
#include "boot/depend.h"
#include "boot/fill.h"
#include "boot/history.h"
#include "boot/locate.h"
#include "boot/look.h"
#include "boot/permit.h"
#include "boot/slot_ops.h"
#include "boot/swap.h"
#include "dfu/err.h"

/* One image pair on its way through a start. */
struct job {
    enum dfu_swap_type type; /* to carry out, or carried out */
    bool is_recorded;        /* a trailer of the swap itself asks for it */
    bool is_in_scratch;      /* ... that of the scratch area */
    bool is_fill;            /* not a revert: there is nothing in the primary to go back from */
    bool is_resumed;
    bool is_tried;        /* something was to be carried out */
    bool is_half_changed; /* the primary may hold neither image whole */
    enum dfu_image_fault fault;
    int err; /* why an update was not carried out */
    struct boot_pair pair;
    struct dfu_verdict verdict; /* on what is to run, in the end */
};

/* All of them; a dependency is between two. */
struct start {
    struct kept_boot kept;
    struct job jobs[DFU_IMAGES_MAX];
};

static uint8_t count_of(const struct start *start)
{
    return fixed_boot(start->kept)->map->image_count;
}

static void emit(const struct boot_pair *pair, enum dfu_boot_event_id id)
{
    boot_emit(pair, (struct dfu_boot_event){ .id = id, .a = pair->image });
}

static void emit_type(const struct boot_pair *pair, enum dfu_swap_type type)
{
    boot_emit(pair,
              (struct dfu_boot_event){ .id = DFU_BOOT_EV_SWAP_TYPE, .a = pair->image, .b = type });
}

static struct boot_pair pair_of(const struct dfu_boot_config *cfg, uint8_t image)
{
    const struct dfu_slot_pair *slots = &cfg->map->images[image];

    return (struct boot_pair){ .kept = keep_boot(cfg),
                               .primary = slots->primary,
                               .secondary = slots->secondary,
                               .image = image };
}

/* ---- Decide ---- */

static int refusal(enum boot_check check)
{
    switch (check) {
    case BOOT_CHECK_GOOD: return DFU_OK;
    case BOOT_CHECK_EMPTY: return DFU_ERR_NOENT;
    case BOOT_CHECK_TOO_OLD: return DFU_ERR_PERM;
    case BOOT_CHECK_UNREADABLE: return DFU_ERR_IO;
    case BOOT_CHECK_NOT_BOOTABLE:
    case BOOT_CHECK_INVALID: break;
    }
    return DFU_ERR_VERIFY;
}

/* Why an update stays outside, for who asks. */
static void note(struct job *job, int err, enum dfu_image_fault fault)
{
    if (fixed_has_reports(job->pair.kept)) {
        job->err = err;
        job->fault = fault;
    }
}

static int clean(const struct boot_pair *pair, struct boot_decision decision,
                 const struct boot_settlement *settled)
{
    int err;

    if (settled->cleaning == BOOT_CLEAN_NOTHING) {
        return DFU_OK;
    }
    if (settled->cleaning == BOOT_CLEAN_SECONDARY) {
        return slot_erase(pair, pair->secondary);
    }
    if (!cfg_of(pair)->strategy->plan) {
        return copy_drop_request(pair); /* the erase that the cut prevented */
    }
    err = slot_erase_trailer(pair, pair->secondary);
    if (!err && cfg_of(pair)->map->mode == DFU_MODE_SWAP_MOVE &&
        !(decision.is_recorded && decision.type == DFU_SWAP_REVERT)) {
        emit_type(pair, settled->left);
    }
    if (!err && settled->cleaning == BOOT_CLEAN_BOTH_TRAILERS) {
        err = slot_erase_trailer(pair, pair->primary);
        emit(pair, DFU_BOOT_EV_STUCK_REVERT);
    }
    return err;
}

/* Check the secondary's image; what then is to be carried out? */
static int check_update(struct job *job, const struct boot_facts *facts,
                        struct boot_decision decision)
{
    struct dfu_image_report report;
    enum boot_check check =
        look_at_secondary(&job->pair, decision.type, decision.is_recorded, &report);
    struct boot_settlement settled = boot_settle(facts, decision, check);
    int err;

    job->type = settled.type;
    note(job, refusal(check), check == BOOT_CHECK_TOO_OLD ? DFU_IMAGE_FINE : report.fault);
    err = check == BOOT_CHECK_GOOD || check == BOOT_CHECK_EMPTY || job->is_fill
              ? DFU_OK
              : history_refused(&job->pair, job->err, job->fault);
    return err ? err : clean(&job->pair, decision, &settled);
}

/* Nothing is asked for, but the primary does not run: bring in what the secondary holds. */
static int consider_filling(struct job *job, const struct boot_facts *facts)
{
    static const struct boot_decision fill = { BOOT_UPGRADE, DFU_SWAP_REVERT, false,
                                               DFU_BOOT_WHY_EMPTY_PRIMARY };

    if (!fill_is_due(&job->pair)) {
        return DFU_OK;
    }
    job->is_fill = true;
    return check_update(job, facts, fill);
}

/* A trial that is brought in has all its starts before it. */
static int run_swap(struct swap *swap)
{
    int err = swap->type == DFU_SWAP_TEST ? attempts_forget(cfg_of(swap->pair)) : DFU_OK;

    return err == DFU_ERR_POWER ? err : swap_run(swap);
}

static int resume(struct job *job, struct swap *swap)
{
    job->type = swap->type;
    job->is_resumed = true;
    return run_swap(swap);
}

/* An error that is the update's own ends the update, not the start; without power all ends. */
static int survive(struct job *job, int err)
{
    if (err && err != DFU_ERR_POWER) {
        note(job, err, job->fault);
        err = DFU_OK;
    }
    return err;
}

static int decide(struct job *job, bool has_start_left)
{
    const struct dfu_boot_config *cfg = cfg_of(&job->pair);
    struct boot_facts facts;
    struct swap swap;
    int err = look_at_pair(&job->pair, &facts, &swap);
    struct boot_decision decision = attempts_apply(boot_decide(&facts), has_start_left);

    if (err) {
        job->is_half_changed = boot_has_begun(&facts);
        err = survive(job, err);
    }
    if (!err && cfg->strategy->plan && facts.rest != BOOT_REST_NONE) {
        err = survive(job, swap_end_trial(&swap, facts.rest == BOOT_REST_REQUEST));
    }
    job->is_recorded = swap.is_recorded || decision.is_recorded;
    job->is_in_scratch = swap.is_in_scratch;
    if (!err && facts.can_upgrade && !decision.is_recorded) {
        emit_type(&job->pair, decision.type);
    }
    if (!err && cfg->strategy->plan && decision.action == BOOT_RESUME) {
        err = resume(job, &swap);
        job->is_half_changed = err != DFU_OK;
        return survive(job, err);
    }
    if (!err && decision.action == BOOT_UPGRADE) {
        err = check_update(job, &facts, decision);
    }
    if (!err && job->type == DFU_SWAP_NONE && cfg->bootstrap) {
        err = consider_filling(job, &facts);
    }
    return survive(job, err);
}

static bool is_upgrade(const struct job *job)
{
    return !job->is_resumed && (job->type == DFU_SWAP_TEST || job->type == DFU_SWAP_PERM ||
                                job->type == DFU_SWAP_REVERT);
}

/* An earlier image that seems to want back, beside this one that is still on its way in, was
 * brought in by the start that this one finishes: it has yet to run for the first time. */
static void keep_earlier_trials(struct start *start, const struct job *job)
{
    if (!job->is_resumed && (job->type == DFU_SWAP_NONE || job->type == DFU_SWAP_REVERT)) {
        return;
    }
    for (struct job *earlier = start->jobs; earlier < job; earlier++) {
        if (is_upgrade(earlier) && earlier->type == DFU_SWAP_REVERT && !earlier->is_fill) {
            earlier->type = DFU_SWAP_NONE;
        }
    }
}

/* Together the images must be able to run, or all stay as they are: half of an update of several
 * images is worse than none. The requests stay, too. */
static void check_dependencies(struct start *start)
{
    uint8_t count = count_of(start);
    struct swap_place places[DFU_IMAGES_MAX];
    bool has_upgrade = false;

    for (uint8_t i = 0; i < count; i++) {
        const struct job *job = &start->jobs[i];

        places[i] = (struct swap_place){ job->pair.primary, 0 };
        if (is_upgrade(job)) {
            places[i] = (struct swap_place){ job->pair.secondary, job->pair.update_off };
            has_upgrade = true;
        }
    }
    if (!has_upgrade || depend_first_unmet(fixed_boot(start->kept), places) == count) {
        return;
    }
    for (struct job *job = start->jobs; job < start->jobs + count; job++) {
        if (is_upgrade(job)) {
            note(job, DFU_ERR_DEPENDS, job->fault);
            (void)history_refused(&job->pair, job->err, DFU_IMAGE_FINE);
        }
        job->type = job->is_resumed ? job->type : DFU_SWAP_NONE;
    }
}

static int decide_all(struct start *start)
{
    uint8_t count = count_of(start);
    bool has_start_left = attempts_has_left(fixed_boot(start->kept), true);
    int err = DFU_OK;

    for (uint8_t i = 0; i < count; i++) {
        start->jobs[i] =
            (struct job){ .pair = pair_of(fixed_boot(start->kept), i), .type = DFU_SWAP_NONE };
    }
    for (uint8_t i = 0; !err && i < count; i++) {
        err = decide(&start->jobs[i], has_start_left);
        keep_earlier_trials(start, &start->jobs[i]);
    }
    if (!err && count > 1) {
        check_dependencies(start);
    }
    return err;
}

/* ---- Act ---- */

/* A failed swap is not tried again: the image that stays counts as confirmed. */
static int confirm_primary(const struct boot_pair *pair)
{
    struct dfu_slot_state primary;
    int err = dfu_slot_state_read(cfg_of(pair)->map, pair->primary, &primary);

    if (err || primary.image_ok != DFU_FLAG_UNSET) {
        return err;
    }
    return dfu_trailer_write_image_ok(cfg_of(pair)->map, pair->primary);
}

static int swap_slots(const struct job *job)
{
    struct swap swap;
    int err = swap_init(&swap, &job->pair, job->type);

    swap.is_recorded = job->is_recorded;
    swap.is_in_scratch = job->is_in_scratch;
    return err ? err : run_swap(&swap);
}

/* What comes into an empty primary has nothing to go back to. With an offset, where the way back
 * is another one, MCUboot would take it all the same (N2): so there the image counts as confirmed. */
static int fill_primary(const struct job *job)
{
    bool is_final = cfg_of(&job->pair)->map->mode == DFU_MODE_SWAP_OFFSET;
    struct swap swap;
    int err = history_overwrites(&job->pair);

    if (!err) {
        err = cfg_of(&job->pair)->strategy->copy(&job->pair);
    }
    if (!err) {
        err = history_overwritten(&job->pair);
    }
    if (!err) {
        err = swap_init(&swap, &job->pair, is_final ? DFU_SWAP_REVERT : job->type);
    }
    return err ? err : swap_complete(&swap);
}

static int act(struct job *job)
{
    const struct dfu_boot_config *cfg = cfg_of(&job->pair);
    int err;

    job->is_tried = job->is_resumed || job->type != DFU_SWAP_NONE;
    if (job->is_resumed || job->type == DFU_SWAP_NONE) {
        return DFU_OK;
    }
    if (job->type == DFU_SWAP_FAIL) {
        err = confirm_primary(&job->pair);
    } else if (!cfg->strategy->plan) {
        err = cfg->strategy->copy(&job->pair);
    } else if (cfg->bootstrap && fill_is_due(&job->pair)) {
        err = fill_primary(job);
    } else {
        err = swap_slots(job);
    }
    if (err && job->type != DFU_SWAP_FAIL) {
        job->is_half_changed = err != DFU_ERR_NOSPACE; /* that comes before the first change */
        job->type = DFU_SWAP_NONE;
    }
    if (err && err != DFU_ERR_POWER) {
        (void)history_refused(&job->pair, err, DFU_IMAGE_FINE);
    }
    return survive(job, err);
}

/* ---- Verify and choose ---- */

static int check_magic_only(const struct boot_pair *pair, struct dfu_image_header *header)
{
    uint8_t raw[DFU_IMAGE_HEADER_SIZE];
    int err = dfu_area_read(pair->primary, 0, raw, sizeof raw);

    if (err) {
        return err;
    }
    if (dfu_image_header_parse(raw, header) != DFU_IMAGE_FINE) {
        boot_emit(pair, (struct dfu_boot_event){
                            .id = DFU_BOOT_EV_BAD_MAGIC, .a = get_le32(raw), .b = pair->image });
        return DFU_ERR_VERIFY;
    }
    return DFU_OK;
}

static int verify(struct job *job, struct dfu_image_header *header, enum dfu_image_fault *fault)
{
    const struct boot_pair *pair = &job->pair;
    struct dfu_image_report report = { .key_index = -1 }; /* nothing left over from another */

    *fault = DFU_IMAGE_FINE;
    if (!cfg_of(pair)->validate_primary && !job->is_half_changed) {
        permit_unchecked(&job->verdict);
        return check_magic_only(pair, header);
    }
    if (look_at_primary(pair, &report) != BOOT_CHECK_GOOD) {
        *fault = report.fault;
        return DFU_ERR_VERIFY;
    }
    job->verdict = report.verdict;
    return slot_header_read(pair->primary, 0, header);
}

static void report(const struct job *job, struct dfu_boot_result *out)
{
    uint8_t image = job->pair.image;

    out->swap[image] = job->type;
    out->resumed_images = (uint8_t)(out->resumed_images | job->is_resumed << image);
    out->resumed = out->resumed_images != 0;
    if (!out->update_err) {
        out->update_err = job->err;
        out->update_fault = job->fault;
        out->update_image = job->err ? image : 0;
    }
}

/* Every image must be fit to run, or none does. */
static int verify_all(struct start *start, struct dfu_boot_result *out)
{
    struct dfu_image_header header;
    uint32_t verified = 0;
    int err = DFU_OK;

    for (uint8_t i = 0; !err && i < count_of(start); i++) {
        if (start->jobs[i].is_tried) {
            (void)locate_update(&start->jobs[i].pair, DFU_SWAP_NONE, DFU_SWAP_NONE);
        }
        err = verify(&start->jobs[i], i == 0 ? &out->header : &header, &out->fault);
        out->fault_image = err ? i : 0;
        verified += err == DFU_OK;
    }
    if (!err && verified != count_of(start)) {
        err = DFU_ERR_VERIFY;
    }
    for (uint8_t i = 0; !err && i < count_of(start); i++) {
        (void)permit_run(out, i, fixed_boot(start->kept)->map->images[i].primary, 0,
                         &start->jobs[i].verdict);
    }
    return err;
}

int boot_upgrade(struct kept_boot kept, struct dfu_boot_result *out)
{
    struct start start = { .kept = kept };
    int err = decide_all(&start);

    for (uint8_t i = 0; !err && i < count_of(&start); i++) {
        err = act(&start.jobs[i]);
    }
    for (uint8_t i = 0; fixed_has_reports(kept) && i < count_of(&start); i++) {
        report(&start.jobs[i], out);
    }
    return err ? err : verify_all(&start, out);
}

/* ---- The same without changing anything ---- */

static void look_at_update(const struct boot_pair *pair, const struct boot_facts *facts,
                           struct boot_decision decision, struct dfu_boot_outlook *out)
{
    enum boot_check check =
        look_at_secondary(pair, decision.type, decision.is_recorded, &out->secondary_report);
    struct boot_settlement settled = boot_settle(facts, decision, check);

    out->swap = settled.type;
    out->update_err = refusal(check);
    out->erases_secondary = settled.cleaning == BOOT_CLEAN_SECONDARY;
}

/* After consider_filling(), but an image that would have been erased is still there. */
static void look_at_filling(const struct boot_pair *pair, struct dfu_boot_outlook *out)
{
    enum boot_check check = BOOT_CHECK_EMPTY;

    if (!out->erases_secondary) {
        check = look_at_secondary(pair, DFU_SWAP_REVERT, false, &out->secondary_report);
    }
    out->update_err = refusal(check);
    if (check == BOOT_CHECK_GOOD) {
        out->swap = DFU_SWAP_REVERT;
        out->why = DFU_BOOT_WHY_EMPTY_PRIMARY;
    }
    out->erases_secondary = out->erases_secondary || check == BOOT_CHECK_INVALID;
}

static void look_ahead(const struct boot_pair *pair, const struct boot_facts *facts,
                       const struct swap *swap, struct dfu_boot_outlook *out)
{
    struct boot_decision decision =
        attempts_apply(boot_decide(facts), attempts_has_left(cfg_of(pair), false));
    bool swaps = cfg_of(pair)->strategy->plan != NULL;
    bool fills = cfg_of(pair)->bootstrap && fill_is_due(pair);

    out->why = decision.why;
    out->rule = dfu_swap_rule_of(mode_of(facts), &facts->primary, &facts->secondary);
    out->asked = decision.type;
    out->swap = decision.action == BOOT_KEEP ? DFU_SWAP_NONE : decision.type;
    out->resumes = decision.action == BOOT_RESUME;
    if (out->resumes && cfg_of(pair)->strategy->plan) {
        struct swap_mark next = cfg_of(pair)->strategy->plan->mark(swap, swap->done);

        out->progress_idx = next.idx;
        out->progress_state = next.state;
        return;
    }
    if (decision.action == BOOT_UPGRADE) {
        look_at_update(pair, facts, decision, out);
    }
    if (out->swap == DFU_SWAP_NONE && fills) {
        look_at_filling(pair, out);
    } else if (out->swap != DFU_SWAP_NONE && out->swap != DFU_SWAP_FAIL && swaps && !fills) {
        out->update_err = swap_measure_new(pair);
        out->swap = out->update_err ? DFU_SWAP_NONE : out->swap;
    }
}

static int look_at_image(const struct dfu_boot_config *cfg, struct boot_pair *pair,
                         struct dfu_boot_outlook *out)
{
    struct boot_facts facts;
    struct swap swap;
    int err = look_at_pair(pair, &facts, &swap);

    if (err == DFU_ERR_POWER) {
        return err;
    }
    out->fit = dfu_slot_compatible(cfg->map, pair->image);
    out->primary = facts.primary;
    out->secondary = facts.secondary;
    look_at_primary(pair, &out->primary_report);
    look_at_secondary(pair, DFU_SWAP_REVERT, false, &out->secondary_report);
    look_ahead(pair, &facts, &swap, out);
    return DFU_OK;
}

static bool is_move(const struct dfu_boot_outlook *out)
{
    return !out->resumes && (out->swap == DFU_SWAP_TEST || out->swap == DFU_SWAP_PERM ||
                             out->swap == DFU_SWAP_REVERT);
}

/* Whether all updates would have to wait for an image that is missing. What a swap that has begun
 * brings in cannot be read before it is finished. */
static bool would_wait(const struct dfu_boot_config *cfg)
{
    struct swap_place places[DFU_IMAGES_MAX];

    for (uint8_t i = 0; i < cfg->map->image_count; i++) {
        struct dfu_boot_outlook other = { .swap = DFU_SWAP_NONE };
        struct boot_pair pair = pair_of(cfg, i);

        if (look_at_image(cfg, &pair, &other) || other.resumes) {
            return false;
        }
        places[i] = is_move(&other) ? (struct swap_place){ pair.secondary, pair.update_off }
                                    : (struct swap_place){ pair.primary, 0 };
    }
    return depend_first_unmet(cfg, places) != cfg->map->image_count;
}

int boot_upgrade_look(const struct dfu_boot_config *cfg, uint8_t image,
                      struct dfu_boot_outlook *out)
{
    struct boot_pair pair = pair_of(cfg, image);
    int err = look_at_image(cfg, &pair, out);

    if (!err && cfg->map->image_count > 1 && is_move(out) && would_wait(cfg)) {
        out->swap = DFU_SWAP_NONE;
        out->update_err = DFU_ERR_DEPENDS;
    }
    return err;
}
