/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "vector_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

static struct archive_file find(const struct archive *vectors, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "images/%s", name);
    return archive_find(vectors, path);
}

static EVP_PKEY *load(struct archive_file file, bool is_public)
{
    BIO *bio = BIO_new_mem_buf(file.data, (int)file.len);
    EVP_PKEY *pkey = is_public ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL)
                               : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(pkey);
    return pkey;
}

struct dfu_key vector_key(const struct archive *vectors, const char *name)
{
    static struct {
        char name[64];
        uint8_t der[DFU_PUBLIC_KEY_MAX];
        struct dfu_key key;
    } cache[24];
    size_t i = 0;

    while (cache[i].name[0] && strcmp(cache[i].name, name) != 0) {
        i++;
        assert_true(i < sizeof(cache) / sizeof(cache[0]));
    }
    if (!cache[i].name[0]) {
        EVP_PKEY *pkey = load(find(vectors, name), strstr(name, "-pub.pem") != NULL);
        int len = dfu_openssl_public_key(pkey, cache[i].der, sizeof(cache[i].der));

        assert_true(len > 0 && strlen(name) < sizeof(cache[i].name));
        strcpy(cache[i].name, name);
        cache[i].key = (struct dfu_key){ dfu_openssl_sig_alg(pkey), cache[i].der, (size_t)len };
        assert_non_null(cache[i].key.alg);
        EVP_PKEY_free(pkey);
    }
    return cache[i].key;
}

void vector_device_keys(const struct archive *vectors, const char *name, struct vector_device *out)
{
    struct archive_file file;
    EVP_PKEY *pkey;
    int len;

    *out =
        (struct vector_device){ .how = { &dfu_image_opener, &dfu_aes_ctr_openssl, out->keys, 0 } };
    if (strcmp(name, "-") == 0) {
        return;
    }
    file = find(vectors, name);
    if (strstr(name, ".b64")) {
        len = EVP_DecodeBlock(out->bytes, file.data, (int)file.len / 4 * 4);
        len = len == 18 ? 16 : len == 33 ? 32 : -1; /* the padding counts */
        assert_true(len > 0);
        out->keys[0] = (struct dfu_unwrap_key){ &dfu_unwrap_kw_openssl, out->bytes, (size_t)len };
        out->how.key_count = 1;
        return;
    }
    pkey = load(file, false);
    len = dfu_openssl_private_key(pkey, out->bytes, sizeof(out->bytes));
    assert_true(len > 0);
    for (int i = 0; i < 2; i++) {
        const struct dfu_unwrap_alg *alg = dfu_openssl_unwrap_alg(pkey, i == 1);

        if (alg) {
            out->keys[out->how.key_count++] =
                (struct dfu_unwrap_key){ alg, out->bytes, (size_t)len };
        }
    }
    EVP_PKEY_free(pkey);
}
