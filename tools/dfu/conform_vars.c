/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The image that the rules upload: version 0.0.0, not bootable, signed by nobody, so that no
 * bootloader takes it for anything; and another one that differs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "conform.h"
#include "dfu/image.h"
#include "dfu/openssl.h"

#define PAYLOAD 400u
#define TLVS    40u
#define SIZE    (DFU_IMAGE_HEADER_SIZE + PAYLOAD + TLVS)
#define FIRST   64u /* bytes of the first chunk; recovery takes whole write units only */
#define SECOND  192u

static bool add(struct conform *c, const char *name, char *text)
{
    if (!text || c->var_count == CONFORM_VARS_MAX) {
        free(text);
        return false;
    }
    c->vars[c->var_count++] = (struct conform_var){ name, text };
    return true;
}

bool conform_set_bytes(struct conform *c, const char *name, const uint8_t *data, size_t len)
{
    char *text = malloc(2 * len + 3);

    if (text) {
        text[0] = '$';
        text[1] = 'x';
        cli_hex(data, len, text + 2);
    }
    return add(c, name, text);
}

bool conform_set_text(struct conform *c, const char *name, const char *text)
{
    return add(c, name, strdup(text));
}

bool conform_set_number(struct conform *c, const char *name, uint32_t value)
{
    char *text = malloc(16);

    if (text) {
        snprintf(text, 16, "%u", (unsigned)value);
    }
    return add(c, name, text);
}

void conform_free(struct conform *c)
{
    for (size_t i = 0; i < c->var_count; i++) {
        free(c->vars[i].text);
    }
    c->var_count = 0;
}

static void digest(const uint8_t *data, size_t len, uint8_t out[32])
{
    struct dfu_hash hash = { .alg = &dfu_sha256_openssl };

    if (hash.alg->start(&hash) == 0) {
        (void)hash.alg->update(&hash, data, len);
        (void)hash.alg->finish(&hash, out);
    }
}

static void make_image(uint8_t image[SIZE], uint8_t fill, uint8_t hash[32])
{
    uint8_t *tlv = image + DFU_IMAGE_HEADER_SIZE + PAYLOAD;

    memset(image, 0, SIZE);
    put_le32(image, DFU_IMAGE_MAGIC);
    put_le16(image + 8, DFU_IMAGE_HEADER_SIZE);
    put_le32(image + 12, PAYLOAD);
    put_le32(image + 16, DFU_IMAGE_F_NON_BOOTABLE);
    memset(image + DFU_IMAGE_HEADER_SIZE, fill, PAYLOAD);
    digest(image, DFU_IMAGE_HEADER_SIZE + PAYLOAD, hash);
    put_le16(tlv, 0x6907);
    put_le16(tlv + 2, TLVS);
    put_le16(tlv + 4, DFU_TLV_SHA256);
    put_le16(tlv + 6, 32);
    memcpy(tlv + 8, hash, 32);
}

static bool set_image(struct conform *c)
{
    uint8_t image[SIZE], hash[32], sha[33] = { 0 };

    make_image(image, 0xa5, hash);
    digest(image, SIZE, sha);
    return conform_set_number(c, "len", SIZE) && conform_set_bytes(c, "sha", sha, 32) &&
           conform_set_bytes(c, "longsha", sha, 33) && conform_set_bytes(c, "hash", hash, 32) &&
           conform_set_bytes(c, "c0", image, FIRST) &&
           conform_set_bytes(c, "c1", image + FIRST, SECOND) &&
           conform_set_bytes(c, "c2", image + FIRST + SECOND, SIZE - FIRST - SECOND) &&
           conform_set_bytes(c, "all", image, SIZE) &&
           conform_set_bytes(c, "short", image, DFU_IMAGE_HEADER_SIZE - 1) &&
           conform_set_bytes(c, "nomagic", image + 4, FIRST) &&
           conform_set_number(c, "off1", FIRST) && conform_set_number(c, "off2", FIRST + SECOND);
}

bool conform_vars(struct conform *c)
{
    uint8_t image[SIZE], hash[32], sha[32];

    make_image(image, 0x5a, hash);
    digest(image, SIZE, sha);
    return set_image(c) && conform_set_bytes(c, "othersha", sha, 32) &&
           conform_set_bytes(c, "otherhash", hash, 32) && conform_set_bytes(c, "none", image, 0);
}
