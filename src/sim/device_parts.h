/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* device_parts.h - what device.c asks of the application's server. */
#ifndef DFU_SIM_DEVICE_PARTS_H
#define DFU_SIM_DEVICE_PARTS_H

#include "dfu/sim_device.h"

/* The application has just started. */
void sim_server_start(struct dfu_sim_device *dev);

void sim_server_receive(struct dfu_sim_device *dev, uint32_t link, const uint8_t *packet,
                        size_t len, uint64_t now_ms);

#endif
