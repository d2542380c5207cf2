/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sbom.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILE_MAX  ((size_t)64 << 20)
#define EPOCH_MAX 253402300799 /* the last second of the year 9999 */

static int digest_of(struct cli *cli, const void *data, size_t len, uint8_t out[SBOM_DIGEST_SIZE])
{
    const struct dfu_hash_alg *alg = &dfu_sha256_openssl;
    struct dfu_hash h;
    int err = alg->start(&h);

    if (!err) {
        err = alg->update(&h, data, len);
        err = alg->finish(&h, out) || err;
    }
    return err ? cli_fail(cli, CLI_INTERNAL, "cannot hash the bill of materials") : CLI_DONE;
}

/* A serial number that names this program in this version and no other: RFC 9562, version 8. */
static int add_serial(struct cli *cli, cJSON *bom, const uint8_t program[SBOM_DIGEST_SIZE],
                      const char *version)
{
    uint8_t data[SBOM_DIGEST_SIZE + DFU_IMAGE_VERSION_STRLEN] = { 0 }, d[SBOM_DIGEST_SIZE] = { 0 };
    char text[64];
    int exit_code;

    memcpy(data, program, SBOM_DIGEST_SIZE);
    snprintf((char *)data + SBOM_DIGEST_SIZE, DFU_IMAGE_VERSION_STRLEN, "%s", version);
    exit_code = digest_of(cli, data, sizeof(data), d);
    d[6] = (uint8_t)((d[6] & 0x0f) | 0x80);
    d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
    snprintf(text, sizeof(text),
             "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0],
             d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13],
             d[14], d[15]);
    cJSON_AddStringToObject(bom, "serialNumber", text);
    return exit_code;
}

/* Reproducible builds say what time it is; nobody else needs to. */
static int add_time(struct cli *cli, cJSON *metadata)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    char text[32], *end;
    long long seconds;
    struct tm utc;
    time_t when;

    if (!epoch || !epoch[0]) {
        return CLI_DONE;
    }
    errno = 0;
    seconds = strtoll(epoch, &end, 10);
    when = (time_t)seconds;
    if (errno || *end || seconds < 0 || seconds > EPOCH_MAX || !gmtime_r(&when, &utc)) {
        return cli_fail(cli, CLI_USAGE, "SOURCE_DATE_EPOCH %s is no time in seconds since 1970",
                        epoch);
    }
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    cJSON_AddStringToObject(metadata, "timestamp", text);
    return CLI_DONE;
}

static void add_tool(cJSON *metadata)
{
    cJSON *list = cJSON_AddArrayToObject(cJSON_AddObjectToObject(metadata, "tools"), "components");
    cJSON *tool = cJSON_CreateObject();

    cJSON_AddStringToObject(tool, "type", "application");
    cJSON_AddStringToObject(tool, "name", "dfu");
    cJSON_AddStringToObject(tool, "version", DFUKIT_VERSION);
    cJSON_AddItemToArray(list, tool);
}

static void add_subject(cJSON *metadata, const struct sbom_subject *subject, const char *version,
                        const uint8_t digest[SBOM_DIGEST_SIZE])
{
    cJSON *component = cJSON_AddObjectToObject(metadata, "component");
    cJSON *hash = cJSON_CreateObject();
    const char *slash = strrchr(subject->file, '/');
    char hex[2 * SBOM_DIGEST_SIZE + 1], ref[32];

    cJSON_AddStringToObject(component, "type", "firmware");
    cli_hex(digest, SBOM_DIGEST_SIZE, hex);
    snprintf(ref, sizeof(ref), "firmware-%.16s", hex); /* must not meet one that is taken over */
    cJSON_AddStringToObject(component, "bom-ref", ref);
    cJSON_AddStringToObject(component, "name", slash ? slash + 1 : subject->file);
    cJSON_AddStringToObject(component, "version", version);
    cJSON_AddStringToObject(hash, "alg", "SHA-256");
    cJSON_AddStringToObject(hash, "content", hex);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(component, "hashes"), hash);
}

/* Arrays of another bill, as they are; its own subject is this one's. */
static int take_over(struct cli *cli, cJSON *bom, const char *path)
{
    static const char *const parts[] = { "components", "services", "dependencies" };
    uint8_t *data;
    size_t len;
    cJSON *other;
    int exit_code = cli_read_file(cli, path, FILE_MAX, &data, &len);
    const char *format;

    if (exit_code) {
        return exit_code;
    }
    other = cJSON_ParseWithLength((char *)data, len);
    format = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(other, "bomFormat"));
    free(data);
    if (!format || strcmp(format, "CycloneDX") != 0) {
        exit_code = cli_fail(
            cli, CLI_INPUT, "%s is no bill of materials in CycloneDX JSON; convert it first", path);
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !exit_code; i++) {
        cJSON *part = cJSON_DetachItemFromObjectCaseSensitive(other, parts[i]);

        if (cJSON_IsArray(part)) {
            cJSON_AddItemToObject(bom, parts[i], part);
        } else if (part) {
            cJSON_Delete(part);
            exit_code =
                cli_fail(cli, CLI_INPUT, "%s of %s is no list; check that file", parts[i], path);
        }
    }
    cJSON_Delete(other);
    return exit_code;
}

static int fill(struct cli *cli, cJSON *bom, const struct sbom_subject *subject,
                const char *components)
{
    uint8_t digest[SBOM_DIGEST_SIZE];
    char version[DFU_IMAGE_VERSION_STRLEN];
    cJSON *metadata;
    int exit_code = digest_of(cli, subject->program, subject->program_len, digest);

    dfu_image_version_text(&subject->version, version);
    cJSON_AddStringToObject(bom, "$schema", "http://cyclonedx.org/schema/bom-1.5.schema.json");
    cJSON_AddStringToObject(bom, "bomFormat", "CycloneDX");
    cJSON_AddStringToObject(bom, "specVersion", "1.5");
    if (!exit_code) {
        exit_code = add_serial(cli, bom, digest, version);
    }
    cJSON_AddNumberToObject(bom, "version", 1);
    metadata = cJSON_AddObjectToObject(bom, "metadata");
    if (!exit_code) {
        exit_code = add_time(cli, metadata);
    }
    add_tool(metadata);
    add_subject(metadata, subject, version, digest);
    if (!exit_code && components) {
        exit_code = take_over(cli, bom, components);
    }
    if (!cJSON_GetObjectItemCaseSensitive(bom, "components")) {
        cJSON_AddArrayToObject(bom, "components");
    }
    return exit_code;
}

int sbom_make(struct cli *cli, const struct sbom_subject *subject, const char *components,
              char **text, uint8_t digest[SBOM_DIGEST_SIZE])
{
    cJSON *bom = cJSON_CreateObject();
    int exit_code = fill(cli, bom, subject, components);

    *text = exit_code ? NULL : cJSON_Print(bom);
    cJSON_Delete(bom);
    if (exit_code) {
        return exit_code;
    }
    if (!*text) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    cli_make_utf8(*text);
    return digest_of(cli, *text, strlen(*text), digest);
}

int sbom_check(struct cli *cli, const struct dfu_image *image, const char *image_path,
               const char *path)
{
    uint8_t wanted[SBOM_DIGEST_SIZE], digest[SBOM_DIGEST_SIZE], *data;
    struct dfu_image_tlv tlv;
    size_t len;
    int exit_code;

    if (dfu_image_tlv_find(image, DFU_TLV_SBOM, true, &tlv)) {
        return cli_fail(cli, CLI_REFUSED,
                        "%s was signed without a bill of materials; sign it with --sbom",
                        image_path);
    }
    if (tlv.len != sizeof(wanted) ||
        dfu_image_tlv_read(image, &tlv, wanted, sizeof(wanted)) != sizeof(wanted)) {
        return cli_fail(cli, CLI_REFUSED,
                        "%s carries a digest of a bill of materials that is no "
                        "SHA-256; sign it again",
                        image_path);
    }
    exit_code = cli_read_file(cli, path, FILE_MAX, &data, &len);
    if (exit_code) {
        return exit_code;
    }
    exit_code = digest_of(cli, data, len, digest);
    free(data);
    if (!exit_code && memcmp(wanted, digest, sizeof(wanted)) != 0) {
        exit_code = cli_fail(cli, CLI_REFUSED,
                             "%s is not the bill of materials that %s was signed with, or was "
                             "changed since; fetch it again",
                             path, image_path);
    }
    return exit_code;
}
