/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "image/version.h"

void text_add_version(struct text *t, const struct dfu_image_version *version)
{
    text_add_dec(t, version->major);
    text_add(t, ".");
    text_add_dec(t, version->minor);
    text_add(t, ".");
    text_add_dec(t, version->revision);
}
