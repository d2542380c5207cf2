/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fleet_images.h - dfu image list and dfu image confirm, of many devices. */
#ifndef DFU_TOOL_FLEET_IMAGES_H
#define DFU_TOOL_FLEET_IMAGES_H

#include "fleet.h"

/* Exit codes. path names the file of an image or a package: devices that run another one are not
 * confirmed, and fail. NULL: each confirms what it runs, of several images number 0. */
int fleet_image_list(struct cli *cli);
int fleet_image_confirm(struct cli *cli, const char *path);

#endif
