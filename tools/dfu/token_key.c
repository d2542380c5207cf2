/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A key's public half from the attributes of a token's object. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "token_parts.h"

#define ATTR_MAX 1024u

struct bytes {
    uint8_t data[ATTR_MAX];
    size_t len;
};

static bool read_attribute(struct token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                           struct bytes *out)
{
    CK_ATTRIBUTE attribute = { type, out->data, sizeof(out->data) };
    CK_RV rv = token->module->C_GetAttributeValue(token->session, object, &attribute, 1);

    out->len = rv == CKR_OK && attribute.ulValueLen <= ATTR_MAX ? attribute.ulValueLen : 0;
    return out->len > 0;
}

static EVP_PKEY *make(const char *type, OSSL_PARAM_BLD *bld)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1) {
        (void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *rsa_of(struct token *token, CK_OBJECT_HANDLE object)
{
    struct bytes n, e;
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = NULL, *exponent = NULL;
    EVP_PKEY *pkey = NULL;

    if (read_attribute(token, object, CKA_MODULUS, &n) &&
        read_attribute(token, object, CKA_PUBLIC_EXPONENT, &e)) {
        modulus = BN_bin2bn(n.data, (int)n.len, NULL);
        exponent = BN_bin2bn(e.data, (int)e.len, NULL);
    }
    if (bld && modulus && exponent &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        pkey = make("RSA", bld);
    }
    BN_free(modulus);
    BN_free(exponent);
    OSSL_PARAM_BLD_free(bld);
    return pkey;
}

/* PKCS#11 wraps a point into an OCTET STRING; some tokens leave that out. */
static bool read_point(struct token *token, CK_OBJECT_HANDLE object, size_t size, struct bytes *out)
{
    size_t head;

    if (!read_attribute(token, object, CKA_EC_POINT, out) || out->len < size) {
        return false;
    }
    head = out->len - size;
    if (head != 0 && (head != 2 || out->data[0] != 0x04 || out->data[1] != size)) {
        return false;
    }
    memmove(out->data, out->data + head, size);
    out->len = size;
    return true;
}

static EVP_PKEY *ec_of(struct token *token, CK_OBJECT_HANDLE object)
{
    static const struct {
        const char *name;
        size_t size; /* of an uncompressed point */
        uint8_t oid[10], oid_len;
    } curves[] = {
        { "P-256", 65, { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 }, 10 },
        { "P-384", 97, { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 }, 7 },
    };
    struct bytes params, point;
    EVP_PKEY *pkey = NULL;

    if (!read_attribute(token, object, CKA_EC_PARAMS, &params)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        OSSL_PARAM_BLD *bld;

        if (params.len != curves[i].oid_len ||
            memcmp(params.data, curves[i].oid, params.len) != 0 ||
            !read_point(token, object, curves[i].size, &point)) {
            continue;
        }
        bld = OSSL_PARAM_BLD_new();
        if (bld &&
            OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].name, 0) ==
                1 &&
            OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len) ==
                1) {
            pkey = make("EC", bld);
        }
        OSSL_PARAM_BLD_free(bld);
    }
    return pkey;
}

static EVP_PKEY *edwards_of(struct token *token, CK_OBJECT_HANDLE object)
{
    struct bytes point;

    return read_point(token, object, 32, &point)
               ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point.data, point.len)
               : NULL;
}

EVP_PKEY *token_public_half(struct token *token, CK_OBJECT_HANDLE object)
{
    CK_ATTRIBUTE type = { CKA_KEY_TYPE, &token->type, sizeof(token->type) };
    EVP_PKEY *pkey = NULL;

    if (token->module->C_GetAttributeValue(token->session, object, &type, 1) != CKR_OK) {
        return NULL;
    }
    switch (token->type) {
    case CKK_RSA: pkey = rsa_of(token, object); break;
    case CKK_EC: pkey = ec_of(token, object); break;
    case CKK_EC_EDWARDS: pkey = edwards_of(token, object); break;
    default: break;
    }
    ERR_clear_error();
    return pkey;
}
