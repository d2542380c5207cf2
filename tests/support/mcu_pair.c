/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "mcu_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "dfu/openssl.h"

static EVP_PKEY *read_key(const char *file)
{
    char path[512];
    FILE *stream;
    EVP_PKEY *pkey;

    snprintf(path, sizeof(path), "%s/ports/mcu/development-key%s.pem", DFU_SOURCE_DIR, file);
    stream = fopen(path, "r");
    assert_non_null(stream);
    pkey = PEM_read_PrivateKey(stream, NULL, NULL, NULL);
    fclose(stream);
    assert_non_null(pkey);
    return pkey;
}

void mcu_pair_make(struct mcu_pair *pair, const struct mcu_scheme *scheme, unsigned seed)
{
    struct dfu_signer signer;
    int len;

    memset(pair, 0, sizeof(*pair));
    pair->scheme = scheme;
    pair->pkey = read_key(scheme->file);
    pair->digest_len = scheme->digest_len;
    for (size_t i = 0; i < pair->digest_len; i++) {
        pair->digest[i] = (uint8_t)(seed * 101 + i * 37 + (seed >> i % 8));
    }
    len = dfu_openssl_public_key(pair->pkey, pair->der, sizeof(pair->der));
    assert_true(len > 0);
    pair->der_len = (size_t)len;
    assert_int_equal(dfu_openssl_signer(pair->pkey, pair->der, pair->der_len, &signer), 0);
    len = signer.sign(signer.ctx, pair->digest, pair->digest_len, pair->sig, sizeof(pair->sig));
    assert_true(len > 0);
    pair->sig_len = (size_t)len;
}

int mcu_pair_verify(const struct mcu_pair *pair)
{
    struct dfu_key key = { pair->scheme->alg, pair->der, pair->der_len };

    return key.alg->verify(&key, pair->digest, pair->digest_len, pair->sig, pair->sig_len);
}

int mcu_pair_verify_both(const struct mcu_pair *pair)
{
    struct dfu_key key = { pair->scheme->host, pair->der, pair->der_len };
    int ours = mcu_pair_verify(pair);

    assert_int_equal(
        key.alg->verify(&key, pair->digest, pair->digest_len, pair->sig, pair->sig_len), ours);
    return ours;
}

int mcu_pair_verify_cut(const struct mcu_pair *pair, size_t der_len, size_t sig_len,
                        size_t digest_len)
{
    struct dfu_key key = { pair->scheme->alg, malloc(der_len), der_len };
    uint8_t *sig = malloc(sig_len ? sig_len : 1), *digest = malloc(digest_len);
    int err;

    assert_non_null(key.der);
    assert_non_null(sig);
    assert_non_null(digest);
    memcpy((uint8_t *)key.der, pair->der, der_len);
    memcpy(sig, pair->sig, sig_len);
    memcpy(digest, pair->digest, digest_len);
    err = key.alg->verify(&key, digest, digest_len, sig, sig_len);
    free((void *)key.der);
    free(sig);
    free(digest);
    return err;
}
