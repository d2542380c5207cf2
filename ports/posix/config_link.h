/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* config_link.h - a host's way to a configuration channel over TCP (config_wire.h). */
#ifndef DFU_POSIX_CONFIG_LINK_H
#define DFU_POSIX_CONFIG_LINK_H

#include <stdint.h>

#include "dfu/config_channel.h"
#include "link.h"

#define DFU_CONFIG_LINK_PORT "1338"

struct dfu_config_link {
    int fd; /* -1: closed */
    uint32_t timeout_ms;
};

/* target: "config:HOST[:PORT]", "config:[::1]:1338". On failure why holds a sentence;
 * DFU_ERR_INVAL: no such target can be. timeout_ms: how long an answer may take. */
int dfu_config_link_open(struct dfu_config_link *link, const char *target, uint32_t timeout_ms,
                         char why[DFU_LINK_WHY_LEN]);

/* 0; DFU_ERR_STATE: the device stalled it; DFU_ERR_TIMEOUT; DFU_ERR_IO: the link is gone. */
int dfu_config_link_set(struct dfu_config_link *link, const uint8_t report[DFU_CONFIG_REPORT_SIZE]);
int dfu_config_link_get(struct dfu_config_link *link, uint8_t report[DFU_CONFIG_REPORT_SIZE]);

/* A closed link may be closed again. */
void dfu_config_link_close(struct dfu_config_link *link);

#endif
