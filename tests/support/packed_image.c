/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "packed_image.h"

#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void require(bool claim)
{
    if (!claim) {
        fprintf(stderr, "packed image: the recipe cannot be packed\n");
        abort();
    }
}

static size_t pack(const uint8_t *plain, size_t len, bool is_thumb, uint8_t *out)
{
    lzma_options_lzma options;
    lzma_filter filters[] = { { LZMA_FILTER_ARMTHUMB, NULL },
                              { LZMA_FILTER_LZMA2, &options },
                              { LZMA_VLI_UNKNOWN, NULL } };
    size_t at = 2;

    require(!lzma_lzma_preset(&options, 9));
    options.dict_size = 131072;
    options.lp = 1;
    out[0] = 0x0a;
    out[1] = 0x66;
    require(lzma_raw_buffer_encode(is_thumb ? filters : filters + 1, NULL, plain, len, out, &at,
                                   PACKED_BODY_MAX) == LZMA_OK);
    return at;
}

static void add(struct test_recipe *recipe, uint16_t type, const uint8_t *value, uint16_t len)
{
    require(recipe->prot_count < TEST_IMAGE_TLVS_MAX);
    recipe->prot[recipe->prot_count++] = (struct test_tlv){ type, value, len };
}

void packed_image_make(struct packed_image *out, const struct test_recipe *plain, bool is_thumb)
{
    struct test_recipe *r = &out->recipe;
    size_t region = plain->hdr_size + plain->body;
    size_t body;

    out->plain_size = test_image_size(plain);
    require(out->plain_size <= sizeof(out->plain));
    test_image_build(plain, out->plain);
    body = pack(out->plain + plain->hdr_size, plain->body, is_thumb, out->body);
    region += get_le16(out->plain + 10);
    put_le32(out->size, plain->body);
    require(EVP_Digest(out->plain, region, out->sha, NULL, EVP_sha256(), NULL) == 1);
    memcpy(out->signature, out->plain + out->plain_size - 64, 64);

    *r = *plain;
    r->body = (uint32_t)body;
    r->payload = out->body;
    r->flags |= DFU_IMAGE_F_COMPRESSED_LZMA2 | (is_thumb ? DFU_IMAGE_F_COMPRESSED_ARM_THUMB : 0u);
    add(r, DFU_TLV_DECOMP_SIZE, out->size, 4);
    add(r, DFU_TLV_DECOMP_SHA, out->sha, 32);
    if (plain->ed25519) {
        add(r, DFU_TLV_DECOMP_SIGNATURE, out->signature, 64);
    }
}
