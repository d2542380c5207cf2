/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The story of a start: look, decide, act, verify, choose. */
#include "dfu/boot.h"

#include "base/bytes.h"
#include "boot/copy.h"
#include "boot/decide.h"
#include "boot/look.h"
#include "boot/slot_ops.h"
#include "boot/swap.h"
#include "dfu/err.h"

#define BUF_SIZE_MIN 64u

/* One image pair on its way through a start. */
struct job {
    struct boot_pair pair;
    struct swap swap;
    enum dfu_swap_type type;          /* to carry out, or carried out */
    enum boot_check primary;          /* as far as is known; only where it may be filled */
    bool is_resumed, is_half_changed; /* the primary may hold neither image whole */
    int err;                          /* why an update was not carried out */
    enum dfu_image_fault fault;
};

static void emit(const struct boot_pair *pair, enum dfu_boot_event_id id)
{
    boot_emit(pair, (struct dfu_boot_event){ .id = id, .a = pair->image });
}

static void emit_type(const struct boot_pair *pair, enum dfu_swap_type type)
{
    boot_emit(pair,
              (struct dfu_boot_event){ .id = DFU_BOOT_EV_SWAP_TYPE, .a = pair->image, .b = type });
}

/* ---- Configuration ---- */

static int check_config(const struct dfu_boot_config *cfg)
{
    const char *what;

    if (!cfg || !cfg->map || !cfg->strategy || cfg->strategy->mode != cfg->map->mode) {
        return DFU_ERR_INVAL;
    }
    if (!cfg->buf || cfg->buf_len < BUF_SIZE_MIN || cfg->buf_len > UINT32_MAX ||
        cfg->buf_len % DFU_FLASH_WRITE_SIZE_MAX != 0) {
        return DFU_ERR_INVAL;
    }
    if (!cfg->policy.hashes || !cfg->policy.hashes[0] ||
        (cfg->policy.key_count > 0 && !cfg->policy.keys) ||
        (cfg->policy.key_count == 0 && !cfg->policy.hash_only)) {
        return DFU_ERR_INVAL;
    }
    /* More pairs need the dependency check, which is not written yet. */
    if (cfg->map->image_count != 1 || !cfg->map->images[0].secondary) {
        return DFU_ERR_INVAL;
    }
    return dfu_slot_map_check(cfg->map, &what) ? DFU_ERR_INVAL : DFU_OK;
}

static struct boot_pair pair_of(const struct dfu_boot_config *cfg, uint8_t image)
{
    const struct dfu_slot_pair *slots = &cfg->map->images[image];

    return (struct boot_pair){ cfg, slots->primary, slots->secondary, image };
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
    if (!pair->cfg->strategy->plan) {
        return copy_drop_request(pair); /* the erase that the cut prevented */
    }
    err = slot_erase_trailer(pair, pair->secondary);
    if (!err && !(decision.is_recorded && decision.type == DFU_SWAP_REVERT)) {
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
    enum boot_check check = look_at_secondary(&job->pair, decision.type, &report);
    struct boot_settlement settled = boot_settle(facts, decision, check);

    job->type = settled.type;
    job->err = refusal(check);
    job->fault = check == BOOT_CHECK_TOO_OLD ? DFU_IMAGE_FINE : report.fault;
    return clean(&job->pair, decision, &settled);
}

/* Nothing is asked for, but the primary does not run: bring in what the secondary holds. */
static int consider_filling(struct job *job, const struct boot_facts *facts)
{
    static const struct boot_decision fill = { BOOT_UPGRADE, DFU_SWAP_REVERT, false,
                                               DFU_BOOT_WHY_EMPTY_PRIMARY };
    struct dfu_image_report report;

    job->primary = look_at_primary(&job->pair, &report);
    return job->primary == BOOT_CHECK_GOOD ? DFU_OK : check_update(job, facts, fill);
}

static int resume(struct job *job)
{
    job->type = job->swap.type;
    job->is_resumed = true;
    return swap_run(&job->swap);
}

/* An error that is the update's own ends the update, not the start; without power all ends. */
static int survive(struct job *job, int err)
{
    if (err && err != DFU_ERR_POWER) {
        job->err = err;
        err = DFU_OK;
    }
    return err;
}

static int decide(struct job *job)
{
    const struct dfu_boot_config *cfg = job->pair.cfg;
    struct boot_facts facts;
    int err = look_at_pair(&job->pair, &facts, &job->swap);
    struct boot_decision decision = boot_decide(&facts);

    if (err) {
        job->is_half_changed =
            boot_source_of(facts.mode, &facts.primary, &facts.secondary) != BOOT_SOURCE_NONE;
        err = survive(job, err);
    }
    job->swap.is_recorded = job->swap.is_recorded || decision.is_recorded;
    if (!err && facts.can_upgrade && !decision.is_recorded) {
        emit_type(&job->pair, decision.type);
    }
    if (!err && decision.action == BOOT_RESUME) {
        err = resume(job);
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

/* ---- Act ---- */

/* A failed swap is not tried again: the image that stays counts as confirmed. */
static int confirm_primary(const struct boot_pair *pair)
{
    struct dfu_slot_state primary;
    int err = dfu_slot_state_read(pair->cfg->map, pair->primary, &primary);

    if (err || primary.image_ok != DFU_FLAG_UNSET) {
        return err;
    }
    return dfu_trailer_write_image_ok(pair->cfg->map, pair->primary);
}

static bool is_primary_broken(struct job *job)
{
    struct dfu_image_report report;

    job->primary = look_at_primary(&job->pair, &report);
    return job->primary != BOOT_CHECK_GOOD;
}

static int swap_slots(struct job *job)
{
    bool is_recorded = job->swap.is_recorded;
    int err = swap_init(&job->swap, &job->pair, job->type);

    job->swap.is_recorded = is_recorded;
    return err ? err : swap_run(&job->swap);
}

static int fill_primary(struct job *job)
{
    int err = job->pair.cfg->strategy->copy(&job->pair);

    if (!err) {
        err = swap_init(&job->swap, &job->pair, job->type);
    }
    return err ? err : swap_complete(&job->swap);
}

static int act(struct job *job)
{
    const struct dfu_boot_config *cfg = job->pair.cfg;
    int err;

    if (job->is_resumed || job->type == DFU_SWAP_NONE) {
        return DFU_OK;
    }
    if (job->type == DFU_SWAP_FAIL) {
        err = confirm_primary(&job->pair);
    } else if (!cfg->strategy->plan) {
        err = cfg->strategy->copy(&job->pair);
    } else if (cfg->bootstrap && is_primary_broken(job)) {
        err = fill_primary(job);
    } else {
        err = swap_slots(job);
    }
    if (err && job->type != DFU_SWAP_FAIL) {
        job->is_half_changed = err != DFU_ERR_NOSPACE; /* that comes before the first change */
        job->type = DFU_SWAP_NONE;
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
    struct dfu_image_report report;

    *fault = DFU_IMAGE_FINE;
    if (!pair->cfg->validate_primary && !job->is_half_changed) {
        return check_magic_only(pair, header);
    }
    if (look_at_primary(pair, &report) != BOOT_CHECK_GOOD) {
        *fault = report.fault;
        return DFU_ERR_VERIFY;
    }
    return slot_header_read(pair->primary, 0, header);
}

static void choose(const struct job *job, struct dfu_boot_result *out)
{
    const struct dfu_image_version *version = &out->header.version;

    out->area = job->pair.primary;
    boot_emit(&job->pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_CHAINLOAD,
                                                   .a = out->area->base + out->image_off });
    boot_emit(&job->pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_VERSION,
                                                   .a = version->major,
                                                   .b = version->minor,
                                                   .c = version->revision });
    emit(&job->pair, DFU_BOOT_EV_JUMP);
}

static void report(const struct job *job, struct dfu_boot_result *out)
{
    out->swap[job->pair.image] = job->type;
    out->resumed = out->resumed || job->is_resumed;
    if (!out->update_err) {
        out->update_err = job->err;
        out->update_fault = job->fault;
    }
}

int dfu_boot(const struct dfu_boot_config *cfg, struct dfu_boot_result *out)
{
    struct job job;
    int err = check_config(cfg);

    *out = (struct dfu_boot_result){ 0 };
    if (err) {
        return err;
    }
    job = (struct job){ .pair = pair_of(cfg, 0), .type = DFU_SWAP_NONE };
    emit(&job.pair, DFU_BOOT_EV_START);
    err = decide(&job);
    if (!err) {
        err = act(&job);
    }
    report(&job, out);
    if (!err) {
        err = verify(&job, &out->header, &out->fault);
    }
    if (err == DFU_ERR_POWER) {
        return err;
    }
    if (err) {
        emit(&job.pair, DFU_BOOT_EV_NO_IMAGE);
        return DFU_ERR_VERIFY;
    }
    choose(&job, out);
    return DFU_OK;
}

/* ---- The same without changing anything ---- */

static void look_at_update(const struct boot_pair *pair, const struct boot_facts *facts,
                           struct boot_decision decision, struct dfu_boot_outlook *out)
{
    enum boot_check check = look_at_secondary(pair, decision.type, &out->secondary_report);
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
        check = look_at_secondary(pair, DFU_SWAP_REVERT, &out->secondary_report);
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
    struct boot_decision decision = boot_decide(facts);
    bool swaps = pair->cfg->strategy->plan != NULL;
    bool fills = pair->cfg->bootstrap && !dfu_verdict_is_trusted(&out->primary_report.verdict);

    out->why = decision.why;
    out->rule = dfu_swap_rule_of(facts->mode, &facts->primary, &facts->secondary);
    out->asked = out->swap = decision.type;
    out->resumes = decision.action == BOOT_RESUME;
    if (out->resumes) {
        const struct swap_plan *plan = pair->cfg->strategy->plan;
        struct swap_mark next = plan->mark(swap, swap->done);

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

int dfu_boot_look(const struct dfu_boot_config *cfg, uint8_t image, struct dfu_boot_outlook *out)
{
    struct dfu_boot_config quiet;
    struct boot_facts facts;
    struct boot_pair pair;
    struct swap swap;
    int err = check_config(cfg);

    *out = (struct dfu_boot_outlook){ .swap = DFU_SWAP_NONE };
    if (err || image >= cfg->map->image_count) {
        return err ? err : DFU_ERR_INVAL;
    }
    quiet = *cfg;
    quiet.event = NULL;
    pair = pair_of(&quiet, image);
    err = look_at_pair(&pair, &facts, &swap);
    if (err == DFU_ERR_POWER) {
        return err;
    }
    out->fit = dfu_slot_compatible(cfg->map, image);
    out->primary = facts.primary;
    out->secondary = facts.secondary;
    look_at_primary(&pair, &out->primary_report);
    look_at_secondary(&pair, DFU_SWAP_REVERT, &out->secondary_report);
    look_ahead(&pair, &facts, &swap, out);
    return DFU_OK;
}
