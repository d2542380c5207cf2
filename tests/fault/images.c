/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "images.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "boot_world.h"
#include "dfu/openssl.h"
#include "packed_image.h"
#include "test_image.h"

#define BAD_SIZE     1700u
#define PAYLOAD_BYTE 600u /* that is changed */

const uint8_t images_kek[16] = "unwraps the keys";

static EVP_PKEY *secret_key(bool is_revoked)
{
    const char *secret =
        is_revoked ? "another key that is not trusted." : "a key for tests that is no secre";

    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, (const uint8_t *)secret, 32);
}

void images_make_keys(struct dfu_key keys[2])
{
    for (int i = 0; i < 2; i++) {
        EVP_PKEY *pkey = secret_key(i == 1);
        uint8_t *der = NULL;
        int len = i2d_PUBKEY(pkey, &der);

        keys[i] = (struct dfu_key){ &dfu_ed25519_openssl, der, (size_t)len };
        EVP_PKEY_free(pkey);
    }
}

static struct test_recipe recipe_of(enum held held, unsigned with, EVP_PKEY *pkey)
{
    static const uint8_t content_key[16] = "encrypts bodies", high[4] = { 5 }, low[4] = { 3 };
    struct test_recipe recipe = { .hdr_size = IMAGE_HEADER,
                                  .version = { .major = held == GOOD ? 1 : 2 },
                                  .flags = DFU_IMAGE_F_RAM_LOAD,
                                  .load_addr = WORLD_RAM_ADDR,
                                  .tlvs = { { .type = DFU_TLV_SHA256 } },
                                  .tlv_count = 1,
                                  .ed25519 = pkey };

    if (with & COUNTED) {
        recipe.prot[recipe.prot_count++] =
            (struct test_tlv){ DFU_TLV_SEC_CNT, held == TOO_OLD ? low : high, 4 };
    }
    if (held != GOOD && with & ENCRYPTED) {
        recipe.content_key = content_key;
        recipe.kek = images_kek;
        recipe.crypt_len = sizeof content_key;
    }
    recipe.body = (held == GOOD ? IMAGE_SIZE : BAD_SIZE) - (uint32_t)test_image_size(&recipe);
    return recipe;
}

static size_t build_packed(const struct test_recipe *plain, uint8_t *out)
{
    static struct packed_image packed;

    packed_image_make(&packed, plain, false);
    packed.signature[0] ^= 1;
    test_image_build(&packed.recipe, out);
    return test_image_size(&packed.recipe);
}

void images_damage(enum held held, unsigned with, uint8_t *image, size_t size)
{
    if (held == WRONG_SIGNATURE) {
        uint32_t from_end = with & ENCRYPTED ? 5 + 4 + 24 : 5; /* the wrapped key is last */

        image[size - from_end] ^= 1;
    } else if (held == CHANGED) {
        image[PAYLOAD_BYTE] ^= 1;
    }
}

size_t images_build(enum held held, unsigned with, uint8_t *out)
{
    EVP_PKEY *pkey = secret_key(held == BY_REVOKED_KEY);
    struct test_recipe recipe = recipe_of(held, with, pkey);
    size_t size = test_image_size(&recipe);

    if (held != GOOD && with & COMPRESSED) {
        size = build_packed(&recipe, out);
    } else {
        test_image_build(&recipe, out);
        images_damage(held, with, out, size);
        test_image_crypt(&recipe, out);
    }
    EVP_PKEY_free(pkey);
    return size;
}
