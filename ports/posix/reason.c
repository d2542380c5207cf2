/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "reason.h"

#include <stdio.h>

#include "dfu/err.h"
#include "dfu/smp.h"

void dfu_reason_refused(char why[DFU_REASON_LEN], const struct dfu_refusal *refusal,
                        const char *what)
{
    const char *name = refusal->from_group ? dfu_smp_err_name(refusal->group, refusal->rc)
                                           : dfu_smp_rc_name(refusal->rc);
    char group[24] = "";

    if (refusal->from_group) {
        snprintf(group, sizeof(group), "group %u ", (unsigned)refusal->group);
    }
    snprintf(why, DFU_REASON_LEN, "the device refused to %s: %s (%serror %u%s%s%s%s); %s", what,
             dfu_refusal_what(refusal), group, (unsigned)refusal->rc, name ? " " : "",
             name ? name : "", refusal->reason[0] ? ": " : "", refusal->reason,
             dfu_refusal_hint(refusal));
}

void dfu_reason_silent(char why[DFU_REASON_LEN], const struct dfu_session *s, const char *what,
                       const char *by)
{
    if (!s->link.kind) {
        snprintf(why, DFU_REASON_LEN,
                 "lost the connection to %s when it was to %s, and it did not come back; check the "
                 "device and its cable",
                 s->target, what);
    } else if (s->link.is_refused) {
        snprintf(why, DFU_REASON_LEN,
                 "%s does not answer when asked to %s: its host says that nothing listens on that "
                 "port; start the device or correct the port",
                 s->target, what);
    } else {
        snprintf(why, DFU_REASON_LEN,
                 "%s did not answer in time when asked to %s; check that it runs and speaks SMP "
                 "here, or wait longer%s",
                 s->target, what, by);
    }
}

void dfu_reason_broken(char why[DFU_REASON_LEN], const struct dfu_session *s, const char *what)
{
    snprintf(
        why, DFU_REASON_LEN,
        "%s answered with something that is not SMP when asked to %s; check that the target is "
        "the right one",
        s->target, what);
}

void dfu_reason_upload(char why[DFU_REASON_LEN], const struct dfu_session *s,
                       const struct dfu_upload *u)
{
    static const char what[] = "take the image";

    switch (u->result) {
    case DFU_ERR_PERM: dfu_reason_refused(why, &u->refusal, what); break;
    case DFU_ERR_VERIFY:
        snprintf(why, DFU_REASON_LEN,
                 "what arrived on the device differs from the file, by the device's own check; "
                 "upload it again, and suspect its flash if it stays so");
        break;
    case DFU_ERR_TIMEOUT:
        snprintf(why, DFU_REASON_LEN,
                 "%s went silent after %u of %u bytes; start it again to go on from there",
                 s->target, (unsigned)u->acked, (unsigned)u->config.image.size);
        break;
    case DFU_ERR_STATE:
        snprintf(why, DFU_REASON_LEN,
                 "the device asks for the same bytes again and again (offset %u); reset it and try "
                 "again",
                 (unsigned)u->acked);
        break;
    case DFU_ERR_INVAL:
    case DFU_ERR_NOSPACE:
        snprintf(why, DFU_REASON_LEN,
                 "the device's buffer of %u bytes is too small for an upload; its firmware needs a "
                 "larger one",
                 (unsigned)u->config.frame_max);
        break;
    default: dfu_reason_broken(why, s, what);
    }
}

void dfu_reason_file(char why[DFU_REASON_LEN], const struct dfu_session *s,
                     const struct dfu_file *f, const char *what)
{
    const char *name = f->config.name ? f->config.name : "the dump";

    switch (f->result) {
    case DFU_ERR_PERM: dfu_reason_refused(why, &f->refusal, what); break;
    case DFU_ERR_TIMEOUT:
        snprintf(why, DFU_REASON_LEN,
                 "%s went silent after %u bytes of %s; start it again when it is back", s->target,
                 (unsigned)f->done, name);
        break;
    case DFU_ERR_STATE:
        snprintf(why, DFU_REASON_LEN,
                 "%s comes no further than %u of %u bytes; something else may be changing it, try "
                 "again",
                 name, (unsigned)f->best, (unsigned)f->size);
        break;
    case DFU_ERR_NOSPACE:
        snprintf(why, DFU_REASON_LEN,
                 "the device's buffer of %u bytes is too small for a file of that name; shorten it",
                 (unsigned)f->config.frame_cap);
        break;
    case DFU_ERR_FORMAT: dfu_reason_broken(why, s, what); break;
    default:
        snprintf(why, DFU_REASON_LEN, "cannot read or keep %s on this side: %s", name,
                 dfu_err_name(f->result));
    }
}

const char *dfu_reason_deed(enum dfu_upgrade_step step)
{
    switch (step) {
    case DFU_UPGRADE_PARAMS:
    case DFU_UPGRADE_SLOTS: return "describe itself";
    case DFU_UPGRADE_STATE: return "list its images";
    case DFU_UPGRADE_TEST: return "test the image";
    case DFU_UPGRADE_RESET: return "reset";
    case DFU_UPGRADE_CONFIRM: return "confirm the image";
    default: return "take the image";
    }
}

static void failed(char why[DFU_REASON_LEN], const struct dfu_session *s,
                   const struct dfu_upgrade *g)
{
    const char *what = dfu_reason_deed(g->failed_in);

    if (g->failed_in == DFU_UPGRADE_UPLOAD) {
        dfu_reason_upload(why, s, &g->upload);
        return;
    }
    switch (g->err) {
    case DFU_ERR_PERM: dfu_reason_refused(why, &g->refusal, what); break;
    case DFU_ERR_TIMEOUT: dfu_reason_silent(why, s, what, ""); break;
    case DFU_ERR_STATE:
        snprintf(why, DFU_REASON_LEN,
                 "the device took the confirmation, yet lists the image as unconfirmed and will go "
                 "back to the old one; look at its own log");
        break;
    default: dfu_reason_broken(why, s, what);
    }
}

void dfu_reason_upgrade(char why[DFU_REASON_LEN], const struct dfu_session *s,
                        const struct dfu_upgrade *g)
{
    switch (g->outcome) {
    case DFU_UPGRADE_REVERTED:
        snprintf(why, DFU_REASON_LEN,
                 "the device came back with its old image %s: the new one was refused by the "
                 "bootloader, or started and did not hold; see the device's console, correct the "
                 "firmware and try again",
                 g->after.version);
        break;
    case DFU_UPGRADE_TOO_LARGE:
        snprintf(why, DFU_REASON_LEN,
                 "the image of %u bytes does not fit the device, whose bootloader takes %u at "
                 "most; make it smaller",
                 (unsigned)g->config.firmware.size, (unsigned)g->limit);
        break;
    case DFU_UPGRADE_NO_SUCH_IMAGE:
        snprintf(why, DFU_REASON_LEN, "the device has no image number %u; look at its list",
                 (unsigned)g->config.image_number);
        break;
    case DFU_UPGRADE_NOT_RESTARTED:
        snprintf(why, DFU_REASON_LEN,
                 "the device still runs its old image and did not restart in time; reset it by "
                 "hand, the new image is in place");
        break;
    case DFU_UPGRADE_GONE:
        snprintf(why, DFU_REASON_LEN,
                 "the device did not come back in time after the reset; look at its console, or "
                 "wait longer");
        break;
    default: failed(why, s, g);
    }
}

const char *dfu_reason_set_deed(enum dfu_upgrade_set_step step)
{
    switch (step) {
    case DFU_UPGRADE_SET_SLOTS: return "tell its slots";
    case DFU_UPGRADE_SET_CONFIRM: return "confirm the image";
    default: return "list its images";
    }
}

static void set_failed(char why[DFU_REASON_LEN], const struct dfu_session *s,
                       const struct dfu_upgrade_set *set)
{
    const char *what = dfu_reason_set_deed(set->failed_in);

    switch (set->err) {
    case DFU_ERR_PERM: dfu_reason_refused(why, &set->refusal, what); break;
    case DFU_ERR_TIMEOUT: dfu_reason_silent(why, s, what, ""); break;
    case DFU_ERR_STATE:
        snprintf(why, DFU_REASON_LEN,
                 "the device took the confirmation, yet lists image %u as unconfirmed and will go "
                 "back to the old one; look at its own log",
                 (unsigned)set->config.parts[set->at].image_number);
        break;
    default: dfu_reason_broken(why, s, what);
    }
}

void dfu_reason_upgrade_set(char why[DFU_REASON_LEN], const struct dfu_session *s,
                            const struct dfu_upgrade_set *set)
{
    const struct dfu_upgrade_part *part = &set->config.parts[set->at];

    if (set->failed_in == DFU_UPGRADE_SET_STAGE || set->failed_in == DFU_UPGRADE_SET_RESTART) {
        dfu_reason_upgrade(why, s, &set->engine);
        return;
    }
    switch (set->outcome) {
    case DFU_UPGRADE_REVERTED:
        snprintf(why, DFU_REASON_LEN,
                 "the device came back with %s: image %u is still %s; nothing was confirmed%s, see "
                 "the device's console, correct the firmware and try again",
                 set->new_count ? "only a part of the package" : "its old images",
                 (unsigned)set->old.image, set->old.version[0] ? set->old.version : "old",
                 set->new_count ? " and the next reset goes back to the old images" : "");
        break;
    case DFU_UPGRADE_TOO_LARGE:
        snprintf(why, DFU_REASON_LEN,
                 "image %u of %u bytes does not fit the device, which takes %u at most; make it "
                 "smaller",
                 (unsigned)part->image_number, (unsigned)part->firmware.size, (unsigned)set->limit);
        break;
    case DFU_UPGRADE_NO_SUCH_IMAGE:
        snprintf(why, DFU_REASON_LEN, "the device has no image number %u; look at its list",
                 (unsigned)part->image_number);
        break;
    default: set_failed(why, s, set);
    }
}
