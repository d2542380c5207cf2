/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "crypto/kind_openssl.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

static const struct {
    const struct dfu_sig_alg *alg;
    const char *type;
    int bits;
    const char *group;
} kinds[] = {
    { &dfu_rsa2048_openssl, "RSA", 2048, NULL },
    { &dfu_rsa3072_openssl, "RSA", 3072, NULL },
    { &dfu_ecdsa_p256_openssl, "EC", 256, "prime256v1" },
    { &dfu_ecdsa_p384_openssl, "EC", 384, "secp384r1" },
    { &dfu_ed25519_openssl, "ED25519", 256, NULL },
};

const struct dfu_sig_alg *kind_of_key(const EVP_PKEY *pkey)
{
    char group[32];

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!EVP_PKEY_is_a(pkey, kinds[i].type) || EVP_PKEY_get_bits(pkey) != kinds[i].bits) {
            continue;
        }
        /* Other curves of 256 bits exist. */
        if (!kinds[i].group || (EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
                                strcmp(group, kinds[i].group) == 0)) {
            return kinds[i].alg;
        }
    }
    return NULL;
}

int kind_set_pss(EVP_PKEY_CTX *ctx)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, PSS_SALT_SIZE) == 1;
}
