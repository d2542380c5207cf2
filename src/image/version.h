/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* version.h - the text of a version without its build number. */
#ifndef DFU_IMAGE_VERSION_H
#define DFU_IMAGE_VERSION_H

#include "base/text.h"
#include "dfu/image.h"

/* "1.2.3" */
void text_add_version(struct text *t, const struct dfu_image_version *version);

#endif
