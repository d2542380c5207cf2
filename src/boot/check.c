/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/check.h"

#include "boot/revoke.h"
#include "boot/rollback.h"
#include "image/verdict.h"

/* What the configuration asks besides. */
static void apply_rules(const struct check_subject *subject, bool is_repeated,
                        struct dfu_image_report *report)
{
    const struct dfu_boot_config *cfg = fixed_boot(subject->kept);
    enum dfu_image_fault fault = DFU_IMAGE_FINE;

    if (cfg->revocation) {
        fault = cfg->revocation->rules->check(subject, report->key_index);
    }
    if (fault == DFU_IMAGE_FINE && cfg->counter && subject->is_counted) {
        fault = cfg->counter->rules->check(subject, is_repeated);
    }
    if (fault != DFU_IMAGE_FINE) {
        report->fault = report->fault == DFU_IMAGE_FINE ? fault : report->fault;
        verdict_refuse(&report->verdict);
    }
}

void check_image(const struct check_subject *subject, struct dfu_image_report *report)
{
    const struct dfu_boot_config *cfg = fixed_boot(subject->kept);

    *report = (struct dfu_image_report){ .fault = DFU_IMAGE_TOO_LARGE, .key_index = -1 };
    if (subject->limit == 0) { /* as a limit of an image it would mean "none" */
        return;
    }
    if (cfg->revocation) {
        cfg->revocation->rules->verify(subject, report);
    } else {
        dfu_image_verify(subject->policy, subject->reader, subject->limit, cfg->buf, cfg->buf_len,
                         cfg->feed_watchdog, cfg->ctx, report);
    }
    if ((cfg->revocation || cfg->counter) && dfu_verdict_is_trusted(&report->verdict)) {
        apply_rules(subject, false, report);
    }
    if (fixed_has_rules(subject->kept)) {                     /* once more, as one may go wrong */
        const struct check_subject *volatile again = subject; /* no compiler knows what it is */

        apply_rules(again, true, report);
    }
}
