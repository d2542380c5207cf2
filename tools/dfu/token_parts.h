/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* token_parts.h - what the token_*.c files share. */
#ifndef DFU_TOKEN_PARTS_H
#define DFU_TOKEN_PARTS_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "token.h"

#define TOKEN_LABEL_SIZE 32u

/* p11-kit is loaded (library.h) with the first URI. p11.uri_new is its p11_kit_uri_new, and so on. */
#define P11_CALLS(X)                \
    X(message)                      \
    X(module_finalize)              \
    X(module_initialize)            \
    X(module_load)                  \
    X(module_release)               \
    X(modules_finalize_and_release) \
    X(modules_load_and_initialize)  \
    X(strerror)                     \
    X(uri_free)                     \
    X(uri_get_attributes)           \
    X(uri_get_module_path)          \
    X(uri_get_pin_source)           \
    X(uri_get_pin_value)            \
    X(uri_match_token_info)         \
    X(uri_message)                  \
    X(uri_new)                      \
    X(uri_parse)

struct p11 {
#define P11_FIELD(name) __typeof__(p11_kit_##name) *(name);
    P11_CALLS(P11_FIELD)
#undef P11_FIELD
};
extern struct p11 p11;

/* 0, or an exit code after saying that p11-kit is missing: token_p11.c. */
int token_load_p11(struct cli *cli);

struct token {
    struct cli *cli;
    char *text; /* the URI as messages may show it */
    P11KitUri *uri;
    CK_FUNCTION_LIST **modules;
    CK_FUNCTION_LIST *module;
    CK_SLOT_ID slot;
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE public_key, private_key; /* 0: none */
    CK_KEY_TYPE type;
    bool has_session;
};

/* A padded label of a token, without the padding. */
int token_label_len(const CK_TOKEN_INFO *info);

/* Find and open: token_find.c. */
int token_load(struct token *token);
int token_find(struct token *token);
int token_start(struct token *token);
int token_login(struct token *token);

/* The one object of a class that the URI names; *out is 0 if there is none. */
int token_find_object(struct token *token, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *out);

/* The public half from the attributes of either object: token_key.c. */
EVP_PKEY *token_public_half(struct token *token, CK_OBJECT_HANDLE object);

#endif
