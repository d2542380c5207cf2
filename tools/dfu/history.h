/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* history.h - entries of the bootloader's history, from flash or from a device, for people and
 * scripts. */
#ifndef DFU_DFU_HISTORY_TEXT_H
#define DFU_DFU_HISTORY_TEXT_H

#include "cli.h"
#include "dfu/client.h"
#include "dfu/history.h"

#define HISTORY_MAX 1024u

struct history {
    struct dfu_client_update *updates; /* the newest first */
    size_t count;
};

/* At most limit entries of the bootloader's area. 0 or an exit code; history_free in both cases. */
int history_from_area(struct cli *cli, const struct dfu_area *area, size_t limit,
                      struct history *out);
void history_free(struct history *history);

cJSON *history_json(const struct history *history);
void history_print(const struct history *history);

#endif
