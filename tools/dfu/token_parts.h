/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* token_parts.h - what the token_*.c files share. */
#ifndef DFU_TOKEN_PARTS_H
#define DFU_TOKEN_PARTS_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "token.h"

#define TOKEN_LABEL_SIZE 32u

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
