/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "smp/img_version.h"

#include "image/version.h"

#define VERSION_MAX 32u /* "255.255.65535.4294967295" and more */

void smp_put_version(struct dfu_cbor_encoder *enc, const struct dfu_image_version *version)
{
    char buf[VERSION_MAX];
    struct text text = text_in(buf, sizeof(buf));

    text_add_version(&text, version);
    if (version->build != 0) {
        text_add(&text, ".");
        text_add_dec(&text, version->build);
    }
    dfu_cbor_pair_text(enc, "version", buf);
}
