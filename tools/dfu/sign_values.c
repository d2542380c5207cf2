/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sign_values.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

const uint8_t sign_vendor_space[SIGN_UUID_SIZE] = {
    0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
};

/* A decimal number without leading zeros, up to max; steps over it. */
static bool take_number(const char **text, uint64_t max, uint64_t *out)
{
    const char *p = *text;
    uint64_t value = 0;

    if (!isdigit((unsigned char)*p) || (p[0] == '0' && isdigit((unsigned char)p[1]))) {
        return false;
    }
    for (; isdigit((unsigned char)*p); p++) {
        value = value * 10 + (uint64_t)(*p - '0');
        if (value > max) {
            return false;
        }
    }
    *text = p;
    *out = value;
    return true;
}

static bool take_version(const char *p, struct dfu_image_version *out)
{
    uint64_t part[4] = { 0 };

    if (!take_number(&p, UINT8_MAX, &part[0])) {
        return false;
    }
    if (*p == '.' && (p++, !take_number(&p, UINT8_MAX, &part[1]))) {
        return false;
    }
    if (*p == '.' && (p++, !take_number(&p, UINT16_MAX, &part[2]))) {
        return false;
    }
    if (*p == '+' && (p++, !take_number(&p, UINT32_MAX, &part[3]))) {
        return false;
    }
    *out = (struct dfu_image_version){ (uint8_t)part[0], (uint8_t)part[1], (uint16_t)part[2],
                                       (uint32_t)part[3] };
    return *p == 0;
}

/* Like one, but for the sizes of its numbers. */
static bool is_version(const char *p)
{
    for (int part = 0; part < 4; part++) {
        size_t digits = strspn(p, "0123456789");

        if (digits == 0 || (digits > 1 && *p == '0')) {
            return false;
        }
        p += digits;
        if (*p == 0) {
            return true;
        }
        if (*p++ != (part == 2 ? '+' : '.')) {
            return false;
        }
    }
    return false;
}

int sign_parse_version(struct cli *cli, const char *text, struct dfu_image_version *out)
{
    const char *plus = strchr(text, '+');
    int dots = 0;

    for (const char *p = text; *p; p++) {
        dots += *p == '.';
    }
    if (!take_version(text, out) || (plus && dots != 2)) {
        return cli_fail(cli, is_version(text) ? CLI_INPUT : CLI_USAGE,
                        "%s is not a version; write maj.min.rev+build, the later parts optional, "
                        "no leading zeros, at most 255.255.65535+4294967295",
                        text);
    }
    return CLI_DONE;
}

static size_t count_ids(const char *text)
{
    size_t count = 0;

    for (; *text; text++) {
        count += text[0] == '(' && isdigit((unsigned char)text[1]);
    }
    return count;
}

/* The next "(digits", or NULL. */
static const char *next_id(const char *p)
{
    while (*p && !(p[0] == '(' && isdigit((unsigned char)p[1]))) {
        p++;
    }
    return *p ? p + 1 : NULL;
}

/* The next ",  1.2.3)": its version in buf. Returns what follows it, or NULL. */
static const char *next_version(const char *p, char *buf, size_t cap)
{
    for (; *p; p++) {
        const char *start = p + 1;
        size_t len;

        if (*p != ',') {
            continue;
        }
        start += strspn(start, " \t");
        len = strspn(start, "0123456789.+");
        if (len > 0 && len < cap && start[len] == ')') {
            memcpy(buf, start, len);
            buf[len] = 0;
            return start + len;
        }
    }
    return NULL;
}

int sign_parse_dependencies(struct cli *cli, const char *text, struct dfu_image_dependency **out,
                            size_t *count)
{
    size_t ids = count_ids(text), found = 0;
    const char *id = text, *version = text;
    struct dfu_image_dependency *list = calloc(ids + 1, sizeof(*list));
    char buf[64];

    if (!list) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    while (ids > 0 && (version = next_version(version, buf, sizeof(buf))) != NULL) {
        uint64_t number;

        id = found < ids ? next_id(id) : NULL;
        if (!id) {
            break;
        }
        if (sign_parse_version(cli, buf, &list[found].min_version)) {
            free(list);
            return CLI_USAGE;
        }
        if (!take_number(&id, UINT8_MAX, &number)) {
            free(list);
            return cli_fail(cli, CLI_INPUT, "an image number in -d '%s' is not within 0 to 255",
                            text);
        }
        list[found++].image = (uint8_t)number;
    }
    if (ids == 0 || found != ids || version) {
        free(list);
        return cli_fail(cli, CLI_USAGE,
                        "-d '%s' does not name images and versions like '(1, 1.2.3) (2, 2.0)'",
                        text);
    }
    *out = list;
    *count = found;
    return CLI_DONE;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 hexadecimal digits, with dashes at the usual places or without any. */
static bool take_uuid(const char *text, uint8_t out[SIGN_UUID_SIZE])
{
    bool has_dashes = strlen(text) == 36;
    size_t at = 0;

    if (!has_dashes && strlen(text) != 32) {
        return false;
    }
    for (size_t i = 0; i < SIGN_UUID_SIZE; i++) {
        int high, low;

        if (has_dashes && (i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-') {
            return false;
        }
        high = hex_digit(text[at]);
        low = hex_digit(text[at + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return true;
}

int sign_parse_uuid(struct cli *cli, const char *text, const uint8_t *name_space,
                    uint8_t out[SIGN_UUID_SIZE])
{
    EVP_MD_CTX *ctx;
    uint8_t digest[EVP_MAX_MD_SIZE];
    bool ok;

    if (take_uuid(text, out)) {
        return CLI_DONE;
    }
    if (!name_space) {
        return cli_fail(cli, CLI_INPUT,
                        "--cid %s is a name, and names belong to a vendor; add --vid, or give the "
                        "UUID itself",
                        text);
    }
    for (const char *p = text; *p; p++) {
        if (iscntrl((unsigned char)*p)) {
            return cli_fail(cli, CLI_INPUT,
                            "a vendor or class name has characters that cannot be "
                            "printed");
        }
    }
    /* RFC 4122, 4.3: version 5, from the SHA-1 of namespace and name. */
    ctx = EVP_MD_CTX_new();
    ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
         EVP_DigestUpdate(ctx, name_space, SIGN_UUID_SIZE) == 1 &&
         EVP_DigestUpdate(ctx, text, strlen(text)) == 1 &&
         EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok) {
        return cli_fail(cli, CLI_INTERNAL, "cannot compute a SHA-1");
    }
    memcpy(out, digest, SIGN_UUID_SIZE);
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x50);
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
    return CLI_DONE;
}

int sign_parse_tlv_type(struct cli *cli, const char *text, uint16_t *out)
{
    uint64_t type;

    if (!cli_parse_number(text, &type)) {
        return cli_fail(cli, CLI_INPUT, "%s is not a type of custom TLVs, which is a number", text);
    }
    if (type < DFU_TLV_CUSTOM_MIN || type > DFU_TLV_CUSTOM_MAX) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is not a type of custom TLVs; those are 0x%04x to 0x%04x", text,
                        DFU_TLV_CUSTOM_MIN, DFU_TLV_CUSTOM_MAX);
    }
    *out = (uint16_t)type;
    return CLI_DONE;
}

static int parse_hex(struct cli *cli, const char *text, uint8_t *out, size_t *len)
{
    size_t digits = strlen(text);

    if (digits % 2 != 0) {
        return cli_fail(cli, CLI_USAGE, "the custom TLV value 0x%s has half a byte at its end",
                        text);
    }
    for (size_t i = 0; i < digits; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

        if (high < 0 || low < 0) {
            return cli_fail(cli, CLI_INPUT,
                            "the custom TLV value 0x%s is not hexadecimal; leave out 0x for text",
                            text);
        }
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    *len = digits / 2;
    return CLI_DONE;
}

int sign_parse_tlv_value(struct cli *cli, const char *text, uint8_t **out, size_t *len)
{
    bool is_hex = strncmp(text, "0x", 2) == 0;
    uint8_t *value = malloc(strlen(text) + 1);
    int exit_code = CLI_DONE;

    if (!value) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    if (is_hex) {
        exit_code = parse_hex(cli, text + 2, value, len);
    } else {
        *len = strlen(text);
        memcpy(value, text, *len);
    }
    if (exit_code) {
        free(value);
        return exit_code;
    }
    *out = value;
    return CLI_DONE;
}
