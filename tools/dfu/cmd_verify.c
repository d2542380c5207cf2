/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "cryptkey.h"
#include "dfu/image.h"
#include "imagefile.h"
#include "keyfile.h"
#include "sbom.h"
#include "verify.h"

#define BUF_SIZE 65536u

enum { O_DECRYPT_KEY = 256, O_WHICH, O_SBOM };

#define ENCRYPTED (DFU_IMAGE_F_ENCRYPTED_AES128 | DFU_IMAGE_F_ENCRYPTED_AES256)

/* What it must be signed with, and what opens it; NULL where not given. */
struct verify_keys {
    const struct keyfile *signer;
    const struct cryptkey *device;
};

static const struct cli_option options[] = {
    { "key", 'k', "KEY", 1, "the key it must be signed with, public or private", NULL, 'k' },
    { "decrypt-key", 0, "FILE", 1, "the device's private key, for an encrypted image", NULL,
      O_DECRYPT_KEY },
    { "which", 0, NULL, 0, "tell which of the keys (-k, several) signed it", NULL, O_WHICH },
    { "sbom", 0, "FILE", 1, "the bill of materials that it must have been signed with", NULL,
      O_SBOM },
    { 0 },
};

/* The signature of a pure image as text, or NULL. */
static const char *pure_signature(const struct dfu_image *image, char *out)
{
    struct dfu_image_tlv tlv;
    uint8_t sig[DFU_SIGNATURE_MAX];
    int len;

    if (dfu_image_tlv_find(image, DFU_TLV_ED25519, false, &tlv)) {
        return NULL;
    }
    len = dfu_image_tlv_read(image, &tlv, sig, sizeof(sig));
    return len < 0 ? NULL : cli_hex(sig, (size_t)len, out);
}

static bool is_encrypted(const struct dfu_image *image)
{
    return (image->header.flags & ENCRYPTED) != 0;
}

static int print_json(struct cli *cli, const struct dfu_image *image,
                      const struct dfu_image_report *report, const struct verify_keys *keys)
{
    const struct keyfile *key = keys->signer;
    cJSON *json = cJSON_CreateObject();
    char version[DFU_IMAGE_VERSION_STRLEN], hex[2 * DFU_HASH_MAX + 1];

    cJSON_AddStringToObject(json, "file", cli_arg(cli, 0));
    cJSON_AddBoolToObject(json, "valid", true);
    cJSON_AddStringToObject(json, "version",
                            dfu_image_version_text(&image->header.version, version));
    cJSON_AddNumberToObject(json, "size", report->size);
    if (report->hash) {
        cJSON_AddStringToObject(json, "hash", report->hash->name);
        cJSON_AddStringToObject(json, "digest", cli_hex(report->digest, report->hash->size, hex));
    }
    cJSON_AddStringToObject(json, "signature",
                            !key              ? "not checked"
                            : report->is_pure ? "pure"
                                              : "of the hash");
    if (key && key->alg) {
        cJSON_AddStringToObject(json, "key_type", key->alg->name);
    }
    cJSON_AddStringToObject(json, "body",
                            !is_encrypted(image) ? "plain"
                            : keys->device       ? "encrypted"
                                                 : "clear");
    cJSON_AddBoolToObject(json, "bootable", (image->header.flags & DFU_IMAGE_F_NON_BOOTABLE) == 0);
    return cli_json_print(cli, json);
}

static int print_text(const struct dfu_image *image, const struct dfu_image_report *report,
                      bool has_key)
{
    char version[DFU_IMAGE_VERSION_STRLEN], hex[2 * DFU_SIGNATURE_MAX + 1];

    printf("Image was correctly validated\n");
    printf("Image version: %s\n", dfu_image_version_text(&image->header.version, version));
    if (has_key && report->is_pure) {
        printf("Image signature over image: %s\n", pure_signature(image, hex));
    } else if (report->hash) {
        printf("Image digest: %s\n", cli_hex(report->digest, report->hash->size, hex));
    }
    return CLI_DONE;
}

/* What a decryption key has to do with it. */
static int fail_decryption(struct cli *cli, const struct cryptkey *device,
                           enum dfu_image_fault fault)
{
    const char *file = cli_arg(cli, 0);

    switch (fault) {
    case DFU_IMAGE_ENC_MISSING:
        return cli_fail(cli, CLI_REFUSED,
                        "%s is marked as encrypted, but not for a key like the %s key %s; name "
                        "another key, or encrypt it again",
                        file, cryptkey_kind(device), device->path);
    case DFU_IMAGE_ENC_LENGTH:
        return cli_fail(cli, CLI_REFUSED,
                        "%s is not valid: the key it is encrypted with is wrapped in the wrong "
                        "length for %s; encrypt it again",
                        file, device->keys[0].alg->name);
    default:
        return cli_fail(cli, CLI_REFUSED,
                        "%s is encrypted for another key than %s, or what its key is wrapped in "
                        "was changed; name the right key",
                        file, device->path);
    }
}

/* What imgtool says of it, on standard output, where scripts look for it. */
static const char *imgtools_verdict(enum dfu_image_fault fault)
{
    switch (fault) {
    case DFU_IMAGE_TRUNCATED:
    case DFU_IMAGE_BAD_MAGIC: return "Invalid image magic; is this an MCUboot image?";
    case DFU_IMAGE_BAD_HEADER:
    case DFU_IMAGE_BAD_PROT_SIZE:
    case DFU_IMAGE_BAD_TLV_MAGIC: return "Invalid TLV info magic; is this an MCUboot image?";
    case DFU_IMAGE_HASH_LENGTH:
    case DFU_IMAGE_HASH_MISMATCH: return "Image has an invalid hash";
    case DFU_IMAGE_HASH_MISSING: return "Key type does not match TLV record";
    default: return "No signature found for the given key";
    }
}

static int fail_fault(struct cli *cli, const struct verify_keys *keys, enum dfu_image_fault fault,
                      bool is_closed)
{
    const struct keyfile *key = keys->signer;
    const char *file = cli_arg(cli, 0);

    if (fault == DFU_IMAGE_NOT_SUPPORTED) {
        return cli_fail(cli, CLI_REFUSED,
                        "%s cannot be checked: it is compressed in a way that no bootloader reads",
                        file);
    }
    if (keys->device && (fault == DFU_IMAGE_ENC_MISSING || fault == DFU_IMAGE_ENC_LENGTH ||
                         fault == DFU_IMAGE_ENC_KEY)) {
        return fail_decryption(cli, keys->device, fault);
    }
    if (is_closed && !keys->device) {
        return cli_fail(cli, CLI_REFUSED,
                        "%s is encrypted; name the key that opens it with --decrypt-key", file);
    }
    if (is_closed && fault == DFU_IMAGE_HASH_MISMATCH) {
        return cli_fail(cli, CLI_REFUSED,
                        "%s is not valid: what it decrypts to does not match its hash (made with "
                        "--clear, it is checked without --decrypt-key)",
                        file);
    }
    if (key && fault == DFU_IMAGE_KEY_UNKNOWN) {
        return cli_fail(cli, CLI_REFUSED,
                        "%s is not signed with the key %s; name the right one, or sign it again",
                        file, key->path);
    }
    if (key && fault == DFU_IMAGE_SIG_MISSING) {
        return cli_fail(cli, CLI_REFUSED,
                        "%s has no %s signature, as the key %s would make; name the key it was "
                        "signed with, or sign it again",
                        file, key->alg->name, key->path);
    }
    if (key && fault == DFU_IMAGE_HASH_MISSING) {
        return cli_fail(
            cli, CLI_REFUSED,
            "%s has no hash of a kind that goes with the %s key %s; name the key it was "
            "signed with, or sign it again",
            file, key->alg->name, key->path);
    }
    return cli_fail(cli, CLI_REFUSED,
                    "%s is not valid: %s; sign it with dfu sign, or fetch it again", file,
                    dfu_image_fault_text(fault));
}

static int verify(struct cli *cli, const uint8_t *data, size_t len, const struct verify_keys *keys)
{
    const struct keyfile *key = keys->signer;
    struct dfu_memory_span span = { data, (uint32_t)len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image_report report;
    struct dfu_image image;
    bool is_closed;
    int exit_code = verify_judge(cli, data, len, key, keys->device, &report);

    if (exit_code) {
        return exit_code;
    }
    is_closed = dfu_image_open(&image, &reader, 0) == DFU_IMAGE_FINE && is_encrypted(&image);
    if (!dfu_verdict_is_trusted(&report.verdict)) {
        if (cli->is_imgtool && !cli->json) {
            printf("%s\n", imgtools_verdict(report.fault));
        }
        return fail_fault(cli, keys, report.fault, is_closed);
    }
    if (is_closed && !keys->device) {
        cli_note(cli, "%s is marked as encrypted, but its program is not: it is for a primary slot",
                 cli_arg(cli, 0));
    }
    if (cli_has(cli, O_SBOM)) {
        exit_code = sbom_check(cli, &image, cli_arg(cli, 0), cli_value(cli, O_SBOM));
    }
    if (exit_code) {
        return exit_code;
    }
    return cli->json ? print_json(cli, &image, &report, keys)
                     : print_text(&image, &report, key != NULL);
}

static int verify_run(struct cli *cli)
{
    struct cryptkey device = { 0 };
    struct keyfile key = { 0 };
    bool is_which = cli_has(cli, O_WHICH);
    bool has_key = cli_has(cli, 'k') && !is_which, has_device = cli_has(cli, O_DECRYPT_KEY);
    struct verify_keys keys = { has_key ? &key : NULL, has_device ? &device : NULL };
    uint8_t *data = NULL;
    size_t len = 0;
    int exit_code = has_key ? keyfile_read(cli, cli_value(cli, 'k'), &key) : CLI_DONE;

    if (!exit_code && has_key && !key.alg) {
        exit_code = keyfile_fail_unsigning(cli, &key);
    }
    if (!exit_code && has_device) {
        exit_code = cryptkey_read_private(cli, cli_value(cli, O_DECRYPT_KEY), &device);
    }
    if (!exit_code) {
        exit_code = imagefile_read(cli, cli_arg(cli, 0), &data, &len, NULL);
    }
    if (!exit_code) {
        exit_code =
            is_which ? verify_which(cli, data, len, keys.device) : verify(cli, data, len, &keys);
    }
    free(data);
    cryptkey_free(&device);
    keyfile_free(&key);
    return exit_code;
}

static const char *const examples[] = {
    "# Is it signed with this key?",
    "dfu verify -k signing.pem app.signed.bin",
    "# Is it whole?",
    "dfu verify app.signed.bin",
    "# Which of these keys signed it?",
    "dfu verify --which -k release.pem -k development.pem app.signed.bin",
    "# Is this the bill of materials that was signed with it?",
    "dfu verify -k signing.pem --sbom app.cdx.json app.signed.bin",
    "# Will the device that holds this key be able to read it?",
    "dfu verify -k signing.pem --decrypt-key device.pem app.enc.bin",
    NULL,
};

const struct cli_command cmd_verify = {
    .name = "verify",
    .args = "IMGFILE",
    .summary = "Check an image as a bootloader would",
    .details = "With a key the image must be signed by it; without one only its hash is checked,\n"
               "which anybody can make.",
    .options = options,
    .examples = examples,
    .is_imgtools = true,
    .run = verify_run,
};
