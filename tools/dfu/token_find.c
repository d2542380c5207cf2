/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* From a URI to a session: the modules, the one token that matches, logging in, the one key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "keyfile.h"
#include "token_parts.h"

#define SLOTS_MAX   64u
#define OBJECTS_MAX 16u
#define ATTRS_MAX   8u
#define PIN_MAX     256
#define PIN_ENV     "DFU_KEY_PASSPHRASE"

int token_label_len(const CK_TOKEN_INFO *info)
{
    int len = TOKEN_LABEL_SIZE;

    while (len > 0 && info->label[len - 1] == ' ') {
        len--;
    }
    return len;
}

int token_load(struct token *token)
{
    const char *path = p11.uri_get_module_path(token->uri);

    if (!path) {
        token->modules = p11.modules_load_and_initialize(0);
    } else {
        CK_FUNCTION_LIST *module = p11.module_load(path, 0);

        token->modules = module ? calloc(2, sizeof(CK_FUNCTION_LIST *)) : NULL;
        if (token->modules) {
            token->modules[0] = module;
        }
        if (module && (!token->modules || p11.module_initialize(module) != CKR_OK)) {
            p11.module_release(module);
            free(token->modules);
            token->modules = NULL;
        }
    }
    if (!token->modules) {
        return cli_fail(token->cli, CLI_NO_DEVICE, "cannot load %s: %s; check the module's path",
                        path ? path : "the PKCS#11 modules of this computer", p11.message());
    }
    return CLI_DONE;
}

struct search {
    struct token *token;
    size_t matches;
    char names[512]; /* of the tokens that match, or of all */
};

static void note_name(struct search *search, const CK_TOKEN_INFO *info)
{
    size_t used = strlen(search->names);

    snprintf(search->names + used, sizeof(search->names) - used, "%s'%.*s'", used ? ", " : "",
             token_label_len(info), (const char *)info->label);
}

static void look_into(struct search *search, CK_FUNCTION_LIST *module, bool all)
{
    struct token *token = search->token;
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;

    if (module->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK) {
        return;
    }
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;

        if (module->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
            (info.flags & CKF_TOKEN_INITIALIZED) == 0) {
            continue;
        }
        if (all) {
            note_name(search, &info);
        } else if (p11.uri_match_token_info(token->uri, &info)) {
            note_name(search, &info);
            search->matches++;
            token->module = module;
            token->slot = slots[i];
            token->info = info;
        }
    }
}

int token_find(struct token *token)
{
    struct search search = { .token = token };
    struct search everything = { .token = token };

    for (CK_FUNCTION_LIST **m = token->modules; *m; m++) {
        look_into(&search, *m, false);
        look_into(&everything, *m, true);
    }
    if (search.matches == 1) {
        return CLI_DONE;
    }
    if (search.matches > 1) {
        return cli_fail(token->cli, CLI_USAGE,
                        "%s fits several tokens: %s; name one with token= or serial=", token->text,
                        search.names);
    }
    if (everything.names[0]) {
        return cli_fail(token->cli, CLI_NO_DEVICE, "there is no token for %s, only: %s",
                        token->text, everything.names);
    }
    return cli_fail(
        token->cli, CLI_NO_DEVICE,
        "there is no token for %s, nor any other; plug it in, or say module-path=", token->text);
}

int token_start(struct token *token)
{
    CK_RV rv =
        token->module->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL, &token->session);

    if (rv != CKR_OK) {
        return cli_fail(token->cli, CLI_NO_DEVICE, "cannot talk to the token '%.*s': %s",
                        token_label_len(&token->info), (char *)token->info.label, p11.strerror(rv));
    }
    token->has_session = true;
    return CLI_DONE;
}

/* The PIN file of a URI: a path, perhaps as file:PATH; a line end does not belong to the PIN. */
static int read_pin_file(struct token *token, const char *source, char pin[PIN_MAX])
{
    uint8_t *data;
    size_t len;
    int exit_code;

    source += strncmp(source, "file:", 5) == 0 ? 5 : 0;
    exit_code = cli_read_file(token->cli, source, PIN_MAX - 2, &data, &len);
    if (exit_code) {
        return exit_code;
    }
    len = strcspn((char *)data, "\r\n");
    memcpy(pin, data, len);
    pin[len] = 0;
    OPENSSL_cleanse(data, len);
    free(data);
    return CLI_DONE;
}

static int take_pin(struct token *token, char pin[PIN_MAX])
{
    const char *value = p11.uri_get_pin_value(token->uri);
    const char *source = p11.uri_get_pin_source(token->uri);
    char prompt[80];

    if (!value && source) {
        return read_pin_file(token, source, pin);
    }
    value = value ? value : getenv(PIN_ENV);
    if (value) {
        snprintf(pin, PIN_MAX, "%s", value);
        return CLI_DONE;
    }
    snprintf(prompt, sizeof(prompt), "Enter PIN of token %.*s: ", token_label_len(&token->info),
             (char *)token->info.label);
    if (!keyfile_has_terminal() || EVP_read_pw_string(pin, PIN_MAX, prompt, 0) != 0) {
        return cli_fail(token->cli, CLI_USAGE,
                        "the token '%.*s' wants a PIN; put it into " PIN_ENV
                        ", or name a file with ?pin-source=FILE in the URI",
                        token_label_len(&token->info), (char *)token->info.label);
    }
    return CLI_DONE;
}

static int fail_login(struct token *token, CK_RV rv)
{
    const char *why = p11.strerror(rv);

    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID) {
        why = "the PIN is wrong; few tries are left before it locks";
    } else if (rv == CKR_PIN_LOCKED) {
        why = "the PIN is locked; its security officer can set a new one";
    }
    return cli_fail(token->cli, CLI_USAGE, "cannot log in to the token '%.*s': %s",
                    token_label_len(&token->info), (char *)token->info.label, why);
}

int token_login(struct token *token)
{
    bool by_keypad = (token->info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    char pin[PIN_MAX] = "";
    int exit_code;
    CK_RV rv;

    if ((token->info.flags & CKF_LOGIN_REQUIRED) == 0) {
        return CLI_DONE;
    }
    exit_code = by_keypad ? CLI_DONE : take_pin(token, pin);
    if (exit_code) {
        return exit_code;
    }
    rv = token->module->C_Login(token->session, CKU_USER, by_keypad ? NULL : (unsigned char *)pin,
                                strlen(pin));
    OPENSSL_cleanse(pin, sizeof(pin));
    return rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN ? CLI_DONE : fail_login(token, rv);
}

/* What the URI says of the object, with the class that is looked for. */
static CK_ULONG template_of(struct token *token, CK_OBJECT_CLASS *class, CK_ATTRIBUTE *out)
{
    CK_ULONG count = 0, wanted = 0;
    CK_ATTRIBUTE *said = p11.uri_get_attributes(token->uri, &count);

    out[wanted++] = (CK_ATTRIBUTE){ CKA_CLASS, class, sizeof(*class) };
    for (CK_ULONG i = 0; i < count && wanted < ATTRS_MAX; i++) {
        if (said[i].type != CKA_CLASS) {
            out[wanted++] = said[i];
        }
    }
    return wanted;
}

int token_find_object(struct token *token, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *out)
{
    CK_FUNCTION_LIST *m = token->module;
    CK_OBJECT_HANDLE found[OBJECTS_MAX];
    CK_ATTRIBUTE wanted[ATTRS_MAX];
    CK_ULONG count = 0;
    CK_RV rv;

    *out = 0;
    rv = m->C_FindObjectsInit(token->session, wanted, template_of(token, &class, wanted));
    if (rv == CKR_OK) {
        rv = m->C_FindObjects(token->session, found, OBJECTS_MAX, &count);
        (void)m->C_FindObjectsFinal(token->session);
    }
    if (rv != CKR_OK) {
        return cli_fail(token->cli, CLI_NO_DEVICE, "cannot search the token '%.*s': %s",
                        token_label_len(&token->info), (char *)token->info.label, p11.strerror(rv));
    }
    if (count > 1) {
        return cli_fail(token->cli, CLI_USAGE,
                        "%s fits %lu keys; name one with object= or id=", token->text, count);
    }
    *out = count ? found[0] : 0;
    return CLI_DONE;
}
