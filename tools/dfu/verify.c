/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "dfu/decompress.h"

#define BUF_SIZE 65536u

/* Without a key to open it, an encrypted image can still be one with a clear body. */
static struct dfu_image_decryption decryption_of(const struct cryptkey *device)
{
    return (struct dfu_image_decryption){
        .opener = &dfu_image_opener,
        .cipher = &dfu_aes_ctr_openssl,
        .keys = device ? device->keys : NULL,
        .key_count = device ? device->count : 0,
    };
}

int verify_judge(struct cli *cli, const uint8_t *data, size_t len, const struct keyfile *signer,
                 const struct cryptkey *device, struct dfu_image_report *report)
{
    static const struct dfu_hash_alg *const hashes[] = { &dfu_sha512_openssl, &dfu_sha384_openssl,
                                                         &dfu_sha256_openssl, NULL };
    struct dfu_image_decryption decryption = decryption_of(device);
    struct dfu_memory_span span = { data, (uint32_t)len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_key trusted = { signer ? signer->alg : NULL, signer ? signer->der : NULL,
                               signer ? signer->der_len : 0 };
    struct dfu_image_policy policy = {
        .hashes = hashes,
        .keys = &trusted,
        .key_count = signer ? 1 : 0,
        .hash_only = signer == NULL,
        .decryption = &decryption,
        .body_is_clear = device == NULL,
    };
    struct dfu_unpacker unpacker = { .way = &dfu_unpack, .decoder = &dfu_lzma2_liblzma };
    uint8_t *buf;

    unpacker.work_len = unpacker.decoder->work_size(&(struct dfu_coding){ 0 });
    buf = malloc(BUF_SIZE + unpacker.work_len);
    if (!buf) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    unpacker.work = buf + BUF_SIZE;
    policy.unpacker = &unpacker;
    dfu_image_verify(&policy, &reader, 0, buf, BUF_SIZE, NULL, NULL, report);
    free(buf);
    return CLI_DONE;
}

struct which {
    struct cli *cli;
    const struct cryptkey *device;
    const uint8_t *data;
    size_t len;
    cJSON *json; /* NULL: text */
    size_t signers;
    enum dfu_image_fault fault; /* of the image itself, whatever the key */
};

static bool is_about_the_key(enum dfu_image_fault fault)
{
    return fault == DFU_IMAGE_KEY_UNKNOWN || fault == DFU_IMAGE_SIG_MISSING ||
           fault == DFU_IMAGE_HASH_MISSING;
}

static void note_key(struct which *w, const struct keyfile *key,
                     const struct dfu_image_report *report)
{
    bool is_signer = dfu_verdict_is_trusted(&report->verdict);

    w->signers += is_signer;
    w->fault = is_signer || is_about_the_key(report->fault) ? w->fault : report->fault;
    if (w->json) {
        cJSON *entry = cJSON_CreateObject();

        cJSON_AddStringToObject(entry, "key", key->path);
        cJSON_AddStringToObject(entry, "type", key->alg->name);
        cJSON_AddBoolToObject(entry, "signed", is_signer);
        cJSON_AddItemToArray(w->json, entry);
    } else if (is_signer) {
        printf("%s (%s)\n", key->path, key->alg->name);
    }
}

static int ask_key(struct which *w, const char *name)
{
    struct dfu_image_report report = { 0 };
    struct keyfile key = { 0 };
    int exit_code = keyfile_read(w->cli, name, &key);

    if (exit_code) {
        return exit_code;
    }
    if (key.alg) {
        exit_code = verify_judge(w->cli, w->data, w->len, &key, w->device, &report);
        if (!exit_code) {
            note_key(w, &key, &report);
        }
    } else {
        exit_code = keyfile_fail_unsigning(w->cli, &key);
    }
    keyfile_free(&key);
    return exit_code;
}

static int tell(struct which *w, cJSON *keys)
{
    const char *file = cli_arg(w->cli, 0);

    if (keys) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "file", file);
        cJSON_AddBoolToObject(json, "valid", w->signers > 0);
        if (w->signers == 0 && w->fault) {
            cJSON_AddStringToObject(json, "fault", dfu_image_fault_text(w->fault));
        }
        cJSON_AddItemToObject(json, "keys", keys);
        (void)cli_json_print(w->cli, json);
        return w->signers > 0 ? CLI_DONE : CLI_REFUSED;
    }
    if (w->signers == 0 && w->fault) {
        return cli_fail(w->cli, CLI_REFUSED,
                        "%s is not valid, whoever signed it: %s; fetch it again", file,
                        dfu_image_fault_text(w->fault));
    }
    return w->signers > 0
               ? CLI_DONE
               : cli_fail(w->cli, CLI_REFUSED,
                          "%s is signed with none of these keys; name others with -k", file);
}

int verify_which(struct cli *cli, const uint8_t *data, size_t len, const struct cryptkey *device)
{
    cJSON *keys = cli->json ? cJSON_CreateArray() : NULL;
    struct which w = { .cli = cli, .device = device, .data = data, .len = len, .json = keys };
    int exit_code = CLI_DONE;

    if (cli_count(cli, 'k') == 0) {
        exit_code = cli_fail(cli, CLI_USAGE,
                             "--which needs the keys to choose from; name them "
                             "with -k, each");
    }
    for (size_t i = 0; i < cli_count(cli, 'k') && !exit_code; i++) {
        exit_code = ask_key(&w, cli_value_n(cli, 'k', i));
    }
    if (exit_code) {
        cJSON_Delete(keys);
        return exit_code;
    }
    return tell(&w, keys);
}
