/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "crypto/encoding_openssl.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include "dfu/err.h"

#define PUBLIC_HEAD_MAX  26u
#define PRIVATE_HEAD_MAX 36u
#define MIDDLE_SIZE      5u
#define SECRET_MAX       48u
#define UNCOMPRESSED     0x04u

/* What stands in front of the point in SubjectPublicKeyInfo, and in front of the secret and between
 * it and the point in PrivateKeyInfo (RFC 5480, RFC 5915, RFC 5958, RFC 8410). The point of an
 * Edwards or Montgomery curve is not in the latter. */
static const struct form {
    const char *type, *group;
    int bits;
    uint8_t public_head_len, private_head_len, secret_len, point_len;
    uint8_t public_head[PUBLIC_HEAD_MAX], private_head[PRIVATE_HEAD_MAX], middle[MIDDLE_SIZE];
} forms[] = {
    { "EC",
      "P-256",
      256,
      26,
      36,
      32,
      65,
      { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 },
      { 0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20 },
      { 0xa1, 0x44, 0x03, 0x42, 0x00 } },
    { "EC",
      "P-384",
      384,
      23,
      35,
      48,
      97,
      { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
        0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00 },
      { 0x30, 0x81, 0xb6, 0x02, 0x01, 0x00, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22,
        0x04, 0x81, 0x9e, 0x30, 0x81, 0x9b, 0x02, 0x01, 0x01, 0x04, 0x30 },
      { 0xa1, 0x64, 0x03, 0x62, 0x00 } },
    { "ED25519",
      NULL,
      256,
      12,
      16,
      32,
      32,
      { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 },
      { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20 },
      { 0 } },
    { "X25519",
      NULL,
      253,
      12,
      16,
      32,
      32,
      { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00 },
      { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04,
        0x20 },
      { 0 } },
};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

EVP_PKEY *key_from_params(const char *type, int selection, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1) {
        pkey = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* secret and point: NULL for the half that is not there. OpenSSL checks that a point is on its
 * curve. */
static EVP_PKEY *make(const struct form *form, uint8_t *secret, const uint8_t *point)
{
    OSSL_PARAM params[4], *next = params;

    if (form->group) {
        *next++ =
            OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)form->group, 0);
    }
    if (point) {
        *next++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point,
                                                    form->point_len);
    }
    if (secret) {
        *next++ = form->group
                      ? OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, secret, form->secret_len)
                      : OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, secret,
                                                          form->secret_len);
    }
    *next = OSSL_PARAM_construct_end();
    return key_from_params(form->type, secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
}

static EVP_PKEY *usual_public(const uint8_t *der, size_t len)
{
    for (size_t i = 0; i < FORMS; i++) {
        const struct form *form = &forms[i];
        size_t head = form->public_head_len;

        if (len == head + form->point_len && memcmp(der, form->public_head, head) == 0 &&
            (!form->group || der[head] == UNCOMPRESSED)) {
            return make(form, NULL, der + head);
        }
    }
    return NULL;
}

/* A number as OSSL_PARAM has it: in this machine's byte order. */
static bool to_native(uint8_t *number, size_t len)
{
    BIGNUM *bn = BN_bin2bn(number, (int)len, NULL);
    bool done = bn && BN_bn2nativepad(bn, number, (int)len) == (int)len;

    BN_clear_free(bn);
    return done;
}

static EVP_PKEY *usual_private(const uint8_t *der, size_t len)
{
    for (size_t i = 0; i < FORMS; i++) {
        const struct form *form = &forms[i];
        size_t head = form->private_head_len, middle = head + form->secret_len;
        size_t end = form->group ? middle + MIDDLE_SIZE + form->point_len : middle;
        uint8_t secret[SECRET_MAX];
        EVP_PKEY *pkey = NULL;

        if (len != end || memcmp(der, form->private_head, head) != 0 ||
            (form->group && (memcmp(der + middle, form->middle, MIDDLE_SIZE) != 0 ||
                             der[middle + MIDDLE_SIZE] != UNCOMPRESSED))) {
            continue;
        }
        memcpy(secret, der + head, form->secret_len);
        if (!form->group || to_native(secret, form->secret_len)) {
            pkey = make(form, secret, form->group ? der + middle + MIDDLE_SIZE : NULL);
        }
        OPENSSL_cleanse(secret, sizeof(secret));
        return pkey;
    }
    return NULL;
}

EVP_PKEY *key_from_private(const uint8_t *der, size_t len)
{
    EVP_PKEY *pkey = usual_private(der, len);
    const uint8_t *p = der;
    PKCS8_PRIV_KEY_INFO *info;

    if (pkey || len > LONG_MAX) {
        return pkey;
    }
    info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)len);
    pkey = info && p == der + len ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return pkey;
}

EVP_PKEY *key_from_public(const uint8_t *der, size_t len)
{
    EVP_PKEY *pkey = usual_public(der, len);
    const uint8_t *p = der;

    if (pkey || len > LONG_MAX) {
        return pkey;
    }
    pkey = d2i_PUBKEY(NULL, &p, (long)len);
    if (pkey && p != der + len) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

int key_to_public(const EVP_PKEY *pkey, uint8_t *buf, size_t cap)
{
    for (size_t i = 0; i < FORMS; i++) {
        const struct form *form = &forms[i];
        size_t head = form->public_head_len, len = 0;

        if (!EVP_PKEY_is_a(pkey, form->type) || EVP_PKEY_get_bits(pkey) != form->bits) {
            continue;
        }
        if (cap < head + form->point_len) {
            return DFU_ERR_NOSPACE;
        }
        memcpy(buf, form->public_head, head);
        if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, buf + head,
                                            form->point_len, &len) == 1 &&
            len == form->point_len) {
            return (int)(head + len);
        }
    }
    return 0;
}
