/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A key in a PKCS#11 token: open, unlock, sign, close. */
#include "token.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "dfu/err.h"
#include "token_parts.h"

#define RAW_ECDSA_MAX 96u /* r and s of P-384 */

bool token_is_uri(const char *text)
{
    return strncmp(text, "pkcs11:", 7) == 0;
}

const char *token_name(const struct token *token)
{
    return token->text;
}

void token_close(struct token *token)
{
    if (!token) {
        return;
    }
    if (token->has_session) {
        (void)token->module->C_CloseSession(token->session);
    }
    if (token->modules && p11.uri_get_module_path(token->uri)) {
        (void)p11.module_finalize(token->modules[0]);
        p11.module_release(token->modules[0]);
        free(token->modules);
    } else if (token->modules) {
        p11.modules_finalize_and_release(token->modules);
    }
    p11.uri_free(token->uri);
    free(token->text);
    free(token);
}

static int fail_no_key(struct token *token)
{
    return cli_fail(token->cli, CLI_USAGE,
                    "the token '%.*s' has no key for %s; check object= and id=",
                    token_label_len(&token->info), (char *)token->info.label, token->text);
}

/* The object that shows the public half: the public key, or else the private one. */
static int find_public(struct token *token, CK_OBJECT_HANDLE *object)
{
    int exit_code = token_find_object(token, CKO_PUBLIC_KEY, &token->public_key);

    *object = token->public_key;
    if (exit_code || *object) {
        return exit_code;
    }
    exit_code = token_unlock(token);
    *object = token->private_key;
    return exit_code;
}

static int open_token(struct token *token, EVP_PKEY **public_half)
{
    CK_OBJECT_HANDLE object = 0;
    int exit_code = token_load(token);

    if (!exit_code) {
        exit_code = token_find(token);
    }
    if (!exit_code) {
        exit_code = token_start(token);
    }
    if (!exit_code) {
        exit_code = find_public(token, &object);
    }
    if (exit_code) {
        return exit_code;
    }
    *public_half = token_public_half(token, object);
    if (!*public_half) {
        return cli_fail(token->cli, CLI_USAGE,
                        "%s is a key of a kind images do not use, or the token does not show its "
                        "public half; store that beside it",
                        token->text);
    }
    return CLI_DONE;
}

int token_open(struct cli *cli, const char *uri, struct token **out, EVP_PKEY **public_half)
{
    struct token *token;
    int result, exit_code = token_load_p11(cli);

    *out = NULL;
    *public_half = NULL;
    if (exit_code) {
        return exit_code;
    }
    token = calloc(1, sizeof(*token));
    if (!token) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    token->cli = cli;
    token->text = strndup(uri, strcspn(uri, "?"));
    token->uri = p11.uri_new();
    result = token->uri && token->text ? p11.uri_parse(uri, P11_KIT_URI_FOR_ANY, token->uri)
                                       : P11_KIT_URI_UNEXPECTED;
    exit_code = result == P11_KIT_URI_OK
                    ? open_token(token, public_half)
                    : cli_fail(cli, CLI_USAGE,
                               "%s is no PKCS#11 URI (%s); write pkcs11:token=NAME;object=NAME",
                               token->text ? token->text : "", p11.uri_message(result));
    if (exit_code) {
        token_close(token);
        return exit_code;
    }
    *out = token;
    return CLI_DONE;
}

int token_unlock(struct token *token)
{
    int exit_code;

    if (token->private_key) {
        return CLI_DONE;
    }
    exit_code = token_login(token);
    if (!exit_code) {
        exit_code = token_find_object(token, CKO_PRIVATE_KEY, &token->private_key);
    }
    return exit_code || token->private_key ? exit_code : fail_no_key(token);
}

/* r and s side by side become DER, as images carry them. */
static int to_der(const uint8_t *raw, size_t len, uint8_t *sig, size_t cap)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, (int)(len / 2), NULL);
    BIGNUM *s = BN_bin2bn(raw + len / 2, (int)(len / 2), NULL);
    int size = DFU_ERR_IO;

    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        size = i2d_ECDSA_SIG(pair, NULL);
        size = size > 0 && (size_t)size <= cap ? i2d_ECDSA_SIG(pair, &sig) : DFU_ERR_NOSPACE;
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return size;
}

int token_sign(struct token *token, const uint8_t *data, size_t len, uint8_t *sig, size_t cap)
{
    CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_PSS, &pss, sizeof(pss) };
    uint8_t raw[RAW_ECDSA_MAX];
    bool is_ecdsa = token->type == CKK_EC;
    CK_ULONG size = is_ecdsa ? sizeof(raw) : cap;
    CK_RV rv;

    if (token->type != CKK_RSA) {
        mechanism = (CK_MECHANISM){ is_ecdsa ? CKM_ECDSA : CKM_EDDSA, NULL, 0 };
    }
    rv = token->module->C_SignInit(token->session, &mechanism, token->private_key);
    if (rv == CKR_OK) {
        rv = token->module->C_Sign(token->session, (unsigned char *)data, len, is_ecdsa ? raw : sig,
                                   &size);
    }
    if (rv != CKR_OK) {
        (void)cli_fail(token->cli, CLI_REFUSED, "the token '%.*s' does not sign with this key: %s",
                       token_label_len(&token->info), (char *)token->info.label, p11.strerror(rv));
        return DFU_ERR_IO;
    }
    return is_ecdsa ? to_der(raw, size, sig, cap) : (int)size;
}
