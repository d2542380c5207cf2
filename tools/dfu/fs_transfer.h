/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fs_transfer.h - whole files to and from a device. Exit codes; the result is printed. */
#ifndef DFU_TOOL_FS_TRANSFER_H
#define DFU_TOOL_FS_TRANSFER_H

#include "device.h"

/* name is the device's, NULL for the core dump of a crash (download only); check: compare its hash
 * afterwards. */
int fs_upload(struct device *dev, const char *path, const char *name, bool check);
int fs_download(struct device *dev, const char *name, const char *path, bool check);

#endif
