/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* directory.h - a folder of this machine as the file system that a device serves over SMP.
 *
 * Names are relative to the folder, whether they begin with a slash or not. No name leads out of
 * it: "." and ".." are refused, and no symbolic link is followed. Only plain files are served. */
#ifndef DFU_PORTS_POSIX_DIRECTORY_H
#define DFU_PORTS_POSIX_DIRECTORY_H

#include "dfu/smp_fs.h"

struct dfu_directory {
    int fd;
};

/* 0, or -1 with errno. */
int dfu_directory_open(struct dfu_directory *directory, const char *path);
void dfu_directory_close(struct dfu_directory *directory);

/* Their ctx is a struct dfu_directory. */
extern const struct dfu_fs_ops dfu_directory_ops;

#endif
