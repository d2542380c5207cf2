/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/check.h"

#include "boot/revoke.h"
#include "boot/rollback.h"
#include "image/verdict.h"

void check_image(const struct check_subject *subject, struct dfu_image_report *report)
{
    const struct dfu_boot_config *cfg = fixed_boot(subject->kept);
    enum dfu_image_fault fault;

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
    if (!dfu_verdict_is_trusted(&report->verdict) || !cfg->counter || !subject->is_counted) {
        return;
    }
    fault = cfg->counter->rules->check(subject);
    if (fault != DFU_IMAGE_FINE) {
        report->fault = fault;
        verdict_refuse(&report->verdict);
    }
}
