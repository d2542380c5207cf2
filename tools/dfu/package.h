/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* package.h - a zip of several images and a manifest.json that says which is which, as nRF
 * Connect SDK builds it (dfu_application.zip): {"files": [{"file": NAME, "image_index": "0",
 * "size": BYTES}, ...]}. Whatever else the manifest says is for others: an image tells its version
 * itself. Read into memory; nothing is unpacked to a disk. */
#ifndef DFU_PACKAGE_H
#define DFU_PACKAGE_H

#include "device.h"

#define PACKAGE_IMAGES_MAX DFU_UPGRADE_SET_MAX

struct package_image {
    struct device_file file;
    uint32_t number; /* the device's image number */
};

/* Large parts point into it: it stays where it is. */
struct package {
    size_t count; /* at least 1 */
    struct package_image images[PACKAGE_IMAGES_MAX];
};

/* Whether a name ends in .zip, in either case. */
bool package_is(const char *path);

/* Read and check all of it: a package with one bad part is refused whole. Exit codes.
 * package_release is safe in either case. */
int package_read(struct cli *cli, const char *path, struct package *out);
void package_release(struct package *package);

/* Its images as an upgrade takes them: package->count of them. They point into the package. */
void package_parts(const struct package *package,
                   struct dfu_upgrade_part parts[PACKAGE_IMAGES_MAX]);

#endif
