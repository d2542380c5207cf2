/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* img_version.h - a version as the image group tells it. */
#ifndef DFU_SMP_IMG_VERSION_H
#define DFU_SMP_IMG_VERSION_H

#include "dfu/cbor.h"
#include "dfu/image.h"

/* "version": "1.2.3", or "1.2.3.4" where the build number is not 0. */
void smp_put_version(struct dfu_cbor_encoder *enc, const struct dfu_image_version *version);

#endif
