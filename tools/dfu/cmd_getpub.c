/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* getpub and getpubhash: a public key, or its hash, as code to build into a bootloader. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "code.h"
#include "commands.h"
#include "keyfile.h"

enum encoding { LANG_C, LANG_RUST, PEM, RAW };

#define OPT_SUFFIX 256

static const struct cli_option getpub_options[] = {
    { "key", 'k', "KEY", 1, "a private or public key in PEM form", NULL, 'k' },
    { "encoding", 'e', "lang-c|lang-rust|pem|raw", 1, "in what form", "lang-c", 'e' },
    { "lang", 'l', "c|rust", 1, "the older way to say lang-c, lang-rust", NULL, 'l' },
    { "output", 'o', "FILE", 1, "where it goes; standard output if not said", NULL, 'o' },
    { "name-suffix", 0, "TEXT", 1, "appended to the names in the code", NULL, OPT_SUFFIX },
    { 0 },
};

static const struct cli_option getpubhash_options[] = {
    { "key", 'k', "KEY", 1, "a private or public key in PEM form", NULL, 'k' },
    { "output", 'o', "FILE", 1, "where it goes; standard output if not said", NULL, 'o' },
    { "encoding", 'e', "lang-c|raw", 1, "in what form", "lang-c", 'e' },
    { "name-suffix", 0, "TEXT", 1, "appended to the names in the code", NULL, OPT_SUFFIX },
    { 0 },
};

/* What is printed, in memory: it goes to a file whole or not at all. */
struct page {
    FILE *stream;
    char *text;
    size_t len;
};

static int open_page(struct cli *cli, struct page *page)
{
    *page = (struct page){ 0 };
    page->stream = open_memstream(&page->text, &page->len);
    return page->stream ? CLI_DONE : cli_fail(cli, CLI_INTERNAL, "out of memory");
}

static int close_page(struct cli *cli, struct page *page)
{
    const char *path = cli_value(cli, 'o');
    int exit_code = CLI_DONE;

    if (fclose(page->stream) != 0) {
        exit_code = cli_fail(cli, CLI_INTERNAL, "out of memory");
    } else if (path) {
        exit_code = cli_write_file(cli, path, CLI_FILE_PLAIN, page->text, page->len);
    } else {
        fwrite(page->text, 1, page->len, stdout);
    }
    free(page->text);
    return exit_code;
}

static int check_suffix(struct cli *cli, bool is_code, const char *which)
{
    const char *suffix = cli_value(cli, OPT_SUFFIX);

    for (const char *p = suffix; p && *p; p++) {
        if (!isalnum((unsigned char)*p) && *p != '_') {
            return cli_fail(cli, CLI_USAGE,
                            "--name-suffix %s must contain only A-Z, a-z, 0-9 and _: it becomes "
                            "part of a name",
                            suffix);
        }
    }
    if (suffix && !is_code) {
        return cli_fail(cli, CLI_USAGE, "--name-suffix makes sense with %s only", which);
    }
    return CLI_DONE;
}

static int choose_encoding(struct cli *cli, size_t *encoding)
{
    static const char *const names[] = { "lang-c", "lang-rust", "pem", "raw", NULL };
    static const char *const langs[] = { "c", "rust", NULL };

    if (cli_has(cli, 'e') && cli_has(cli, 'l')) {
        return cli_fail(cli, CLI_USAGE, "-e/--encoding and -l/--lang exclude each other");
    }
    return cli_has(cli, 'l') ? cli_choice(cli, 'l', langs, encoding)
                             : cli_choice(cli, 'e', names, encoding);
}

static int print_pem(struct cli *cli, const struct keyfile *key, FILE *out)
{
    size_t len;
    char *pem;
    int exit_code = keyfile_public_pem(cli, key, &pem, &len);

    if (!exit_code) {
        fwrite(pem, 1, len, out);
        OPENSSL_free(pem);
    }
    return exit_code;
}

static int print_key(struct cli *cli, const struct keyfile *key, enum encoding encoding)
{
    const char *suffix = cli_value(cli, OPT_SUFFIX) ? cli_value(cli, OPT_SUFFIX) : "";
    char name[32];
    struct page page;
    int closed, exit_code = open_page(cli, &page);

    if (exit_code) {
        return exit_code;
    }
    snprintf(name, sizeof(name), "%s_pub_key", key->stem);
    switch (encoding) {
    case LANG_C: code_c(page.stream, name, suffix, key->der, key->der_len); break;
    case LANG_RUST: code_rust(page.stream, name, suffix, key->der, key->der_len); break;
    case PEM: exit_code = print_pem(cli, key, page.stream); break;
    case RAW: fwrite(key->der, 1, key->der_len, page.stream); break;
    }
    closed = close_page(cli, &page);
    return exit_code ? exit_code : closed;
}

static int hash_key(struct cli *cli, const struct keyfile *key, uint8_t digest[DFU_HASH_MAX])
{
    const struct dfu_hash_alg *alg = &dfu_sha256_openssl;
    struct dfu_hash h;

    if (alg->start(&h) || alg->update(&h, key->der, key->der_len) || alg->finish(&h, digest)) {
        return cli_fail(cli, CLI_INTERNAL, "cannot hash the key");
    }
    return CLI_DONE;
}

/* All forms at once: who reads JSON picks. A file (-o) gets the form that was asked for. */
static int print_json(struct cli *cli, const struct keyfile *key)
{
    char der[2 * DFU_PUBLIC_KEY_MAX + 1], hash[2 * DFU_HASH_MAX + 1];
    uint8_t digest[DFU_HASH_MAX];
    cJSON *json;
    size_t len;
    char *pem;
    int exit_code = hash_key(cli, key, digest);

    if (!exit_code) {
        exit_code = keyfile_public_pem(cli, key, &pem, &len);
    }
    if (exit_code) {
        return exit_code;
    }
    json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "type", key->alg ? key->alg->name : key->stem);
    cJSON_AddStringToObject(json, "der", cli_hex(key->der, key->der_len, der));
    cJSON_AddStringToObject(json, "pem", pem);
    cJSON_AddStringToObject(json, "sha256", cli_hex(digest, dfu_sha256_openssl.size, hash));
    OPENSSL_free(pem);
    return cli_json_print(cli, json);
}

static bool wants_json(const struct cli *cli)
{
    return cli->json && !cli_has(cli, 'o');
}

static int need_key(struct cli *cli)
{
    return cli_has(cli, 'k') ? CLI_DONE
                             : cli_fail(cli, CLI_USAGE, "%s needs a key (-k); see dfu %s --help",
                                        cli->command->name, cli->command->name);
}

static int getpub_run(struct cli *cli)
{
    size_t encoding = LANG_C;
    struct keyfile key;
    int exit_code = need_key(cli);

    if (!exit_code) {
        exit_code = choose_encoding(cli, &encoding);
    }
    if (!exit_code) {
        exit_code = check_suffix(cli, encoding <= LANG_RUST, "lang-c and lang-rust");
    }
    if (!exit_code) {
        exit_code = keyfile_read(cli, cli_value(cli, 'k'), &key);
    }
    if (exit_code) {
        return exit_code;
    }
    exit_code =
        wants_json(cli) ? print_json(cli, &key) : print_key(cli, &key, (enum encoding)encoding);
    keyfile_free(&key);
    return exit_code;
}

static int print_hash(struct cli *cli, const struct keyfile *key, bool is_raw)
{
    const char *suffix = cli_value(cli, OPT_SUFFIX) ? cli_value(cli, OPT_SUFFIX) : "";
    size_t size = dfu_sha256_openssl.size;
    uint8_t digest[DFU_HASH_MAX];
    struct page page;
    char name[40];
    int exit_code = hash_key(cli, key, digest);

    if (!exit_code) {
        exit_code = open_page(cli, &page);
    }
    if (exit_code) {
        return exit_code;
    }
    if (is_raw) {
        fwrite(digest, 1, size, page.stream);
    } else {
        snprintf(name, sizeof(name), "%s_pub_key_hash", key->stem);
        code_c(page.stream, name, suffix, digest, size);
    }
    return close_page(cli, &page);
}

static int getpubhash_run(struct cli *cli)
{
    static const char *const names[] = { "lang-c", "raw", NULL };
    size_t encoding = 0;
    struct keyfile key;
    int exit_code = need_key(cli);

    if (!exit_code) {
        exit_code = cli_choice(cli, 'e', names, &encoding);
    }
    if (!exit_code) {
        exit_code = check_suffix(cli, encoding == 0, "lang-c");
    }
    if (!exit_code) {
        exit_code = keyfile_read(cli, cli_value(cli, 'k'), &key);
    }
    if (exit_code) {
        return exit_code;
    }
    exit_code = wants_json(cli) ? print_json(cli, &key) : print_hash(cli, &key, encoding == 1);
    keyfile_free(&key);
    return exit_code;
}

static const char *const getpub_examples[] = {
    "# As C code to build into a bootloader",
    "dfu getpub -k signing.pem > keys.c",
    "# As a file for those who only verify",
    "dfu getpub -k signing.pem -e pem -o signing-pub.pem",
    NULL,
};

const struct cli_command cmd_getpub = {
    .name = "getpub",
    .summary = "Print a public key as code, PEM or raw bytes",
    .options = getpub_options,
    .examples = getpub_examples,
    .is_imgtools = true,
    .run = getpub_run,
};

static const char *const getpubhash_examples[] = {
    "# For bootloaders that hold only the hash of a key",
    "dfu getpubhash -k signing.pem > keyhash.c",
    NULL,
};

const struct cli_command cmd_getpubhash = {
    .name = "getpubhash",
    .summary = "Print the SHA-256 of a public key as code or raw bytes",
    .options = getpubhash_options,
    .examples = getpubhash_examples,
    .is_imgtools = true,
    .run = getpubhash_run,
};
