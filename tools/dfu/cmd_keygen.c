/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "commands.h"
#include "keyfile.h"
#include "token.h"

#define PASSPHRASE_MAX 1024

static const struct cli_option options[] = {
    { "key", 'k', "FILE", 1, "where the private key goes", NULL, 'k' },
    { "type", 't', "rsa-2048|rsa-3072|ecdsa-p256|ecdsa-p384|ed25519|x25519|aes-128|aes-256", 1,
      "its type", NULL, 't' },
    { "password", 'p', NULL, 0, "protect it by a passphrase (asked for, or DFU_KEY_PASSPHRASE)",
      NULL, 'p' },
    { "force", 'f', NULL, 0, "replace a file that is already there", NULL, 'f' },
    { 0 },
};

static int write_key(struct cli *cli, EVP_PKEY *pkey, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *pem = NULL;
    long len;
    int exit_code;

    if (!bio ||
        PEM_write_bio_PKCS8PrivateKey(bio, pkey, passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
                                      passphrase ? (int)strlen(passphrase) : 0, NULL, NULL) != 1) {
        BIO_free(bio);
        return cli_fail(cli, CLI_INTERNAL, "cannot encode the new key");
    }
    len = BIO_get_mem_data(bio, &pem);
    exit_code = cli_write_file(cli, cli_value(cli, 'k'), CLI_FILE_SECRET, pem, (size_t)len);
    BIO_free(bio);
    return exit_code;
}

/* One that a device shares with whoever encrypts for it; in base64, as MCUboot's newt tool has it. */
static int write_aes_key(struct cli *cli, size_t len)
{
    uint8_t key[32], text[48];
    int count, exit_code;

    if (cli_has(cli, 'p')) {
        return cli_fail(cli, CLI_USAGE,
                        "an AES key is kept as it is; leave out -p/--password, or choose x25519");
    }
    if (RAND_bytes(key, (int)len) != 1) {
        return cli_fail(cli, CLI_INTERNAL, "there is no randomness to make a key of");
    }
    count = EVP_EncodeBlock(text, key, (int)len);
    text[count] = '\n';
    exit_code = cli_write_file(cli, cli_value(cli, 'k'), CLI_FILE_SECRET, text, (size_t)count + 1);
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(text, sizeof(text));
    return exit_code;
}

/* -t, or on a terminal a question, as imgtool asks it. */
static int choose_type(struct cli *cli, size_t *type)
{
    char line[32] = "";

    if (cli_has(cli, 't')) {
        return cli_choice(cli, 't', keyfile_types, type);
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_fail(cli, CLI_INPUT, "keygen needs a type (-t); see %s keygen --help",
                        cli_program(cli));
    }
    for (;;) {
        printf("Type (rsa-2048, rsa-3072, ecdsa-p256, ecdsa-p384, ed25519, x25519): ");
        fflush(stdout);
        if (!fgets(line, sizeof(line), stdin)) {
            return cli_fail(cli, CLI_INPUT, "no type was given, no key made");
        }
        line[strcspn(line, "\n")] = 0;
        for (*type = 0; keyfile_types[*type]; (*type)++) {
            if (strcmp(line, keyfile_types[*type]) == 0) {
                return CLI_DONE;
            }
        }
    }
}

/* imgtool writes over what is there, and scripts that call it so may count on it. */
static int check_place(struct cli *cli)
{
    const char *path = cli_value(cli, 'k');

    if (token_is_uri(path)) {
        return cli_fail(cli, CLI_USAGE,
                        "keygen makes key files, and %.*s is in a token; make it there with "
                        "pkcs11-tool --keypairgen",
                        (int)strcspn(path, "?"), path);
    }
    if (cli_has(cli, 'f') || cli->is_imgtool || access(path, F_OK) != 0) {
        return CLI_DONE;
    }
    return cli_fail(cli, CLI_USAGE,
                    "%s is there already, and a lost key cannot be made again; choose another "
                    "name, or say --force",
                    path);
}

static int tell(struct cli *cli, size_t type)
{
    cJSON *json;

    if (!cli->json) {
        return CLI_DONE;
    }
    json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "file", cli_value(cli, 'k'));
    cJSON_AddStringToObject(json, "type", keyfile_types[type]);
    return cli_json_print(cli, json);
}

static int keygen_run(struct cli *cli)
{
    char passphrase[PASSPHRASE_MAX];
    bool wants_passphrase = cli_has(cli, 'p');
    size_t type = 0;
    EVP_PKEY *pkey;
    int exit_code;

    if (!cli_has(cli, 'k')) {
        return cli_fail(cli, CLI_USAGE,
                        "keygen needs a file for the key (-k); see %s keygen --help",
                        cli_program(cli));
    }
    exit_code = choose_type(cli, &type);
    if (!exit_code) {
        exit_code = check_place(cli);
    }
    if (!exit_code && type >= KEYFILE_AES_128) {
        exit_code = write_aes_key(cli, type == KEYFILE_AES_128 ? 16 : 32);
        return exit_code ? exit_code : tell(cli, type);
    }
    if (!exit_code && wants_passphrase) {
        exit_code = keyfile_new_passphrase(cli, passphrase, sizeof(passphrase));
    }
    if (exit_code) {
        return exit_code;
    }
    pkey = keyfile_generate(type);
    exit_code =
        pkey ? write_key(cli, pkey, wants_passphrase ? passphrase : NULL)
             : cli_fail(cli, CLI_INTERNAL, "cannot make a key of type %s", keyfile_types[type]);
    OPENSSL_cleanse(passphrase, sizeof(passphrase));
    EVP_PKEY_free(pkey);
    return exit_code ? exit_code : tell(cli, type);
}

static const char *const examples[] = {
    "# A key on the curve P-256",
    "dfu keygen -k signing.pem -t ecdsa-p256",
    "# One that images are encrypted for; the device holds it, dfu getpub gives the public half",
    "dfu keygen -k device.pem -t x25519",
    "# One that a passphrase protects, without typing it",
    "DFU_KEY_PASSPHRASE=... dfu keygen -k signing.pem -t ed25519 -p",
    NULL,
};

const struct cli_command cmd_keygen = {
    .name = "keygen",
    .summary = "Make a key to sign images with, or to encrypt them for",
    .details =
        "The key is written as PKCS#8 in PEM form, an AES key in base64, readable by its owner\n"
        "only. Images are signed with all types but x25519 and AES, and encrypted for\n"
        "rsa-2048, ecdsa-p256, x25519 and AES keys.",
    .options = options,
    .examples = examples,
    .is_imgtools = true,
    .run = keygen_run,
};
