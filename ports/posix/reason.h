/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* reason.h - what went wrong, as a sentence with the next step. what completes "the device refused
 * to ...": "list its images". */
#ifndef DFU_POSIX_REASON_H
#define DFU_POSIX_REASON_H

#include "session.h"

#define DFU_REASON_LEN 512u

void dfu_reason_refused(char why[DFU_REASON_LEN], const struct dfu_refusal *refusal,
                        const char *what);
/* by completes "or wait longer": "" or " with --timeout". */
void dfu_reason_silent(char why[DFU_REASON_LEN], const struct dfu_session *s, const char *what,
                       const char *by);
void dfu_reason_broken(char why[DFU_REASON_LEN], const struct dfu_session *s, const char *what);

/* Of those that ended with an error. */
void dfu_reason_upload(char why[DFU_REASON_LEN], const struct dfu_session *s,
                       const struct dfu_upload *u);
void dfu_reason_file(char why[DFU_REASON_LEN], const struct dfu_session *s,
                     const struct dfu_file *f, const char *what);
void dfu_reason_upgrade(char why[DFU_REASON_LEN], const struct dfu_session *s,
                        const struct dfu_upgrade *g);
void dfu_reason_upgrade_set(char why[DFU_REASON_LEN], const struct dfu_session *s,
                            const struct dfu_upgrade_set *set);

/* "test the image" */
const char *dfu_reason_deed(enum dfu_upgrade_step step);
const char *dfu_reason_set_deed(enum dfu_upgrade_set_step step); /* of its own questions */

#endif
