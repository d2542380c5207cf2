/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* upgrade_text.h - how an upgrade ended, in words. */
#ifndef DFU_TOOL_UPGRADE_TEXT_H
#define DFU_TOOL_UPGRADE_TEXT_H

#include "device.h"

/* For scripts: "confirmed", "reverted". */
const char *upgrade_outcome_word(enum dfu_upgrade_outcome outcome);

/* What is said of the new version: "runs and is confirmed". NULL: it is no good end. */
const char *upgrade_done_sentence(enum dfu_upgrade_outcome outcome);

/* The sentence for any other end. An exit code. */
int upgrade_fail(struct device *dev, const struct dfu_upgrade *g);

/* The same, of several images. */
const char *upgrade_set_done_sentence(enum dfu_upgrade_outcome outcome);
int upgrade_set_fail(struct device *dev, const struct dfu_upgrade_set *set);

/* "image": 0, "version": "1.1.0+0", "hash": "..."; added to json, or as an object. */
void upgrade_add_part(cJSON *json, const struct dfu_upgrade_part *part);
cJSON *upgrade_part_json(const struct dfu_upgrade_part *part);

#endif
